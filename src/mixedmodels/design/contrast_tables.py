"""Contrasts given as a table: its rows belong to the levels that they name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.data import Column, Frame, encode, is_unlabelled, label, match_levels
from mixedmodels.errors import DataError

NAMES = ("level", "levels")
"""Besides that of the factor: what a column with the names of the rows may be called."""


@dataclass(frozen=True, slots=True)
class ContrastTable:
    """Contrasts of a factor.

    Attributes
    ----------
    matrix
        Whatever numbers or objects were given, one row per level in the order of the levels.
    names
        Of its columns, None if they have none.
    """

    matrix: NDArray[Any]
    names: list[Any] | None


def read_contrasts(factor: str, given: Any, levels: Sequence[Any]) -> ContrastTable:
    """The contrasts of a factor, in the order of its levels.

    Rows are named by the index of a pandas table, by the one column that is no number or is called
    as the factor or ``level``, or by the keys of a dict ``{level: row}``. Without names they are
    in the order of the levels.

    Raises
    ------
    DataError
        If the names are not those of the levels, each once.
    """
    if isinstance(given, Mapping):
        return _of_mapping(factor, given, levels)
    if isinstance(given, pd.Series):
        given = given.to_frame()
    if isinstance(given, pd.DataFrame):
        if not is_unlabelled(given.index):
            order = _order(factor, given.index.tolist(), levels)
            return ContrastTable(given.to_numpy()[order], _column_names(given))
        made = _of_frame(factor, given.set_axis(given.columns.map(str), axis=1), levels)
        return made if _column_names(given) else replace(made, names=None)
    if hasattr(given, "columns"):
        return _of_frame(factor, given, levels)
    return ContrastTable(_as_array(given), None)


def _as_array(given: Any) -> NDArray[Any]:
    """As an array, of objects where numbers are no matrix, which the caller then refuses."""
    try:
        return np.asarray(given)
    except ValueError:
        return np.array(None, dtype=object)


def _of_mapping(factor: str, given: Mapping[Any, Any], levels: Sequence[Any]) -> ContrastTable:
    keys = list(given)
    if _names_the_levels(factor, keys, levels):
        rows = [np.atleast_1d(_as_array(row)) for row in given.values()]
        if len({row.shape for row in rows}) > 1:
            raise _rows_differ(factor, keys, levels, "rows of different lengths")
        return ContrastTable(np.array(rows)[_order(factor, keys, levels)], None)
    try:
        table = pd.DataFrame(dict(given))
    except (TypeError, ValueError) as error:
        raise _rows_differ(factor, keys, levels, "keys that are not the levels") from error
    return read_contrasts(factor, table, levels)


def _of_frame(factor: str, given: Any, levels: Sequence[Any]) -> ContrastTable:
    """A table whose rows have no labels but perhaps a column of names."""
    frame = Frame.of(given)
    columns = [frame.column(name) for name in frame.columns]
    names = next((column for column in columns if _holds_names(factor, column)), None)
    if names is None:
        _refuse_doubt(factor, frame.nrows, levels)
        order: NDArray[np.intp] = np.arange(frame.nrows)
    else:
        codes = encode(names)
        order = _order(factor, [codes.values[code] for code in codes.codes.tolist()], levels)
    numbers = [column for column in columns if column is not names]
    matrix = [_numbers(column, frame.nrows) for column in numbers]
    return ContrastTable(np.column_stack(matrix)[order], [column.name for column in numbers])


def _holds_names(factor: str, column: Column) -> bool:
    return column.numbers is None or column.name in (factor, *NAMES)


def _numbers(column: Column, n_rows: int) -> NDArray[Any]:
    """A column as floats; nan, which no contrast may hold, where it has no numbers."""
    if column.numbers is None or column.missing is not None:
        return np.full(n_rows, np.nan)
    return column.numbers.astype(np.float64)


def _column_names(table: pd.DataFrame) -> list[Any] | None:
    return None if is_unlabelled(table.columns) else list(table.columns)


def _refuse_doubt(factor: str, n_rows: int, levels: Sequence[Any]) -> None:
    """Row numbers that could also be the names of levels in another order."""
    numbers = list(range(n_rows))
    if list(levels) != numbers and set(levels) == set(numbers):
        raise _rows_differ(
            factor, numbers, levels, "rows 0, 1, …, which are levels, but in another order"
        )


def _names_the_levels(factor: str, names: Sequence[Any], levels: Sequence[Any]) -> bool:
    try:
        found = match_levels(factor, names, levels)[:-1]
    except DataError:
        return False
    return sorted(found.tolist()) == list(range(len(levels)))


def _order(factor: str, names: Sequence[Any], levels: Sequence[Any]) -> NDArray[np.intp]:
    """The place of each level's row."""
    if not _names_the_levels(factor, names, levels):
        raise _rows_differ(factor, names, levels, "rows that are not named by the levels")
    return np.argsort(match_levels(factor, names, levels)[:-1])


def _rows_differ(
    factor: str, names: Sequence[Any], levels: Sequence[Any], problem: str
) -> DataError:
    return DataError(
        f"The contrasts of {factor!r} have {problem}: {_listed(names)}.\n"
        f"Do:   name each of the levels once: {_listed(levels)}; or give an array without names, "
        "one row per level in this order.\n"
        "Why:  a row belongs to the level that it names."
    )


def _listed(values: Sequence[Any]) -> str:
    return ", ".join(map(label, values[:12])) + (", …" if len(values) > 12 else "")
