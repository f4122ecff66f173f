"""What is told of rows that are not kept: means, and a few of the rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.data import Frame
from mixedmodels.shortening import brief

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RowMoments:
    """Means over rows that are not kept, in working coordinates; each row counts once.

    Attributes
    ----------
    n
        The number of rows.
    X
        Shape (p, p): X'X.
    mean
        Shape (p,): the means of the columns of X.
    Z
        Per random term Z'Z / n (q, q).
    spread
        Standard deviation of the response in the units of sigma: weighted.
    offset, inverse_weight
        Means.
    sample
        Some of the rows, for what no number depends on: which cells there are, and which columns
        span which.
    counts
        How many rows each of these stands for, others of its cell for none; None where there are
        too many cells to know.
    scales
        Per random term the root-mean-square (q,) of its columns, weights included; None where a
        problem knows them.
    """

    n: int
    X: Matrix
    mean: Vector
    Z: tuple[Matrix, ...]
    spread: float
    offset: float
    inverse_weight: float
    sample: Frame
    counts: Vector | None
    scales: tuple[Vector, ...] | None = None

    __repr__ = brief

    def variance(self, beta: Vector) -> float:
        """The variance of X beta over the rows."""
        about = self.X - self.n * np.outer(self.mean, self.mean)
        return float(beta @ about @ beta) / (self.n - 1)
