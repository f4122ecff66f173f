"""Imports run one way, and what is foreign comes in by one door."""

import subprocess
import sys

import pytest

from tests.architecture.source import PROJECT, imported, modules

DOORS = {
    # foreign module: the rooms or files that may import it
    "narwhals": ("data/frame.py", "data/reading.py", "data/source.py"),
    "matplotlib": ("plots/",),
    "mixedmodels._native": ("engine/", "families/", "fit/"),
    "polars": ("compat/marginaleffects.py",),  # the tables of that package, for type checkers
    "pyarrow": (),
    "sklearn": ("compat/scikit_learn.py",),
}


def test_layers() -> None:
    """The contract in pyproject.toml."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"]
    done = subprocess.run(
        [*command, "--no-cache"], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 kept, 0 broken" in done.stdout


@pytest.mark.parametrize("foreign", DOORS)
def test_doors(foreign: str) -> None:
    found = {
        module
        for module in modules()
        if any(name == foreign or name.startswith(f"{foreign}.") for name in imported(module))
    }
    assert {module for module in found if not module.startswith(DOORS[foreign])} == set()


def test_nothing_inside_uses_the_lazy_names_of_the_root() -> None:
    lazy = {"mixedmodels.lmm", "mixedmodels.LinearMixedModel", "mixedmodels.__version__"}
    users = [module for module in modules() if imported(module) & lazy]
    assert users == []
