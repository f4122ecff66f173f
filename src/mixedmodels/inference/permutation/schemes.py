"""What is exchanged, and the F of the hypothesis at the null model's covariance afterwards.

Whitened by V^-1/2 of the null model, rows are independent with one variance. With U_0 a basis of
the whitened columns of the null model, U what the hypothesis adds to it, and r the whitened
residuals of the null model,

    F = (|U'r|^2 / k) / ((|r|^2 - |U_0'r|^2 - |U'r|^2) / (n - p)).

Residuals in another order, or with other signs, plus the mean of the null model are a response of
which this is the F (Freedman & Lane 1983). Where labels change places, r stays and U changes.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mixedmodels.inference.permutation.null_model import NullModel
from mixedmodels.inference.permutation.whitening import Whitening

Vector = NDArray[np.float64]
Int = NDArray[np.int64]

BLOCK = 4_000_000
"""Numbers in a dense temporary."""

RANK = 1e-10
"""Eigenvalue, of columns of unit length, that is rounding of zero."""


class Statistic(Protocol):
    """F of arrangements."""

    @property
    def num_df(self) -> int:
        """The rank of the hypothesis."""

    @property
    def observed(self) -> float:
        """That of the data."""

    def of(self, arrangements: Int) -> Vector:
        """Those (count,) of arrangements (count, units)."""


@dataclass(frozen=True, slots=True)
class OfResiduals:
    """F where whitened residuals change places or signs.

    Attributes
    ----------
    r : array (n,)
    null : array (n, p_0)
        U_0.
    tested : array (n, k)
        U.
    units : array (n,), optional
        Which unit's sign each row has; None where rows change places.
    """

    r: Vector
    null: Vector
    tested: Vector
    units: Int | None

    @property
    def num_df(self) -> int:
        """The rank of the hypothesis."""
        return int(self.tested.shape[1])

    @property
    def observed(self) -> float:
        """Of the residuals as they are."""
        return float(self._f(self.r[:, None])[0])

    def of(self, arrangements: Int) -> Vector:
        """F of every arrangement, in blocks that fit in memory."""
        n, found = len(self.r), []
        step = max(1, BLOCK // n)
        for first in range(0, len(arrangements), step):
            some = arrangements[first : first + step]
            moved = self.r[some] if self.units is None else self.r * some[:, self.units]
            found.append(self._f(moved.T))
        return np.concatenate(found)

    def _f(self, R: Vector) -> Vector:
        explained = np.sum((self.tested.T @ R) ** 2, axis=0)
        left = self.r @ self.r - np.sum((self.null.T @ R) ** 2, axis=0)
        df = len(self.r) - self.null.shape[1] - self.num_df
        return ratio(explained, left - explained, self.num_df, df)

    def moved(self, blocks: Int) -> float:
        """Share of the tested direction that changes least which moving residuals changes."""
        sizes = np.bincount(blocks)
        means = [np.bincount(blocks, column) / sizes for column in self.tested.T]
        inside = self.tested - np.column_stack(means)[blocks]
        return float(np.linalg.eigvalsh(inside.T @ inside)[0])


def of_residuals(model: NullModel, X: Vector, units: Int | None) -> OfResiduals:
    """The whitened residuals of a null model, tested against the columns `X` (n, p)."""
    null = basis(model.whitening.times(model.X))
    y = model.whitening.times(model.y[:, None])[:, 0]
    whole = model.whitening.times(X)
    k = X.shape[1] - null.shape[1]
    outside = _outside(null, _outside(null, whole / np.linalg.norm(whole, axis=0)))
    tested = np.linalg.svd(outside, full_matrices=False)[0][:, :k]
    return OfResiduals(_outside(null, y), null, tested, units)


@dataclass(frozen=True, slots=True)
class OfLabels:
    """F where the labels of units change places.

    Attributes
    ----------
    r : array (n,)
    null : array (n, p_0)
        U_0.
    values : array (units, c)
        The columns of the term, one row per unit.
    units : array (n,)
        Which unit each row is of.
    whitening : Whitening
    """

    r: Vector
    null: Vector
    values: Vector
    units: Int
    whitening: Whitening

    @property
    def num_df(self) -> int:
        """The rank of what the term adds."""
        B = _outside(self.null, self.whitening.times(self.values[self.units]))
        return int(np.count_nonzero(np.linalg.eigvalsh(B.T @ B) > self._tolerance))

    @property
    def observed(self) -> float:
        """Of the labels as they are."""
        return float(self.of(np.arange(len(self.values))[None])[0])

    def of(self, arrangements: Int) -> Vector:
        """F of every arrangement, in blocks that fit in memory."""
        k, found = self.num_df, []
        df = len(self.r) - self.null.shape[1] - k
        step = max(1, BLOCK // (len(self.r) * self.values.shape[1]))
        for first in range(0, len(arrangements), step):
            explained = self._explained(arrangements[first : first + step])
            found.append(ratio(explained, self.r @ self.r - explained, k, df))
        return np.concatenate(found)

    def _explained(self, some: Int) -> Vector:
        n, count, c = len(self.r), len(some), self.values.shape[1]
        columns = self.values[some[:, self.units]].transpose(1, 0, 2).reshape(n, count * c)
        white = _outside(self.null, self.whitening.times(columns)).reshape(n, count, c)
        B = white.transpose(1, 0, 2)
        h = np.einsum("inc,n->ic", B, self.r)
        values, vectors = np.linalg.eigh(B.swapaxes(1, 2) @ B)
        inside = np.einsum("icv,ic->iv", vectors, h)
        keeps = values > self._tolerance
        part = np.where(keeps, inside**2, 0.0) / np.where(keeps, values, 1.0)
        return np.asarray(part.sum(axis=1))

    @property
    def _tolerance(self) -> float:
        return RANK * float(np.sum(self.whitening.times(self.values[self.units]) ** 2))


def of_labels(model: NullModel, columns: Vector, units: Int) -> OfLabels:
    """The labels of units in `columns` (n, c), which are constant in each."""
    null = basis(model.whitening.times(model.X))
    y = model.whitening.times(model.y[:, None])[:, 0]
    first = np.unique(units, return_index=True)[1]
    values = columns[first] / np.linalg.norm(columns, axis=0)
    return OfLabels(_outside(null, y), null, values, units, model.whitening)


def ratio(explained: Vector, left: Vector, k: int, df: int) -> Vector:
    """F, infinite where nothing is left."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((explained / k) / (np.maximum(left, 0.0) / df), dtype=np.float64)


def basis(columns: Vector) -> Vector:
    """An orthonormal basis of columns of full rank."""
    length = np.linalg.norm(columns, axis=0)
    return np.asarray(np.linalg.qr(columns / length)[0], dtype=np.float64)


def _outside(null: Vector, columns: Vector) -> Vector:
    return np.asarray(columns - null @ (null.T @ columns), dtype=np.float64)
