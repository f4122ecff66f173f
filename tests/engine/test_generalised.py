"""Generalised models against dense algebra, integration, differences and what must not change.

The log-densities are those of the families, which are tested elsewhere; everything around them is
done here again: modes by a general minimiser, M by differences, integrals by quadrature of scipy.
"""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import integrate, optimize

from mixedmodels import _native
from mixedmodels.data import Frame
from mixedmodels.design import ModelMatrices, build
from mixedmodels.engine.arrays import columns
from mixedmodels.engine.problem import Problem
from mixedmodels.engine.settings import Control
from mixedmodels.engine.structured_arrays import term_arrays
from mixedmodels.formula import parse

Array = NDArray[np.float64]

SLOPE = 2e-6
"""Of a derivative against a difference of fourth order, relative to 1 + its size."""

STEP = 2e-4

DENSE = 1e-6
"""Of the criterion against dense algebra by differences, relative to the number of rows."""

FAMILIES: dict[str, tuple[str, ...]] = {
    "binomial": ("logit", "probit", "cloglog", "cauchit", "log"),
    "poisson": ("log", "identity", "sqrt"),
    "nb1": ("log",),
    "nb2": ("log",),
    "gamma": ("log", "inverse", "identity"),
    "inverse_gaussian": ("log", "inverse"),
    "beta": ("logit", "probit", "cloglog", "cauchit"),
    "beta_binomial": ("logit", "probit"),
    "student_t": ("identity",),
    "gaussian": ("identity", "log"),
    "ordinal": ("logit", "probit", "cloglog"),
}

CASES = [(name, link, None) for name, links in FAMILIES.items() for link in links] + [
    (name, "log", zero) for name in ("poisson", "nb1", "nb2") for zero in ("inflated", "hurdle")
]

STRUCTURES = {
    "slopes": "y ~ x + (x | g) + (1 | h)",
    "independent": "y ~ x + (x || g)",
    "cs": "y ~ x + cs(0 + f | g)",
    "ar1": "y ~ x + ar1(0 + f | g)",
    "toep": "y ~ x + toep(0 + f | g)",
    "rr": "y ~ x + rr(0 + f | g, rank=1)",
    "ou": "y ~ x + ou(0 + t | g)",
    "known": "y ~ x + known(x | g, cov=K) + (1 | h)",
    "members": "y ~ x + mm(1 | g + h)",
    "nested": "y ~ x + (1 | g/h)",
}

CATEGORIES = 4

FAR_FROM_ZERO = {"identity": 9.0, "inverse": 2.0, "sqrt": 3.0, "log-binomial": -2.5}
"""Linear predictors of links that have a range."""


def data(seed: int, n: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "y": rng.normal(size=n),
            "x": rng.normal(size=n) * 0.5,
            "t": rng.integers(0, 4, n).astype(float),
            "f": rng.choice(["f1", "f2", "f3"], n),
            "g": rng.choice([f"g{i}" for i in range(8)], n),
            "h": rng.choice([f"h{i}" for i in range(5)], n),
            "row": [f"r{i}" for i in range(n)],
        }
    )


def design(formula: str, frame: pd.DataFrame) -> ModelMatrices:
    levels = sorted(frame["g"].unique())
    K = pd.DataFrame(0.3 + 0.7 * np.eye(len(levels)), index=levels, columns=levels)
    _, matrices = build(parse(formula), Frame.of(frame), known={"K": K})
    return matrices


def sources(name: str, zero: str | None, matrices: ModelMatrices) -> list[object]:
    n = len(matrices.y)
    if name == "ordinal":
        return [("flexible", CATEGORIES)]
    one = np.ones((n, 1), order="F")
    slope = np.asfortranarray(np.column_stack([np.ones(n), matrices.X[:, -1]]))
    count = {"student_t": 2, "binomial": 0, "poisson": 0}.get(name, 1)
    found: list[object] = [slope, one][:count]
    return found if zero is None else [*found, slope]


