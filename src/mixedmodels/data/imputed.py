"""Several imputations of one table: a sequence of tables, or one long table with their numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from mixedmodels.data.cluster import Partitions
from mixedmodels.data.columns import encode
from mixedmodels.data.frame import Frame
from mixedmodels.errors import DataError


class Imputed(Protocol):
    """Whatever holds completed tables, as `mixedmodels.impute` returns them."""

    @property
    def frames(self) -> tuple[Any, ...]:
        """The tables, one per imputation."""


@dataclass(frozen=True, slots=True)
class CompletedTables:
    """The tables of several imputations, and what is to be said of how they were found."""

    frames: tuple[Any, ...]
    notes: tuple[str, ...] = ()


def imputed_frames(data: object, imp: str | None) -> CompletedTables | None:
    """The imputations that the data are; None where they are one table, in parts or not.

    Parameters
    ----------
    data
        A list or tuple of tables, an object that holds them as `frames`, or with `imp` one table.
    imp
        The column of a long table that numbers the imputations.

    Raises
    ------
    DataError
        If there are fewer than two, or there is no such column.
    """
    if imp is not None:
        return _of_long(data, imp)
    frames = data if isinstance(data, (list, tuple)) else getattr(data, "frames", None)
    if not isinstance(frames, (list, tuple)) or isinstance(data, type):
        return None
    if Partitions.of(data) is not None:  # a list of delayed tables, the parts of one
        return None
    if frames and all(_is_row(frame) for frame in frames):
        raise DataError(
            "The data are a list of rows, which is no table; a list is one of imputations.\n"
            "Do:   make a table of the rows, as pandas.DataFrame(rows)."
        )
    _require_two(len(frames), "The data are a sequence of")
    return CompletedTables(tuple(frames))


def _is_row(frame: object) -> bool:
    """Whether a mapping has single values where a table has columns."""
    return isinstance(frame, Mapping) and all(np.ndim(value) == 0 for value in frame.values())


def _of_long(data: object, imp: str) -> CompletedTables:
    if not isinstance(imp, str):
        raise DataError(
            f"imp= is of type {type(imp).__name__}, and no name of a column.\n"
            'Do:   put the numbers of the imputations into the table, and write imp=".imp".'
        )
    frame = Frame.of(data)
    if imp not in frame.columns:
        raise DataError(
            f"The table has no column {imp!r}.\n"
            "Do:   give in imp= the column that numbers the imputations, .imp of a long table of "
            "R's mice."
        )
    column = frame.column(imp)
    if column.n_missing:
        raise DataError(
            f"The column {imp!r} is missing in {column.n_missing} rows, which belong to no "
            "imputation.\nDo:   number every row."
        )
    codes = encode(column)
    parts = [frame.rows(np.flatnonzero(codes.codes == i)) for i in range(len(codes.values))]
    notes: tuple[str, ...] = ()
    zero = [i for i, level in enumerate(codes.levels) if str(level) == "0"]
    if zero and _is_incomplete(parts[zero[0]], [*parts[: zero[0]], *parts[zero[0] + 1 :]]):
        del parts[zero[0]]
        notes = (f"rows with {imp} = 0, the incomplete data, are left out",)
    _require_two(len(parts), f"The column {imp!r} numbers")
    return CompletedTables(tuple(part.native for part in parts), notes)


def _is_incomplete(first: Frame, others: list[Frame]) -> bool:
    """Whether a column has missing values in the first part and none, or fewer, in the others."""
    for name in first.columns:
        missing = first.column(name).n_missing
        if missing and any(part.column(name).n_missing < missing for part in others):
            return True
    return False


def _require_two(n: int, what: str) -> None:
    if n < 2:
        tables = "table" if n == 1 else "tables"
        raise DataError(
            f"{what} {n} {tables}, and pooling needs at least two imputations.\n"
            "Do:   give all completed tables; 20 or more are usual. A single table is not put in "
            "a list."
        )
