"""The weights and the offset: a column of the data or an array with one value per row."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from mixedmodels.data import Column, Frame, by_row, read_values
from mixedmodels.design.magnitude import require_magnitude
from mixedmodels.design.matrices import Vector
from mixedmodels.design.names import near_matches
from mixedmodels.errors import DataError


def read_argument(what: str, value: str | ArrayLike | None, frame: Frame) -> Column | None:
    """The argument named `what` as a float column of the length of the data.

    A pandas Series goes by its labels to the rows that have them; arrays go by position.

    Raises
    ------
    DataError
        If the column does not exist, is not numeric, the array has another length, or the labels
        are not those of the data.
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
    return _read_values(what, by_row(what, value, frame.index), frame.nrows)


def owned_argument(what: str, value: str | ArrayLike | None) -> str | Vector | pd.Series | None:
    """The argument, an array as a copy that the caller cannot change; a Series keeps its labels.

    Raises
    ------
    DataError
        If it is neither text nor numbers.
    """
    if value is None or isinstance(value, str):
        return value
    numbers = _column_of(what, value).floats()
    if isinstance(value, pd.Series):
        return pd.Series(numbers, index=value.index.copy(deep=True))
    return numbers


PRECISIONS = "the residual variance of a row is sigma^2 / weight"
"""What weights are in a linear model."""

MULTIPLES = "a weight multiplies the log-likelihood of its row"
"""What weights are in a generalised model."""


def checked_weights(column: Column, why: str = PRECISIONS) -> Vector:
    """The weights of the kept rows: positive and finite; `why` they are so.

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
        require_magnitude(
            f"The column of weights {column.name!r}", float(weights.min()), float(weights.max())
        )
        return weights
    first = int(np.argmin(usable))
    is_missing = column.missing is not None and bool(column.missing[first])
    shown = "missing" if is_missing else f"{weights[first]:g}"
    raise DataError(
        f"The weights ({column.name!r}) are missing, infinite, zero or negative in "
        f"{np.count_nonzero(~usable)} rows; the first such value is {shown}.\n"
        "Do:   give every row a positive weight, or leave out the rows that should not count.\n"
        f"Why:  {why}."
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
    largest = float(np.abs(offset).max(initial=0.0))
    if largest:
        require_magnitude(f"The offset {column.name!r}", largest)
    return offset


def offset_with(offset: Column | None, exposure: Column | None) -> Vector | None:
    """The offset of the kept rows, with the logarithm of the exposure added; None without either.

    Raises
    ------
    DataError
        If an offset is infinite, or an exposure is not positive.
    """
    known = None if offset is None else checked_offset(offset)
    if exposure is None:
        return known
    log_exposure = np.log(checked_exposure(exposure))
    return log_exposure if known is None else known + log_exposure


def checked_exposure(column: Column) -> Vector:
    """The exposure of complete rows: positive and finite.

    Raises
    ------
    DataError
        If one is not.
    """
    exposure = np.array(column.numbers, dtype=np.float64)
    bad = ~(np.isfinite(exposure) & (exposure > 0))
    if bad.any():
        raise DataError(
            f"The exposure ({column.name!r}) is zero, negative or infinite in "
            f"{np.count_nonzero(bad)} rows; the first such value is {exposure[bad][0]:g}.\n"
            "Do:   give every row a positive exposure, or leave out the rows that had none.\n"
            "Why:  its logarithm is added to the linear predictor."
        )
    require_magnitude(f"The exposure {column.name!r}", float(exposure.min()), float(exposure.max()))
    return exposure


def checked_trials(column: Column) -> Vector:
    """The trials of complete rows: whole and positive.

    Raises
    ------
    DataError
        If one is not.
    """
    return checked_sizes(np.array(column.numbers, dtype=np.float64), column.name)


def checked_sizes(size: Vector, what: str) -> Vector:
    """Numbers of trials that are whole and positive; `what` names them.

    Raises
    ------
    DataError
        If one is not.
    """
    bad = ~(np.isfinite(size) & (size >= 1) & (size == np.round(size)))
    if bad.any():
        raise DataError(
            f"The trials ({what!r}) are no positive whole number in {np.count_nonzero(bad)} rows; "
            f"the first such value is {size[bad][0]:g}.\n"
            "Do:   correct these rows, or leave them out; a row without trials tells nothing."
        )
    return size


def _read_values(what: str, value: ArrayLike, nrows: int) -> Column:
    column = _column_of(what, value)
    numbers = np.asarray(column.numbers, dtype=np.float64)
    if numbers.shape != (nrows,):
        raise DataError(
            f"{what} has shape {numbers.shape}, but the data have {nrows} rows.\n"
            "Do:   pass one number per row, including rows that have missing values."
        )
    return Column.of_numbers(what, numbers, column.missing)


def _column_of(what: str, value: ArrayLike) -> Column:
    try:
        column = read_values(what, value)
    except (TypeError, ValueError, DataError) as error:
        raise _no_numbers(what) from error
    if column.numbers is None:
        raise _no_numbers(what)
    return column


def _no_numbers(what: str) -> DataError:
    return DataError(
        f"{what} is neither the name of a column nor an array of numbers.\n"
        "Do:   pass a column name, or one number per row of the data."
    )
