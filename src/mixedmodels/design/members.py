"""Multi-membership: rows that belong to several levels of one factor, with weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mixedmodels.data import Codes, Column, encode, match_levels, require_distinct_labels
from mixedmodels.design.matrices import Int32, Mask, Matrix, Members
from mixedmodels.errors import DataError, FormulaError
from mixedmodels.formula import RandomTerm
from mixedmodels.formula.tokens import tokenize
from mixedmodels.shortening import brief


@dataclass(frozen=True, slots=True)
class MemberMap:
    """How a fit numbers the levels that several columns share.

    Attributes
    ----------
    name
        Name of the grouping factor.
    columns
        The columns whose values are levels.
    values
        The levels.
    """

    name: str
    columns: tuple[str, ...]
    values: tuple[Any, ...]

    __repr__ = brief

    def levels(self) -> tuple[Any, ...]:
        """The user's own values."""
        return self.values

    def labels_without(self, outer: object) -> tuple[str, ...]:
        """The levels as text; no part of them is a column of another factor."""
        return Codes(np.empty(0, dtype=np.int32), self.values).levels

    def codes(self, columns: Mapping[str, Column]) -> Int32:
        """The level (n, columns) that each column names: -1 where it is missing, and
        `len(values)` where the fit has not seen it.
        """
        return np.column_stack([self._codes(columns[name]) for name in self.columns])

    def _codes(self, column: Column) -> Int32:
        found = encode(column)
        own = match_levels(column.name, found.values, self.values)
        own[own < 0] = len(self.values)
        own[-1] = -1
        return own[found.codes]


def member_map(term: RandomTerm, columns: Mapping[str, Column]) -> MemberMap:
    """The levels of a multi-membership term, in ascending order where their type has one.

    Raises
    ------
    DataError
        If two levels of different type read the same.
    """
    found = [columns[name] for name in term.group]
    values = list(dict.fromkeys(value for column in found for value in encode(column).values))
    require_distinct_labels(term.name, values)
    if all(column.is_text or column.numbers is not None for column in found):
        values.sort()
    return MemberMap(term.name, term.group, tuple(values))


def weight_columns(term: RandomTerm, text: str) -> tuple[str, ...]:
    """The columns in ``weights=w1 + w2``, as many as the group has; none without weights.

    Raises
    ------
    FormulaError
        With a caret, if their number differs.
    """
    option = term.structure.option("weights")
    if option is None:
        return ()
    names = tuple(token.name for token in tokenize(option.text) if token.is_name)
    if len(names) != len(term.group):
        message = (
            f"{len(names)} columns of weights for {len(term.group)} columns of levels: write one "
            f"for each, as weights={' + '.join(f'w{j + 1}' for j in range(len(term.group)))}."
        )
        length = option.stop - option.start
        raise FormulaError(message, formula=text, position=option.start, length=length)
    return names


def membership_column(term: RandomTerm, text: str, columns: Mapping[str, Column]) -> Column:
    """A column that is missing where a row belongs to no level, or lacks the weight of one.

    Raises
    ------
    DataError
        If a weight is not numeric.
    """
    absent = np.column_stack([_missing(columns[name]) for name in term.group])
    incomplete: Mask = np.all(absent, axis=1)
    for j, name in enumerate(weight_columns(term, text)):
        column = columns[name]
        if column.numbers is None:
            raise DataError(f"The weights {name!r} of {term} are not numeric.\nDo:   convert them.")
        incomplete = incomplete | (_missing(column) & ~absent[:, j])
    return Column.of_numbers(term.name, np.zeros(len(incomplete)), incomplete)


def members_of(codes: Int32, weights: Matrix | None, n_levels: int) -> Members:
    """The members of rows whose columns name levels `codes` (n, k), -1 where there is none.

    Without weights the levels of a row share a weight of one equally. A level that a row names
    twice counts with the sum of its weights; one beyond `n_levels` becomes -1.
    """
    present = codes >= 0
    if weights is None:
        weights = np.broadcast_to(1 / np.maximum(present.sum(axis=1), 1)[:, None], codes.shape)
    rows = np.nonzero(present)[0]
    size = n_levels + 1
    keys, place = np.unique(rows * size + codes[present], return_inverse=True)
    total = np.bincount(place, weights[present], len(keys)).astype(np.float64)
    counts = np.bincount(keys // size, minlength=len(codes))
    found = (keys % size).astype(np.int32)
    found[found == n_levels] = -1
    return Members(np.concatenate([[0], np.cumsum(counts)]), found, total)


def weights_of(names: Sequence[str], columns: Mapping[str, Column], term: object) -> Matrix | None:
    """The weights (n, k) of the columns of levels; None without any.

    Raises
    ------
    DataError
        If one is infinite.
    """
    if not names:
        return None
    weights = np.column_stack([columns[name].floats() for name in names])
    if np.isinf(weights).any():
        raise DataError(
            f"Weights of {term} are infinite in {np.count_nonzero(np.isinf(weights).any(axis=1))} "
            "rows.\nDo:   correct or leave out these rows."
        )
    return weights


def first_codes(members: Members) -> Int32:
    """The first level (n,) of each row; -1 where it has none, or one is not known."""
    lowest = np.full(len(members.indptr) - 1, -1, dtype=np.int32)
    has = np.diff(members.indptr) > 0
    starts = members.indptr[:-1][has]
    if len(starts):
        lowest[has] = members.codes[starts]
        unknown: Mask = np.minimum.reduceat(members.codes, starts) < 0
        lowest[np.flatnonzero(has)[unknown]] = -1
    return lowest


def _missing(column: Column) -> Mask:
    """Rows (n,) without a value."""
    if column.missing is not None:
        return column.missing
    size = len(column.numbers if column.numbers is not None else encode(column).codes)
    return np.zeros(size, dtype=np.bool_)
