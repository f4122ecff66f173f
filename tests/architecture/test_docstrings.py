"""Every example in a public docstring and in the README runs and gives what it shows."""

import doctest
import inspect
import pkgutil
from importlib import import_module

import pytest

import mixedmodels as mm
from mixedmodels.model import MixedModel
from tests.architecture.source import PROJECT

FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def examples() -> list[doctest.DocTest]:
    names = [m.name for m in pkgutil.walk_packages(mm.__path__, "mixedmodels.")]
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [
        test
        for name in ["mixedmodels", *names]
        if not name.endswith("._native")
        for test in finder.find(import_module(name), name)
    ]
    return [test for test in found if test.examples]


EXAMPLES = examples()


def checked(test: doctest.DocTest) -> None:
    output: list[str] = []
    failed = doctest.DocTestRunner(optionflags=FLAGS).run(test, out=output.append).failed
    assert failed == 0, "".join(output)


@pytest.mark.parametrize("test", EXAMPLES, ids=lambda test: test.name)
def test_example(test: doctest.DocTest) -> None:
    checked(test)


def test_readme() -> None:
    text = (PROJECT / "README.md").read_text("utf-8")
    test = doctest.DocTestParser().get_doctest(text, {}, "README.md", "README.md", 0)
    assert test.examples
    checked(test)


@pytest.mark.parametrize(
    "entry",
    [
        mm.lmm,
        mm.glmm,
        mm.compare,
        mm.LinearMixedModel,
        mm.GeneralisedMixedModel,
        mm.datasets.load,
        mm.datasets.names,
        mm.datasets.describe,
    ],
    ids=lambda entry: entry.__name__,
)
def test_public_entry_has_an_example(entry: object) -> None:
    assert ">>>" in (inspect.getdoc(entry) or "")


@pytest.mark.parametrize("kind", [MixedModel, mm.LinearMixedModel, mm.GeneralisedMixedModel])
def test_public_methods_are_documented(kind: type[MixedModel]) -> None:
    public = [m for name, m in vars(kind).items() if not name.startswith("_")]
    methods = [m.fget if isinstance(m, property) else m for m in public]
    bare = [m.__name__ for m in methods if inspect.isfunction(m) and not inspect.getdoc(m)]
    assert bare == []


def test_readme_shows_the_summary_that_its_first_command_prints() -> None:
    text = (PROJECT / "README.md").read_text("utf-8")
    model = mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))
    shown = [f"    {line}".rstrip() for line in str(model).rstrip().splitlines()]
    assert "\n".join(shown) in text
