"""The columns of the fixed part that are kept, and which rows the kept ones speak for.

Columns that earlier ones span are dropped, which sets their coefficients to zero: one choice of
many. On the rows of the fit every choice gives the same mean. On another row x' it does only if x'
satisfies the relations of the columns, that is, if it is in the row space of the whole matrix;
otherwise the mean there is not estimable, and any number for it is that of a coding (Searle 1971,
Linear Models, section 5.4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mixedmodels.design.coordinates import ORIGINAL, Coordinates, coordinates_of, is_well_apart
from mixedmodels.design.matrices import Mask, Matrix, Vector
from mixedmodels.design.rank import independent_columns
from mixedmodels.errors import DataError

OFF = 1e-6
"""Distance from a relation, in standard deviations of the dropped column, that counts: columns are
dropped at a tenth of it."""

FAR = 1e5
"""Distance from zero, in standard deviations, at which a column of an ordinal model is refused."""

ROUNDING = 1e-10
"""The same, relative to the terms of the relation."""


@dataclass(frozen=True, slots=True)
class Relations:
    """The linear relations of the columns of the fixed part.

    Attributes
    ----------
    coefficients
        Shape (columns, d): the columns times each of these give zero on the rows of the fit.
    slack
        Shape (d,): how far from zero a row may be.
    units
        Shape (columns,): the size of every column around its mean, or of what does not vary;
        infinite for a column of zeros.
    """

    coefficients: Matrix
    slack: Vector
    units: Vector

    def hold(self, X: Matrix) -> Mask:
        """Whether each row of all columns (n, columns) satisfies them; yes where one is missing."""
        return self._hold(X, self.slack)

    def hold_for(self, L: Matrix) -> Mask:
        """Whether linear functions L (k, columns) satisfy them.

        Unlike rows of data, these have any scale: a slope is in units of one over a covariate, and
        the coefficients of a contrast may be small. What counts is measured by their own size.
        """
        size = self.size(L)[:, None]
        return self._hold(L, self.slack * (np.minimum(size, 1.0) + size * ROUNDING / OFF))

    def size(self, L: Matrix) -> Vector:
        """The largest entry of each row of L, in units of its column (k,)."""
        return np.asarray((np.abs(L) / self.units).max(axis=1))

    def distance(self, L: Matrix) -> Matrix:
        """How far from zero (k, d) rows L (k > 0, columns) are, relative to the largest of them."""
        found = L @ self.coefficients
        sd = self.slack / OFF
        scale = np.where(sd > 0, sd * self.size(L).max(), np.abs(found).max(axis=0))
        return np.asarray(found / np.where(scale > 0, scale, 1.0))

    def _hold(self, X: Matrix, slack: Vector) -> Mask:
        distance = np.abs(X @ self.coefficients)
        terms = np.abs(X) @ np.abs(self.coefficients)
        off = distance > slack + ROUNDING * terms
        return np.asarray(~off.any(axis=1))


@dataclass(frozen=True, slots=True)
class FixedColumns:
    """Which columns of the fixed part are in X.

    Attributes
    ----------
    kept
        Their indices among all.
    names
        Their names.
    aliased
        Names of the others, which earlier ones span.
    relations
        None if all are kept.
    coordinates
        The working coordinates of X.
    absorbed
        The index of the constant where the thresholds of an ordinal model stand for it.
    """

    kept: tuple[int, ...]
    names: tuple[str, ...]
    aliased: tuple[str, ...]
    relations: Relations | None
    coordinates: Coordinates
    absorbed: tuple[int, ...] = ()

    def kept_of(self, X: Matrix) -> Matrix:
        """X, in working coordinates, from all columns."""
        is_all = self.relations is None and not self.absorbed
        kept = X if is_all else X[:, list(self.kept)]
        return np.asfortranarray(self.coordinates.columns(kept))

    def completed(self, row: Vector) -> Vector:
        """All columns (columns,) of a row of X, or mean of rows."""
        row = self.coordinates.original(row[None])[0]
        out = np.zeros(len(self.kept) + len(self.aliased) + len(self.absorbed))
        kept = [*self.absorbed, *self.kept]
        out[kept] = [*(1.0 for _ in self.absorbed), *row]
        if self.relations is not None:
            dropped = [j for j in range(len(out)) if j not in set(kept)]
            out[dropped] = -(out[kept] @ self.relations.coefficients[kept])
        return out

    def estimable(self, X: Matrix) -> Mask:
        """Whether the mean of each row of all columns (n, columns) is estimable."""
        return np.ones(len(X), np.bool_) if self.relations is None else self.relations.hold(X)

    def estimable_functions(self, L: Matrix) -> Mask:
        """Whether each linear function L (k, columns) is estimable, on whatever scale it is."""
        return np.ones(len(L), np.bool_) if self.relations is None else self.relations.hold_for(L)


def fixed_columns(X: Matrix, names: Sequence[str]) -> FixedColumns:
    """Choose the columns to keep of all columns X (n, columns) of a fit."""
    if X.shape[1] and is_well_apart(X):
        return FixedColumns(tuple(range(X.shape[1])), tuple(names), (), None, ORIGINAL)
    kept = tuple(independent_columns(X).tolist())
    dropped = [j for j in range(X.shape[1]) if j not in set(kept)]
    return FixedColumns(
        kept=kept,
        names=tuple(names[j] for j in kept),
        aliased=tuple(names[j] for j in dropped),
        relations=_relations(X, list(kept), dropped) if dropped else None,
        coordinates=coordinates_of(X[:, list(kept)] if dropped else X),
    )


def without_constant(columns: FixedColumns, X: Matrix) -> FixedColumns:
    """The same with the constant, the first of all columns X (n, columns), left to thresholds.

    Raises
    ------
    DataError
        If a column is so far from zero that its slope drowns in that of the constant, from which
        it cannot be subtracted.
    """
    kept = columns.kept[1:]
    for name, j in zip(columns.names[1:], kept, strict=True):
        mean, sd = abs(float(X[:, j].mean())), float(X[:, j].std())
        if mean > FAR * sd:
            raise DataError(
                f"The column {name!r} is {mean / sd:.0e} standard deviations away from zero.\n"
                "Do:   subtract its mean, or choose another origin.\n"
                "Why:  the thresholds of an ordinal model stand at the origin of its covariates, "
                "and would not be told from its slope to the precision of the arithmetic."
            )
    return replace(
        columns,
        kept=kept,
        names=columns.names[1:],
        coordinates=coordinates_of(X[:, list(kept)]) if columns.coordinates.steps else ORIGINAL,
        absorbed=(0,),
    )


def _relations(X: Matrix, kept: list[int], dropped: list[int]) -> Relations:
    """Each dropped column less its combination of the kept ones; far origins do not hurt."""
    first = X[:, 0]
    centre = X.mean(axis=0) if first[0] != 0 and np.all(first == first[0]) else np.zeros(X.shape[1])
    C = X - centre
    size = np.linalg.norm(C, axis=0)
    unit = C / np.where(size > 0, size, 1.0)
    found = np.linalg.lstsq(unit[:, kept], C[:, dropped], rcond=None)[0]
    b = found / np.where(size > 0, size, np.inf)[kept][:, None]
    coefficients = np.zeros((X.shape[1], len(dropped)))
    coefficients[kept] = -b
    coefficients[dropped, range(len(dropped))] = 1.0
    if centre.any():
        coefficients[0] -= (centre @ coefficients) / first[0]
    n = np.sqrt(len(X))
    units = np.where(size > 0, size, np.linalg.norm(X, axis=0)) / n
    return Relations(coefficients, OFF * size[dropped] / n, np.where(units > 0, units, np.inf))
