"""The blocks of a residual covariance: rows that are correlated with each other, by pattern.

Blocks with the same positions have the same correlations: what needs a factorisation needs one per
pattern, not one per block.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design import ModelMatrices

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Int = NDArray[np.int64]
Int32 = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Pattern:
    """Blocks whose rows stand at the same positions.

    Attributes
    ----------
    rows
        Shape (blocks, size): the rows of every block, in the order of the positions.
    positions
        Shape (size, d).
    part
        Which of the covariances of ``by=`` they have.
    """

    rows: Int
    positions: Matrix
    part: int


def patterns(codes: Int32, positions: Matrix, part: Int32) -> Iterator[Pattern]:
    """The blocks (n,) of rows at `positions` (n, d), by pattern."""
    order = np.lexsort((*positions.T[::-1], codes))
    sizes = np.bincount(codes)
    starts = np.cumsum(sizes) - sizes
    for size in np.unique(sizes[sizes > 0]).tolist():
        rows = order[starts[sizes == size][:, None] + np.arange(size)]
        places = positions[rows]
        key = np.column_stack([part[rows[:, 0]], places.reshape(len(rows), -1)])
        _, first, which = np.unique(key, axis=0, return_index=True, return_inverse=True)
        by_pattern = np.split(
            np.argsort(which.ravel(), kind="stable"),
            np.cumsum(np.bincount(which.ravel()))[:-1],
        )
        for blocks, example in zip(by_pattern, first.tolist(), strict=True):
            yield Pattern(rows[blocks], places[example], int(part[rows[example, 0]]))


class Covariances(Protocol):
    """What is asked of a problem."""

    @property
    def matrices(self) -> ModelMatrices: ...

    def residual_covariance(self, theta: Vector, part: int, positions: Vector) -> Vector: ...


def row_variances(problem: Covariances, theta: Vector, part: Int32, positions: Matrix) -> Vector:
    """The diagonal (n,) of C for rows of `part` (n,) at `positions` (n, d): of these rows of the
    problem or of new ones, relative to sigma^2 and without what differs between rows.

    One evaluation per place that occurs, and one alone where all places have the same variance.
    """
    used = problem.matrices.residual
    if used is None or used.structure is None:
        return np.ones(len(part))
    if used.structure.hom:
        positions = np.repeat(used.positions[:1], len(positions), axis=0)
    at, where = np.unique(np.column_stack([part, positions]), axis=0, return_inverse=True)
    own = [problem.residual_covariance(theta, int(row[0]), row[None, 1:])[0, 0] for row in at]
    return np.array(own)[where.ravel()]
