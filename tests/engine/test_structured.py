"""The structured route against dense algebra: every kind of covariance, alone and together.

V is put together row by row from what the problem says of its structures (T of the random terms, C
and the row's sd of the residuals); whether these are the structures of the textbooks is asked
elsewhere.
"""

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from mixedmodels.data import Frame
from mixedmodels.design import build
from mixedmodels.engine.batch import Draws
from mixedmodels.engine.settings import Control
from mixedmodels.engine.structured import StructuredProblem
from mixedmodels.formula import parse

Array = NDArray[np.float64]

SEEDS = 50

CRITERION = 1e-9
"""Relative to the number of rows."""

SLOPE = 1e-6
"""Of a derivative against a central difference, relative to 1 + its size in natural units."""

STEP = 1e-5

MODELS: dict[str, tuple[str, dict[str, object]]] = {
    "us": ("y ~ x + (x | g)", {"sigma": "~ z"}),
    "cs": ("y ~ x + cs(0 + f | g)", {}),
    "homcs": ("y ~ x + homcs(0 + f | g)", {}),
    "ar1": ("y ~ x + ar1(0 + f | g)", {}),
    "hetar1": ("y ~ x + hetar1(0 + f | g)", {}),
    "toep": ("y ~ x + toep(0 + f | g)", {}),
    "ante": ("y ~ x + ante(0 + f | g)", {}),
    "fa": ("y ~ x + fa(0 + f | g, rank=1)", {}),
    "rr": ("y ~ x + rr(0 + f | g, rank=2)", {}),
    "homdiag": ("y ~ x + homdiag(0 + f | g)", {}),
    "several terms on one factor": ("y ~ x + (1 | g) + homdiag(0 + f | g) + (1 | h)", {}),
    "known K": ("y ~ x + known(1 | g, cov=K)", {}),
    "known K of slopes": ("y ~ x + known(x | g, cov=K) + (1 | h)", {}),
    "residual us": ("y ~ x", {"residual": "us(f | g)"}),
    "residual cs": ("y ~ x", {"residual": "cs(f | g)"}),
    "residual ar1": ("y ~ x + (1 | g)", {"residual": "ar1(t | g)"}),
    "residual hetar1": ("y ~ x", {"residual": "hetar1(f | g)"}),
    "residual toep": ("y ~ x", {"residual": "toep(f | g)"}),
    "residual ante": ("y ~ x", {"residual": "ante(f | g)"}),
    "residual arma": ("y ~ x + (1 | g)", {"residual": "arma(1 | g, p=1, q=1)"}),
    "residual car1": ("y ~ x + (1 | g)", {"residual": "car1(s | g)"}),
    "residual expo in the plane": ("y ~ x", {"residual": "expo(s + z | g, nugget=True)"}),
    "residual gauss": ("y ~ x", {"residual": "gauss(s | g, nugget=True)"}),
    "residual ratio": ("y ~ x + (1 | h)", {"residual": "ratio(s | g)"}),
    "residual matern": ("y ~ x", {"residual": "matern(s | g)"}),
    "crossed with ar1": ("y ~ x + (1 | g) + (x | h)", {"residual": "ar1(t | g)"}),
    "by": ("y ~ x + (1 | h)", {"residual": "cs(f | g, by=arm)"}),
    "power": ("y ~ x + (1 | g)", {"sigma": "power(s)"}),
    "constpower with correlation": (
        "y ~ x + (1 | h)",
        {"residual": "ar1(t | g)", "sigma": "~ z + constpower(s)"},
    ),
    "known sigma": ("y ~ x + (x | g)", {"sigma": 0.7}),
    "weights": ("y ~ x + (1 | h)", {"residual": "ar1(t | g)", "weights": "w"}),
    "several memberships": ("y ~ x + mm(1 | h + h2)", {}),
}


