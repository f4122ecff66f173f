"""What the design hands on: plain arrays with the names of their columns and levels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from mixedmodels.covariance import Structure
from mixedmodels.design.auxiliary_matrix import AuxiliaryMatrix
from mixedmodels.design.coordinates import ORIGINAL, Coordinates
from mixedmodels.design.residual_matrix import NewResidual, ResidualMatrix
from mixedmodels.design.row_moments import RowMoments
from mixedmodels.shortening import brief

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
class Members:
    """The levels that each row belongs to, with their weights: the rows of a sparse matrix.

    Attributes
    ----------
    indptr
        int64, shape (n + 1,): row i has the entries ``indptr[i]:indptr[i + 1]``.
    codes
        int32, shape (entries,): levels, in ascending order and each once within a row; -1 for a
        level of new data that the fit has not seen.
    weights
        Shape (entries,).
    """

    indptr: NDArray[np.int64]
    codes: Int32
    weights: Vector

    __repr__ = brief

    def matrix(self, levels: int) -> sparse.csr_array:
        """The weights as a sparse matrix (n, levels), without unseen levels."""
        seen = self.codes >= 0
        weights, codes = np.where(seen, self.weights, 0.0), np.where(seen, self.codes, 0)
        shape = (len(self.indptr) - 1, levels)
        return sparse.csr_array((weights, codes, self.indptr), shape=shape)

    def sums(self, b: Matrix) -> Matrix:
        """The weighted sums (n, q) of each row's levels in `b` (levels, q)."""
        found: Matrix = self.matrix(len(b)) @ b
        return found

    def take(self, rows: Mask | NDArray[np.int64]) -> Members:
        """The members of some rows, repeated ones too."""
        positions = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        counts = np.diff(self.indptr)[positions]
        indptr = np.concatenate([[0], np.cumsum(counts)])
        entries = np.repeat(self.indptr[positions] - indptr[:-1], counts) + np.arange(indptr[-1])
        return Members(indptr, self.codes[entries], self.weights[entries])


def incidence(codes: Int32, members: Members | None, levels: int) -> sparse.csr_array:
    """A (n, levels): one for the level of a row, or its weights; nothing for unseen levels.

    Parameters
    ----------
    codes
        Shape (n,): the level of each row; -1 for unseen ones.
    members
        The levels of rows that belong to several, in place of `codes`.
    levels
        How many there are.
    """
    if members is not None:
        return members.matrix(levels)
    pointers = np.concatenate([[0], np.cumsum(codes >= 0)])
    known = codes[codes >= 0]
    return sparse.csr_array((np.ones(len(known)), known, pointers), shape=(len(codes), levels))


