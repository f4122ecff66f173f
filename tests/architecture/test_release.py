"""What a release is made of is there, and agrees."""

import tomllib
from importlib.metadata import distribution, version
from json import loads
from re import fullmatch, search

import pytest
import yaml

import mixedmodels as mm
from tests.architecture.source import PROJECT

WORKFLOW = yaml.safe_load((PROJECT / ".github/workflows/wheels.yml").read_text("utf-8"))
JOBS = WORKFLOW["jobs"]


def test_one_version() -> None:
    for file, *keys in (
        ("pyproject.toml", "project", "version"),
        ("Cargo.toml", "workspace", "package", "version"),
    ):
        value = tomllib.loads((PROJECT / file).read_text("utf-8"))
        for key in keys:
            value = value[key]
        assert value == mm.__version__
    cited = yaml.safe_load((PROJECT / "CITATION.cff").read_text("utf-8"))
    assert cited["version"] == mm.__version__


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


PLATFORMS = {
    "manylinux-x86_64",
    "manylinux-aarch64",
    "musllinux-x86_64",
    "musllinux-aarch64",
    "macos-x86_64",
    "macos-aarch64",
    "windows-x86_64",
}


def test_wheels_are_built_for_every_platform_and_tried() -> None:
    built = JOBS["wheel"]["strategy"]["matrix"]["include"]
    assert {wheel["name"] for wheel in built} == PLATFORMS
    assert {w["linux"] for w in built if w["name"].startswith("many")} == {"2014"}
    for job in ("wheel", "pyodide", "sdist"):
        tried = [step for step in JOBS[job]["steps"] if "$FIT" in step.get("run", "")]
        assert tried, job
    compile(WORKFLOW["env"]["FIT"], "FIT", "exec")


def test_what_the_workflow_tries_holds() -> None:
    exec(WORKFLOW["env"]["FIT"], {"print": lambda _: None})


def test_a_tag_publishes_what_was_tried_without_a_password() -> None:
    publish = JOBS["publish"]
    assert set(publish["needs"]) == set(JOBS) - {"publish"}
    assert publish["if"] == "startsWith(github.ref, 'refs/tags/v')"
    assert publish["permissions"] == {"id-token": "write"}
    assert "secrets." not in (PROJECT / ".github/workflows/wheels.yml").read_text("utf-8")


def test_a_browser_needs_nothing_that_it_does_not_have() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    [psutil] = [name for name in project["dependencies"] if name.startswith("psutil")]
    assert psutil.endswith("; sys_platform != 'emscripten'")


@pytest.mark.parametrize("page", ["SECURITY.md", "docs/deprecation.md", "CONTRIBUTING.md"])
def test_files_that_a_page_names_are_there(page: str) -> None:
    text = (PROJECT / page).read_text("utf-8")
    assert search(r"tests/[a-z_/]+\.(py|txt)", text)
    for match in set(_named(text)):
        assert (PROJECT / match).exists(), match


def _named(text: str) -> list[str]:
    return [part for part in text.split("`")[1::2] if fullmatch(r"tests/\S+\.\w+", part)]
