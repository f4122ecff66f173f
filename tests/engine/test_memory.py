"""What a fit needs is foreseen: an error with the figures, and never the end of the process."""

import subprocess
import sys

import numpy as np
import pytest

import mixedmodels as mm
from mixedmodels.data import memory
from mixedmodels.engine import watching
from mixedmodels.errors import DataError

LEVELS = 4_000
"""Two crossed factors of this size leave a dense remainder of some 130 MB, held three times."""


@pytest.fixture(scope="module")
def crossed() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    n = 10 * LEVELS
    return {
        "y": rng.normal(size=n),
        "u": rng.integers(0, LEVELS, n),
        "i": rng.integers(0, LEVELS, n),
    }


def test_a_fit_that_needs_more_than_is_left_is_refused_with_the_figures(crossed, monkeypatch):
    monkeypatch.setattr(watching, "available_memory", lambda: 200_000_000)
    with pytest.raises(DataError, match=r"0\.\d GB are needed, and 0\.2 GB are free") as caught:
        mm.lmm("y ~ 1 + (1 | u) + (1 | i)", crossed, method="exact")
    assert "levels), i (" in str(caught.value)
    assert "Do: " in str(caught.value)


def test_small_fits_never_ask(monkeypatch, sleepstudy):
    def asked() -> int:
        raise AssertionError

    monkeypatch.setattr(watching, "available_memory", asked)
    assert mm.lmm("Reaction ~ Days + (Days | Subject)", sleepstudy).convergence.converged


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the address space there")
@pytest.mark.parametrize("levels", [20_000, 60_000])
@pytest.mark.parametrize("method", ["exact", "auto"])
def test_a_process_with_a_limit_survives(levels, method):
    code = f"""
import resource; resource.setrlimit(resource.RLIMIT_AS, (3 * 10**9,) * 2)
import numpy as np, mixedmodels as mm
rng = np.random.default_rng(1); m = {levels}; n = 5 * m
data = {{"y": rng.normal(size=n), "u": rng.integers(0, m, n), "i": rng.integers(0, m, n)}}
try:
    model = mm.lmm("y ~ 1 + (1 | u) + (1 | i)", data, method={method!r})
    print("fitted", model.convergence.monte_carlo is not None)
except mm.errors.DataError as e:
    print(e)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    expected = "GB are needed, and" if method == "exact" else "fitted True"
    assert expected in done.stdout


def test_the_least_of_the_limits_counts(tmp_path, monkeypatch):
    machine = memory.available_memory()
    assert machine > 0
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("500\n")
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    assert memory.available_memory() > 1500
    (tmp_path / "memory.max").write_text("2000\n")
    assert memory.available_memory() == 1500


def test_a_web_page_is_asked_nothing(monkeypatch):
    monkeypatch.setattr(memory.sys, "platform", "emscripten")
    monkeypatch.setitem(sys.modules, "psutil", None)
    assert memory.available_memory() == 2 * 2**30
    assert memory.available_memory(10**6) == 10**6
    assert memory.available_memory(10**12) == 2 * 2**30


def test_structured_fits_are_refused_too(crossed, monkeypatch):
    monkeypatch.setattr(watching, "available_memory", lambda: 200_000_000)
    with pytest.raises(DataError, match=r"0\.\d GB are needed, and 0\.2 GB are free"):
        mm.lmm("y ~ 1 + (1 | u) + (1 | i)", crossed, sigma=1.0)
