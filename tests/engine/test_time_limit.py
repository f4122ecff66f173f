"""`Control(time_limit=)`: the best point so far, flagged, or one clear error."""

import time
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.engine.settings import Control, bytes_of
from mixedmodels.errors import ConvergenceError, ConvergenceWarning, DataError, TimeLimitError

LEVELS = 400
"""Of two crossed factors with slopes: a search takes several evaluations, each of them dear."""


@pytest.fixture(scope="module")
def crossed() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    n = 40 * LEVELS
    data = pd.DataFrame({"a": rng.integers(0, LEVELS, n), "b": rng.integers(0, LEVELS, n)})
    data["x"] = rng.normal(size=n)
    slopes = 0.3 * rng.normal(size=LEVELS)[data["b"]] * data["x"]
    data["y"] = rng.normal(size=LEVELS)[data["a"]] + slopes + rng.normal(size=n)
    return data


FORMULA = "y ~ x + (x | a) + (x | b)"


def limited(
    data: pd.DataFrame,
    formula: str = FORMULA,
    fit: Callable[..., mm.LinearMixedModel | mm.GeneralisedMixedModel] = mm.lmm,
    **arguments: object,
) -> mm.LinearMixedModel | mm.GeneralisedMixedModel:
    """A fit that was stopped after an evaluation and before the optimum: by trying limits."""
    limit = 0.05
    for _ in range(60):
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                model = fit(formula, data, control=Control(time_limit=limit), **arguments)
        except TimeLimitError:
            limit *= 1.25
            continue
        if model.convergence.status == "time_limit":
            assert ConvergenceWarning in {warning.category for warning in caught}
            return model
        limit *= 0.85
    pytest.fail("no search was stopped between its first evaluation and its end")


def test_the_best_point_so_far_is_returned_and_flagged(crossed):
    model = limited(crossed)
    report = model.convergence
    assert (report.status, report.converged) == ("time_limit", False)
    assert "Control(time_limit=...)" in report.search
    assert model.fit.objective == pytest.approx(min(report.trace), abs=1e-8)
    at = model.fit.problem.deviance(model.fit.theta, reml=True)
    assert model.fit.objective == pytest.approx(at, abs=1e-8)
    best = mm.lmm(FORMULA, crossed)
    assert best.fit.objective <= model.fit.objective
    again = mm.lmm(FORMULA, crossed, control=Control(start=model.theta))
    assert again.fit.objective == pytest.approx(best.fit.objective, abs=1e-5)


def test_so_is_that_of_a_generalised_model(crossed):
    """Wherever the time ends: between evaluations, and while the errors are computed."""
    data = crossed.assign(z=(crossed["y"] > 0).astype(int))
    formula = "z ~ x + (1 | a) + (1 | b)"
    model = limited(data, formula, mm.glmm)
    assert not model.convergence.converged
    assert model.fit.objective == pytest.approx(np.nanmin(model.convergence.trace), abs=1e-6)
    best = mm.glmm(formula, data)
    assert best.fit.objective <= model.fit.objective + 1e-8
    assert np.isfinite(best.bse).all()


def test_structured_searches_stop_too():
    rng = np.random.default_rng(3)
    data = pd.DataFrame({"id": np.repeat(np.arange(3000), 8), "t": np.tile(np.arange(8.0), 3000)})
    data["y"] = rng.normal(size=3000)[data["id"]] + rng.normal(size=len(data))
    model = limited(data, "y ~ t + (1 | id)", residual="ar1(t | id)")
    assert model.convergence.status == "time_limit"
    at = model.fit.problem.deviance(model.fit.theta, reml=True)
    assert model.fit.objective == pytest.approx(at, rel=1e-12)


def test_without_one_evaluation_there_is_one_error(crossed):
    with pytest.raises(TimeLimitError, match="before one evaluation") as caught:
        mm.lmm(FORMULA, crossed, control=Control(time_limit=1e-6))
    assert "Do: " in str(caught.value)
    assert isinstance(caught.value, ConvergenceError)


def test_a_limit_can_raise(crossed):
    limit = 0.05
    for _ in range(60):
        control = Control(time_limit=limit, on_failure="raise")
        try:
            mm.lmm(FORMULA, crossed, control=control)
        except TimeLimitError:
            limit *= 1.25
        except ConvergenceError as error:
            assert "time allowed" in str(error)
            return
        else:
            limit *= 0.85
    pytest.fail("no search was stopped between its first evaluation and its end")


def test_a_limit_that_is_not_met_changes_nothing(sleepstudy):
    formula = "Reaction ~ Days + (Days | Subject)"
    free = mm.lmm(formula, sleepstudy)
    held = mm.lmm(formula, sleepstudy, control=Control(time_limit=600))
    assert held.convergence.converged
    assert held.fit.objective == free.fit.objective
    assert held.fit.theta.tolist() == free.fit.theta.tolist()


def test_what_follows_a_fit_has_no_limit(sleepstudy):
    model = mm.lmm("Reaction ~ Days + (Days | Subject)", sleepstudy, control=Control(time_limit=5))
    time.sleep(0.01)
    assert np.isfinite(model.fit.problem.information(model.fit.theta, reml=True).hessian).all()


@pytest.mark.parametrize("limit", [0, -1, float("nan"), "10", True, 10**400])
def test_a_limit_is_a_positive_number(limit):
    with pytest.raises(DataError, match="time_limit"):
        Control(time_limit=limit)


@pytest.mark.parametrize(
    ("limit", "size"),
    [("8 GB", 8 * 10**9), ("500MiB", 500 * 2**20), ("1.5 tb", 15 * 10**11), (10**6, 10**6)],
)
def test_sizes_of_memory_are_read(limit, size):
    assert bytes_of(limit) == size


@pytest.mark.parametrize("limit", ["8 G B", "much", -1, 0, True, float("inf"), 10**400])
def test_what_is_no_size_is_refused(limit):
    with pytest.raises(DataError, match="no size of memory"):
        Control(memory_limit=limit)


def test_a_limit_of_memory_refuses_before_it_takes(crossed):
    rng = np.random.default_rng(1)
    n = 40_000
    data = {"y": rng.normal(size=n), "u": rng.integers(0, 4000, n), "i": rng.integers(0, 4000, n)}
    with pytest.raises(DataError, match=r"are needed, and .* are free"):
        mm.lmm("y ~ 1 + (1 | u) + (1 | i)", data, control=Control(memory_limit="500 MB"))


def test_iterative_searches_stop_too():
    rng = np.random.default_rng(6)
    n = 150_000
    data = pd.DataFrame({"a": rng.integers(0, 9_000, n), "b": rng.integers(0, 6_000, n)})
    effects = rng.normal(size=9_000)[data["a"]] + rng.normal(size=6_000)[data["b"]]
    data["y"] = effects + rng.normal(size=n)
    model = limited(data, "y ~ 1 + (1 | a) + (1 | b)", method="iterative")
    assert model.convergence.status == "time_limit"
    assert model.convergence.monte_carlo is not None
    with pytest.raises(TimeLimitError, match="before one evaluation"):
        control = Control(time_limit=1e-6)
        mm.lmm("y ~ 1 + (1 | a) + (1 | b)", data, method="iterative", control=control)
