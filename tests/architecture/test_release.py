"""What a release is made of is there, and agrees."""

import tomllib
from importlib.metadata import distribution, version
from json import loads
from re import fullmatch

import mixedmodels as mm
from tests.architecture.source import PROJECT


def test_one_version() -> None:
    for file, *keys in (
        ("pyproject.toml", "project", "version"),
        ("Cargo.toml", "workspace", "package", "version"),
    ):
        value = tomllib.loads((PROJECT / file).read_text("utf-8"))
        for key in keys:
            value = value[key]
        assert value == mm.__version__


def test_the_installed_version() -> None:
    """That of an editable installation is as old as the installation, whatever the source."""
    origin = loads(distribution("mixedmodels").read_text("direct_url.json") or "{}")
    if not origin.get("dir_info", {}).get("editable", False):
        assert mm.__version__ == version("mixedmodels")


def test_a_fragment_of_the_changelog_has_a_kind_and_a_few_lines() -> None:
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["tool"]["towncrier"]
    kinds = "|".join(kind["directory"] for kind in settings["type"])
    found = sorted((PROJECT / "changelog.d").iterdir())
    for file in found:
        if file.name in (".gitignore", "template.md.jinja"):
            continue
        assert fullmatch(rf"\+[a-z0-9-]+\.({kinds})\.md", file.name), file.name
        text = file.read_text("utf-8").strip()
        assert 0 < len(text) < 800, file.name
        assert not text.startswith(("-", "*", "#")), f"{file.name}: the bullet is put by the build"


def test_the_changelog_has_the_place_where_a_release_goes() -> None:
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["tool"]["towncrier"]
    text = (PROJECT / settings["filename"]).read_text("utf-8")
    assert text.count(settings["start_string"]) == 1
