"""The rows of data with what a model says of each, after R's `broom.mixed`."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixedmodels.data import Column, Frame
from mixedmodels.data.unkept import rows_needed
from mixedmodels.diagnostics.influence import influence as influence_of
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.fitted import fitted_array, population_array, residuals
from mixedmodels.fit.request import columns_in_use
from mixedmodels.inference.predicted import predict
from mixedmodels.inference.predicted_responses import predict_response
from mixedmodels.options import require_flag
from mixedmodels.vocabulary import PredictionType

Vector = NDArray[np.float64]
Values = dict[str, Vector]


def augment(fit: Fit, data: object = None, *, influence: bool = False) -> Any:
    """The rows with columns behind their own, as `MixedModel.augment` explains them.

    Raises
    ------
    DataError
        If the data have a column of one of these names, the model keeps no rows, or influence is
        asked of rows that are not those of the fit.
    """
    require_flag("influence", influence)
    if data is None:
        if not fit.matrices.has_rows:
            raise rows_needed()
        return _beside(fit.frame, _of_rows_used(fit, influence), fit.matrices.kept)
    frame = Frame.of(data)
    if _is_of_the_fit(fit, frame):
        found = _of_rows_used(fit, influence)
        return _beside(frame, {name: _spread(fit, v) for name, v in found.items()})
    if influence:
        raise DataError(
            "Leverage and influence are of the rows of the fit, and these are others.\n"
            "Do:   leave influence out, or give the data that the model was fitted to."
        )
    return _beside(frame, _of_new_rows(fit, data))


def _of_rows_used(fit: Fit, influence: bool) -> Values:
    first = 1.0 if fit.family.response == "ordered" else 0.0  # as `predict` counts categories
    columns = {
        "fitted": fitted_array(fit) + first,
        "fitted_population": population_array(fit) + first,
    }
    if fit.family.response != "ordered":
        columns["resid"] = residuals(fit, "response").to_numpy()
        columns["resid_standardized"] = residuals(fit, "standardized").to_numpy()
    if influence:
        found = influence_of(fit)
        columns["hat"] = np.asarray(found.leverage, dtype=np.float64)
        columns["cooks_distance"] = found.cooks
    return columns


def _of_new_rows(fit: Fit, data: object) -> Values:
    """Predictions with the random effects of known levels, and without any."""
    if fit.generalised is None:
        both = [predict(fit, data, re=re) for re in ("all", "none")]
    else:
        kind: PredictionType = "expected" if fit.family.response == "ordered" else "response"
        both = [predict_response(fit, data, re=re, type=kind) for re in ("all", "none")]
    return dict(zip(("fitted", "fitted_population"), (x.to_numpy() for x in both), strict=True))


def _spread(fit: Fit, values: Vector) -> Vector:
    """Values of the rows used on all rows of the data, nan where one was dropped."""
    whole = np.full(len(fit.matrices.kept), np.nan)
    whole[fit.matrices.kept] = values
    return whole


def _beside(frame: Frame, columns: Values, rows: NDArray[np.bool_] | None = None) -> Any:
    taken = [name for name in columns if name in frame.columns]
    if taken:
        raise DataError(
            f"The data have a column named {taken[0]!r}, where the model's own would go.\n"
            "Do:   rename or drop it."
        )
    return frame.beside(columns, rows)


def _is_of_the_fit(fit: Fit, frame: Frame) -> bool:
    """Whether these are the rows that the model was fitted to, whatever columns they have beside
    those of the model.
    """
    if not fit.matrices.has_rows or frame.nrows != len(fit.matrices.kept):
        return False
    used = columns_in_use(fit.request, fit.frame.columns)
    if not set(used) <= set(frame.columns):
        return False
    return all(_are_equal(frame.column(name), fit.frame.column(name)) for name in used)


def _are_equal(first: Column, second: Column) -> bool:
    if first.kind != second.kind:
        return False
    nothing = np.zeros(len(_values(first)), dtype=np.bool_)
    missing, other = (nothing if c.missing is None else c.missing for c in (first, second))
    if not np.array_equal(missing, other):
        return False
    return bool(np.array_equal(_values(first)[~missing], _values(second)[~missing]))


def _values(column: Column) -> NDArray[Any]:
    if column.numbers is not None:
        return column.numbers
    if column.codes is None:
        raise ValueError("a column without values")
    return np.array([*column.codes.levels, None], dtype=object)[column.codes.codes]
