"""Rubin's rules and the tests D1 to D4 against closed forms and the definition."""

import numpy as np
import pytest
from scipy import optimize, stats

import mixedmodels as mm
from mixedmodels.pooling.average_point import average_point, deviance_at
from mixedmodels.pooling.rubin import barnard_rubin, rubin
from mixedmodels.pooling.stacking import stacked
from mixedmodels.pooling.statistics import d1, d2, d3, d4
from tests import dense
from tests.pooling.imputed import some_frames


def test_a_normal_mean_by_hand() -> None:
    q, u = np.array([1.0, 2.0, 4.0]), np.array([0.5, 0.7, 0.6])
    found = rubin(q[:, None], u[:, None, None], np.array([np.inf]))
    between = np.var(q, ddof=1)
    assert found.estimate[0] == pytest.approx(7 / 3)
    assert found.total[0, 0] == pytest.approx(0.6 + 4 / 3 * between)
    r = 4 / 3 * between / 0.6
    assert found.riv[0] == pytest.approx(r)
    assert found.df[0] == pytest.approx(2 * (1 + 1 / r) ** 2)


def test_degrees_of_freedom_never_exceed_those_of_complete_data() -> None:
    riv = np.array([0.0, 1e-6, 0.1, 1.0, 10.0, np.inf])
    df = barnard_rubin(5, riv, np.full(6, 30.0))
    assert (df < 30).all()
    assert (np.diff(df) < 0).all()
    assert df[0] == pytest.approx(30 * 31 / 33)
    many = barnard_rubin(5, riv, np.full(6, 1e12))
    np.testing.assert_allclose(many[2:5], barnard_rubin(5, riv, np.full(6, np.inf))[2:5], rtol=1e-6)


def test_equal_imputations_give_the_test_of_complete_data() -> None:
    estimate, within = np.array([1.0, 0.5]), np.array([[0.4, 0.1], [0.1, 0.3]])
    found = d1(estimate, within, np.zeros((2, 2)), 5, np.inf)
    wald = estimate @ np.linalg.solve(within, estimate)
    assert found.riv == 0
    assert found.den_df == np.inf
    assert found.p_value == pytest.approx(stats.chi2.sf(wald, 2))
    for test in (d2(np.full(5, wald), 2), d3(wald, wald, 2, 5), d4(wald, wald, 2, 5)):
        assert test.statistic == pytest.approx(wald / 2)
        assert test.p_value == pytest.approx(stats.chi2.sf(wald, 2))


def test_reiters_degrees_of_freedom_tend_to_those_without_limit() -> None:
    estimate, within = np.array([1.0, 0.5]), np.eye(2)
    between = np.diag([0.2, 0.1])
    exact = d1(estimate, within, between, 8, np.inf).den_df
    assert d1(estimate, within, between, 8, 1e10).den_df == pytest.approx(exact, rel=1e-6)
    some = [d1(estimate, within, between, 8, df).den_df for df in (10.0, 30.0, 100.0, 1000.0)]
    assert (np.diff(some) > 0).all()
    assert some[0] < 10
    assert all(
        d1(estimate[:1], within[:1, :1], between[:1, :1], 3, df).den_df < df for df in (5, 50)
    )


@pytest.mark.parametrize("formula", ["y ~ x + (1 | g)", "y ~ x + (x || g)", "y ~ f + x"])
def test_the_criterion_at_averages_is_that_of_dense_algebra(formula: str) -> None:
    fits = [mm.lmm(formula, frame, reml=False).fit for frame in some_frames()]
    point = average_point(fits)
    for fit in fits:
        m = fit.matrices
        beta = m.coordinates.working(point.beta)
        theta = fit.problem.working(fit.problem.theta_of(point.T)) if point.T else np.empty(0)
        V = dense.marginal_covariance(m, dense.relative_covariances(m, theta)) * point.sigma**2
        wanted = -2 * stats.multivariate_normal(m.X @ beta, V).logpdf(m.y)
        assert deviance_at(fit, point) == pytest.approx(wanted, rel=1e-10)


def test_the_criterion_at_averages_of_other_kinds_is_that_of_the_fit_at_its_own_estimates() -> None:
    frame = some_frames()[0]
    frame["t"] = np.tile(np.arange(6), 10)
    fits = [
        mm.lmm("y ~ x", frame, reml=False, residual="ar1(t | g)").fit,
        mm.lmm("y ~ x + cs(0 + f | g)", frame, reml=False).fit,
        mm.lmm("y ~ x + (1 | g)", frame, reml=False, sigma=1.0).fit,
        mm.lmm("y ~ x + (1 | g)", frame, reml=False, fixed={"sd(g:Intercept)": 1.0}).fit,
        mm.glmm("c ~ f + (1 | g)", frame | {"c": np.arange(60) % 4}, "poisson").fit,
    ]
    for fit in fits:
        assert deviance_at(fit, average_point([fit, fit])) == pytest.approx(fit.objective, abs=1e-7)


def test_the_stack_is_the_sum_of_the_criteria_at_its_own_estimates() -> None:
    fits = [mm.lmm("y ~ x + (1 | g)", frame, reml=False).fit for frame in some_frames()]
    whole = stacked(fits)
    point = average_point([whole])
    assert whole.objective == pytest.approx(sum(deviance_at(f, point) for f in fits), rel=1e-10)

    def total(parameters):
        sd, sigma = np.exp(parameters[2:])
        moved = type(point)(parameters[:2], sigma, (np.array([[sd / sigma]]),), np.empty(0))
        return sum(deviance_at(fit, moved) for fit in fits)

    start = np.array([*point.beta, np.log(point.T[0][0, 0] * point.sigma), np.log(point.sigma)])
    assert optimize.minimize(total, start, method="Nelder-Mead").fun >= whole.objective - 1e-6


def test_the_stack_of_correlated_residuals() -> None:
    frames = [f | {"t": np.tile(np.arange(6), 10)} for f in some_frames()]
    fits = [mm.lmm("y ~ x", f, reml=False, residual="ar1(t | g)").fit for f in frames]
    whole = stacked(fits)
    point = average_point([whole])
    assert whole.objective == pytest.approx(sum(deviance_at(f, point) for f in fits), rel=1e-8)
