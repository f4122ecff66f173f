"""The judge itself: each correlation against another way to say it."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from tests import structured_dense as dense

LAG = dense.lags(np.arange(6))


def test_the_likelihood_is_that_of_scipy() -> None:
    rng = np.random.default_rng(1)
    X, y = np.c_[np.ones(7), rng.normal(size=7)], rng.normal(size=7)
    V = np.cov(rng.normal(size=(7, 20)))
    found = dense.evaluate(y, X, V, reml=False)
    density = multivariate_normal(X @ found.beta, V).logpdf(y)
    assert found.criterion == pytest.approx(-2 * density, abs=1e-9)
    # REML: the likelihood of contrasts that X does not reach, with lme4's constant
    Q = np.linalg.qr(X, mode="complete")[0][:, 2:]
    contrasts = multivariate_normal(np.zeros(5), Q.T @ V @ Q).logpdf(Q.T @ y)
    reml = dense.evaluate(y, X, V, reml=True).criterion
    assert reml == pytest.approx(-2 * contrasts + np.linalg.slogdet(X.T @ X)[1], abs=1e-9)


@pytest.mark.parametrize(("phi", "theta"), [([0.7], []), ([], [0.5, 0.2]), ([0.5, 0.3], [-0.4])])
def test_arma_by_its_response_to_a_shock(phi: list[float], theta: list[float]) -> None:
    shock = np.zeros(2000)
    shock[0] = 1
    response = np.zeros(2000)
    for t in range(2000):
        response[t] = sum(p * response[t - 1 - i] for i, p in enumerate(phi) if t > i)
        response[t] += shock[t] + sum(q * shock[t - 1 - j] for j, q in enumerate(theta) if t > j)
    covariances = np.array([response[: 2000 - h] @ response[h:] for h in range(6)])
    expected = (covariances / covariances[0])[LAG.astype(int)]
    np.testing.assert_allclose(dense.arma(LAG, phi, theta), expected, atol=1e-12)


def test_special_cases() -> None:
    ar = dense.autoregressive(LAG, 0.6)
    np.testing.assert_allclose(dense.arma(LAG, [0.6], []), ar)
    np.testing.assert_allclose(dense.antedependence([0.6] * 5), ar)
    np.testing.assert_allclose(dense.toeplitz(LAG, [0.6**h for h in range(1, 6)]), ar)
    np.testing.assert_allclose(dense.exponential(LAG, -1 / np.log(0.6)), ar)
    np.testing.assert_allclose(dense.matern(LAG, 2.0, 0.5), dense.exponential(LAG, 2.0))
    x = LAG / 2.0
    np.testing.assert_allclose(dense.matern(LAG, 2.0, 1.5), (1 + x) * np.exp(-x))
    np.testing.assert_allclose(dense.unstructured(6, [0.3] * 15), dense.compound_symmetry(6, 0.3))


def test_members_and_known_covariances() -> None:
    rng = np.random.default_rng(2)
    codes, Z = rng.integers(0, 4, 9), rng.normal(size=(9, 2))
    Sigma = np.array([[2.0, 0.5], [0.5, 1.0]])
    one_hot = np.equal.outer(codes, np.arange(4)).astype(float)
    K = np.cov(rng.normal(size=(4, 9)))
    wide = np.einsum("nl,nq->nlq", one_hot, Z).reshape(9, 8)
    np.testing.assert_allclose(
        dense.random_effects(Z, codes, Sigma), wide @ np.kron(np.eye(4), Sigma) @ wide.T
    )
    np.testing.assert_allclose(
        dense.random_effects(Z, codes, Sigma, K), wide @ np.kron(K, Sigma) @ wide.T
    )
    shares = one_hot / 2 + 1 / 8
    wide = np.einsum("nl,nq->nlq", shares, Z).reshape(9, 8)
    np.testing.assert_allclose(
        dense.random_effects(Z, shares, Sigma, K), wide @ np.kron(K, Sigma) @ wide.T
    )
