"""Generalised fits against lme4 1.1-31, glmmTMB 1.1.5, ordinal 2022.11-16 and MASS 7.3-58.2.

`generalised.py` says how each call is written here. R's searches stop short of the minimum by up to
1e-3 in the criterion, and there their estimates are off by the root of that, counted in standard
errors: `short` is by how much, and every comparison of estimates allows for it.
"""

import warnings
from functools import cache

import numpy as np
import pytest

import mixedmodels as mm
from mixedmodels.errors import ProportionsWarning
from tests.reference.generalised import CALLS, Values, generalised

ABOVE = 1e-5
"""How much a criterion may exceed R's."""

BELOW = 2e-5
"""How much a criterion may be below R's without being listed in `SHORT`."""

BETTER = {
    "glmm_tmb/sleepstudy_t": 11.5,  # a local solution, at infinite degrees of freedom
}
"""Models of which R has another solution, and by how much it is worse."""

OF_STEPS = {"glmm_tmb/gasoline_beta": 1.3e-2}
"""Where glmmTMB's Hessian is from steps that are too coarse: how far its errors are off."""

SHORT = {
    "glmm/verbagg/1": 8e-4,  # glmmTMB reaches 8151.39972, as this package does
    "glmm/contraception_ri/1": 2e-4,
    "glmm/grouseticks/1": 5e-5,
}
"""Where R's search stops above the minimum, and by how much."""

ESTIMATES = 1e-3
"""In standard errors; relative for standard errors and standard deviations."""

SMALL = 1e-2
"""A standard deviation (on the link's scale) below which R's is on its way to zero."""

EVALUATIONS = 30


@cache
def values(name: str) -> Values:
    return generalised(name).values()


@cache
def fit(name: str) -> mm.GeneralisedMixedModel:
    ref = generalised(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ProportionsWarning)
        return mm.glmm(ref.call.formula, ref.data(), ref.call.family, **ref.call.arguments)


NAMES = list(CALLS)
LARGE = {"generalised/fhch_lexdec", "generalised/guimmun"}

SAME = [name for name in NAMES if name not in BETTER]

every_model = pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.large) if n in LARGE else n for n in NAMES]
)
every_same = pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.large) if n in LARGE else n for n in SAME]
)


def short(name: str) -> float:
    """How far R's estimates may be from its own minimum, in standard errors."""
    return float(np.sqrt(max(values(name).criterion - fit(name).objective, 0.0)))


@every_model
def test_criterion(name: str) -> None:
    difference = fit(name).objective - values(name).criterion
    assert difference <= ABOVE
    assert difference >= -SHORT.get(name, BETTER.get(name, BELOW))
    assert fit(name).llf == pytest.approx(-fit(name).objective / 2, rel=1e-12)


@every_model
def test_the_search_converged_in_few_evaluations(name: str) -> None:
    convergence = fit(name).convergence
    assert convergence.converged, convergence.message
    assert convergence.n_evaluations <= EVALUATIONS


def test_most_searches_are_short() -> None:
    few = [name for name in NAMES if name not in LARGE]
    assert np.median([fit(name).convergence.n_evaluations for name in few]) <= 12


def test_proportions_of_unknown_trials_are_taken_with_a_warning() -> None:
    ref = generalised("glmm_tmb/cbpp_cloglog")
    with pytest.warns(ProportionsWarning, match="each row counts as one trial"):
        mm.glmm(ref.call.formula, ref.data(), link="cloglog")


@every_same
def test_fixed_effects(name: str) -> None:
    model, stored = fit(name), values(name)
    errors = stored.bse if stored.bse is not None else stored.bse_conditional
    assert list(model.params.index) == list(stored.params.index)
    difference = (model.params - stored.params) / errors
    np.testing.assert_allclose(difference, 0, atol=ESTIMATES + short(name))


@every_same
def test_standard_errors(name: str) -> None:
    model, stored = fit(name), values(name)
    slack = OF_STEPS.get(name, ESTIMATES + short(name))
    if stored.bse is not None:
        np.testing.assert_allclose(model.bse / stored.bse, 1, atol=slack)
    if stored.bse_conditional is not None:
        mine = np.sqrt(np.diag(model.cov_params(kind="conditional")))
        np.testing.assert_allclose(mine / stored.bse_conditional, 1, atol=slack)


