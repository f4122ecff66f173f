"""Model matrices in the layout that the native engine reads without a copy."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design import ModelMatrices

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Arrays:
    """The arguments of the native constructor but for the response.

    Attributes
    ----------
    X
        Fixed-effects matrix (n, p), Fortran order.
    groups
        Level codes (n,) and number of levels, per grouping factor.
    terms
        Grouping factor, columns (n, q) in Fortran order and structure, per random term.
    weights
        (n,) or None.
    """

    X: Vector
    groups: list[tuple[NDArray[np.int32], int]]
    terms: list[tuple[int, Vector, str]]
    weights: Vector | None


def arrays_of(m: ModelMatrices) -> Arrays:
    """The arrays of a design."""
    return Arrays(
        X=np.asfortranarray(m.X),
        groups=[(np.ascontiguousarray(g.codes), len(g.levels)) for g in m.groupings],
        terms=[(t.group, np.asfortranarray(t.Z), t.structure) for t in m.terms],
        weights=None if m.weights is None else np.ascontiguousarray(m.weights),
    )


def without_offset(m: ModelMatrices, values: Vector) -> Vector:
    """`values` (n,) or (n, r) less the offset of every row, if there is one."""
    if m.offset is None:
        return values
    return values - (m.offset if values.ndim == 1 else m.offset[:, None])
