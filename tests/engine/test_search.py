"""The search ends at the best minimum there is, to the digits that are printed, in few steps."""

import warnings

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from benchmarks.small_models import ABOVE, FAMILIES, outcome, problem_of
from mixedmodels.engine.convergence import search_in_words
from tests.reference.load import models, reference
from tests.reference.test_lmm import LARGE

EACH = 25  # data sets per family; the benchmark takes 250
MEDIAN, MOST = 7, 40  # evaluations
DIGITS = 1e-7  # of theta, relative to the largest standard deviation of its term
FLAT = 1e-7  # curvature relative to the largest below which a direction is not identified


@pytest.mark.parametrize("family", FAMILIES)
def test_no_start_leads_below_a_converged_fit(family):
    places = {name: i for i, name in enumerate(FAMILIES)}
    seeds = [places[family] + len(FAMILIES) * i for i in range(EACH)]
    found = [o for o in (outcome(family, seed) for seed in seeds) if o is not None]
    assert len(found) == EACH
    assert all(o.above <= ABOVE for o in found if o.status == "converged")
    assert sum(o.status != "converged" for o in found) <= 1
    assert max(o.evaluations for o in found) <= MOST


def test_ordinary_models_take_few_evaluations():
    ordinary = ("intercept", "slope", "crossed", "noise", "large_ratio", "small_ratio", "shifted")
    found = [outcome(family, seed) for family in ordinary for seed in range(EACH)]
    assert np.median([o.evaluations for o in found if o is not None]) <= MEDIAN


def displacement(model):
    """Newton's step from theta-hat, in units of the largest sd of the term: how far the optimum is.

    The Hessian is by central differences of the exact gradient. A zero stays zero, since the
    criterion is even there, and directions that the data do not identify are left out.
    """
    problem, reml = model.fit.problem, model.reml
    theta = np.asarray(model.theta, dtype=float)
    unit = np.array([1 / problem.column_scales[k][i] for k, i, _ in problem.theta_index])
    free = np.flatnonzero(theta)
    gradient = problem.gradient(theta, reml=reml)[1][free] * unit[free]
    hessian = np.empty((len(free), len(free)))
    for column, i in enumerate(free):
        step = np.zeros_like(theta)
        step[i] = 1e-5 * max(abs(theta[i]), unit[i])
        up, down = (problem.gradient(theta + s * step, reml=reml)[1] for s in (1, -1))
        hessian[:, column] = ((up - down) / (2 * step[i]))[free] * unit[free] * unit[i]
    values, vectors = np.linalg.eigh((hessian + hessian.T) / 2)
    told = values > FLAT * values.max(initial=0)
    move = vectors[:, told] @ (vectors[:, told].T @ gradient / values[told])
    terms = np.array([k for k, _, _ in problem.theta_index])
    size = np.array([np.abs(theta / unit)[terms == k].max() for k in terms[free]])
    return np.max(np.abs(move) / size, initial=0.0)


@pytest.mark.parametrize("name", [name for name in models() if name not in LARGE])
def test_theta_has_the_digits_of_the_optimum(name):
    ref = reference(name)
    if name == "simulated_kb07_like_maximal":
        pytest.skip("72 parameters, most of them on the boundary")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data, arguments = ref.data(), ref.fit_arguments()
        for method in ref.methods:
            model = mm.lmm(ref.python_formula, data, reml=method == "REML", **arguments)
            assert displacement(model) < DIGITS, method


def test_dyestuff_by_maximum_likelihood():
    """Balanced: theta^2 = (B/l / (W/(N - l)) - 1) / n from the sums of squares."""
    data = pd.DataFrame(mm.datasets.load("dyestuff"))
    groups = data.groupby("Batch", observed=True)["Yield"]
    levels, rows = groups.ngroups, len(data) // groups.ngroups
    within = groups.var(ddof=0).sum() * rows
    between = rows * groups.mean().var(ddof=0) * levels
    ratio = (between / levels) / (within / (len(data) - levels))
    model = mm.lmm("Yield ~ 1 + (1 | Batch)", data, reml=False)
    assert model.theta.iloc[0] == pytest.approx(np.sqrt((ratio - 1) / rows), rel=1e-9)
    assert model.theta.iloc[0] == pytest.approx(0.752580694, abs=1e-8)
    assert model.convergence.n_evaluations == 2


# lme4 1.1-31, lmer(..., control = lmerControl(calc.derivs = FALSE)), REMLcrit.
LARGE_RATIOS = [
    (1, "y ~ z + (1|g)+(1|h)", 211.703012),
    (13, "y ~ z + (1+z||g)", 217.973096),
    (19, "y ~ 1 + (1+z|g)", 229.443923),
    (13, "y ~ 1 + (1+z|g)", 214.609869),
]


@pytest.mark.parametrize(("seed", "formula", "lme4"), LARGE_RATIOS)
def test_large_ratios_of_variances(seed, formula, lme4):
    rng = np.random.default_rng(seed)
    g, h = np.repeat(np.arange(8), 5), np.tile(np.arange(5), 8)
    rng.normal(size=40)
    z = rng.integers(-3, 4, 40).astype(float)
    y = 1000 * rng.normal(size=8)[g] + rng.normal(size=40)
    model = mm.lmm(formula, {"y": y, "z": z, "g": g, "h": h})
    assert model.convergence.converged
    assert model.objective <= lme4 + 1e-5
    assert model.convergence.n_evaluations <= 15


def test_theta_without_limit_is_told():
    """More random effects than rows can fit them all: nothing tells the residual variance."""
    draw = FAMILIES["crossed_slopes"](np.random.default_rng(2212))
    solution = problem_of(draw).minimise(draw.reml, None, 1000, 1e-8)
    assert solution.status == "unbounded"
    report = search_in_words(solution)
    assert "grows without limit" in report
    assert "Do:" in report
    assert "Why:" in report
