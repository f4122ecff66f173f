"""The levels of a factor as they are met, batch by batch, and in the end in the order of a table.

While rows are read a level has the number of its first appearance. `Dictionary.order` then tells
which number it has among the levels of all rows, as if they had been encoded at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.data.columns import Column, Int32, encode
from mixedmodels.data.levels import number_key
from mixedmodels.errors import DataError

LevelKind = Literal["numbers", "booleans", "text", "categories", "dates or durations"]

Keys = NDArray[np.int64]

TABLE = 2**24
"""Length of a table of whole numbers that is taken whatever the number of levels; 64 MB."""

WIDTH = 16
"""Entries of the table per level up to which a longer one is taken."""

LARGEST_WHOLE = 2**62
"""Floats up to this size that are whole are taken as integers, as `encode` does."""


class Lookup:
    """Numbers distinct integers 0, 1, … as they are met.

    Through a table where they are dense, otherwise through pandas' hash tables: a large one, made
    anew as its content doubles, and a small one for what came since.
    """

    def __init__(self) -> None:
        self.known: list[Keys] = []
        self.size = 0
        self._low = 0
        self._table: Int32 | None = np.empty(0, dtype=np.int32)
        self._old, self._new = pd.Index([], dtype=np.int64), pd.Index([], dtype=np.int64)

    @property
    def keys(self) -> Keys:
        """The integers in the order of their numbers."""
        return np.concatenate([np.empty(0, dtype=np.int64), *self.known])

    def codes(self, keys: Keys) -> Int32:
        """The number of each, new ones included."""
        if not len(keys):
            return np.empty(0, dtype=np.int32)
        if self._table is not None:
            self._widen(int(keys.min()), int(keys.max()))
        if self._table is not None:
            return self._by_table(self._table, keys)
        found, distinct = pd.factorize(keys)
        codes: Int32 = self._by_hash(np.asarray(distinct, dtype=np.int64))[found]
        return codes

    def _by_table(self, table: Int32, keys: Keys) -> Int32:
        places = keys - self._low
        codes = table[places]
        if codes.min() < 0:
            new = pd.unique(places[codes < 0])
            table[new] = np.arange(self.size, self.size + len(new), dtype=np.int32)
            self._add(new + self._low)
            codes = table[places]
        return codes

    def _widen(self, low: int, high: int) -> None:
        """Make the table reach from `low` to `high`, or give it up for hashing."""
        table = self._table
        assert table is not None
        if len(table) and self._low <= low and high < self._low + len(table):
            return
        if len(table):
            low, high = min(low, self._low), max(high, self._low + len(table) - 1)
        length = high - low + 1
        if length > max(TABLE, WIDTH * self.size):
            self._table = None
            self._old = pd.Index(self.keys)
            return
        room = max(length, min(2 * length, TABLE))
        wider = np.full(room, -1, dtype=np.int32)
        if len(table):
            wider[self._low - low : self._low - low + len(table)] = table
        self._low, self._table = low, wider

    def _by_hash(self, keys: Keys) -> Int32:
        codes: Int32 = self._old.get_indexer(keys).astype(np.int32)
        left = np.flatnonzero(codes < 0)
        if len(left):
            later = self._new.get_indexer(keys[left]).astype(np.int32)
            codes[left] = np.where(later < 0, -1, later + np.int32(len(self._old)))
            left = left[later < 0]
        if len(left):
            codes[left] = np.arange(self.size, self.size + len(left), dtype=np.int32)
            self._add(keys[left])
            self._new = pd.Index(np.concatenate([self._new.to_numpy(), keys[left]]))
            if len(self._new) > len(self._old) // 2 + 1024:
                self._old, self._new = pd.Index(self.keys), self._new[:0]
        return codes

    def _add(self, keys: Keys) -> None:
        self.known.append(keys)
        self.size += len(keys)


class _Listed:
    """Levels of any type, one by one: those that are equal are the same, `exact` numbers whatever
    holds them.
    """

    def __init__(self, values: Sequence[Any], is_exact: bool) -> None:
        self.values: list[Any] = []
        self.is_exact = is_exact
        self._codes: dict[Any, int] = {}
        self.numbers(values)

    def numbers(self, values: Sequence[Any]) -> Int32:
        """The number of each, new ones included."""
        found = np.empty(len(values), dtype=np.int32)
        for i, value in enumerate(values):
            code = self._codes.setdefault(self._key(value), len(self.values))
            if code == len(self.values):
                self.values.append(value)
            found[i] = code
        return found

    def _key(self, value: Any) -> Any:
        return number_key(value) if self.is_exact else value


@dataclass
class Dictionary:
    """The levels of one column.

    Attributes
    ----------
    name
        Of the column.
    kind
        What its values are; None before the first.
    """

    name: str
    kind: LevelKind | None = None
    _numbers: Lookup = field(default_factory=Lookup)
    _listed: _Listed | None = None
    _order: tuple[Any, ...] = ()

    def __len__(self) -> int:
        return self._numbers.size if self._listed is None else len(self._listed.values)

    def codes(self, column: Column, *, may_reorder: bool = False) -> Int32:
        """The numbers (n,) of the levels of a column without missing values, new ones included.

        Parameters
        ----------
        column
            The rows of a batch.
        may_reorder
            Whether categories of other batches may be other ones: those of Arrow's dictionaries,
            which are of a batch; pandas' and polars' are of a column.

        Raises
        ------
        DataError
            If the values are of another kind than before, or the categories are in another order.
        """
        self._require_kind(kind_of(column))
        if self.kind == "categories":
            self._require_order(encode(column, drop_unused=False).values, may_reorder=may_reorder)
        keys = _integers(column)
        if keys is not None and self._listed is None:
            return self._numbers.codes(keys)
        listed = self._list(is_exact=column.is_rounded)
        found = encode(column)
        return listed.numbers(found.values)[found.codes]

    @property
    def values(self) -> tuple[Any, ...]:
        """The levels in the order of their numbers."""
        if self._listed is None:
            keys = self._numbers.keys.tolist()
            return tuple(map(bool, keys)) if self.kind == "booleans" else tuple(keys)
        if self.kind == "numbers" and not self._listed.is_exact:
            return tuple(map(float, self._listed.values))
        return tuple(self._listed.values)

    def order(self) -> tuple[Int32, tuple[Any, ...]]:
        """Per level its number among all in the order of `encode`, and the levels in that order."""
        values = self.values
        if self.kind == "categories":
            place = {value: i for i, value in enumerate(self._order)}
            ranks = np.argsort(np.array([place[value] for value in values], dtype=np.int64))
        elif self._listed is None:
            ranks = np.argsort(self._numbers.keys)
        else:
            ranks = np.array(sorted(range(len(values)), key=values.__getitem__), dtype=np.int64)
        new = np.empty(len(values), dtype=np.int32)
        new[ranks] = np.arange(len(values), dtype=np.int32)
        return new, tuple([values[i] for i in ranks.tolist()])

    def absorb(self, other: Dictionary) -> Int32:
        """Take in the levels of another one; the number here of each of them."""
        if other.kind is None:
            return np.empty(0, dtype=np.int32)
        self._require_kind(other.kind)
        if self.kind == "categories":
            self._require_order(other._order, may_reorder=True)
        if self._listed is None and other._listed is None:
            return self._numbers.codes(other._numbers.keys)
        is_exact = other._listed is not None and other._listed.is_exact
        return self._list(is_exact=is_exact).numbers(other.values)

    def _list(self, *, is_exact: bool) -> _Listed:
        """The levels one by one, from now on."""
        if self._listed is None:
            self._listed = _Listed(list(self.values), is_exact)
        elif is_exact and not self._listed.is_exact:
            self._listed = _Listed(self._listed.values, is_exact)
        return self._listed

    def _require_kind(self, kind: LevelKind) -> None:
        if self.kind is None:
            self.kind = kind
        if self.kind != kind:
            raise kinds_differ(self.name, self.kind, kind)

    def _require_order(self, categories: tuple[Any, ...], *, may_reorder: bool) -> None:
        if not self._order or may_reorder:
            known = set(self._order)
            self._order = (*self._order, *(value for value in categories if value not in known))
        elif categories != self._order:
            raise DataError(
                f"Column {self.name!r} has other categories in some batches of the data than in "
                "others, or has\n"
                "them in another order.\n"
                "Do:   give it the same categories in all batches, or make it text.\n"
                "Why:  the order of the levels says which one the others are compared with."
            )


HALF = 2**32
"""Two numbers of levels make one of a combination."""


@dataclass
class Crossing:
    """The combinations of the levels of some columns, in the order of their appearance."""

    lookups: list[Lookup]

    @staticmethod
    def of(columns: int) -> Crossing:
        """Of so many columns, with no combination yet."""
        return Crossing([Lookup() for _ in range(columns - 1)])

    def __len__(self) -> int:
        return self.lookups[-1].size

    def codes(self, parts: Sequence[Int32]) -> Int32:
        """The number of each combination, from those of the levels of its columns."""
        codes = parts[0]
        for lookup, part in zip(self.lookups, parts[1:], strict=True):
            codes = lookup.codes(codes.astype(np.int64) * HALF + part)
        return codes

    def members(self, count: int) -> Int32:
        """The levels (count, columns) of each; of one column they are its own."""
        columns: list[Keys] = []
        at = np.arange(count)
        for lookup in reversed(self.lookups):
            before, own = np.divmod(lookup.keys[at], HALF)
            columns.insert(0, own)
            at = before
        return np.column_stack([at, *columns]).astype(np.int32)


def kinds_differ(name: str, first: LevelKind, other: LevelKind) -> DataError:
    """That batches hold values of several kinds."""
    return DataError(
        f"Column {name!r} holds {first} in some batches of the data and {other} in others.\n"
        "Do:   give the column one type in all of them.\n"
        "Why:  nothing tells which values are the same, nor their order."
    )


def kind_of(column: Column) -> LevelKind:
    """What the values of a column are."""
    if column.numbers is not None:
        return "booleans" if column.kind == "boolean" else "numbers"
    if column.kind == "time":
        return "dates or durations"
    return "text" if column.is_text else "categories"


def _integers(column: Column) -> Keys | None:
    """The values as whole numbers; None if some are none."""
    numbers = column.numbers
    if numbers is None or column.is_rounded:
        return None
    if numbers.dtype.kind != "f":
        return numbers.astype(np.int64, copy=False)
    if np.all(np.floor(numbers) == numbers) and np.all(np.abs(numbers) < LARGEST_WHOLE):
        return numbers.astype(np.int64)
    return None
