"""The criterion against the density of a multivariate normal, and its gradient by differences."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mixedmodels.data import Frame
from mixedmodels.design import build
from mixedmodels.engine.problem import Problem
from mixedmodels.engine.settings import Control
from mixedmodels.engine.templates import correlation, covariance
from mixedmodels.errors import DataError
from mixedmodels.formula import parse

STEP = 1e-5
DENSE = 1e-8  # absolute, of a criterion of a few hundred

FORMULAS = [
    "y ~ x + (1 | g)",
    "y ~ x + (x | g)",
    "y ~ x + (x || g)",
    "y ~ x + (x | g) + (1 | h)",
    "y ~ 1 + (1 | g/h)",
    "y ~ 0 + (1 | g)",
    "y ~ x",
]


def problem_of(formula, *, weights=None, offset=None, seed=0):
    random = np.random.default_rng(seed)
    n = 60
    frame = pd.DataFrame(
        {
            "y": random.normal(size=n) + 3,
            "x": random.normal(size=n),
            "g": random.integers(0, 6, n),
            "h": random.choice(["u", "v", "w"], n),
            "w": random.uniform(0.2, 4, n),
        }
    )
    _, matrices = build(parse(formula), Frame.of(frame), weights=weights, offset=offset)
    return Problem(matrices)


def some_theta(problem, seed=1):
    return np.random.default_rng(seed).normal(size=problem.n_theta)


def marginal_covariance(problem, theta):
    """V = W^-1 + Z Lambda Lambda' Z' (n, n), row by row from the definition."""
    m = problem.matrices
    n = len(m.y)
    V = np.diag(np.ones(n) if m.weights is None else 1 / m.weights)
    for term, T in zip(m.terms, problem.templates(theta), strict=True):
        codes = m.groupings[term.group].codes
        V += np.equal.outer(codes, codes) * (term.Z @ T @ T.T @ term.Z.T)
    return V


def dense_criterion(problem, theta, *, reml):
    """-2 log of the normal density at its best beta and sigma; REML integrates beta out."""
    m = problem.matrices
    y = m.y if m.offset is None else m.y - m.offset
    n, p = m.X.shape
    V = marginal_covariance(problem, theta)
    Vi = np.linalg.inv(V)
    information = m.X.T @ Vi @ m.X
    beta = np.linalg.solve(information, m.X.T @ Vi @ y)
    residual = y - m.X @ beta
    scale = residual @ Vi @ residual / (n - p if reml else n)
    density = stats.multivariate_normal(m.X @ beta, scale * V).logpdf(y)
    if reml:
        density += p / 2 * np.log(2 * np.pi * scale) - np.linalg.slogdet(information)[1] / 2
    return -2 * density, beta, scale


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("weights", [None, "w"])
def test_criterion_is_the_normal_density(formula, reml, weights):
    problem = problem_of(formula, weights=weights, offset="x")
    theta = some_theta(problem)
    expected, beta, scale = dense_criterion(problem, theta, reml=reml)
    assert problem.deviance(theta, reml=reml) == pytest.approx(expected, abs=DENSE)
    found = problem.estimates(theta, reml=reml)
    assert found.deviance == pytest.approx(expected, abs=DENSE)
    assert found.beta == pytest.approx(beta, rel=1e-8)
    assert found.sigma**2 == pytest.approx(scale, rel=1e-8)


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("at_zero", [True, False])
def test_gradient_is_the_finite_difference(formula, reml, at_zero):
    problem = problem_of(formula, weights="w")
    theta = some_theta(problem) * (not at_zero)
    value, gradient = problem.gradient(theta, reml=reml)
    differences = [
        (problem.deviance(theta + e, reml=reml) - problem.deviance(theta - e, reml=reml)) / 2 / STEP
        for e in STEP * np.eye(problem.n_theta)
    ]
    assert value == pytest.approx(problem.deviance(theta, reml=reml), abs=1e-10)
    assert gradient == pytest.approx(np.array(differences), rel=1e-6, abs=1e-5)


@pytest.mark.parametrize("formula", FORMULAS[:5])
def test_modes_are_the_conditional_means(formula):
    """b | y has mean Lambda Lambda' Z' V^-1 (y - X beta) and covariance Lambda M^-1 Lambda'."""
    problem = problem_of(formula)
    theta = some_theta(problem)
    m = problem.matrices
    found = problem.estimates(theta, reml=True)
    Vi = np.linalg.inv(marginal_covariance(problem, theta))
    residual = m.y - m.X @ found.beta
    T = problem.templates(theta)
    for k, term in enumerate(m.terms):
        codes = m.groupings[term.group].codes
        variances = problem.conditional_covariance(theta, term=k)
        for level in range(len(m.groupings[term.group].levels)):
            Z = term.Z * (codes == level)[:, None]
            prior = T[k] @ T[k].T
            assert found.b[k][level] == pytest.approx(prior @ Z.T @ Vi @ residual, abs=1e-9)
            posterior = prior - prior @ Z.T @ Vi @ Z @ prior
            assert variances[level] == pytest.approx(posterior, abs=1e-9)


