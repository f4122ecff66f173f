"""The response of new rows, as numbers that the family takes."""

import numpy as np
from numpy.typing import NDArray

from mixedmodels.data import Column, Frame, completeness, encode, label, match_levels
from mixedmodels.design.expand import evaluate
from mixedmodels.design.spec import read_column
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.formula.trials import trials_response

Vector = NDArray[np.float64]


def new_response(fit: Fit, frame: Frame) -> Vector:
    """Numbers, successes, or the places of the categories (n,); nan where a value is missing.

    Raises
    ------
    DataError
        If a column is missing, or has a category or a value that the fit's family does not have.
    """
    columns = {name: read_column(name, frame) for name in fit.spec.response_columns}
    rows = completeness(columns.values()).rows
    kept = np.ones(frame.nrows, dtype=np.bool_) if rows is None else rows
    there = {name: column.take(kept) for name, column in columns.items()}
    y = np.full(frame.nrows, np.nan)
    if fit.spec.response_levels:
        y[kept] = _places(fit, _response_column(fit, there, int(kept.sum())))
        return y
    y[kept] = _numbers(fit, there, int(kept.sum()))
    return y


def _numbers(fit: Fit, columns: dict[str, Column], n: int) -> Vector:
    asked = None if fit.generalised is None else trials_response(fit.spec.formula)
    factor = fit.spec.formula.response_factor if asked is None else asked.successes
    return evaluate(factor, fit.spec.variables_of(columns, n), dict(fit.spec.response_state))


def _response_column(fit: Fit, columns: dict[str, Column], n: int) -> Column:
    factor = fit.spec.formula.response_factor
    if factor.expr in columns:
        return columns[factor.expr]
    return Column.of_numbers(fit.spec.formula.response, _numbers(fit, columns, n))


def _places(fit: Fit, column: Column) -> Vector:
    codes, levels = encode(column), fit.spec.response_levels
    places = match_levels(column.name, codes.values, levels)
    unknown = [label(codes.values[i]) for i in np.flatnonzero(places[:-1] < 0).tolist()]
    if unknown:
        raise DataError(
            f"The response {column.name!r} has categories that the fit has not seen: "
            f"{', '.join(unknown[:6])}.\n"
            f"Do:   use those of the fit: {', '.join(map(label, levels[:12]))}."
        )
    return places[codes.codes].astype(np.float64)