@dataclass(frozen=True, slots=True)
class Precision:
    """A known precision matrix of the levels of a grouping factor.

    Attributes
    ----------
    Q
        Sparse columns (levels, levels), symmetric with both triangles, positive definite: the
        inverse of the known covariance K.
    log_det
        log|Q|.
    name
        What the user called the matrix.
    """

    Q: sparse.csc_matrix
    log_det: float
    name: str

    __repr__ = brief


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
        From the columns that the names are of to those of `Z`; those of the formula unless every
        covariance is possible.
    positions
        Shape (q, d): where each column stands, for a structure by position.
    members
        The levels of each row, where it belongs to several; the codes of the grouping then tell
        the first of them.
    precision
        A known precision matrix of the levels; None if they are independent.
    part
        The level of ``by=`` in whose rows the columns are other than zero; empty without ``by=``.
    """

    group: int
    names: tuple[str, ...]
    Z: Matrix
    structure: Structure
    coordinates: Coordinates = ORIGINAL
    positions: Matrix | None = None
    members: Members | None = None
    precision: Precision | None = None
    part: str = ""

    __repr__ = brief

    @property
    def is_independent(self) -> bool:
        """Whether the q effects of a level have no covariances."""
        return self.structure.is_independent

    @property
    def is_plain(self) -> bool:
        """Whether the levels are independent and any covariance, or any diagonal one, possible."""
        return self.structure.is_plain and self.members is None and self.precision is None

    def take(self, rows: Mask | NDArray[np.int64]) -> TermMatrix:
        """The term on some of its rows, repeated ones too."""
        members = None if self.members is None else self.members.take(rows)
        return replace(self, Z=np.asfortranarray(self.Z[rows]), members=members)


@dataclass(frozen=True, slots=True)
class ModelMatrices:
    """Everything the engine needs of the data; n rows are kept of the N given.

    Where the data were read in batches, what has rows is of `UnkeptRows`, which have a shape and
    nothing else, and `moments` holds what is told of them.

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
    residual
        Covariance of the residuals; None if they are independent, with variance sigma^2 / weight.
    known_sigma
        The residual standard deviation where it is known; None where it is estimated.
    moments
        Means over the rows, where these are not kept.
    size
        Trials of every row (n,), whose successes `y` counts; None where each is one trial.
    auxiliary
        The parts of a generalised model beside the mean, in the order of its family.
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
    residual: ResidualMatrix | None = None
    known_sigma: float | None = None
    moments: RowMoments | None = None
    size: Vector | None = None
    auxiliary: tuple[AuxiliaryMatrix, ...] = ()

    @property
    def has_rows(self) -> bool:
        """Whether the rows are kept."""
        return self.moments is None

    @property
    def is_plain(self) -> bool:
        """Whether only plain random terms, with levels that are independent, and independent
        residuals of estimated variance are in the model.
        """
        return self.known_sigma is None and self.has_plain_terms

    @property
    def has_plain_terms(self) -> bool:
        """Whether only plain random terms and independent residuals, of whatever variance, are in
        the model.
        """
        return self.residual is None and all(term.is_plain for term in self.terms)

    @property
    def n_auxiliary(self) -> int:
        """The number of parameters of the parts beside the mean."""
        return sum(len(part.names) for part in self.auxiliary)

    @property
    def mean_inverse_weight(self) -> float:
        """The residual variance of a row, on average, over sigma^2."""
        if self.moments is not None:
            return self.moments.inverse_weight
        return 1.0 if self.weights is None else float(np.mean(1 / self.weights))

    @property
    def mean_offset(self) -> float:
        """The offset, on average."""
        if self.moments is not None:
            return self.moments.offset
        return 0.0 if self.offset is None else float(np.mean(self.offset))

    def mean_squares(self, term: int) -> Matrix:
        """Z'Z / n (q, q) of a random term: each row counts once, whatever its weight."""
        if self.moments is not None:
            return self.moments.Z[term]
        Z = self.terms[term].Z
        return np.asarray(Z.T @ Z / len(self.y))

    def variance_of_mean(self, beta: Vector) -> float:
        """The variance of X beta over the rows."""
        if self.moments is not None:
            return self.moments.variance(beta)
        return float(np.var(self.X @ beta, ddof=1)) if len(beta) else 0.0

    __repr__ = brief

    def take(self, rows: Mask | NDArray[np.int64]) -> ModelMatrices:
        """The matrices on some of their rows, repeated ones too; levels and columns stay."""
        return replace(
            self,
            y=self.y[rows],
            X=np.asfortranarray(self.X[rows]),
            groupings=tuple(replace(g, codes=g.codes[rows]) for g in self.groupings),
            terms=tuple(term.take(rows) for term in self.terms),
            weights=None if self.weights is None else self.weights[rows],
            offset=None if self.offset is None else self.offset[rows],
            index=self.index[rows],
            residual=None if self.residual is None else self.residual.take(rows),
            size=None if self.size is None else self.size[rows],
            auxiliary=tuple(part.take(rows) for part in self.auxiliary),
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
    members
        The levels of each row, where it belongs to several; those that the fit has not seen
        are -1.
    """

    group: int
    codes: Int32
    names: tuple[str, ...]
    Z: Matrix
    members: Members | None = None


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
    residual
        The places of the rows in the residual covariance; None if residuals are independent.
    auxiliary
        Shape (n, parameters) each: the columns of the other parts of a generalised model, if they
        were asked for; NaN in rows where one is missing or cannot be told.
    """

    X: Matrix
    terms: tuple[NewTerm, ...]
    y: Vector | None
    index: pd.Index
    complete: Mask
    estimable: Mask
    residual: NewResidual | None = None
    auxiliary: tuple[Matrix, ...] = ()
