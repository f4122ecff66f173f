"""The part of a space of linear functions that the data determine.

A row l' is estimable if l'N = 0, with N the relations between the columns of the fixed part. Of
rows L the combinations C L with C L N = 0 are, and they are all.
"""

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design.estimability import FixedColumns

Vector = NDArray[np.float64]

RANK = 1e-8
"""Singular value, relative to the size of what is summed, below which there is none."""


def estimable_part(columns: FixedColumns, L: Vector) -> tuple[Vector, Vector]:
    """C (r, k) and C L (r, p), over the working columns of X, of rows L (k, all columns).

    Where all are estimable, C is the identity. Rows that are not there (nan) do not count.
    """
    there = ~np.isnan(L).any(axis=1)
    whole = np.eye(len(L))[there]
    L = L[there]
    if columns.relations is not None and len(L) and not columns.estimable(L).all():
        N = columns.relations.coefficients
        scale = np.maximum((np.abs(L) @ np.abs(N)).max(axis=0), 1e-300)
        C = left_null_space(L @ N / scale)
        whole, L = C @ whole, C @ L
    return whole, np.asarray(columns.kept_of(L))


def left_null_space(A: Vector) -> Vector:
    """Orthonormal rows C (r, m) with C A = 0, of A (m, d) of entries of order one."""
    left, values, _ = np.linalg.svd(A, full_matrices=True)
    rank = int(np.sum(values > RANK))
    return np.asarray(left[:, rank:].T)
