"""The numbers of a meta-analysis on plain arrays: y = X beta + sum_k Z_k b_k + e, Var(e) = v known.

Letters: W = diag(1/v) and P = W - W X (X'WX)^-1 X'W without heterogeneity; V and its P with it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mixedmodels.inference.heterogeneity.crossing import crossing

Vector = NDArray[np.float64]
Rows = NDArray[np.intp]

Part = tuple[Vector, Sequence[Vector]]
"""Of one block of rows: V (m, m), and dV / dtau_j (m, m) of every variance parameter."""


@dataclass(frozen=True, slots=True)
class Homogeneity:
    """The test that nothing but the known variances is between the studies.

    Attributes
    ----------
    Q
        r'Wr, r the residuals of weighted least squares; chi-square without heterogeneity.
    df
        n - p.
    p_value
        Of Q.
    typical
        df / tr(P): the typical variance within studies (Higgins & Thompson 2002, Stat. Med. 21,
        1539, equation 9, with moderators).
    """

    Q: float
    df: int
    p_value: float
    typical: float


def homogeneity(y: Vector, X: Vector, v: Vector) -> Homogeneity:
    """Cochran's test; `y` (n,), `X` (n, p) of full rank, `v` (n,)."""
    Q, leverage = _weighted(y, X, v)
    df = len(y) - X.shape[1]
    trace = float(np.sum((1 - leverage) / v))
    return Homogeneity(Q, df, float(special.chdtrc(df, Q)) if df else np.nan, df / trace)


def q_profile(y: Vector, X: Vector, v: Vector, z: Vector, level: float) -> tuple[float, float]:
    """The values of tau^2 at which Q lies between the quantiles of its chi-square distribution.

    Exact for normal responses with variances v + z^2 tau^2 (Viechtbauer 2007, Stat. Med. 26, 37).
    Q falls as tau^2 grows; a limit below zero is zero.
    """
    df = len(y) - X.shape[1]

    def excess(quantile: float) -> Callable[[float], float]:
        return lambda tau2: _weighted(y, X, v + z**2 * tau2)[0] - quantile

    tails = special.chdtri(df, [(1 - level) / 2, (1 + level) / 2])
    low, high = (_root(excess(float(quantile)), float(np.mean(v))) for quantile in tails)
    return low, high


def _weighted(y: Vector, X: Vector, v: Vector) -> tuple[float, Vector]:
    """Q and the leverages of weighted least squares."""
    root = 1 / np.sqrt(v)
    basis, _ = np.linalg.qr(X * root[:, None])
    scaled = y * root
    resid = scaled - basis @ (basis.T @ scaled)
    return float(resid @ resid), np.sum(basis**2, axis=1)


def _root(falling: Callable[[float], float], step: float) -> float:
    """Where a falling function of a positive number is zero; 0 if it is below zero there."""
    if falling(0.0) <= 0:
        return 0.0
    upper = step
    while falling(upper) > 0:
        upper *= 4
    return crossing(falling, 0.0, upper, 1e-12)


def expected_information(
    X: Vector,
    blocks: Sequence[Rows],
    part: Callable[[Rows], Part],
    n_parameters: int,
    *,
    reml: bool,
) -> Vector:
    """tr(P V_i P V_j) / 2 (REML) or tr(V^-1 V_i V^-1 V_j) / 2 (ML), V_i = dV / dtau_i.

    `blocks` are rows that are independent of all others, `part` gives V and V_i there. With
    C = (X'V^-1 X)^-1 the trace is tr(V^-1 V_i V^-1 V_j) - 2 tr(C B_ij) + tr(C A_i C A_j), sums of
    A_i = X'V^-1 V_i V^-1 X and B_ij = X'V^-1 V_i V^-1 V_j V^-1 X over the blocks.
    """
    p, m = X.shape[1], n_parameters
    gram, A, B = np.zeros((p, p)), np.zeros((m, p, p)), np.zeros((m, m, p, p))
    traces = np.zeros((m, m))
    for rows in blocks:
        V, slopes = part(rows)
        inverse = np.linalg.inv(V)
        G = [inverse @ slope for slope in slopes]
        lhs = inverse @ X[rows]
        gram += X[rows].T @ lhs
        for i in range(m):
            A[i] += lhs.T @ slopes[i] @ lhs
            for j in range(m):
                traces[i, j] += np.sum(G[i] * G[j].T)
                B[i, j] += (slopes[i] @ lhs).T @ (G[j] @ lhs)
    if reml:
        C = np.linalg.inv(gram)
        CA = C @ A
        traces += np.einsum("iab,jba->ij", CA, CA) - 2 * np.einsum("ab,ijba->ij", C, B)
    return traces / 2