def native(
    matrices: ModelMatrices,
    y: Array,
    name: str,
    link: str,
    zero: str | None = None,
    *,
    size: Array | None = None,
    weights: Array | None = None,
    offset: Array | None = None,
    nodes: int = 1,
    given: list[object] | None = None,
) -> _native.GeneralisedProblem:
    family = _native.Family(name, link, zero, CATEGORIES if name == "ordinal" else 0)
    X = matrices.X[:, 1:] if name == "ordinal" else matrices.X
    return _native.GeneralisedProblem(
        np.ascontiguousarray(y, dtype=np.float64),
        size,
        columns(X),
        [term_arrays(term, matrices.groupings[term.group]) for term in matrices.terms],
        weights,
        offset,
        family,
        sources(name, zero, matrices) if given is None else given,
        None,
        nodes,
        lambda: None,
    )


def parameters(problem: _native.GeneralisedProblem, name: str, link: str, seed: int) -> Array:
    """Values from which the family draws responses that are not all alike."""
    rng = np.random.default_rng(seed)
    theta = problem.covariances.start * 0.4 + 0.1 * rng.normal(size=problem.n_theta)
    beta = 0.3 * rng.normal(size=problem.n_beta)
    if name != "ordinal":
        key = "log-binomial" if (name, link) == ("binomial", "log") else link
        beta[0] += FAR_FROM_ZERO.get(key, 0.0)
        if key == "log-binomial" or key in FAR_FROM_ZERO:
            theta = 0.3 * theta
    delta = 0.4 * rng.normal(size=problem.n_auxiliary)
    if name == "ordinal":
        delta[0] -= 1.0
    if name == "student_t":
        delta[-1] += 1.5
    return np.concatenate([theta, beta, delta])


def drawn(
    matrices: ModelMatrices,
    name: str,
    link: str,
    zero: str | None = None,
    *,
    seed: int = 1,
    nodes: int = 1,
) -> tuple[_native.GeneralisedProblem, Array, Array]:
    """A problem with responses of the family, psi that they are from, and the responses."""
    n = len(matrices.y)
    of_trials = name in ("binomial", "beta_binomial")
    size = np.random.default_rng(seed).integers(1, 6, n).astype(float) if of_trials else None
    first = np.full(n, {"beta": 0.5, "ordinal": 0.0}.get(name, 1.0))
    problem = native(matrices, first, name, link, zero, size=size, nodes=nodes)
    psi = parameters(problem, name, link, seed)
    X = matrices.X[:, 1:] if name == "ordinal" else matrices.X
    beta = psi[problem.n_theta : problem.n_theta + problem.n_beta]
    key = np.array([seed, 7], dtype=np.uint64)
    y = problem.draw(psi, np.ascontiguousarray(X @ beta), key, "normal", 0, 1)[0]
    if name == "beta":
        y = np.clip(y, 1e-6, 1 - 1e-6)
    return problem.with_response(np.ascontiguousarray(y)), psi, y


def difference(f: object, x: Array, j: int, step: float = STEP) -> Array:
    """Central difference of fourth order in one element."""

    def at(k: float) -> Array:
        moved = x.copy()
        moved[j] += k * step
        return np.asarray(f(moved))  # type: ignore[operator]

    return (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * step)


def check_gradient(problem: _native.GeneralisedProblem, psi: Array) -> None:
    gradient = problem.gradient(psi)[1]
    expected = [float(difference(problem.deviance, psi, j)) for j in range(len(psi))]
    np.testing.assert_allclose(gradient, expected, rtol=SLOPE, atol=SLOPE * 10)


@pytest.mark.parametrize(("name", "link", "zero"), CASES)
def test_gradient_of_every_family(name: str, link: str, zero: str | None) -> None:
    matrices = design(STRUCTURES["slopes"], data(3))
    for seed in (1, 2):
        problem, psi, _ = drawn(matrices, name, link, zero, seed=seed)
        check_gradient(problem, psi)


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("name", ["poisson", "nb2"])
def test_gradient_of_every_structure(structure: str, name: str) -> None:
    problem, psi, _ = drawn(design(STRUCTURES[structure], data(4)), name, "log")
    check_gradient(problem, psi)


@pytest.mark.parametrize(("formula", "nodes"), [("(1 | g)", 7), ("(x | g)", 5), ("(f | g)", 3)])
@pytest.mark.parametrize(
    ("name", "link"), [("binomial", "logit"), ("gamma", "log"), ("ordinal", "probit")]
)
def test_gradient_of_quadrature(formula: str, nodes: int, name: str, link: str) -> None:
    problem, psi, _ = drawn(design(f"y ~ x + {formula}", data(5)), name, link, nodes=nodes)
    check_gradient(problem, psi)


