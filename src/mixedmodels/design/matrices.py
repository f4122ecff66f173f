"""What the design hands on: plain arrays with the names of their columns and levels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.design.coordinates import ORIGINAL, Coordinates
from mixedmodels.shortening import brief
from mixedmodels.vocabulary import Structure

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Int32 = NDArray[np.int32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Grouping:
    """One grouping factor.

    Attributes
    ----------
    name
        As in every table: column names joined by colons.
    columns
        The columns it is made of.
    codes
        int32, shape (n,): index into `levels`.
    levels
        The user's own values for one column, labels such as ``"a1:b1"`` for several.
    """

    name: str
    columns: tuple[str, ...]
    codes: Int32
    levels: tuple[Any, ...]

    __repr__ = brief

    def is_within(self, outer: Grouping) -> bool:
        """Whether every level lies within one level of `outer`."""
        first = np.zeros(len(self.levels), dtype=np.int32)
        first[self.codes] = outer.codes
        return bool(np.array_equal(first[self.codes], outer.codes))

    def rows(self) -> list[NDArray[np.int64]]:
        """The rows of every level, in row order."""
        order = np.argsort(self.codes, kind="stable")
        return np.split(order, np.searchsorted(self.codes[order], np.arange(1, len(self.levels))))


@dataclass(frozen=True, slots=True)
class TermMatrix:
    """The columns of one random term, never expanded over the levels.

    Attributes
    ----------
    group
        Index into the groupings.
    names
        Column names, q of them.
    Z
        Shape (n, q), Fortran order, in working coordinates.
    structure
        Covariance structure of the q effects of a level.
    coordinates
        From the columns that the names are of to those of `Z`.
    """

    group: int
    names: tuple[str, ...]
    Z: Matrix
    structure: Structure
    coordinates: Coordinates = ORIGINAL

    __repr__ = brief

    @property
    def is_independent(self) -> bool:
        """Whether the q effects of a level have no covariances."""
        return self.structure == "diagonal"


@dataclass(frozen=True, slots=True)
class ModelMatrices:
    """Everything the engine needs of the data; n rows are kept of the N given.

    Attributes
    ----------
    y
        Response, shape (n,). The offset is not subtracted.
    X
        Fixed-effects matrix of full column rank, shape (n, p), Fortran order, in working
        coordinates; p may be 0.
    x_names
        Names of the formula's columns.
    groupings
        Distinct grouping factors in order of first appearance in the formula.
    terms
        Random terms in formula order.
    weights, offset
        Shape (n,), or None.
    kept
        bool, shape (N,): rows of the data that are in use.
    index
        Row labels of the kept rows.
    n_missing
        Number of rows dropped because a value is missing.
    coordinates
        From the formula's columns to those of `X`.
    """

    y: Vector
    X: Matrix
    x_names: tuple[str, ...]
    groupings: tuple[Grouping, ...]
    terms: tuple[TermMatrix, ...]
    weights: Vector | None
    offset: Vector | None
    kept: Mask
    index: pd.Index
    n_missing: int
    coordinates: Coordinates = ORIGINAL

    @property
    def mean_inverse_weight(self) -> float:
        """The residual variance of a row, on average, over sigma^2."""
        return 1.0 if self.weights is None else float(np.mean(1 / self.weights))

    __repr__ = brief

    def take(self, rows: Mask | NDArray[np.int64]) -> ModelMatrices:
        """The matrices on some of their rows, repeated ones too; levels and columns stay."""
        return replace(
            self,
            y=self.y[rows],
            X=np.asfortranarray(self.X[rows]),
            groupings=tuple(replace(g, codes=g.codes[rows]) for g in self.groupings),
            terms=tuple(replace(t, Z=np.asfortranarray(t.Z[rows])) for t in self.terms),
            weights=None if self.weights is None else self.weights[rows],
            offset=None if self.offset is None else self.offset[rows],
            index=self.index[rows],
        )

    def with_terms(self, terms: Sequence[TermMatrix]) -> ModelMatrices:
        """The same rows and fixed part with other random terms on these groupings."""
        used = sorted({term.group for term in terms})
        return replace(
            self,
            groupings=tuple(self.groupings[g] for g in used),
            terms=tuple(replace(term, group=used.index(term.group)) for term in terms),
        )


@dataclass(frozen=True, slots=True)
class NewTerm:
    """The columns of one random term for new data.

    Attributes
    ----------
    group
        Index into the groupings of the fit.
    codes
        int32, shape (n,): index into the levels of the fit, -1 for a new or missing level.
    names
        Column names.
    Z
        Shape (n, q), in the working coordinates of the fit; NaN where a value is missing.
    """

    group: int
    codes: Int32
    names: tuple[str, ...]
    Z: Matrix


@dataclass(frozen=True, slots=True)
class NewMatrices:
    """The matrices of a fit, made for other data; every row of the data is present.

    Attributes
    ----------
    X
        Shape (n, p), the columns that the fit kept, in its working coordinates; NaN in incomplete
        rows, and in rows whose mean the fit cannot tell.
    terms
        Random terms in formula order.
    y
        Response, if it was asked for; NaN where it is missing.
    index
        Row labels.
    complete
        bool, shape (n,): no column that `X` or a `Z` needs is missing. Grouping levels do not
        count.
    estimable
        bool, shape (n,): the mean of the row does not depend on which columns the fit dropped.
    """

    X: Matrix
    terms: tuple[NewTerm, ...]
    y: Vector | None
    index: pd.Index
    complete: Mask
    estimable: Mask
