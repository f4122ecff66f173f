"""Any covariance structure by dense algebra, straight from its natural parameters.

    y = X beta + sum_k Z_k b_k + e
    V = sum_k (Z_k Sigma_k Z_k') o (W_k K_k W_k') + D C D

Sigma_k is the covariance of the columns of term k within a level, W_k (n x levels) says how much
of each level a row has, K_k is the covariance between the levels, D holds the residual standard
deviations, C their correlations within blocks. Everything is absolute: there is no sigma that
multiplies the rest. Correlations are written as textbooks write them, from standard deviations,
correlations and ranges; nothing here knows what the optimiser sees. It shares no code and no
factorisation with the engine: it is the judge of the engine's results.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import solve_discrete_lyapunov
from scipy.special import gamma, kv

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Gaussian:
    """A linear model with known covariance.

    Attributes
    ----------
    criterion
        Minus twice the log-likelihood at `beta` and V (ML), or lme4's REML criterion.
    beta, cov_beta
        Generalised least squares, (p,), and (X'V^-1 X)^-1, (p, p).
    resid
        y - X beta, (n,).
    scale
        r'V^-1 r / n (ML) or / (n - p): what V has to be multiplied by to raise the likelihood
        most. 1 where V is the estimate of a model whose scale is free.
    """

    criterion: float
    beta: Array
    cov_beta: Array
    resid: Array
    scale: float


def evaluate(y: ArrayLike, X: ArrayLike, V: ArrayLike, *, reml: bool) -> Gaussian:
    """The likelihood at V, with beta profiled out."""
    y, X, V = (np.asarray(values, dtype=float) for values in (y, X, V))
    n, p = X.shape
    inverse = np.linalg.inv(V)
    information = X.T @ inverse @ X
    cov_beta = np.linalg.inv(information)
    beta = cov_beta @ (X.T @ inverse @ y)
    resid = y - X @ beta
    square = float(resid @ inverse @ resid)
    degrees = n - p if reml else n
    criterion = degrees * np.log(2 * np.pi) + np.linalg.slogdet(V)[1] + square
    if reml:
        criterion += np.linalg.slogdet(information)[1]
    return Gaussian(float(criterion), beta, cov_beta, resid, square / degrees)


def random_effects(
    Z: ArrayLike, levels: ArrayLike, Sigma: ArrayLike, K: ArrayLike | None = None
) -> Array:
    """What one term adds to V, (n, n).

    `levels` is one code per row, or the weights of all levels per row, (n, levels). `K` is the
    covariance between the levels, the identity by default.
    """
    Z, Sigma = np.asarray(Z, dtype=float), np.asarray(Sigma, dtype=float)
    W = np.asarray(levels)
    if W.ndim == 1:
        W = np.equal.outer(W, np.unique(W) if K is None else np.arange(len(np.asarray(K))))
    W = W.astype(float)
    between = W @ W.T if K is None else W @ np.asarray(K, dtype=float) @ W.T
    return (Z @ Sigma @ Z.T) * between


def residuals(sd: ArrayLike, blocks: ArrayLike, correlation: ArrayLike) -> Array:
    """D C D: standard deviations per row, correlations of rows in one block, 0 of others."""
    sd, blocks = np.asarray(sd, dtype=float), np.asarray(blocks)
    together = np.equal.outer(blocks, blocks)
    return np.outer(sd, sd) * np.where(together, np.asarray(correlation, dtype=float), 0.0)


def conditional_modes(Z: ArrayLike, codes: ArrayLike, Sigma: ArrayLike, weighted: Array) -> Array:
    """E(b | y) of a term whose levels are independent, (levels, q); `weighted` is V^-1 r."""
    Z, codes = np.asarray(Z, dtype=float), np.asarray(codes)
    sums = [Z[codes == level].T @ weighted[codes == level] for level in np.unique(codes)]
    return np.array(sums) @ np.asarray(Sigma, dtype=float)


def whitened(resid: Array, blocks: ArrayLike, R: Array) -> Array:
    """L^-1 r block by block, with R = LL' of the rows in their order: normalised residuals."""
    blocks = np.asarray(blocks)
    white = np.empty(len(resid))
    for block in np.unique(blocks):
        rows = np.flatnonzero(blocks == block)
        white[rows] = np.linalg.solve(np.linalg.cholesky(R[np.ix_(rows, rows)]), resid[rows])
    return white


# ---- order within blocks ------------------------------------------------------------------------


def occurrence(blocks: ArrayLike) -> NDArray[np.intp]:
    """0, 1, 2 … within each block, in the order of the rows."""
    blocks = np.asarray(blocks)
    order = np.empty(len(blocks), dtype=np.intp)
    for block in np.unique(blocks):
        rows = np.flatnonzero(blocks == block)
        order[rows] = np.arange(len(rows))
    return order


def lags(positions: ArrayLike) -> Array:
    """Distances between all pairs of positions (n,) or (n, d), Euclidean."""
    P = np.asarray(positions, dtype=float)
    P = P.reshape(len(P), -1)
    return np.sqrt(((P[:, None, :] - P[None, :, :]) ** 2).sum(axis=2))


# ---- correlations of q columns or occasions -----------------------------------------------------


def scaled(sd: ArrayLike, correlation: ArrayLike) -> Array:
    """The covariance of given standard deviations (one for all, or one each) and correlations."""
    correlation = np.asarray(correlation, dtype=float)
    sd = np.broadcast_to(np.asarray(sd, dtype=float), len(correlation))
    return np.outer(sd, sd) * correlation


def unstructured(q: int, values: Sequence[float]) -> Array:
    """Correlations (2,1), (3,1), … (q,1), (3,2) …: the lower triangle by columns."""
    C = np.eye(q)
    pairs = [(i, j) for j in range(q) for i in range(j + 1, q)]
    for (i, j), value in zip(pairs, values, strict=True):
        C[i, j] = C[j, i] = value
    return C


def compound_symmetry(q: int, rho: float) -> Array:
    """The same correlation everywhere."""
    return np.where(np.eye(q) == 1, 1.0, rho)


def autoregressive(lag: ArrayLike, phi: float) -> Array:
    """phi to the lag: AR(1) at whole lags, CAR(1) and Ornstein-Uhlenbeck at any (phi > 0)."""
    return np.float_power(phi, np.asarray(lag, dtype=float))


def toeplitz(lag: ArrayLike, values: Sequence[float]) -> Array:
    """A correlation for each lag 1, 2 …; 0 beyond the last."""
    lag = np.asarray(lag).astype(int)
    table = np.zeros(max(int(lag.max()), len(values)) + 1)
    table[0] = 1.0
    table[1 : len(values) + 1] = values
    return table[lag]


def antedependence(values: Sequence[float]) -> Array:
    """Order 1: the product of the correlations of neighbours between i and j."""
    q = len(values) + 1
    C = np.eye(q)
    for i in range(q):
        for j in range(i):
            C[i, j] = C[j, i] = np.prod(values[j:i])
    return C


def arma(lag: ArrayLike, phi: Sequence[float], theta: Sequence[float]) -> Array:
    """x_t = sum phi_i x_(t-i) + e_t + sum theta_j e_(t-j), from its state's stationary covariance.

    The state is (x_t, …, x_(t-m+1), e_t, …, e_(t-m+1)); its covariance P solves P = F P F' + g g',
    and Cov(x_t, x_(t-h)) is the first entry of F^h P.
    """
    m = max(len(phi), len(theta), 1)
    F, g = np.zeros((2 * m, 2 * m)), np.zeros(2 * m)
    F[0, : len(phi)] = phi
    F[0, m : m + len(theta)] = theta
    F[1:m, : m - 1] = np.eye(m - 1)
    F[m + 1 :, m : 2 * m - 1] = np.eye(m - 1)
    g[[0, m]] = 1.0
    P = solve_discrete_lyapunov(F, np.outer(g, g))
    lag = np.asarray(lag).astype(int)
    table = np.empty(int(lag.max()) + 1)
    for h in range(len(table)):
        table[h] = P[0, 0]
        P = F @ P
    return table[lag] / table[0]


def factors(loadings: ArrayLike, specific: ArrayLike = 0.0) -> Array:
    """A covariance, LL' + diag(specific variances): reduced rank where there are none."""
    L = np.asarray(loadings, dtype=float)
    return L @ L.T + np.diag(np.broadcast_to(np.asarray(specific, dtype=float), len(L)))


# ---- correlations over positions ----------------------------------------------------------------


def exponential(distance: Array, range: float) -> Array:
    return np.exp(-distance / range)


def gaussian(distance: Array, range: float) -> Array:
    return np.exp(-((distance / range) ** 2))


def rational(distance: Array, range: float) -> Array:
    """1 / (1 + (d / range)^2), as in nlme's corRatio."""
    return 1 / (1 + (distance / range) ** 2)


def matern(distance: Array, range: float, nu: float) -> Array:
    """2^(1-nu) / Gamma(nu) (d/range)^nu K_nu(d/range); nu = 1/2 is the exponential."""
    x = np.where(distance > 0, distance / range, 1.0)
    return np.where(distance > 0, 2 ** (1 - nu) / gamma(nu) * x**nu * kv(nu, x), 1.0)


def nugget(correlation: Array, share: float) -> Array:
    """A share of the variance that belongs to the single row: correlations times 1 - share."""
    return (1 - share) * correlation + share * np.eye(len(correlation))
