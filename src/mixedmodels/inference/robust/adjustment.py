"""What is done for few clusters: how residuals count, and by what the sum is multiplied.

With V_j = L L' and C = (X'V^-1 X)^-1, a cluster adds u u', u = N'e, N = A' V_j^-1 X_j C:

    CR0, CR1, CR1p, CR1S     A = I
    CR2     A = L B^+1/2 L',  B = L'(V_j - X_j C X_j')L     (Pustejovsky & Tipton 2018, section 2.3)
    CR3     A = (I - X_j C X_j'V_j^-1)^-1: without cluster j, the jackknife

G = I - L^-1 X_j C X_j'L^-T, whose eigenvalues lie between 0 and 1, is what X leaves of the cluster;
zeros are directions that the cluster alone determines, and the inverses leave them out. B =
(L'M)(L'M)' with M M' = V_j - X_j C X_j' = L G L': its root is found from the singular values of
L'M, which are not the squares that B has.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.inference.robust.blocks import Blocks
from mixedmodels.vocabulary import RobustKind

Vector = NDArray[np.float64]

DETERMINED = 1e-10
"""Eigenvalue of G below which a direction is one that the cluster alone determines."""


@dataclass(frozen=True, slots=True)
class Adjusted:
    """Clusters of one size.

    Attributes
    ----------
    N : array (g, r, p)
        What the residuals are multiplied with: u_j = N_j'e_j.
    half : array (g, r, p)
        half'half = N'V N.
    """

    N: Vector
    half: Vector


def adjusted(kind: RobustKind, block: Blocks, C: Vector) -> Adjusted:
    """The N of clusters, and what gives their variance under the model."""
    L = np.asarray(np.linalg.cholesky(block.V), dtype=np.float64)
    white = np.linalg.solve(L, block.X)
    left: Vector = np.asarray(white @ C, dtype=np.float64)
    if kind in ("CR2", "CR3"):
        G = np.eye(L.shape[1]) - left @ white.swapaxes(1, 2)
        values, vectors = np.linalg.eigh((G + G.swapaxes(1, 2)) / 2)
        keeps = values > DETERMINED
        if kind == "CR2":
            return _geometric(L, left, np.where(keeps, values, 0), vectors)
        inverse = np.where(keeps, 1 / np.where(keeps, values, 1.0), 0.0)
        inside = vectors.swapaxes(1, 2) @ left
        left = np.asarray((vectors * inverse[:, None, :]) @ inside, dtype=np.float64)
    N = np.asarray(np.linalg.solve(L.swapaxes(1, 2), left), dtype=np.float64)
    return Adjusted(N, left)


def _geometric(L: Vector, left: Vector, values: Vector, vectors: Vector) -> Adjusted:
    """CR2: N = L B^+1/2 L^-1 X C, from the eigenvalues (g, r) and vectors of G."""
    root = L.swapaxes(1, 2) @ L @ (vectors * np.sqrt(values)[:, None, :])
    U, S, _ = np.linalg.svd(root)
    n_kept = np.count_nonzero(values, axis=1)[:, None]
    keeps = np.arange(S.shape[1]) < n_kept
    inverse = np.where(keeps, 1 / np.where(keeps, S, 1.0), 0.0)
    N = L @ ((U * inverse[:, None, :]) @ (U.swapaxes(1, 2) @ left))
    return Adjusted(N, L.swapaxes(1, 2) @ N)


def factor(kind: RobustKind, m: int, n: int, p: int) -> float:
    """What the sum over m clusters of n rows is multiplied with, beside p coefficients."""
    if kind == "CR1":
        return m / (m - 1)
    if kind == "CR1p":
        return m / (m - p)
    if kind == "CR1S":
        return m * (n - 1) / ((m - 1) * (n - p))
    return 1.0
