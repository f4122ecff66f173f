"""The native criterion and everything at one theta, against dense algebra that shares no code."""

from typing import Any

import numpy as np
import pytest

import mixedmodels as mm
from mixedmodels.data import Frame
from mixedmodels.design import build
from mixedmodels.engine.problem import Problem
from mixedmodels.formula import parse
from tests.dense import evaluate, relative_covariances
from tests.reference.load import frame

CRITERION = 1e-7  # absolute, of criteria up to 2,000, by two different routes
ESTIMATES = 1e-7  # relative to the largest of its kind
CANCELLED = 1e-9  # of G: dense algebra finds Cov(b | y) as G less something nearly as large

MODELS: list[tuple[str, str, dict[str, Any]]] = [
    ("Yield ~ 1 + (1 | Batch)", "dyestuff", {}),
    ("Reaction ~ Days + (Days | Subject)", "sleepstudy", {}),
    ("Reaction ~ Days + (Days || Subject)", "sleepstudy", {}),
    ("Reaction ~ Days + (0 + Days | Subject)", "sleepstudy_plus", {"weights": "w"}),
    ("Reaction ~ Days + (Days | Subject)", "sleepstudy_plus", {"weights": "w", "offset": "off"}),
    ("strength ~ 1 + (1 | batch/cask)", "pastes", {}),
    ("diameter ~ 1 + (1 | plate) + (1 | sample)", "penicillin", {}),
    ("score ~ Machine + (Machine | Worker)", "machines_unbal", {}),
    ("score ~ Machine + (1 | Worker) + (0 + Machine || Worker)", "machines", {}),
    ("current ~ voltage + (voltage || Wafer) + (voltage | Wafer:Site)", "wafer", {}),
    ("Reaction ~ 0 + (Days | Subject)", "sleepstudy", {}),
    ("y ~ x + (x | g)", "simulated_boundary", {}),
]


@pytest.mark.parametrize("reml", [True, False], ids=["REML", "ML"])
@pytest.mark.parametrize("kind", ["ordinary", "zero", "large", "singular"])
@pytest.mark.parametrize(("formula", "dataset", "options"), MODELS)
def test_everything_at_one_theta(
    formula: str, dataset: str, options: dict[str, Any], kind: str, reml: bool
) -> None:
    _, m = build(parse(formula), Frame.of(frame(dataset)), **options)
    problem = Problem(m)
    theta = theta_of(kind, problem)
    G = relative_covariances(m, theta)
    dense = evaluate(m, G, reml=reml)
    native = problem.estimates(theta, reml=reml)
    assert problem.deviance(theta, reml=reml) == pytest.approx(dense.criterion, abs=CRITERION)
    assert native.deviance == pytest.approx(dense.criterion, abs=CRITERION)
    assert native.sigma == pytest.approx(dense.sigma, rel=ESTIMATES)
    close(native.beta, dense.beta)
    close(native.cov_beta_unscaled, dense.cov_beta_unscaled)
    for term, (b, conditional) in enumerate(zip(dense.b, dense.conditional, strict=True)):
        close(native.b[term], b)
        lost = CANCELLED * max(1.0, np.abs(G[term]).max())
        close(problem.conditional_covariance(theta, term=term), conditional, lost=lost)


def theta_of(kind: str, problem: Problem) -> np.ndarray:
    random = np.random.default_rng(7)
    rows_and_columns = [(row, column) for _, row, column in problem.theta_index]
    theta = np.array([1.0 if i == j else 0.0 for i, j in rows_and_columns])
    theta += 0.3 * random.normal(size=len(theta))
    match kind:
        case "zero":
            return np.zeros_like(theta)
        case "large":
            return 20 * theta
        case "singular":
            return np.where([column > 0 for _, column in rows_and_columns], 0.0, theta)
    return theta


def close(mine: np.ndarray, theirs: np.ndarray, *, lost: float = 1e-12) -> None:
    assert mine.shape == theirs.shape
    largest = np.abs(theirs).max(initial=0.0)
    np.testing.assert_allclose(mine, theirs, rtol=0, atol=ESTIMATES * largest + lost)


def test_the_fit_is_where_dense_algebra_is_lowest() -> None:
    """The search ends where no small step of theta lowers the dense criterion."""
    model = mm.lmm("score ~ Machine + (1 | Worker) + (1 | Worker:Machine)", frame("machines_unbal"))
    m, theta = model.fit.matrices, model.fit.theta
    best = evaluate(m, relative_covariances(m, theta), reml=True).criterion
    assert model.objective == pytest.approx(best, abs=CRITERION)
    for i in range(len(theta)):
        for step in (-0.01, 0.01):
            moved = theta.copy()
            moved[i] += step
            assert evaluate(m, relative_covariances(m, moved), reml=True).criterion > best
