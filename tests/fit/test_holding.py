"""Variance parameters that are fixed or tied, against models in which they are so by themselves."""

import numpy as np
import pytest

import mixedmodels as mm
from mixedmodels.fit.covariance_parameters import parameters_at
from tests.structured_dense import evaluate

SLOPE = "Reaction ~ Days + (Days || Subject)"


@pytest.fixture(scope="module")
def sleep() -> object:
    return mm.datasets.load("sleepstudy")


def named(model: mm.LinearMixedModel) -> dict[str, float]:
    found = parameters_at(model.fit.problem, model.fit.theta, model.fit.sigma)
    return dict(zip(found.names, found.values.tolist(), strict=True))


def test_a_value_that_is_the_estimate_changes_nothing(sleep: object) -> None:
    free = mm.lmm("Reaction ~ Days + (1 | Subject)", sleep)
    name = "sd(Subject:Intercept)"
    held = mm.lmm("Reaction ~ Days + (1 | Subject)", sleep, fixed={name: named(free)[name]})
    assert held.objective == pytest.approx(free.objective, abs=1e-8)
    assert named(held)["sd(Residual)"] == pytest.approx(free.sigma, rel=1e-5)
    assert held.npar == free.npar - 1
    np.testing.assert_allclose(held.bse, free.bse, rtol=1e-5)


def test_a_fixed_sd_is_in_the_units_of_the_response(sleep: object) -> None:
    """The criterion is that of dense algebra at these standard deviations."""
    held = mm.lmm("Reaction ~ Days + (1 | Subject)", sleep, fixed={"sd(Subject:Intercept)": 30.0})
    m, sd = held.fit.matrices, named(held)["sd(Residual)"]
    same = np.equal.outer(m.groupings[0].codes, m.groupings[0].codes)
    V = 30.0**2 * same + sd**2 * np.eye(len(m.y))
    assert held.objective == pytest.approx(evaluate(m.y, m.X, V, reml=True).criterion, abs=1e-8)
    for other in (0.98 * sd, 1.02 * sd):
        V = 30.0**2 * same + other**2 * np.eye(len(m.y))
        assert evaluate(m.y, m.X, V, reml=True).criterion > held.objective


def test_tied_standard_deviations_are_those_of_a_homogeneous_term(sleep: object) -> None:
    tied = mm.lmm(SLOPE, sleep, tied=[("sd(Subject:Intercept)", "sd(Subject:Days)")])
    same = mm.lmm("Reaction ~ Days + homdiag(Days | Subject)", sleep)
    assert tied.objective == pytest.approx(same.objective, abs=1e-7)
    assert tied.npar == same.npar
    values = named(tied)
    assert values["sd(Subject:Intercept)"] == values["sd(Subject:Days)"]


def test_a_correlation_of_the_residuals_is_held(sleep: object) -> None:
    held = mm.lmm(
        "Reaction ~ Days", sleep, residual="ar1(Days | Subject)", fixed={"cor(Residual)": 0}
    )
    none = mm.lmm("Reaction ~ Days", sleep)
    assert held.objective == pytest.approx(none.objective, abs=1e-8)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"fixed": {"sd(subject)": 1.0}}, "There is no variance parameter 'sd\\(subject\\)'"),
        ({"fixed": {"sd(Subject:Intercept)": -1.0}}, "cannot be -1.0"),
        ({"tied": [("sd(Subject:Intercept)", "sd(nothing)")]}, "no variance parameter"),
    ],
)
def test_a_refusal_says_what_there_is(
    sleep: object, arguments: dict[str, object], words: str
) -> None:
    with pytest.raises(mm.errors.DataError, match=words):
        mm.lmm(SLOPE, sleep, **arguments)  # type: ignore[arg-type]


def test_what_no_coordinate_decides_alone_is_refused(sleep: object) -> None:
    with pytest.raises(mm.errors.DataError, match="cannot be fixed or tied by itself"):
        mm.lmm(
            "Reaction ~ Days + (Days | Subject)", sleep, fixed={"cor(Subject:Intercept, Days)": 0.0}
        )
