"""The mixed-model equations: against dense algebra, and at sizes where sparse algebra is left."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.sparse.linalg import splu

import mixedmodels as mm
from mixedmodels._native import EngineError
from mixedmodels.data import Frame
from mixedmodels.design import build
from mixedmodels.engine.problem import Problem
from mixedmodels.formula import parse
from tests.dense import marginal_covariance, relative_covariances

DENSE = 1e-10
"""Relative to numbers of order one."""

FORMULAS = [
    "y ~ x + (1 | g)",
    "y ~ x + (x | g)",
    "y ~ x + (x || g) + (1 | h)",
    "y ~ x + (x | g) + (x | h)",
    "y ~ 1 + (1 | g/h)",
    "y ~ x + (1 | g) + (1 | h) + (1 | i)",
    "y ~ 0 + (1 | g)",
    "y ~ x",
]


def problem_of(formula, *, n=150, levels=(12, 7, 5), weights="w", seed=0):
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "y": random.normal(size=n),
            "x": random.normal(size=n),
            "w": random.uniform(0.2, 4, n),
            "g": random.integers(0, levels[0], n),
            "h": random.integers(0, levels[1], n),
            "i": random.integers(0, levels[2], n),
        }
    )
    return Problem(build(parse(formula), Frame.of(frame), weights=weights, offset=None)[1])


def some_theta(problem, seed=1):
    return np.random.default_rng(seed).normal(size=problem.n_theta)


def inverse_of(eq):
    U = eq.U.toarray()
    return np.linalg.inv(U.T @ U + np.eye(U.shape[1]))


def some_rows(effects, count, seed=2):
    random = np.random.default_rng(seed)
    dense = random.normal(size=(count, effects)) * (random.uniform(size=(count, effects)) < 0.2)
    return sparse.csr_array(dense)


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("singular", [False, True])
def test_forms_and_solutions_equal_dense_algebra(formula, singular):
    problem = problem_of(formula)
    theta = some_theta(problem) * (not singular)
    eq = problem.equations(theta)
    M, effects = inverse_of(eq), eq.U.shape[1]
    V, W = some_rows(effects, 9), some_rows(effects, 9, seed=3)
    v, w = V.toarray(), W.toarray()
    np.testing.assert_allclose(eq.solve(v.T), M @ v.T, atol=DENSE)
    np.testing.assert_allclose(eq.inner(V), np.einsum("ri,ij,rj->r", v, M, v), atol=DENSE)
    np.testing.assert_allclose(eq.inner(V, W), np.einsum("ri,ij,rj->r", v, M, w), atol=DENSE)
    np.testing.assert_allclose(eq.gram(V), v @ M @ v.T, atol=DENSE)


@pytest.mark.parametrize("formula", FORMULAS)
def test_projection_is_the_inverse_of_V(formula):
    problem = problem_of(formula)
    theta, m = some_theta(problem), problem.matrices
    eq = problem.equations(theta)
    V = marginal_covariance(m, relative_covariances(m, theta))
    right, root = np.random.default_rng(4).normal(size=(len(m.y), 3)), eq.root_weights[:, None]
    found = root * eq.project(root * right)
    np.testing.assert_allclose(found, np.linalg.solve(V, right), atol=DENSE)


def test_many_columns_take_another_way_through_the_last_front():
    """Its inverse, from as many columns on as it has rows."""
    problem = problem_of("y ~ x + (1 | g) + (x | h)", n=2000, levels=(90, 80, 2))
    theta = some_theta(problem)
    few, many = problem.equations(theta), problem.equations(theta)
    M = inverse_of(few)
    V, W = some_rows(len(M), 400), some_rows(len(M), 400, seed=3)
    expected = np.einsum("ri,ij,rj->r", V.toarray(), M, W.toarray())
    np.testing.assert_allclose(many.inner(V, W), expected, atol=DENSE)
    np.testing.assert_allclose(few.inner(V[:40], W[:40]), expected[:40], atol=DENSE)
    whole = V.toarray() @ M @ V.toarray().T
    np.testing.assert_allclose(many.gram(V), whole, atol=DENSE)
    np.testing.assert_allclose(few.gram(V[:30]), whole[:30, :30], atol=DENSE)


def test_levels_that_are_not_there_add_nothing():
    problem = problem_of("y ~ x + (x | g) + (1 | h)")
    eq, m = problem.equations(some_theta(problem)), problem.matrices
    codes = [m.groupings[t.group].codes[:5].copy() for t in m.terms]
    Z = [t.Z[:5].copy() for t in m.terms]
    codes[0][1], Z[0][1] = -1, np.nan
    rows = eq.rows(codes, Z, 5)
    whole = eq.U[:5].toarray() / eq.root_weights[:5, None]
    whole[1, : 2 * len(m.groupings[0].levels)] = 0
    np.testing.assert_allclose(rows.toarray(), whole)
    assert np.isfinite(eq.inner(rows)).all()


def test_effects_go_back_to_their_terms():
    problem = problem_of("y ~ x + (1 | g) + (1 | h) + (0 + x | g)")
    eq, m = problem.equations(some_theta(problem)), problem.matrices
    u = np.random.default_rng(5).normal(size=(1, eq.U.shape[1]))
    total = sum(
        np.einsum("nj,nj->n", t.Z @ T, part[0, m.groupings[t.group].codes])
        for t, T, part in zip(m.terms, eq.T, eq.by_term(u), strict=True)
    )
    np.testing.assert_allclose(eq.root_weights * total, eq.U @ u[0], atol=DENSE)


@pytest.mark.parametrize(
    "change",
    [
        lambda p, i, v: (p, i + 1000, v),
        lambda p, i, v: (p, i - 1000, v),
        lambda p, i, v: (p[::-1].copy(), i, v),
        lambda p, i, v: (p + 1, i, v),
        lambda p, i, v: (p, i[:-1], v),
    ],
)
def test_rows_that_are_no_matrix_are_an_error(change):
    eq = problem_of("y ~ x + (1 | g)").equations(np.ones(1))
    rows = some_rows(eq.U.shape[1], 4)
    parts = rows.indptr.astype(np.int64), rows.indices.astype(np.int64), rows.data
    with pytest.raises(EngineError):
        eq.native.inner(change(*parts))
    with pytest.raises(EngineError):
        eq.native.solve(np.asfortranarray(np.ones((eq.U.shape[1] + 1, 2))))


@pytest.fixture(scope="module")
def large():
    """Three crossed factors of 9,000 levels with 1.4 rows each."""
    random = np.random.default_rng(6)
    n, levels = 13_000, 9_000
    frame = pd.DataFrame({name: random.integers(0, levels, n) for name in "ab"})
    frame["x"] = random.normal(size=n)
    frame["y"] = 1 + frame["x"] + random.normal(size=n)
    for name in "ab":
        frame["y"] += random.normal(size=levels)[frame[name]]
    return mm.lmm("y ~ x + (1 | a) + (1 | b)", frame)


def test_prediction_errors_and_leverage_of_many_crossed_levels(large):
    """By Henderson's equations as one sparse system (Robinson 1991), a row at a time."""
    fit, m = large.fit, large.fit.matrices
    assert min(len(g.levels) for g in m.groupings) > 6000
    Z = sparse.hstack(
        [
            sparse.csr_array(
                (T[0, 0] * t.Z[:, 0], (np.arange(len(m.y)), m.groupings[t.group].codes)),
                shape=(len(m.y), len(m.groupings[t.group].levels)),
            )
            for t, T in zip(m.terms, fit.T, strict=True)
        ]
    )
    W = sparse.csc_array(sparse.hstack([sparse.csr_array(m.X), Z]))
    ridge = sparse.diags_array(np.r_[np.zeros(m.X.shape[1]), np.ones(Z.shape[1])])
    factor = splu(sparse.csc_matrix(W.T @ W + ridge), permc_spec="MMD_AT_PLUS_A")
    some = np.arange(0, len(m.y), 501)
    C = sparse.csr_array(W)[some].toarray()
    expected = np.einsum("ri,ir->r", C, factor.solve(C.T))
    np.testing.assert_allclose(large.hat_values().to_numpy()[some], expected, rtol=1e-8)
    errors = large.predict(se=True)["std_error"].to_numpy()[some]
    np.testing.assert_allclose(errors, fit.sigma * np.sqrt(expected), rtol=1e-8)


def test_influence_of_many_crossed_levels(large):
    m, found = large.fit.matrices, large.influence("a")
    for level in (0, 17, 4000):
        left = Problem(m.take(m.groupings[0].codes != level))
        expected = left.estimates(large.fit.theta, reml=True).beta
        np.testing.assert_allclose(found.without[level], expected, atol=1e-8)
