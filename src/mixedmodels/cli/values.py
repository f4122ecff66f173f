"""From the cells of one column to numbers, dates or text, and what is to be said of it.

Everything is decided on the distinct cells. What cannot be told for sure is an error with the row
and the cell: a column of numbers that is read as text would be a factor of hundreds of levels.
"""

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.errors import DataError

MISSING = frozenset(["", "NA", "N/A", "n/a", "NaN", "nan", "<NA>", "#N/A"])
"""Codes of a missing value in any column."""

MISSING_AMONG_NUMBERS = frozenset(
    [".", "-", "--", "–", "?", "*", "NULL", "null", "None", "none", "Na", "na", "missing",
     "#VALUE!", "#DIV/0!", "#REF!", "#NUM!", "#NULL!"]
)  # fmt: skip
"""Codes of a missing value in a column of numbers; among text they are levels."""

SENTINELS = (-9, -99, -999, -9999, -99999, 999, 9999, 99999)
"""Numbers that often stand for a missing value."""

MANY = 20
"""Levels of a fixed factor from which a note tells their number."""

NUMBER = {
    ".": re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII),
    ",": re.compile(r"[+-]?(\d+,?\d*|,\d+)([eE][+-]?\d+)?", re.ASCII),
}
"""A number, by its decimal sign."""

THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+", re.ASCII)
"""What may be a number with separated thousands, or one with a decimal comma."""

DECORATED = re.compile(r"[^A-Za-z0-9]*\d[\d.,'’\s]*[^A-Za-z0-9]*")
"""Digits with signs of currency, per cent or order, or with separated thousands."""

ISO_DATE = re.compile(
    r"\d{4}([-/])\d{1,2}\1\d{1,2}([T ]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?"
)

OTHER_DATE = re.compile(
    r"\d{1,2}([-./])\d{1,2}\1(\d{2}|\d{4})( .*)?"
    r"|\d{1,2}[-. ]+[A-Za-z]{3,9}[-., ]+\d{2,4}|[A-Za-z]{3,9} \d{1,2},? \d{4}"
)

BOOLEANS = {"TRUE": True, "FALSE": False}


@dataclass(frozen=True, slots=True)
class Distinct:
    """The cells of one column: `cells[codes]`, code -1 for a missing one.

    `as_missing` are the cells that were taken as missing though they are not so everywhere.
    """

    name: str
    codes: NDArray[np.intp]
    cells: tuple[str, ...]
    as_missing: tuple[str, ...] = ()

    def without(self, cells: Collection[str]) -> "Distinct":
        """The same column with some cells as missing."""
        kept = tuple(cell for cell in self.cells if cell not in cells)
        number = {cell: j for j, cell in enumerate(kept)}
        moved = np.array([number.get(cell, -1) for cell in self.cells] + [-1], dtype=np.intp)
        said = (*self.as_missing, *(cell for cell in self.cells if cell in cells))
        return Distinct(self.name, moved[self.codes], kept, said)

    def spread(self, values: Iterable[Any], missing: Any) -> NDArray[Any]:
        """One value per row, from one per distinct cell."""
        return np.array([*values, missing])[self.codes]

    def rows_of(self, wanted: Callable[[str], object]) -> NDArray[np.intp]:
        """The rows, counted from 0, whose cell is wanted."""
        hits = np.array([bool(wanted(cell)) for cell in self.cells] + [False])
        return np.flatnonzero(hits[self.codes])


@dataclass(frozen=True, slots=True)
class Values:
    """The values of one column as a frame takes them, and what is to be said of it."""

    values: Any
    notes: tuple[str, ...] = ()


def distinct(name: str, column: pd.Series, missing: Collection[str] | None) -> Distinct:
    """The distinct cells of a column without blanks around them.

    Parameters
    ----------
    name : str
        Its name.
    column : Series of str
        Its cells.
    missing : collection of str, optional
        Codes of a missing value besides the empty cell; by default the usual ones.
    """
    codes, cells = pd.factorize(column.str.strip())
    found = Distinct(name, codes, tuple(cells.tolist()))
    usual = MISSING if missing is None else {"", *missing}
    return replace(found.without(usual), as_missing=())


def levels(column: Distinct) -> Values:
    """A column that names groups: whole numbers as such where no two cells merge, else text."""
    plain = re.compile(r"0|-?[1-9]\d{0,17}", re.ASCII)
    if column.cells and all(plain.fullmatch(cell) for cell in column.cells):
        numbers = [int(cell) for cell in column.cells]
        if (column.codes >= 0).all():
            return Values(column.spread(numbers, 0))
        return Values(pd.array(column.spread([*numbers], None), dtype="Int64"))
    return text(column)


def text(column: Distinct) -> Values:
    """A column of text."""
    return Values(np.array([*column.cells, None], dtype=object)[column.codes])


