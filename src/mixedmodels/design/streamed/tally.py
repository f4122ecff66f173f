"""What is counted beside the cross-products: levels, missing values, means, sizes, some rows.

A tally is a monoid over batches, like the sums that it goes with: `Tally.take` numbers the levels
of a batch for the sums, `Tally.absorb` tells how those of another tally are numbered here.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from mixedmodels.data.dictionary import Crossing, Dictionary
from mixedmodels.design.matrices import Int32, Matrix, Vector
from mixedmodels.design.streamed.batch import BatchRows
from mixedmodels.design.streamed.recipe import BatchRecipe
from mixedmodels.design.streamed.sample import Sample


@dataclass
class Extremes:
    """The range of the values of some columns."""

    low: Vector
    high: Vector

    @staticmethod
    def of(columns: int) -> Extremes:
        """Of nothing."""
        return Extremes(np.full(columns, np.inf), np.full(columns, -np.inf))

    def take(self, values: Matrix) -> None:
        """Take in rows (n, columns)."""
        if len(values):
            self.low = np.minimum(self.low, values.min(axis=0))
            self.high = np.maximum(self.high, values.max(axis=0))

    def absorb(self, other: Extremes) -> None:
        """Take in another range."""
        self.low, self.high = np.minimum(self.low, other.low), np.maximum(self.high, other.high)

    @property
    def largest(self) -> Vector:
        """The largest absolute values."""
        return np.maximum(self.high, -self.low)


@dataclass
class Totals:
    """Sums over rows.

    Attributes
    ----------
    numbers
        Of the covariates that are numbers, by name.
    offset, weights, inverse_weights, response
        Of these; the response is weighted, and so are the squares of it.
    X, Z
        Cross-products of the fixed part with a constant behind it, and of every term: each row
        counts once, whatever its weight.
    """

    numbers: dict[str, float]
    offset: float
    weights: float
    inverse_weights: float
    X: Matrix
    Z: list[Matrix]

    @staticmethod
    def of(recipe: BatchRecipe) -> Totals:
        """Of no rows."""
        p = len(recipe.fixed.names) + 1
        Z = [np.zeros((len(part.made.names),) * 2) for part in recipe.random]
        return Totals({}, 0.0, 0.0, 0.0, np.zeros((p, p)), Z)

    def take(self, rows: BatchRows) -> None:
        """Take in a batch."""
        for name, values in rows.numbers.items():
            self.numbers[name] = self.numbers.get(name, 0.0) + float(
                np.sum(values, dtype=np.float64)
            )
        if rows.offset is not None:
            self.offset += float(rows.offset.sum())
        if rows.weights is not None:
            self.weights += float(rows.weights.sum())
            self.inverse_weights += float((1 / rows.weights).sum())
        p = rows.X.shape[1]
        self.X[:p, :p] += rows.X.T @ rows.X
        self.X[p, :p] += rows.X.sum(axis=0)
        self.X[p, p] += len(rows.X)
        self.Z = [sums + Z.T @ Z for sums, Z in zip(self.Z, rows.Z, strict=True)]

    def absorb(self, other: Totals) -> None:
        """Take in other totals."""
        for name, total in other.numbers.items():
            self.numbers[name] = self.numbers.get(name, 0.0) + total
        self.offset += other.offset
        self.weights += other.weights
        self.inverse_weights += other.inverse_weights
        self.X = self.X + other.X
        self.Z = [mine + theirs for mine, theirs in zip(self.Z, other.Z, strict=True)]


@dataclass
class Tally:
    """The counts.

    Attributes
    ----------
    groups
        The columns of every grouping factor.
    columns
        The levels of each of these columns.
    crossings
        Per grouping factor its combinations; None where it is one column.
    nrows, n_missing
        Complete and incomplete rows.
    missing
        How many values each column lacks.
    response, X, Z
        Their ranges.
    totals
        Sums.
    sample
        Some rows, to tell which variances the data can tell apart.
    """

    groups: tuple[tuple[str, ...], ...]
    columns: dict[str, Dictionary]
    crossings: list[Crossing | None]
    response: Extremes
    X: Extremes
    Z: list[Extremes]
    totals: Totals
    sample: Sample
    nrows: int = 0
    n_missing: int = 0
    missing: Counter[str] = field(default_factory=Counter)

    @staticmethod
    def of(recipe: BatchRecipe) -> Tally:
        """Of no rows."""
        names = dict.fromkeys(name for group in recipe.groups for name in group)
        return Tally(
            groups=recipe.groups,
            columns={name: Dictionary(name) for name in names},
            crossings=[Crossing.of(len(g)) if len(g) > 1 else None for g in recipe.groups],
            response=Extremes.of(1),
            X=Extremes.of(len(recipe.fixed.names)),
            Z=[Extremes.of(len(part.made.names)) for part in recipe.random],
            totals=Totals.of(recipe),
            sample=Sample.of(len(recipe.groups), recipe.cell_columns),
        )

    @property
    def n_levels(self) -> list[int]:
        """Levels met so far, per grouping factor."""
        return [
            len(self.columns[group[0]]) if crossing is None else len(crossing)
            for group, crossing in zip(self.groups, self.crossings, strict=True)
        ]

    def take(self, rows: BatchRows) -> list[Int32]:
        """Take in a batch; the codes (n,) of its levels, in order of appearance, per grouping
        factor.

        Raises
        ------
        DataError
            If the levels of a column are of another type than before.
        """
        self.missing.update(rows.missing)
        self.n_missing += rows.n_missing
        if not len(rows.y):
            return [np.empty(0, dtype=np.int32) for _ in self.groups]
        self.nrows += len(rows.y)
        of_column = {
            name: dictionary.codes(rows.groups[name], may_reorder=rows.may_reorder)
            for name, dictionary in self.columns.items()
        }
        codes = [
            of_column[group[0]]
            if crossing is None
            else crossing.codes([of_column[n] for n in group])
            for group, crossing in zip(self.groups, self.crossings, strict=True)
        ]
        self.response.take(rows.y[:, None])
        self.X.take(rows.X)
        for extremes, Z in zip(self.Z, rows.Z, strict=True):
            extremes.take(Z)
        self.totals.take(rows)
        self.sample.take(rows, codes)
        return codes

    def absorb(self, other: Tally) -> list[Int32]:
        """Take in another tally; per grouping factor the number here of each of its levels."""
        moved = {name: mine.absorb(other.columns[name]) for name, mine in self.columns.items()}
        codes = []
        for group, mine, theirs in zip(self.groups, self.crossings, other.crossings, strict=True):
            if mine is None or theirs is None:
                codes.append(moved[group[0]])
                continue
            members = theirs.members(len(theirs))
            codes.append(mine.codes([moved[n][members[:, j]] for j, n in enumerate(group)]))
        self.nrows += other.nrows
        self.n_missing += other.n_missing
        self.missing.update(other.missing)
        pairs = zip(
            (self.response, self.X, *self.Z), (other.response, other.X, *other.Z), strict=True
        )
        for extremes, others in pairs:
            extremes.absorb(others)
        self.totals.absorb(other.totals)
        self.sample.absorb(other.sample, codes)
        return codes
