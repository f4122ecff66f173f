"""A column of data: numbers, or codes of levels. Loops run over levels, never over rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.data.levels import label
from mixedmodels.shortening import brief

Int32 = NDArray[np.int32]
Mask = NDArray[np.bool_]

ColumnKind = Literal["number", "boolean", "category", "time"]

DENSE_TABLE_FACTOR = 4
"""Integers are renumbered through a table if their range is at most this times their count."""


@dataclass(frozen=True, slots=True)
class Codes:
    """A categorical column as integer codes.

    Attributes
    ----------
    codes
        int32, shape (n,): index into `values`, -1 for a missing value.
    values
        The levels in order, as the user's own values.
    """

    codes: Int32
    values: tuple[Any, ...]

    __repr__ = brief

    @property
    def levels(self) -> tuple[str, ...]:
        """The levels as text."""
        return tuple(label(value) for value in self.values)

    @property
    def missing(self) -> Mask | None:
        """Rows without a level; None if there are none."""
        mask = self.codes < 0
        return mask if mask.any() else None

    def take(self, rows: Mask | slice) -> Codes:
        """The same levels for the rows where `rows` is true, or those of a slice."""
        return Codes(self.codes[rows], self.values)

    def without_unused(self) -> Codes:
        """Only the levels that occur, in the same order."""
        counts = np.bincount(self.codes + 1, minlength=len(self.values) + 1)[1:]
        if counts.all():
            return self
        used = np.flatnonzero(counts)
        renumber = np.full(len(self.values) + 1, -1, dtype=np.int32)
        renumber[used] = np.arange(used.size, dtype=np.int32)
        return Codes(renumber[self.codes], tuple(self.values[index] for index in used))


@dataclass(frozen=True, slots=True)
class Column:
    """One column, read from the user's frame into plain arrays.

    Attributes
    ----------
    name
        Its name in the frame.
    kind
        ``"number"`` and ``"boolean"`` have `numbers`; ``"category"`` (also text) and ``"time"``
        (dates and durations) have `codes`.
    numbers
        float64, int64 or bool, shape (n,); arbitrary where `missing` is true.
    codes
        The levels, unused ones included. Also of numbers that `numbers` cannot hold apart, such as
        identifiers of twenty digits: with these codes the column is a factor, with `numbers` a
        covariate.
    missing
        bool, shape (n,), true where the value is missing; None if no value is.
    is_text
        Whether the levels are in the order of the alphabet because their type has no other.
    """

    name: str
    kind: ColumnKind
    numbers: NDArray[Any] | None
    codes: Codes | None
    missing: Mask | None
    is_text: bool = False

    __repr__ = brief

    @staticmethod
    def of_numbers(name: str, numbers: NDArray[Any], missing: Mask | None = None) -> Column:
        """A numeric or boolean column; NaN counts as missing."""
        if numbers.dtype.kind == "f":
            not_a_number = np.isnan(numbers)
            if not_a_number.any():
                missing = not_a_number if missing is None else missing | not_a_number
        kind: ColumnKind = "boolean" if numbers.dtype.kind == "b" else "number"
        return Column(name, kind, numbers, None, missing)

    @staticmethod
    def of_codes(
        name: str, codes: Codes, *, is_time: bool = False, is_text: bool = False
    ) -> Column:
        """A categorical column."""
        kind: ColumnKind = "time" if is_time else "category"
        return Column(name, kind, None, codes, codes.missing, is_text)

    @property
    def is_rounded(self) -> bool:
        """Whether `numbers` stand for values of more digits, which `codes` keep apart."""
        return self.numbers is not None and self.codes is not None

    def floats(self) -> NDArray[np.float64]:
        """The numbers as a new array of floats, nan where they are missing."""
        if self.numbers is None:
            raise ValueError(f"column {self.name!r} is not numeric")
        values = np.array(self.numbers, dtype=np.float64)
        if self.missing is not None:
            values[self.missing] = np.nan
        return values

    @property
    def n_missing(self) -> int:
        """Number of missing values."""
        return 0 if self.missing is None else int(self.missing.sum())

    def take(self, rows: Mask | slice) -> Column:
        """The rows where `rows` is true, or those of a slice."""
        missing = None if self.missing is None else self.missing[rows]
        if missing is not None and not missing.any():
            missing = None
        numbers = None if self.numbers is None else self.numbers[rows]
        codes = None if self.codes is None else self.codes.take(rows)
        return Column(self.name, self.kind, numbers, codes, missing, self.is_text)


def encode(column: Column, *, drop_unused: bool = True) -> Codes:
    """The column as codes of levels.

    Categorical types keep the order of their levels (a polars Categorical has none and is sorted
    like text). Numbers and booleans are sorted by value,
    text by code point. Numbers that are all whole become integers.

    Parameters
    ----------
    column
        Any column.
    drop_unused
        Leave out the levels that do not occur.
    """
    if column.codes is not None:
        return column.codes.without_unused() if drop_unused else column.codes
    if column.numbers is None:
        raise ValueError("a column has numbers or codes")
    return _encode_numbers(column.numbers, column.missing)


@dataclass(frozen=True, slots=True)
class Combinations:
    """The combinations of the levels of some factors that occur, as the levels of one factor.

    Attributes
    ----------
    codes
        int32, shape (n,): index into `members`; -1 where any factor is missing.
    members
        int32, shape (levels, factors): per combination the index of each factor's level.
    parts
        Per factor, the values that `members` points to.
    """

    codes: Int32
    members: Int32
    parts: tuple[tuple[Any, ...], ...]


def interaction(*factors: Codes) -> Combinations:
    """The combinations of levels that occur, ordered by the first factor, then the second, ….

    The levels of the first factor all occur, as `encode` leaves them. A row that misses one level
    misses all. Of one factor they are its own levels.
    """
    first = factors[0]
    codes, members = first.codes, np.arange(len(first.values), dtype=np.int32)[:, None]
    for factor in factors[1:]:
        n_levels = max(len(factor.values), 1)
        keys = codes.astype(np.int64) * n_levels + factor.codes
        missing = (codes < 0) | (factor.codes < 0)
        codes, present = renumber(keys, missing if missing.any() else None)
        before, own = np.divmod(present, n_levels)
        members = np.column_stack([members[before], own.astype(np.int32)])
    return Combinations(codes, members, (first.values, *(f.values for f in factors[1:])))


def renumber(keys: NDArray[np.int64], missing: Mask | None) -> tuple[Int32, NDArray[np.int64]]:
    """Number the distinct integers 0, 1, … in ascending order.

    Returns
    -------
    codes
        int32, shape (n,), -1 where `missing` is true.
    present
        The distinct integers in order, so that ``present[codes]`` gives `keys` back.
    """
    valid = keys if missing is None else keys[~missing]
    if valid.size == 0:
        return np.full(keys.shape, -1, dtype=np.int32), valid
    lowest, highest = int(valid.min()), int(valid.max())
    if highest - lowest < DENSE_TABLE_FACTOR * valid.size + 1024:
        shifted = valid - lowest
        seen = np.zeros(highest - lowest + 1, dtype=np.bool_)
        seen[shifted] = True
        present = np.flatnonzero(seen).astype(np.int64) + lowest
        valid_codes = (np.cumsum(seen, dtype=np.int32) - np.int32(1))[shifted]
    else:
        found, uniques = pd.factorize(valid, sort=True)
        valid_codes, present = found.astype(np.int32), np.asarray(uniques, dtype=np.int64)
    if missing is None:
        return valid_codes, present
    codes = np.full(keys.shape, -1, dtype=np.int32)
    codes[~missing] = valid_codes
    return codes, present


def from_dictionary(indices: NDArray[Any], values: Sequence[Any], *, sort: bool) -> Codes:
    """Codes from dictionary-encoded values; a missing value has index -1 or is None in `values`.

    With `sort`, levels that occur are put in ascending order; otherwise their order is kept.
    """
    codes = indices.astype(np.int32, copy=False)
    order = [index for index, value in enumerate(values) if value is not None]
    if sort:
        order.sort(key=values.__getitem__)
    if order != list(range(len(values))):
        position = np.full(len(values) + 1, -1, dtype=np.int32)
        position[order] = np.arange(len(order), dtype=np.int32)
        codes = position[codes]
    return Codes(codes, tuple([values[index] for index in order]))


def as_pandas(column: Column) -> NDArray[Any] | pd.Categorical:
    """The values of all rows as pandas takes them: numbers, or categories in their order."""
    if column.numbers is not None:
        return column.numbers
    codes = encode(column)
    return pd.Categorical.from_codes(codes.codes, categories=pd.Index(codes.values, dtype=object))


def _encode_numbers(numbers: NDArray[Any], missing: Mask | None) -> Codes:
    if numbers.dtype.kind == "b":
        codes, present = renumber(numbers.astype(np.int64), missing)
        return Codes(codes, tuple(bool(value) for value in present))
    if numbers.dtype.kind == "f":
        valid = numbers if missing is None else np.where(missing, 0.0, numbers)
        is_whole = bool(np.all(np.floor(valid) == valid) and np.all(np.abs(valid) < 2**62))
        if not is_whole:
            codes, levels = pd.factorize(numbers, sort=True)
            return Codes(codes.astype(np.int32), tuple(levels.tolist()))
        numbers = valid.astype(np.int64)
    codes, present = renumber(numbers, missing)
    return Codes(codes, tuple(present.tolist()))