def measured(column: Distinct, *, decimal: str, codes_are_given: bool) -> Values:
    """A column of the response or the fixed part: numbers, truth values, dates or text.

    Parameters
    ----------
    column : Distinct
        Its cells.
    decimal : {".", ","}
        The sign before the decimals.
    codes_are_given : bool
        Whether the caller named the codes of missing values, so that no others are looked for.

    Raises
    ------
    DataError
        If most cells are numbers and some are not, or what is written needs an interpretation.
    """
    is_number = NUMBER[decimal].fullmatch
    known = column if codes_are_given else column.without(MISSING_AMONG_NUMBERS)
    if all(map(is_number, known.cells)) and (known.cells or not column.cells):
        return _numbers(known, decimal, codes_are_given)
    if {cell.upper() for cell in column.cells} <= set(BOOLEANS):
        truth = column.spread([BOOLEANS[cell.upper()] for cell in column.cells], None)
        return Values(truth if (column.codes < 0).any() else truth.astype(np.bool_))
    if all(map(ISO_DATE.fullmatch, column.cells)):
        return _days(column)
    _refuse_what_is_no_text(column, decimal)
    count = len(column.cells)
    if count <= MANY:
        return text(column)
    note = f"Column {column.name!r} is text, as {column.cells[0]!r}: a factor of {count} levels."
    return Values(text(column).values, (note,))


def _numbers(column: Distinct, decimal: str, codes_are_given: bool) -> Values:
    written = [cell.replace(decimal, ".") for cell in column.cells]
    floats = np.array([float(cell) for cell in written], dtype=np.float64)
    notes = []
    if column.as_missing:
        listed = ", ".join(map(repr, column.as_missing))
        notes.append(f"Column {column.name!r}: {listed} is taken as missing.")
    if not codes_are_given:
        notes += _suspicious(column, floats)
    whole = all(cell.lstrip("+-").isdecimal() and len(cell) < 18 for cell in written)
    if whole and (column.codes >= 0).all():
        return Values(column.spread(map(int, written), 0), tuple(notes))
    return Values(np.append(floats, np.nan)[column.codes], tuple(notes))


def _suspicious(column: Distinct, floats: NDArray[np.float64]) -> list[str]:
    """Numbers far from all others that often stand for a missing value, and dates as numbers."""
    ordered = np.sort(floats)
    if len(ordered) < 3:
        return []
    notes = []
    low, high = ordered[0], ordered[-1]
    extremes = [low] if low in SENTINELS and ordered[1] >= 0 else []
    extremes += [high] if high in SENTINELS and ordered[-2] < high / 5 else []
    for extreme in extremes:
        rows = int(np.isin(column.codes, np.flatnonzero(floats == extreme)).sum())
        notes.append(
            f"Column {column.name!r} holds {extreme:g} in {rows} rows, taken as a number; "
            f"--na={extreme:g} if it means a missing value."
        )
    if 18000101 <= low <= high <= 22001231:
        days = pd.to_datetime(pd.Series(column.cells), format="%Y%m%d", errors="coerce")
        if days.notna().all():
            notes.append(
                f"Column {column.name!r} looks like dates, as {column.cells[0]}, and is taken as "
                "numbers, which jump at the end of each month; write dates as 2026-03-31."
            )
    return notes


def _days(column: Distinct) -> Values:
    """Days since the first date."""
    written = pd.Series([cell.replace("/", "-") for cell in column.cells])
    try:
        times = pd.to_datetime(written, format="mixed", utc=True, yearfirst=True)
    except (ValueError, pd.errors.OutOfBoundsDatetime) as error:
        raise _unclear(column, ISO_DATE.fullmatch, "looks like dates, one of which is none") from (
            error
        )
    first = times.min()
    days = ((times - first) / pd.Timedelta(days=1)).to_numpy(dtype=np.float64)
    note = (
        f"Column {column.name!r} holds dates: taken as days since {first:%Y-%m-%d}; "
        f"--factor {column.name} to take every date as a level."
    )
    return Values(np.append(days, np.nan)[column.codes], (note,))


def _refuse_what_is_no_text(column: Distinct, decimal: str) -> None:
    """Refuse a column whose cells are numbers for the most part, or dates in another order."""
    known = int((column.codes >= 0).sum())
    is_number = NUMBER[decimal].fullmatch
    if 2 * len(column.rows_of(is_number)) >= known:
        odd = column.rows_of(lambda cell: not is_number(cell))
        cell = column.cells[column.codes[odd[0]]]
        others = f" (and {len(odd) - 1} other rows hold no number)" if len(odd) > 1 else ""
        raise DataError(
            f"Column {column.name!r} looks like numbers, but row {odd[0] + 1} below "
            f"the header holds {cell!r}{others}.\n"
            f"Do:   correct it; or --na={cell} if it means a missing value, --decimal if numbers "
            f"are written so, --factor {column.name} if the column names levels."
        )
    if 2 * len(column.rows_of(OTHER_DATE.fullmatch)) > known:
        raise _unclear(column, OTHER_DATE.fullmatch, "holds dates whose order is not clear")
    if 2 * len(column.rows_of(DECORATED.fullmatch)) > known:
        raise _unclear(
            column, DECORATED.fullmatch, "holds numbers with thousands separated, units or signs"
        )


def _unclear(column: Distinct, which: Callable[[str], object], what: str) -> DataError:
    row = column.rows_of(which)[0]
    cell = column.cells[column.codes[row]]
    return DataError(
        f"Column {column.name!r} {what}: row {row + 1} below the header holds {cell!r}.\n"
        "Do:   write plain numbers (1234.5) and dates (2026-03-31); or give --decimal if the "
        f"decimal sign is another, --factor {column.name} if the cells name levels."
    )
