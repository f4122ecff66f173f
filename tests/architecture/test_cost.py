"""``import mixedmodels`` brings in next to nothing, in an interpreter of its own."""

import subprocess
import sys

import pytest

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
str(model.summary())
"""


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
    found = loaded(FIT)
    assert "mixedmodels._native" in found
    assert found & {"matplotlib", "polars", "joblib", "tqdm", "jinja2"} == set()
    assert found & {"scipy.interpolate", "scipy.optimize", "scipy.stats"} == set()