def test_another_response_is_another_problem():
    problem = problem_of("y ~ x + (x | g)", offset="x", weights="w")
    y = np.random.default_rng(9).normal(size=60)
    theta = some_theta(problem)
    before = problem.deviance(theta, reml=True)
    other = problem.with_response(y)
    assert other.deviance(theta, reml=True) == pytest.approx(
        dense_criterion(other, theta, reml=True)[0], abs=DENSE
    )
    assert problem.deviance(theta, reml=True) == before


def test_a_pickled_problem_is_the_same_problem():
    problem = problem_of("y ~ x + (x | g)")
    theta = some_theta(problem)
    again = pickle.loads(pickle.dumps(problem))
    assert "native" not in vars(again)
    assert again.deviance(theta, reml=True) == problem.deviance(theta, reml=True)


@pytest.mark.parametrize("theta", [[1.0], [np.nan, 1, 1], [[1.0, 1.0, 1.0]]])
def test_theta_is_checked(theta):
    with pytest.raises(DataError, match="3 finite numbers"):
        problem_of("y ~ x + (x | g)").deviance(theta, reml=True)


@pytest.mark.parametrize("formula", FORMULAS[:5])
def test_the_search_ends_at_a_minimum(formula):
    problem = problem_of(formula, seed=4)
    found = problem.minimise(reml=False, control=Control())
    random = np.random.default_rng(2)
    for _ in range(50):
        nearby = found.theta + random.normal(scale=0.05, size=problem.n_theta)
        assert problem.deviance(nearby, reml=False) >= found.deviance - 1e-8


def test_scales():
    T = np.array([[2.0, 0], [1, 3]])
    cov = covariance(T, 2.0)
    assert cov.tolist() == [[16, 8], [8, 40]]
    assert correlation(cov)[0, 1] == pytest.approx(8 / np.sqrt(640))
    assert np.isnan(correlation(np.diag([1.0, 0.0]))[0, 1])


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_known_sigma_stays_at_its_value(formula):
    problem = problem_of(formula, weights="w")
    theta, m, sigma = some_theta(problem), problem.matrices, 0.8
    V = sigma**2 * marginal_covariance(problem, theta)
    C = np.linalg.inv(m.X.T @ np.linalg.solve(V, m.X))
    beta = C @ m.X.T @ np.linalg.solve(V, m.y)
    density = stats.multivariate_normal(m.X @ beta, V, allow_singular=False)
    ml = -2 * density.logpdf(m.y)
    bars = np.linalg.slogdet(C)[1] + m.X.shape[1] * np.log(2 * np.pi)
    assert problem.native.deviance(theta, False, sigma) == pytest.approx(ml, abs=DENSE)
    assert problem.native.deviance(theta, True, sigma) == pytest.approx(ml - bars, abs=DENSE)
    found = problem.native.estimates(theta, True, sigma)
    np.testing.assert_allclose(found.beta, beta, rtol=1e-8)
    assert found.sigma == sigma
    R = len(theta)
    assert problem.native.kenward_roger(theta, sigma).information.shape == (R, R)
