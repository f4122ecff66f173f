"""The problem of a generalised model: psi in, named arrays out."""

import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, gammaln, log_expit

from mixedmodels.data import Frame
from mixedmodels.design import AuxiliaryMatrix, build
from mixedmodels.design.distribution import Distribution
from mixedmodels.engine.auxiliary import row_values, thresholds
from mixedmodels.engine.generalised import GeneralisedProblem
from mixedmodels.engine.route import generalised, linear, problem_of
from mixedmodels.engine.settings import Control
from mixedmodels.errors import DataError
from mixedmodels.families import family_of
from mixedmodels.formula import parse

RANDOM = np.random.default_rng(5)
N = 48
DATA = pd.DataFrame(
    {
        "x": RANDOM.normal(size=N),
        "g": np.repeat(list("abcdefgh"), 6),
        "h": np.tile(list("uvw"), 16),
        "size": RANDOM.integers(2, 7, N),
        "w": RANDOM.uniform(0.5, 2, N),
    }
)
SLOPES = 0.7 + RANDOM.normal(0, 0.9, 8).repeat(6)
DATA["y"] = RANDOM.binomial(
    DATA["size"], expit(SLOPES * DATA["x"] + RANDOM.normal(0, 1, 8).repeat(6))
)
DATA["count"] = RANDOM.poisson(np.exp(0.4 * DATA["x"] + 0.5))

GRADIENT = 2e-6
"""Relative error of central differences with steps of 1e-5 in a criterion of about 100."""


def problem(text, family="binomial", *, nodes=1, weights=None, **asked):
    distribution = Distribution(family_of(family), nodes=nodes, **asked)
    m = build(parse(text), Frame.of(DATA), weights=weights, distribution=distribution)[1]
    return GeneralisedProblem(m, family=distribution.family, nodes=nodes)


TEXTS = ["y / size ~ x + (1 | g)", "y / size ~ x + (x | g) + (1 | h)", "y / size ~ x + (x || g)"]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("weights", [None, "w"])
def test_the_gradient_is_the_criterions(text, weights):
    made = problem(text, weights=weights)
    psi = made.native.start + RANDOM.uniform(0.05, 0.2, made.n_psi)
    deviance, gradient = made.gradient(psi)
    assert deviance == made.deviance(psi)
    step = 1e-5
    for j, slope in enumerate(gradient):
        ends = [made.deviance(psi + sign * step * np.eye(made.n_psi)[j]) for sign in (1, -1)]
        difference = (ends[0] - ends[1]) / (2 * step)
        assert slope == pytest.approx(difference, rel=GRADIENT, abs=GRADIENT * abs(deviance))


def test_without_effects_to_speak_of_it_is_the_likelihood_of_independent_rows():
    made = problem("y / size ~ x + (1 | g)")
    beta = np.array([-0.2, 0.5])
    eta = made.matrices.X @ beta
    y, n = DATA["y"].to_numpy(), DATA["size"].to_numpy()
    binomial = gammaln(n + 1) - gammaln(y + 1) - gammaln(n - y + 1)
    density = binomial + y * log_expit(eta) + (n - y) * log_expit(-eta)
    assert made.deviance([0.0, *beta]) == pytest.approx(-2 * density.sum(), rel=1e-12)


def test_quadrature_is_the_integral():
    made = problem("y / size ~ x + (1 | g)", nodes=25)
    beta, sd = np.array([-0.2, 0.5]), 0.8
    eta = made.matrices.X @ beta
    y, n = DATA["y"].to_numpy(), DATA["size"].to_numpy()
    b = np.linspace(-8 * sd, 8 * sd, 20001)[:, None]
    prior = np.exp(-((b / sd) ** 2) / 2) / (sd * np.sqrt(2 * np.pi))
    constant = gammaln(n + 1) - gammaln(y + 1) - gammaln(n - y + 1)
    total = 0.0
    for level in np.unique(DATA["g"]):
        rows = (DATA["g"] == level).to_numpy()
        z = eta[rows] + b
        density = constant[rows] + y[rows] * log_expit(z) + (n - y)[rows] * log_expit(-z)
        total += np.log(np.trapezoid(np.exp(density.sum(axis=1)) * prior[:, 0], b[:, 0]))
    assert made.deviance([sd, *beta]) == pytest.approx(-2 * total, abs=1e-7)


def test_the_search_ends_where_the_gradient_vanishes():
    made = problem("y / size ~ x + (x | g)")
    found = made.search(control=Control())
    psi = np.concatenate([found.theta, found.beta, found.auxiliary])
    assert found.status == "converged"
    assert np.abs(made.gradient(psi)[1] * made.psi_units).max() < 1e-3
    assert made.solution(psi).deviance == pytest.approx(found.deviance, rel=1e-12)
    product = found.covariance @ found.hessian
    np.testing.assert_allclose(product, 2 * np.eye(len(psi)), atol=1e-6)


def test_a_start_of_theta_alone():
    made = problem("y / size ~ x + (1 | g)")
    found = made.search(control=Control())
    again = made.search(control=Control(start=found.theta.tolist()))
    assert again.deviance == pytest.approx(found.deviance, abs=1e-8)
    whole = np.concatenate([found.theta, found.beta, found.auxiliary]).tolist()
    assert len(made.search(control=Control(start=whole)).trace) <= 2
    with pytest.raises(DataError, match="must be 3 finite numbers"):
        made.search(control=Control(start=[1.0, 2.0]))


