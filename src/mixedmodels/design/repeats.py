"""Random terms that say nothing of their own."""

from __future__ import annotations

import numpy as np

from mixedmodels.design.matrices import Grouping, Matrix, ModelMatrices, TermMatrix
from mixedmodels.design.sketch import (
    DEPENDENT,
    directions,
    entries_of,
    families_of,
    pairs,
    sketch_of,
)

SPANNED = 1e-4
"""What is left of a column of a sketch, relative to it, below which others span it."""

SPARE = 4
"""Random vectors beyond the number of parameters."""


def repeated_term(matrices: ModelMatrices) -> tuple[int, int | None] | None:
    """A term all of whose covariances another one (or the residual, None) can give, and that one.

    The two have the same levels, under one name or two. A known residual variance gives nothing.
    Of terms that repeat each other it is the
    later one.
    """
    V = directions(
        len(matrices.y), 1 + SPARE + sum(len(entries_of(term)) for term in matrices.terms)
    )
    blocks = [sketch_of(family, V) for family in families_of(matrices, None)]
    groupings = [matrices.groupings[term.group] for term in matrices.terms]
    for k in reversed(range(len(blocks))):
        if matrices.known_sigma is None and _is_spanned(blocks[k], pairs(V, V)[:, None]):
            return k, None
        for other, block in enumerate(blocks):
            same = _same_levels(groupings[k], groupings[other])
            if other != k and same and _is_spanned(blocks[k], block):
                return k, other
    return None


def _same_levels(a: Grouping, b: Grouping) -> bool:
    return len(a.levels) == len(b.levels) and a.is_within(b)


def dependent_column(term: TermMatrix) -> int | None:
    """The first column of a term that the earlier ones span over all rows, if there is one."""
    largest = np.abs(term.Z).max(axis=0)
    R = np.linalg.qr(term.Z / np.where(largest > 0, largest, 1.0), mode="r")
    left = np.abs(np.diag(R)) / np.maximum(np.linalg.norm(R, axis=0), np.finfo(np.float64).tiny)
    found = np.flatnonzero(left < DEPENDENT)
    return int(found[0]) if len(found) else None


def _is_spanned(block: Matrix, by: Matrix) -> bool:
    """Whether all columns of a sketch are combinations of those of another one."""
    own = np.linalg.norm(block, axis=0)
    other = np.linalg.norm(by, axis=0)
    unit, basis = block[:, own > 0] / own[own > 0], by[:, other > 0] / other[other > 0]
    left = unit - basis @ np.linalg.lstsq(basis, unit, rcond=DEPENDENT)[0]
    return bool(np.abs(left).max(initial=0.0) <= SPANNED)
