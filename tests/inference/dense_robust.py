"""Cluster-robust covariances by dense algebra over all rows, from the definitions.

Pustejovsky & Tipton (2018), Journal of Business & Economic Statistics 36: equations (3), (6) to (8)
and section 4. It shares no code with the package: W = V^-1 whole, H = X M X'W whole, A_j from the
upper Cholesky factor of the block of V, and every pair of clusters.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

ZERO = 1e-9


@dataclass(frozen=True)
class DenseRobust:
    """The covariance (p, p), and per cluster the (n, p) columns p_j of its terms (p_j'e)^2."""

    beta: Array
    covariance: Array
    columns: list[Array]
    V: Array

    def df(self, row: Array) -> float:
        P = self._pairs(row, row)
        return float(np.trace(P) ** 2 / np.sum(P**2))

    def hotelling(self, L: Array) -> tuple[float, float]:
        """F and its denominator degrees of freedom."""
        q = len(L)
        mean = np.array([[np.trace(self._pairs(s, t)) for t in L] for s in L])
        unit = np.linalg.inv(np.linalg.cholesky(mean)) @ L
        spread = 0.0
        for s in unit:
            for t in unit:
                across = self._pairs(s, t)
                spread += np.sum(self._pairs(s, s) * self._pairs(t, t) + across * across.T)
        eta = q * (q + 1) / spread
        Q = L @ self.beta @ np.linalg.solve(L @ self.covariance @ L.T, L @ self.beta)
        return float((eta - q + 1) / (eta * q) * Q), float(eta - q + 1)

    def _pairs(self, s: Array, t: Array) -> Array:
        first = np.column_stack([G @ s for G in self.columns])
        second = np.column_stack([G @ t for G in self.columns])
        return first.T @ self.V @ second


def dense_robust(y: ArrayLike, X: ArrayLike, V: ArrayLike, clusters: Any, kind: str) -> DenseRobust:
    y, X, V = (np.asarray(values, dtype=float) for values in (y, X, V))
    n, p = X.shape
    W = np.linalg.inv(V)
    M = np.linalg.inv(X.T @ W @ X)
    left = np.eye(n) - X @ M @ X.T @ W
    e = left @ y
    columns = []
    members = [np.flatnonzero(np.asarray(clusters) == c) for c in np.unique(clusters)]
    for rows in members:
        block, own = V[np.ix_(rows, rows)], X[rows]
        variance = (left @ V @ left.T)[np.ix_(rows, rows)]
        A = adjustment(kind, block, variance, left[np.ix_(rows, rows)])
        columns.append(left[rows].T @ A.T @ np.linalg.inv(block) @ own @ M)
    scores = np.array([G.T @ y for G in columns])
    m = len(members)
    factor = {"CR1": m / (m - 1), "CR1p": m / (m - p) if m > p else np.nan,
              "CR1S": m * (n - 1) / ((m - 1) * (n - p))}.get(kind, 1.0)  # fmt: skip
    assert np.allclose(scores, [(G.T @ e) for G in columns])
    return DenseRobust(M @ X.T @ W @ y, factor * scores.T @ scores, columns, V)


def adjustment(kind: str, block: Array, variance: Array, left: Array) -> Array:
    if kind == "CR2":
        D = np.linalg.cholesky(block).T
        values, vectors = np.linalg.eigh(D @ variance @ D.T)
        keep = values > ZERO * values[-1]
        root = vectors[:, keep] @ np.diag(values[keep] ** -0.5) @ vectors[:, keep].T
        return np.asarray(D.T @ root @ D)
    return np.linalg.inv(left) if kind == "CR3" else np.eye(len(block))
