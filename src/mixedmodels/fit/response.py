"""Another response for the rows of a fit."""

from math import isfinite

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixedmodels.data import Frame, read_values
from mixedmodels.design import ModelMatrices, require_magnitude
from mixedmodels.errors import DataError
from mixedmodels.families import Family

Vector = NDArray[np.float64]


def checked_response(
    y: ArrayLike,
    matrices: ModelMatrices,
    *,
    what: str = "the new response",
    family: Family | None = None,
) -> Vector:
    """`y` on the kept rows (n,).

    One number per kept row is taken as it is; of one number per row of the data, the kept rows'.
    With a `family` they are such as it has: successes, places of categories.

    Raises
    ------
    DataError
        If it is not numeric, has another length, is missing or infinite on a kept row, or constant.
    """
    values = _as_floats(y, what)
    kept = matrices.kept
    n = len(matrices.y)
    if values.shape == kept.shape and len(kept) != n:
        values = values[kept]
    if values.shape != (n,):
        raise DataError(
            f"{what} has shape {values.shape}, but the fit uses {n} of {len(kept)} rows.\n"
            f"Do:   give {n} numbers, one per row used, or {len(kept)}, one per row of the data."
        )
    low, high = float(values.min()), float(values.max())
    if not (isfinite(low) and isfinite(high)):
        bad = np.flatnonzero(~np.isfinite(values))
        raise DataError(
            f"{what} is missing or infinite in {len(bad)} of the rows used; the first is row label "
            f"{matrices.index[bad[0]]!r}.\n"
            "Do:   fit again with `mixedmodels.lmm`, which drops rows with missing values."
        )
    if family is not None:
        family.check_response(values, matrices.size, what)
        return values
    if low == high:
        raise DataError(
            f"{what} is constant ({values[0]:g}): there is nothing to explain.\n"
            "Do:   check the column or the simulation that it comes from."
        )
    require_magnitude(what, max(-low, high))
    return values


def column_response(frame: Frame, name: str, matrices: ModelMatrices) -> Vector:
    """A column of the data as the response of the kept rows."""
    column = frame.column(name)
    if column.numbers is None:
        raise DataError(
            f"Column {name!r} is not numeric, so it cannot be the response.\n"
            "Do:   convert it to numbers first."
        )
    return checked_response(column.floats()[matrices.kept], matrices, what=f"column {name!r}")


def _as_floats(y: ArrayLike, what: str) -> Vector:
    try:
        column = read_values(what, y)
    except (TypeError, ValueError, DataError) as error:
        raise _not_numeric(what) from error
    if column.numbers is None:
        raise _not_numeric(what)
    return column.floats()


def _not_numeric(what: str) -> DataError:
    return DataError(
        f"{what} is not numeric.\nDo:   give an array of numbers or the name of a column."
    )
