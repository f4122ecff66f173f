"""The part of a space of linear functions that the data determine.

A row l' is estimable if l'N = 0, with N the relations between the columns of the fixed part. Of
rows L the combinations C L with C L N = 0 are, and they are all.
"""

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design.estimability import FixedColumns, Relations

Vector = NDArray[np.float64]

RANK = 1e-8
"""Singular value, relative to the size of what is summed, below which there is none."""

ROUNDING = 1e-13
"""Sum, relative to the sum of the sizes of its parts, that is the rounding error of zero."""


def combined(C: Vector, L: Vector) -> Vector:
    """C L, of matrices or stacks of them; zero where the parts of a sum cancel but for rounding.

    Else a column that a combination does not have, but that its rows have, would be there at the
    size of rounding, and no tolerance could tell it from a small one.
    """
    found = C @ L
    return np.where(np.abs(found) <= ROUNDING * (np.abs(C) @ np.abs(L)), 0.0, found)


def combined_rows(C: Vector, L: Vector) -> Vector:
    """`combined` of rows L (k, columns), of which those that are not there (nan) count only where
    they are used.
    """
    lost = np.asarray(np.isnan(L).any(axis=1))
    if not lost.any():
        return combined(C, L)
    found = combined(C, np.where(lost[:, None], 0.0, L))
    found[(C[:, lost] != 0).any(axis=1)] = np.nan
    return found


def estimable_part(columns: FixedColumns, L: Vector) -> tuple[Vector, Vector]:
    """C (r, k) and C L (r, p), over the working columns of X, of rows L (k, all columns).

    Where all are estimable, C is the identity. Rows that are not there (nan) do not count.
    """
    there = ~np.isnan(L).any(axis=1)
    whole = np.eye(len(L))[there]
    L = L[there]
    if columns.relations is not None and len(L) and not columns.estimable_functions(L).all():
        C = left_null_space(columns.relations.distance(L))
        whole, L = C @ whole, combined(C, L)
    return whole, np.asarray(columns.kept_of(L))


def nominal_rank(relations: Relations, L: Vector) -> int:
    """How many of the rows L (k, all columns) are independent, estimable or not; nan as zeros."""
    L = np.nan_to_num(L)
    units = np.where(np.isfinite(relations.units), relations.units, np.abs(L).max(axis=0))
    scaled = L / np.where(units > 0, units, 1.0)
    values = np.linalg.svd(scaled, compute_uv=False)
    return int(np.sum(values > RANK * values.max(initial=0.0)))


def left_null_space(A: Vector) -> Vector:
    """Orthonormal rows C (r, m) with C A = 0, of A (m, d) of entries of order one."""
    left, values, _ = np.linalg.svd(A, full_matrices=True)
    rank = int(np.sum(values > RANK))
    return np.asarray(left[:, rank:].T)
