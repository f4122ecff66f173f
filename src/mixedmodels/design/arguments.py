"""The weights and the offset: a column of the data or an array with one value per row."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from mixedmodels.data import Column, Frame
from mixedmodels.design.matrices import Vector
from mixedmodels.design.names import near_matches
from mixedmodels.errors import DataError


def read_argument(what: str, value: str | ArrayLike | None, frame: Frame) -> Column | None:
    """The argument named `what` as a float column of the length of the data.

    Arrays and Series are taken by position, whatever their index.

    Raises
    ------
    DataError
        If the column does not exist, is not numeric, or the array has another length.
    """
    if value is None:
        return None
    if isinstance(value, str):
        if value not in frame.columns:
            help_text = near_matches(value, frame.columns)
            raise DataError(f"{what}={value!r}: the data have no such column.{help_text}")
        column = frame.column(value)
        if column.numbers is None:
            raise DataError(f"{what}={value!r}: the column is not numeric.\nDo:   convert it.")
        return Column.of_numbers(value, column.numbers.astype(np.float64), column.missing)
    return Column.of_numbers(what, _read_array(what, value, frame.nrows))


def checked_weights(column: Column) -> Vector:
    """The weights of the kept rows: positive and finite.

    Raises
    ------
    DataError
        If one is missing, zero, negative or infinite.
    """
    weights = np.array(column.numbers, dtype=np.float64)
    usable = np.isfinite(weights) & (weights > 0)
    if column.missing is not None:
        usable &= ~column.missing
    if usable.all():
        return weights
    first = int(np.argmin(usable))
    is_missing = column.missing is not None and bool(column.missing[first])
    shown = "missing" if is_missing else f"{weights[first]:g}"
    raise DataError(
        f"The weights ({column.name!r}) are missing, infinite, zero or negative in "
        f"{np.count_nonzero(~usable)} rows; the first such value is {shown}.\n"
        "Do:   give every row a positive weight, or leave out the rows that should not count.\n"
        "Why:  the residual variance of a row is sigma^2 / weight."
    )


def checked_offset(column: Column) -> Vector:
    """The offset of the kept rows: finite.

    Raises
    ------
    DataError
        If one is infinite.
    """
    offset = np.array(column.numbers, dtype=np.float64)
    if not np.isfinite(offset).all():
        raise DataError(
            f"The offset ({column.name!r}) is infinite in "
            f"{np.count_nonzero(~np.isfinite(offset))} rows.\n"
            "Do:   correct or leave out these rows."
        )
    return offset


def _read_array(what: str, value: ArrayLike, nrows: int) -> Vector:
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{what} is neither the name of a column nor an array of numbers.\n"
            "Do:   pass a column name, or one number per row of the data."
        ) from error
    if array.shape != (nrows,):
        raise DataError(
            f"{what} has shape {array.shape}, but the data have {nrows} rows.\n"
            "Do:   pass one number per row, including rows that have missing values."
        )
    return array
