"""Moments of the estimated variances of very many rows, such as the means of all rows of the data.

Both moments are forms in l l': with D_j = half'half and F_j = N'X C^1/2 (p, p) of every cluster,

    mean = sum_j l'(D_j - F_j F_j')l,
    variance / 2 = sum_j (l'D_j l)^2 - 2 (l'D_j l)(l'F_j F_j'l)  +  |sum_j F_j'l l'F_j|^2,

so that sums over clusters are taken once for all rows.
"""

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Int = NDArray[np.int64]

CHUNK = 4_000_000
"""Numbers of products of rows at a time."""


def of_many_rows(
    L: Vector, half: Vector, N: Vector, X: Vector, starts: Int
) -> tuple[Vector, Vector]:
    """Mean and variance (k,) for rows `L` (k, p); the rest as in `ClusterRobust`."""
    p = L.shape[1]
    D = np.add.reduceat(half[:, :, None] * half[:, None, :], starts)
    F = np.add.reduceat(N[:, :, None] * X[:, None, :], starts)
    H = F @ F.swapaxes(1, 2)
    total = (D - H).sum(axis=0).ravel()
    flat_D, flat_H = D.reshape(-1, p * p), H.reshape(-1, p * p)
    own = flat_D.T @ (flat_D - 2 * flat_H)
    by_columns = F.reshape(-1, p * p)  # [j, (s, a)] to the (s, t) to (a, b) form of the last sum
    across = (by_columns.T @ by_columns).reshape(p, p, p, p).swapaxes(1, 2).reshape(p * p, p * p)
    mean, spread = np.empty(len(L)), np.empty(len(L))
    step = max(1, CHUNK // (p * p))
    for first in range(0, len(L), step):
        rows = L[first : first + step]
        products = (rows[:, :, None] * rows[:, None, :]).reshape(len(rows), p * p)
        mean[first : first + step] = products @ total
        last = np.sum((products @ across) ** 2, axis=1)
        spread[first : first + step] = 2 * (np.sum((products @ own) * products, axis=1) + last)
    return mean, spread
