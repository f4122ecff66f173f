"""Information, intervals and profiles of models with structure.

A model that both routes can fit has one answer: the plain route is the judge. Elsewhere the
likelihood is, at the limits that were found.
"""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import mixedmodels as mm
from mixedmodels.engine.structured import StructuredProblem
from mixedmodels.fit.fit import Fit
from mixedmodels.inference.information import information
from mixedmodels.inference.profile import profile_intervals
from mixedmodels.inference.profile.region import structured_limits
from mixedmodels.inference.structured_parameters import wald_intervals

FORMULAS = {
    "sleepstudy": "Reaction ~ Days + (Days | Subject)",
    "dyestuff": "Yield ~ 1 + (1 | Batch)",
    "penicillin": "diameter ~ 1 + (1 | plate) + (1 | sample)",
    "machines": "score ~ Machine + (0 + Machine || Worker)",
}


def both(name: str, *, reml: bool) -> tuple[Fit, Fit]:
    """The fit of the plain route, and the same point of the other."""
    fit = mm.lmm(FORMULAS[name], mm.datasets.load(name), reml=reml).fit
    return fit, replace(fit, problem=StructuredProblem(fit.matrices))


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("name", FORMULAS)
def test_the_information_is_that_of_the_plain_route(name: str, reml: bool) -> None:
    plain, other = both(name, reml=reml)
    expected, found = information(plain), information(other)
    scale = np.sqrt(np.abs(np.diag(expected.hessian)))
    np.testing.assert_allclose(
        found.hessian / np.outer(scale, scale),
        expected.hessian / np.outer(scale, scale),
        atol=1e-6,
    )
    size = np.abs(expected.jacobian).max()
    np.testing.assert_allclose(found.jacobian / size, expected.jacobian / size, atol=1e-6)


@pytest.mark.parametrize("name", ["sleepstudy", "dyestuff", "penicillin"])
def test_profile_limits_are_those_of_the_plain_route(name: str) -> None:
    plain, other = both(name, reml=True)
    expected, found = profile_intervals(plain), structured_limits(other, 0.95, "all")
    assert found.terms == expected.terms
    np.testing.assert_allclose(found.conf_low, expected.conf_low, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.conf_high, expected.conf_high, rtol=1e-5)


def test_wald_limits_are_those_of_the_plain_route() -> None:
    plain, other = both("sleepstudy", reml=True)
    model = mm.LinearMixedModel(plain)
    expected = model.conf_int(which="variance")
    found = wald_intervals(other, 0.95)
    np.testing.assert_allclose(found.conf_low, expected["conf_low"], rtol=1e-5)
    np.testing.assert_allclose(found.conf_high, expected["conf_high"], rtol=1e-5)


def test_at_a_limit_the_likelihood_has_fallen_to_the_cutoff() -> None:
    """A correlation held at its limit, with everything else at its best, costs the quantile."""
    data = mm.datasets.load("sleepstudy")
    model = mm.lmm("Reaction ~ Days", data, residual="ar1(Days | Subject)", reml=False)
    table = model.conf_int(method="profile", which="variance").set_index("term")
    for limit in table.loc["cor", ["conf_low", "conf_high"]]:
        held = mm.lmm(
            "Reaction ~ Days",
            data,
            residual="ar1(Days | Subject)",
            reml=False,
            fixed={"cor(Residual)": limit},
        )
        rise = held.objective - model.objective
        assert rise == pytest.approx(stats.chi2.ppf(0.95, 1), abs=1e-4)


def test_a_bootstrap_of_correlated_residuals_finds_their_correlation() -> None:
    data = mm.datasets.load("sleepstudy")
    model = mm.lmm("Reaction ~ Days", data, residual="ar1(Days | Subject)", reml=False)
    found = model.bootstrap(200, seed=3)
    table = found.conf_int().set_index(["group", "term"])
    low, high = table.loc[("Residual", "cor"), ["conf_low", "conf_high"]]
    wald = model.conf_int(which="variance").set_index("term").loc["cor"]
    assert wald["conf_low"] == pytest.approx(low, abs=0.06)
    assert wald["conf_high"] == pytest.approx(high, abs=0.06)


def test_profile_limits_of_fixed_effects_where_the_surface_has_an_edge() -> None:
    """A correlation of one, beyond which there is no likelihood, stops quasi-Newton steps."""
    data = mm.datasets.load("sleepstudy")
    model = mm.lmm(
        "Reaction ~ Days + (1 | Subject)", data, residual="ante(Days | Subject)", reml=False
    )
    limits = structured_limits(model.fit, 0.95, "fixed")
    at = limits.terms.index("Days")
    start = mm.Control(start=tuple(model.fit.theta))
    for limit in (limits.conf_low[at], limits.conf_high[at]):
        held = mm.lmm(
            "Reaction ~ 1 + (1 | Subject)",
            data,
            residual="ante(Days | Subject)",
            offset=limit * data["Days"],
            reml=False,
            control=start,
        )
        drop = 2 * (model.llf - held.llf)
        assert drop == pytest.approx(stats.chi2.ppf(0.95, 1), abs=2e-3)