def dense_laplace(
    problem: _native.GeneralisedProblem, matrices: ModelMatrices, psi: Array, log_density: object
) -> float:
    """-2 log-likelihood by a general minimiser and a Hessian by differences."""
    theta = psi[: problem.n_theta]
    beta = psi[problem.n_theta : problem.n_theta + problem.n_beta]
    blocks = []
    for term, T in zip(matrices.terms, problem.covariances.templates(theta), strict=True):
        codes, levels = matrices.groupings[term.group].codes, matrices.groupings[term.group].levels
        Z = np.zeros((len(codes), len(levels) * T.shape[1]))
        for row, code in enumerate(codes):
            Z[row, code * T.shape[1] : (code + 1) * T.shape[1]] = term.Z[row] @ T
        blocks.append(Z)
    ZL = np.hstack(blocks)

    def height(u: Array) -> float:
        return float(u @ u - 2 * np.sum(log_density(matrices.X @ beta + ZL @ u)))  # type: ignore[operator]

    start = np.zeros(ZL.shape[1])
    found = optimize.minimize(height, start, method="BFGS", options={"gtol": 1e-9, "maxiter": 2000})
    eta = matrices.X @ beta + ZL @ found.x
    h = 1e-3
    pieces = [log_density(eta + k * h) for k in (-2, -1, 0, 1, 2)]  # type: ignore[operator]
    bend = (-pieces[0] + 16 * pieces[1] - 30 * pieces[2] + 16 * pieces[3] - pieces[4]) / (12 * h**2)
    M = (ZL * -bend[:, None]).T @ ZL + np.eye(len(start))
    return float(found.fun + np.linalg.slogdet(M)[1])


@pytest.mark.parametrize(
    ("name", "link"),
    [
        ("binomial", "cloglog"),
        ("poisson", "log"),
        ("nb1", "log"),
        ("beta", "logit"),
        ("gamma", "log"),
    ],
)
def test_criterion_is_that_of_dense_algebra(name: str, link: str) -> None:
    matrices = design(STRUCTURES["slopes"], data(6))
    problem, psi, y = drawn(matrices, name, link)
    of_trials = name == "binomial"
    size = np.random.default_rng(1).integers(1, 6, len(y)).astype(float) if of_trials else None
    delta = psi[problem.n_theta + problem.n_beta :]
    auxiliary = np.zeros((len(y), 0))
    if len(delta):
        auxiliary = np.column_stack([np.ones(len(y)), matrices.X[:, -1]]) @ delta[:, None]
    family = _native.Family(name, link)
    log_density = lambda eta: family.log_density(y, size, eta, auxiliary)  # noqa: E731
    expected = dense_laplace(problem, matrices, psi, log_density)
    assert abs(problem.deviance(psi) - expected) < DENSE * len(y)


def test_quadrature_is_the_integral() -> None:
    frame = data(7)
    matrices = design("y ~ x + (1 | g)", frame)
    y = (np.random.default_rng(2).random(len(frame)) < 0.6).astype(float)
    problem = native(matrices, y, "binomial", "logit", nodes=25)
    psi = np.array([1.3, 0.2, -0.7])
    eta = matrices.X @ psi[1:]
    codes = matrices.groupings[matrices.terms[0].group].codes
    total = 0.0

    def integrand(u: float, rows: Array) -> float:
        at = eta[rows] + psi[0] * u
        log = np.sum(y[rows] * at - np.logaddexp(0, at)) - 0.5 * u * u
        return float(np.exp(log) / np.sqrt(2 * np.pi))

    for level in range(codes.max() + 1):
        part = partial(integrand, rows=codes == level)
        total += np.log(integrate.quad(part, -12, 12, epsabs=1e-14, epsrel=1e-12)[0])
    assert abs(problem.deviance(psi) + 2 * total) < 1e-7
    # Laplace's approximation is near, and is not the integral.
    laplace = native(matrices, y, "binomial", "logit").deviance(psi)
    assert 1e-4 < abs(laplace + 2 * total) < 1.0


def test_quadrature_in_two_dimensions_converges() -> None:
    matrices = design("y ~ x + (x | g)", data(8))
    found = []
    for nodes in (9, 15, 21):
        problem, psi, _ = drawn(matrices, "binomial", "logit", nodes=nodes)
        found.append(problem.deviance(psi))
    assert abs(found[2] - found[1]) < 1e-6
    assert abs(found[2] - found[0]) < 1e-3