def test_conditional_variances_are_those_of_the_working_model():
    made = problem("y / size ~ x + (x | g)")
    found = made.search(control=Control())
    psi = np.concatenate([found.theta, found.beta])
    weight = made.working(psi)[0]
    (T,) = made.templates(found.theta)
    got = made.conditional_covariance(psi, term=0)
    Z, codes = made.matrices.terms[0].Z, made.matrices.groupings[0].codes
    for level, own in enumerate(got):
        rows = codes == level
        half = Z[rows] @ T
        middle = np.linalg.inv(np.eye(2) + half.T @ (weight[rows, None] * half))
        np.testing.assert_allclose(own, T @ middle @ T.T, rtol=1e-6, atol=1e-10)
    variances = [Z[i] @ got[codes[i]] @ Z[i] for i in range(N)]
    np.testing.assert_allclose(made.row_variance(psi), variances, rtol=1e-6)


def test_modes_move_as_their_slopes_say():
    made = problem("y / size ~ x + (1 | g)")
    psi, step = np.array([0.7, -0.2, 0.4]), 1e-5
    slopes = made.mode_slopes(psi)
    for j in range(3):
        ends = [made.solution(psi + s * step * np.eye(3)[j], hessian=False).b[0] for s in (1, -1)]
        difference = ((ends[0] - ends[1]) / (2 * step)).ravel()
        np.testing.assert_allclose(slopes[:, j], difference, atol=1e-5)


def test_another_response_and_a_pickle():
    made = problem("y / size ~ x + (1 | g)")
    y = np.minimum(DATA["y"].to_numpy() + 1.0, DATA["size"].to_numpy())
    psi = np.array([0.7, -0.2, 0.4])
    other = made.with_response(y)
    fresh = replace(made, matrices=replace(made.matrices, y=y))
    assert other.deviance(psi) == pytest.approx(fresh.deviance(psi), rel=1e-13)
    assert pickle.loads(pickle.dumps(made)).deviance(psi) == made.deviance(psi)


def test_questions_of_residuals_are_refused():
    made = problem("y / size ~ x + (1 | g)")
    theta = made.native.start[:1]
    for ask in (
        lambda: made.row_sd(theta),
        lambda: made.whitened(theta, np.ones(N)),
        lambda: made.information(theta, reml=False),
        lambda: made.kenward_roger(theta),
        lambda: made.marginal_inverse(theta),
        lambda: made.estimates(theta, reml=False),
        lambda: made.deviance(made.native.start, reml=True),
        lambda: linear(made, "This"),
    ):
        with pytest.raises(DataError, match="not available for generalised models"):
            ask()


def test_what_generalised_models_alone_have():
    made = problem("y / size ~ x + (1 | g)")
    assert generalised(made, "This") is made
    plain = problem_of(build(parse("y ~ x + (1 | g)"), Frame.of(DATA))[1])
    with pytest.raises(DataError, match="not available for linear models"):
        generalised(plain, "This")
    assert linear(plain, "This") is plain


def ordered(spacing, count):
    names = tuple(f"{k}|{k + 1}" for k in range(count))
    own = names if spacing == "flexible" else names[:2]
    return AuxiliaryMatrix(
        "thresholds", own, np.empty((N, 0)), thresholds=spacing, threshold_names=names
    )


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("spacing", ["flexible", "equidistant"])
def test_thresholds_ascend_and_have_these_slopes(spacing, count):
    part = ordered(spacing, count)
    delta = RANDOM.normal(size=len(part.names))
    tau, slopes = thresholds(part, delta)
    assert tau[0] == delta[0]
    assert (np.diff(tau) > 0).all()
    if spacing == "equidistant":
        np.testing.assert_allclose(np.diff(tau), np.exp(delta[1:2]).repeat(count - 1))
    for j, step in enumerate(1e-6 * np.eye(len(delta))):
        difference = (thresholds(part, delta + step)[0] - thresholds(part, delta - step)[0]) / 2e-6
        np.testing.assert_allclose(slopes[:, j], difference, rtol=1e-7, atol=1e-9)


def test_the_auxiliary_parameters_of_rows():
    D = np.column_stack([np.ones(N), DATA["x"]])
    part = AuxiliaryMatrix("dispersion", ("Intercept", "x"), D)
    zero = AuxiliaryMatrix("zero", ("Intercept",), np.ones((N, 1)))
    found = row_values([part, zero], np.array([0.5, 2.0, -1.0]), N)
    np.testing.assert_allclose(found, np.column_stack([0.5 + 2 * DATA["x"], -np.ones(N)]))
    y, delta = np.array([0.0, 2.0, 1.0]), np.array([-1.0, np.log(3.0)])
    around = row_values([ordered("flexible", 2)], delta, 3, y=y)
    np.testing.assert_allclose(around, [[-np.inf, -1], [2, np.inf], [-1, 2]])
    np.testing.assert_allclose(row_values([ordered("flexible", 2)], delta, 3), [[-1, 2]] * 3)
    assert row_values([], np.empty(0), 3).shape == (3, 0)
