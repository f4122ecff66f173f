"""``import mixedmodels`` brings in next to nothing, in an interpreter of its own."""

import ast
import subprocess
import sys

import pytest

from mixedmodels import rooms
from tests.architecture.source import tree

HEAVY = {
    "formulaic",
    "matplotlib",
    "narwhals",
    "numpy",
    "pandas",
    "polars",
    "pyarrow",
    "scipy",
}

FIT = """
import mixedmodels as mm
model = mm.lmm("Yield ~ 1 + (1 | Batch)", mm.datasets.load("dyestuff"))
"""

SUMMARY = f"{FIT}str(model.summary())"

AFTER_THE_FIT = ("diagnostics", "inference", "planning", "plots", "posthoc", "report")
"""Rooms that a fit does not need, but for a file of defaults and one that other packages call."""


def loaded(code: str) -> set[str]:
    """The modules in memory after running `code`."""
    program = f"{code}\nimport sys; sys.stdout.write(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize("code", ["import mixedmodels", "import mixedmodels.errors"])
def test_import_loads_nothing_heavy(code: str) -> None:
    found = loaded(code)
    assert "mixedmodels" in found
    assert found & HEAVY == set()


def test_a_fit_loads_no_plotting_and_no_library_that_the_data_are_not_in() -> None:
    found = loaded(SUMMARY)
    assert "mixedmodels._native" in found
    assert found & {"matplotlib", "polars", "joblib", "tqdm", "jinja2"} == set()
    assert found & {"scipy.interpolate", "scipy.optimize", "scipy.stats"} == set()


def test_a_fit_loads_no_room_that_comes_after_it() -> None:
    found = loaded(FIT)
    later = {name for name in found for room in AFTER_THE_FIT if f"mixedmodels.{room}." in name}
    assert later <= {"mixedmodels.diagnostics.extent", "mixedmodels.report.introduction"}
    assert found & {"scipy.spatial", "scipy.special", "scipy.stats"} == set()


def test_what_the_facades_load_is_what_type_checkers_see() -> None:
    [block] = [node for node in tree("rooms.py").body if isinstance(node, ast.If)][:1]
    seen = {
        alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == rooms._HOMES
    assert sorted(rooms.__all__) == sorted(seen)
    for name in rooms.__all__:
        assert getattr(rooms, name).__name__.endswith(name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        getattr(rooms, "nothing")  # noqa: B009  # a type checker knows