@every_same
def test_parameters_beside_the_mean(name: str) -> None:
    """Dispersion, zeros, thresholds: in standard errors of this package."""
    mine = fit(name).fit.generalised
    theirs = values(name).auxiliary
    assert len(mine.auxiliary) == len(theirs)
    errors = np.sqrt(np.diag(mine.covariance))[len(mine.covariance) - len(theirs) :]
    told = np.isfinite(theirs)
    difference = ((mine.auxiliary - theirs) / errors)[told]
    np.testing.assert_allclose(difference, 0, atol=2 * ESTIMATES + short(name))


@every_same
def test_covariances_of_random_effects(name: str) -> None:
    model, stored = fit(name), values(name)
    assert set(model.cov_re) == set(stored.covariances)
    for group, theirs in stored.covariances.items():
        mine = model.cov_re[group]
        sd, expected = np.sqrt(np.diag(mine)), np.sqrt(np.diag(theirs))
        if expected.max() < SMALL:
            assert sd.max() < 2 * SMALL
            continue
        slack = ESTIMATES + short(name)
        np.testing.assert_allclose(sd / expected, 1, atol=slack)
        assert list(mine.columns) == list(theirs.columns)
        size = np.outer(expected, expected)
        np.testing.assert_allclose(mine / size, theirs / size, atol=4 * slack)


@every_same
def test_conditional_modes(name: str) -> None:
    model, stored = fit(name), values(name)
    for group, theirs in stored.modes.items():
        sd = np.sqrt(np.diag(stored.covariances[group])).clip(SMALL)
        mine = model.random_effects[group]
        mine = mine.set_axis(mine.index.astype(str)).loc[theirs.index, theirs.columns]
        np.testing.assert_allclose(mine / sd, theirs / sd, atol=4 * ESTIMATES + short(name))


@pytest.mark.parametrize("name", [name for name in SAME if values(name).mode_variances])
def test_variances_of_conditional_modes(name: str) -> None:
    model, stored = fit(name), values(name)
    table = model.ranef_table().astype({"level": str}).set_index(["group", "level", "term"])
    for group, variances in stored.mode_variances.items():
        levels, columns = stored.modes[group].index, stored.modes[group].columns
        for level, variance in zip(levels, variances, strict=True):
            for term, theirs in zip(columns, np.diag(variance), strict=True):
                mine = table.loc[(group, level, term), "std_error"]
                slack = 2 * ESTIMATES + 2 * short(name)
                assert mine == pytest.approx(np.sqrt(theirs), rel=slack)


@every_same
def test_fitted_values_and_residuals(name: str) -> None:
    model, stored = fit(name), values(name)
    slack = 4 * ESTIMATES + short(name)
    if stored.fitted is not None:
        mine = model.fittedvalues.to_numpy()[: len(stored.fitted)]
        np.testing.assert_allclose(mine, stored.fitted, rtol=slack)
    for kind, theirs in (
        ("pearson", stored.pearson_residuals),
        ("deviance", stored.deviance_residuals),
    ):
        if theirs is not None:
            mine = model.residuals(kind).to_numpy()[: len(theirs)]
            np.testing.assert_allclose(mine, theirs, rtol=slack, atol=slack)


@pytest.mark.parametrize("nodes", [1, 9, 25])
def test_means_and_odds_ratios(nodes: int) -> None:
    """Estimates alone: R's standard errors are those of known variances."""
    pairs, means = generalised(f"glmm/cbpp/{nodes}").found["emmeans"]
    mine = fit(f"glmm/cbpp/{nodes}").emmeans("period")
    probabilities = mine.response().table()
    np.testing.assert_allclose(probabilities["estimate"], means["prob"], rtol=ESTIMATES)
    log_odds = mine.pairs().table()["estimate"]
    np.testing.assert_allclose(log_odds, pairs["estimate"], rtol=ESTIMATES, atol=ESTIMATES)
    ratios = mine.pairs().response().table()["estimate"]
    np.testing.assert_allclose(ratios, np.exp(pairs["estimate"]), rtol=2 * ESTIMATES)
