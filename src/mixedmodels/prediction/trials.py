"""The trials of new rows, of a model of successes in trials."""

import numpy as np
from numpy.typing import NDArray

from mixedmodels.data import Frame, completeness
from mixedmodels.design.expand import evaluate
from mixedmodels.design.names import used_columns
from mixedmodels.design.spec import read_column
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.formula.trials import trials_response

Vector = NDArray[np.float64]


def new_trials(fit: Fit, frame: Frame) -> Vector | None:
    """Trials (n,) of new rows, nan where a value is missing; None if every row of the fit is one
    trial, or the new data lack the columns that tell.

    Raises
    ------
    DataError
        If they are not positive whole numbers.
    """
    distribution = fit.request.distribution
    if distribution is None or fit.matrices.size is None:
        return None
    if distribution.trials is None:
        return _checked(_of_formula(fit, frame))
    name = distribution.trials
    if not isinstance(name, str) or name not in frame.columns:
        return None
    column = frame.column(name)
    if column.numbers is None:
        raise DataError(f"Column {name!r}, the trials of the model, is not numeric.")
    return _checked(column.floats())


def _of_formula(fit: Fit, frame: Frame) -> Vector | None:
    """``trials`` of ``successes / trials``, or the sum of ``cbind(successes, failures)``."""
    asked = trials_response(fit.spec.formula)
    if asked is None:
        return None
    factors = [asked.other, asked.successes] if asked.of_failures else [asked.other]
    names = {name for f in factors for name in used_columns(f.expr, fit.spec.response_columns)}
    if not names <= {*frame.columns}:
        return None
    columns = {name: read_column(name, frame) for name in sorted(names)}
    rows = completeness(columns.values()).rows
    kept = np.ones(frame.nrows, dtype=np.bool_) if rows is None else rows
    there = {name: column.take(kept) for name, column in columns.items()}
    variables = fit.spec.variables_of(there, int(np.count_nonzero(kept)))
    total = np.full(frame.nrows, np.nan)
    state = dict(fit.spec.response_state)
    total[kept] = sum(evaluate(factor, variables, state) for factor in factors)
    return total


def _checked(size: Vector | None) -> Vector | None:
    if size is None:
        return None
    there = size[~np.isnan(size)]
    if np.any(there < 1) or np.any(there != np.round(there)):
        raise DataError(
            "The trials of the new data are not positive whole numbers.\n"
            "Do:   give the number of trials of every row."
        )
    return size
