"""Few evaluations wherever the optimum lies: near zero variances and near correlations of one, too.

A variance that is almost zero beside one that is not makes a triangular root of the covariance turn
along a narrow arc, which searches crept along for up to 135 evaluations.
"""

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.engine.batch import Draws, RefitPlan
from mixedmodels.engine.problem import Problem

MOST = 40

SLEEP = mm.datasets.load("sleepstudy")[["Days", "Subject"]]
CROSSED = pd.DataFrame(
    {
        "g": np.random.default_rng(9).integers(0, 60, 3000),
        "h": np.random.default_rng(10).integers(0, 40, 3000),
        "x": np.random.default_rng(11).normal(size=3000),
    }
)

DESIGNS = {
    # formula, data, fits, and roots T of the covariance, relative to the residual
    "by both informations": (
        "y ~ Days + (Days | Subject)",
        SLEEP,
        1500,
        [[[0.2, 0], [0.06, 0.002]], [[0.3, 0], [0.02, 0.02]], [[1e-4, 0], [0.02, 0.01]]],
    ),
    "by a trust region": (
        "y ~ x + (x | g) + (x | h)",
        CROSSED,
        12,
        [[[1e-3, 0], [0, 0.1]], [[0.1, 0], [0, 0.01]], [[1e-4, 0], [0.1, 0.01]]],
    ),
}


def problem_of(formula: str, data: pd.DataFrame) -> Problem:
    y = np.random.default_rng(0).normal(size=len(data))
    problem = mm.lmm(formula, data.assign(y=y)).fit.problem
    assert isinstance(problem, Problem)
    return problem


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("design", list(DESIGNS))
def test_no_optimum_takes_many_evaluations(design: str, reml: bool) -> None:
    formula, data, count, roots = DESIGNS[design]
    problem = problem_of(formula, data)
    n, terms = len(data), len(problem.matrices.terms)
    for law, root in enumerate(roots):
        key = np.array([7, law], dtype=np.uint64)
        draws = Draws(np.zeros(n), (np.array(root, dtype=np.float64),) * terms, 1.0, key)
        plan = RefitPlan(reml=reml, start=None, tolerance=1e-8)
        found = problem.refit_drawn(draws, 0, count, plan)
        assert found.converged.all()
        assert found.n_evaluations.max() <= MOST
        assert np.median(found.n_evaluations) <= MOST / 2


TAILS = [(5.0, 1.5, 0.05, 2, 1313), (5.0, 1.5, 0.05, 2, 957), (8.0, 0.5, 0.5, 5, 2599)]
"""Of the first design: those of 3,000 that took most evaluations, 14 to 17, by creeping."""


@pytest.mark.parametrize("tail", TAILS)
def test_what_crept_takes_few_steps_to_an_optimum_as_good(tail: tuple) -> None:
    t11, t21, t22, law, seed = tail
    problem = problem_of(*DESIGNS["by both informations"][:2])
    key = np.array([7, law], dtype=np.uint64)
    root = np.array([[t11, 0.0], [t21, t22]])
    draws = Draws(np.zeros(len(SLEEP)), (root,), 25.0, key)
    found = problem.refit_drawn(draws, seed, 1, RefitPlan(reml=True, start=None, tolerance=1e-8))
    assert found.n_evaluations[0] <= 6
    y = problem.draw(draws, seed, 1)[:, 0]
    others = np.random.default_rng(1)
    for _ in range(20):
        near = found.theta[0] + others.normal(size=3) * [1e-3, 1e-3, 1e-3]
        assert problem.with_response(y).deviance(near, reml=True) > found.deviance[0]