@pytest.mark.parametrize("structure", ["slopes", "independent", "nested"])
def test_gaussian_identity_is_the_linear_model(structure: str) -> None:
    frame = data(9, 120)
    matrices = design(STRUCTURES[structure], frame)
    sigma = 0.8
    one = np.ones((len(frame), 1), order="F")
    problem = native(matrices, matrices.y, "gaussian", "identity", given=[one])
    found = problem.minimise(None, 200, 1e-9, True)
    linear = Problem(matrices).minimise(reml=False, control=_control())
    assert abs(found.deviance - linear.deviance) < 1e-6
    np.testing.assert_allclose(found.beta, linear.beta, atol=1e-5)
    np.testing.assert_allclose(np.exp(found.auxiliary), linear.sigma, rtol=1e-5)
    psi = np.concatenate([sigma * linear.theta, linear.beta, [np.log(sigma)]])
    expected = Problem(matrices).native.gradient(linear.theta, False, sigma)[0]
    assert abs(problem.deviance(psi) - expected) < 1e-7


def _control() -> Control:

    return Control()


def test_two_ordered_categories_are_a_binomial_response() -> None:
    matrices = design(STRUCTURES["slopes"], data(10))
    y = (np.random.default_rng(3).random(len(matrices.y)) < 0.4).astype(float)
    binomial = native(matrices, y, "binomial", "probit").minimise(None, 200, 1e-9, False)
    family = _native.Family("ordinal", "probit", None, 2)
    terms = [term_arrays(term, matrices.groupings[term.group]) for term in matrices.terms]
    ordinal = _native.GeneralisedProblem(
        y, None, columns(matrices.X[:, 1:]), terms, None, None, family, [("flexible", 2)], None, 1,
        lambda: None,
    ).minimise(None, 200, 1e-9, False)  # fmt: skip
    assert abs(ordinal.deviance - binomial.deviance) < 1e-7
    np.testing.assert_allclose(ordinal.auxiliary, -binomial.beta[:1], atol=1e-4)
    np.testing.assert_allclose(ordinal.beta, binomial.beta[1:], atol=1e-4)


def test_a_large_negative_binomial_is_a_poisson_response() -> None:
    matrices = design(STRUCTURES["slopes"], data(11))
    problem, psi, y = drawn(matrices, "poisson", "log")
    one = np.ones((len(y), 1), order="F")
    other = native(matrices, y, "nb2", "log", given=[one])
    assert abs(other.deviance(np.append(psi, 20.0)) - problem.deviance(psi)) < 1e-5


def test_rows_may_be_permuted_split_and_summed() -> None:
    frame = data(12)
    problem, psi, y = drawn(design(STRUCTURES["slopes"], frame), "poisson", "log")
    expected = problem.deviance(psi)
    order = np.random.default_rng(4).permutation(len(frame))
    levels = {c: list(dict.fromkeys(frame[c])) for c in ("g", "h")}
    for c, values in levels.items():
        frame[c] = pd.Categorical(frame[c], categories=values)
    moved = design(STRUCTURES["slopes"], frame.iloc[order].reset_index(drop=True))
    assert abs(native(moved, y[order], "poisson", "log").deviance(psi) - expected) < 1e-8
    weights = np.where(np.arange(len(y)) % 3 == 0, 2.0, 1.0)
    twice = np.repeat(np.arange(len(y)), weights.astype(int))
    weighted = native(design(STRUCTURES["slopes"], frame), y, "poisson", "log", weights=weights)
    split = design(STRUCTURES["slopes"], frame.iloc[twice].reset_index(drop=True))
    found = native(split, y[twice], "poisson", "log").deviance(psi)
    assert abs(weighted.deviance(psi) - found) < 1e-8


