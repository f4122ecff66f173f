"""Means over a normal distribution, against adaptive quadrature of other code and closed forms."""

import numpy as np
import pytest
from scipy import integrate, special, stats

from mixedmodels.prediction.integration import normal_means
from mixedmodels.prediction.links import LINKS

ROUNDING = 1e-11  # relative, of sums of some hundred numbers

ETA = np.array([-3.0, -0.4, 0.0, 1.5])


def curve_of(link):
    return lambda eta: np.vstack([link.inverse(eta), link.slope(eta), 2 * link.inverse(eta)])


def by_quadrature(f, eta, sd):
    def integrand(z):
        return f(np.array(eta + sd * z)) * stats.norm.pdf(z)

    return integrate.quad(integrand, -10 - sd, 10 + sd, limit=2000, epsabs=1e-12, epsrel=1e-11)[0]


@pytest.mark.parametrize("sd", [0.3, 4.0])
@pytest.mark.parametrize("name", ["logit", "probit", "cloglog", "cauchit", "log", "sqrt"])
def test_means_and_their_derivatives_are_those_of_quadrature(name, sd):
    link = LINKS[name]
    ends = ETA[[0, 3]]
    found = normal_means(curve_of(link), ends, np.full(2, sd**2))
    expected = [
        [by_quadrature(f, eta, sd) for eta in ends]
        for f in (link.inverse, link.slope, lambda x: link.bend(x) / 2)
    ]
    size = np.abs(expected).max(axis=1, keepdims=True)
    assert np.abs(found[:3] - expected).max() <= 100 * ROUNDING * size.max()
    assert found[3] == pytest.approx(2 * found[0], rel=ROUNDING)


@pytest.mark.parametrize(
    ("name", "form", "expected"),
    [
        ("log", "exponential", lambda eta, v: np.exp(eta + v / 2)),
        ("identity", "line", lambda eta, v: eta),
        ("probit", "normal", lambda eta, v: special.ndtr(eta / np.sqrt(1 + v))),
    ],
)
@pytest.mark.parametrize("variance", [0.0, 0.5, 9.0])
def test_closed_forms_are_what_is_integrated(name, form, expected, variance):
    v = np.full(4, variance)
    closed = normal_means(curve_of(LINKS[name]), ETA, v, form)
    integrated = normal_means(curve_of(LINKS[name]), ETA, v)
    assert closed[0] == pytest.approx(expected(ETA, variance), rel=1e-14)
    tolerance = 1e-7 if variance == 0.0 else ROUNDING  # a derivative at zero is one nearby
    assert closed == pytest.approx(integrated, rel=tolerance, abs=tolerance)


def test_each_row_has_its_own_variance():
    link = LINKS["logit"]
    variance = np.array([0.0, 0.01, 1.0, 25.0])
    together = normal_means(curve_of(link), ETA, variance)
    apart = [normal_means(curve_of(link), ETA[i : i + 1], variance[i : i + 1]) for i in range(4)]
    assert together == pytest.approx(np.hstack(apart), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("sd", [1.0, 10.0, 60.0])
def test_a_variance_so_large_that_the_link_is_a_step(sd):
    """The mean of the Cauchy density is Voigt's profile."""
    eta = np.array([0.0, 1.0, 40.0])
    found = normal_means(curve_of(LINKS["cauchit"]), eta, np.full(3, sd**2))
    assert found[1] == pytest.approx(special.voigt_profile(eta, sd, 1.0), rel=1e-9)


def test_a_mean_that_is_not_found_is_not_a_number():
    found = normal_means(curve_of(LINKS["cauchit"]), np.array([1.0]), np.array([1e6**2]))
    assert np.isnan(found).all()


def test_a_mean_that_does_not_exist_is_not_a_number():
    with np.errstate(divide="ignore"):
        found = normal_means(curve_of(LINKS["inverse"]), np.array([0.5]), np.array([1.0]))
    assert np.isnan(found[0])


@pytest.mark.parametrize("name", sorted(LINKS))
def test_links_have_the_derivatives_that_they_say(name):
    link, step = LINKS[name], 1e-5
    eta = np.array([0.3, 0.9, 2.2]) if name not in ("logit", "probit", "cloglog") else ETA
    pairs = [(link.inverse, link.slope), (link.slope, link.bend), (link.bend, link.third)]
    for f, derivative in pairs:
        difference = (f(eta + step) - f(eta - step)) / (2 * step)
        assert derivative(eta) == pytest.approx(difference, rel=1e-7, abs=1e-9)
    assert link.of(link.inverse(eta)) == pytest.approx(eta, rel=1e-12, abs=1e-12)