def data(seed: int) -> pd.DataFrame:
    """Up to four occasions of seven subjects, some of them missing, crossed with five others."""
    rng = np.random.default_rng(seed)
    rows = [(g, t) for g in range(7) for t in range(4) if t < 2 or rng.random() < 0.75]
    g, t = np.array(rows).T
    n = len(g)
    h, h2 = rng.integers(0, 5, n), rng.integers(0, 5, n)
    return pd.DataFrame(
        {
            "y": rng.standard_normal(n) + 0.5 * rng.standard_normal(7)[g] + t,
            "x": rng.standard_normal(n),
            "z": rng.standard_normal(n),
            "s": t + rng.uniform(0.5, 1.4, n),
            "t": t,
            "f": pd.Categorical.from_codes(t, list("abcd")),
            "g": pd.Categorical.from_codes(g, [f"s{i}" for i in range(7)]),
            "h": pd.Categorical.from_codes(h, [f"i{i}" for i in range(5)]),
            "h2": pd.Categorical.from_codes(h2, [f"i{i}" for i in range(5)]),
            "arm": np.where(g % 2, "A", "B"),
            "w": rng.uniform(0.3, 3.0, n),
        }
    )


def relatives(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(1000 + seed)
    A = rng.standard_normal((7, 9))
    names = [f"s{i}" for i in range(7)]
    return pd.DataFrame(A @ A.T / 9 + 0.2 * np.eye(7), index=names, columns=names)


def problem_of(name: str, seed: int) -> tuple[StructuredProblem, Array]:
    """A random problem of a kind, and K."""
    formula, arguments = MODELS[name]
    K = relatives(seed)
    known = {"known": {"K": K}} if "cov=K" in formula else {}
    frame = Frame.of(data(seed))
    _, matrices = build(parse(formula), frame, **arguments, **known)  # type: ignore[arg-type]
    return StructuredProblem(matrices), K.to_numpy()


def somewhere(problem: StructuredProblem, seed: int) -> Array:
    rng = np.random.default_rng(2000 + seed)
    start = problem.native.start
    theta: Array = start + 0.3 * rng.standard_normal(len(start)) * problem.units
    return theta


def marginal(problem: StructuredProblem, theta: Array, K: Array) -> Array:
    """V (n, n), relative to sigma^2, from its definition."""
    m = problem.matrices
    n = len(m.y)
    V = np.zeros((n, n))
    for term, T in zip(m.terms, problem.templates(theta), strict=True):
        levels = len(m.groupings[term.group].levels)
        W = np.zeros((n, levels))
        if term.members is None:
            W[np.arange(n), m.groupings[term.group].codes] = 1
        else:
            for i in range(n):
                own = slice(term.members.indptr[i], term.members.indptr[i + 1])
                np.add.at(W[i], term.members.codes[own], term.members.weights[own])
        between = W @ (np.eye(levels) if term.precision is None else K) @ W.T
        V += (term.Z @ T @ T.T @ term.Z.T) * between
    return V + residual(problem, theta)


def residual(problem: StructuredProblem, theta: Array) -> Array:
    m = problem.matrices
    n = len(m.y)
    C, found = np.eye(n), m.residual
    if found is not None and found.structure is not None:
        for block in np.unique(found.codes):
            rows = np.flatnonzero(found.codes == block)
            part = int(found.part[rows[0]])
            own = problem.residual_covariance(theta, part, found.positions[rows])
            C[np.ix_(rows, rows)] = own
    s = problem.native.row_sd(theta)
    return C * np.outer(s, s)


def criterion(problem: StructuredProblem, V: Array, *, reml: bool) -> float:
    m = problem.matrices
    n, p = m.X.shape
    inverse = np.linalg.inv(V)
    information = m.X.T @ inverse @ m.X
    resid = m.y - m.X @ np.linalg.solve(information, m.X.T @ inverse @ m.y)
    square, df = float(resid @ inverse @ resid), n - p if reml else n
    variance = square / df if problem.sigma is None else problem.sigma**2
    value = np.linalg.slogdet(V)[1] + square / variance + df * np.log(2 * np.pi * variance)
    return float(value + (np.linalg.slogdet(information)[1] if reml else 0.0))


@pytest.mark.parametrize("name", MODELS)
def test_the_criterion_is_that_of_the_definition(name: str) -> None:
    for seed in range(SEEDS):
        problem, K = problem_of(name, seed)
        theta = somewhere(problem, seed)
        V = marginal(problem, theta, K)
        for reml in (True, False):
            expected = criterion(problem, V, reml=reml)
            found = problem.deviance(theta, reml=reml)
            assert found == pytest.approx(expected, abs=CRITERION * len(V)), (seed, reml)


@pytest.mark.parametrize("name", MODELS)
def test_the_gradient_is_that_of_the_criterion(name: str) -> None:
    for seed in range(SEEDS):
        problem, _ = problem_of(name, seed)
        theta, reml = somewhere(problem, seed), bool(seed % 2)
        _, gradient = problem.gradient(theta, reml=reml)
        for i, unit in enumerate(problem.units):
            step = np.zeros(len(theta))
            step[i] = STEP * unit
            high, low = (problem.deviance(theta + s, reml=reml) for s in (step, -step))
            slope = (high - low) / (2 * STEP)
            error = abs(gradient[i] * unit - slope)
            assert error < SLOPE * (1 + abs(slope)) * 10, (seed, i, gradient[i] * unit, slope)


@pytest.mark.parametrize("name", MODELS)
def test_the_search_ends_where_nothing_is_better(name: str) -> None:
    """Neither a step along any coordinate nor another start gives less."""
    problem, _ = problem_of(name, 3)
    found = problem.minimise(reml=True, control=Control())
    rng = np.random.default_rng(5)
    for _ in range(20):
        step = 0.05 * rng.standard_normal(len(found.theta)) * problem.units
        beside = problem.deviance(found.theta + step, reml=True)
        assert beside > found.deviance - 1e-6


@pytest.mark.parametrize(
    "name", ["ar1", "known K of slopes", "crossed with ar1", "by", "residual us"]
)
def test_modes_and_errors_are_those_of_dense_algebra(name: str) -> None:
    problem, K = problem_of(name, 1)
    m = problem.matrices
    theta = somewhere(problem, 1)
    V = marginal(problem, theta, K)
    found = problem.estimates(theta, reml=True)
    inverse = np.linalg.inv(V)
    C = np.linalg.inv(m.X.T @ inverse @ m.X)
    beta = C @ m.X.T @ inverse @ m.y
    np.testing.assert_allclose(found.beta, beta, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(found.cov_beta_unscaled, C, rtol=1e-9, atol=1e-12)
    for k, (term, T) in enumerate(zip(m.terms, problem.templates(theta), strict=True)):
        levels = len(m.groupings[term.group].levels)
        W = np.eye(levels)[m.groupings[term.group].codes]
        Z = (W[:, :, None] * term.Z[:, None, :]).reshape(len(m.y), -1)
        prior = np.kron(np.eye(levels) if term.precision is None else K, T @ T.T)
        b = prior @ Z.T @ inverse @ (m.y - m.X @ beta)
        np.testing.assert_allclose(found.b[k].ravel(), b, rtol=1e-8, atol=1e-10)
        spread = prior - prior @ Z.T @ inverse @ Z @ prior
        q = len(term.names)
        own = problem.conditional_covariance(theta, term=k)
        for level in range(levels):
            block = slice(level * q, (level + 1) * q)
            np.testing.assert_allclose(own[level], spread[block, block], rtol=1e-7, atol=1e-9)


def test_draws_have_the_covariance_of_the_model() -> None:
    """By their second moments, within five standard errors each."""
    problem, K = problem_of("known K of slopes", 2)
    theta, n = somewhere(problem, 2), len(problem.matrices.y)
    key = np.array([1, 2], dtype=np.uint64)
    count = 40_000
    roots = tuple(1.5 * T for T in problem.templates(theta))
    draws = Draws(np.zeros(n), roots, 1.5, key, theta=theta)
    Y = problem.draw(draws, 0, count)
    V = 1.5**2 * marginal(problem, theta, K)
    error = np.sqrt((np.outer(np.diag(V), np.diag(V)) + V**2) / count)
    assert np.abs((Y @ Y.T / count - V) / error).max() < 5
    np.testing.assert_array_equal(problem.draw(draws, 7, 3), Y[:, 7:10])