def test_many_rows_come_back_in_their_own_order() -> None:
    n = 21_000
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(
        {"y": rng.normal(size=n), "x": rng.normal(size=n), "g": rng.integers(0, 40, n)}
    )
    matrices = design("y ~ x + (x | g)", frame)
    y = (rng.random(n) < 0.3 + 0.01 * (frame["g"] % 7)).to_numpy(float)
    found = native(matrices, y, "binomial", "logit").minimise(None, 200, 1e-9, False)
    codes = matrices.groupings[matrices.terms[0].group].codes
    eta = matrices.X @ found.beta + np.sum(matrices.terms[0].Z * found.b[0][codes], axis=1)
    np.testing.assert_allclose(found.eta, eta, atol=1e-9)
    weight, score = native(matrices, y, "binomial", "logit").working(
        np.concatenate([found.theta, found.beta])
    )
    p = 1 / (1 + np.exp(-eta))
    np.testing.assert_allclose(score, y - p, atol=1e-7)
    np.testing.assert_allclose(weight, p * (1 - p), atol=1e-7)


@pytest.mark.parametrize("structure", ["slopes", "ar1", "known"])
def test_modes_follow_the_parameters(structure: str) -> None:
    problem, psi, _ = drawn(design(STRUCTURES[structure], data(13)), "nb2", "log")
    slopes = problem.mode_slopes(psi)

    def modes(at: Array) -> Array:
        return np.concatenate([b.ravel() for b in problem.estimates(at, hessian=False).b])

    for j in range(len(psi)):
        np.testing.assert_allclose(slopes[:, j], difference(modes, psi, j), atol=2e-6)


def test_hessian_and_covariance() -> None:
    problem, psi, _ = drawn(design(STRUCTURES["slopes"], data(14, 200)), "nb1", "log")
    found = problem.minimise(psi, 200, 1e-9, True)
    at = np.concatenate([found.theta, found.beta, found.auxiliary])
    gradient = lambda x: problem.gradient(x)[1]  # noqa: E731
    expected = np.column_stack([difference(gradient, at, j) for j in range(len(at))])
    size = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    assert found.hessian is not None
    assert found.covariance is not None
    np.testing.assert_allclose(found.hessian / size, expected / size, atol=1e-4)
    np.testing.assert_allclose(found.covariance @ found.hessian, 2 * np.eye(len(at)), atol=1e-8)


def test_conditional_covariances_are_blocks_of_one_solution() -> None:
    problem, psi, _ = drawn(design(STRUCTURES["slopes"], data(15)), "poisson", "log")
    sizes = [len(b) * b.shape[1] for b in problem.estimates(psi, hessian=False).b]
    C = problem.solve(psi, np.eye(sum(sizes)))
    np.testing.assert_allclose(C, C.T, atol=1e-12)
    at = 0
    for term, size in enumerate(sizes):
        blocks = problem.conditional_covariance(psi, term)
        q = blocks.shape[1]
        for level, block in enumerate(blocks):
            own = slice(at + level * q, at + (level + 1) * q)
            np.testing.assert_allclose(block, C[own, own], atol=1e-12)
        at += size


def test_draws_and_refits_do_not_depend_on_the_cut() -> None:
    matrices = design(STRUCTURES["slopes"], data(16, 150))
    problem, psi, _ = drawn(matrices, "binomial", "logit")
    eta = np.ascontiguousarray(matrices.X @ psi[problem.n_theta : problem.n_theta + 2])
    key = np.array([3, 4], dtype=np.uint64)
    whole = problem.draw(psi, eta, key, "normal", 0, 6)
    parts = [problem.draw(psi, eta, key, "normal", first, 2) for first in (0, 2, 4)]
    np.testing.assert_array_equal(whole, np.vstack(parts))
    fits = problem.refit(np.asfortranarray(whole.T), psi, 200, 1e-9)
    assert fits.status == ["converged"] * 6
    for i, y in enumerate(whole):
        alone = problem.with_response(np.ascontiguousarray(y)).minimise(psi, 200, 1e-9, True)
        assert abs(alone.deviance - fits.deviance[i]) < 1e-7
        np.testing.assert_allclose(fits.psi[i, problem.n_theta :], alone.beta, atol=1e-5)


@pytest.mark.parametrize(("name", "link", "zero"), CASES)
def test_searches_end_soon_at_a_minimum(name: str, link: str, zero: str | None) -> None:
    matrices = design("y ~ x + (1 | g)", data(17, 400))
    problem, psi, _ = drawn(matrices, name, link, zero, seed=3)
    found = problem.minimise(None, 200, 1e-9, False)
    assert found.status == "converged"
    assert found.deviance <= problem.deviance(psi) + 1e-6
    assert len(found.trace) <= 30
    assert np.abs(found.gradient).max() < 1e-2
