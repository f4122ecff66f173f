"""Predictions of generalised models on the scale that is asked for, with errors and limits.

Limits are symmetric on a scale without bounds, and taken back: those of the linear predictor where
what is predicted is a function of it alone, else of its link (the logarithm of a mean of counts,
the logit of a probability). Standard errors are those of what is shown (delta method).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from mixedmodels.data import label
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.options import require_flag, require_option, require_probability
from mixedmodels.prediction.auxiliary import Auxiliary, auxiliary_of
from mixedmodels.prediction.joint_errors import LinearErrors, linear_errors
from mixedmodels.prediction.observations import Observations, limits_of_observations
from mixedmodels.prediction.predict import Predicted, predicted
from mixedmodels.prediction.quantities import Quantity, quantities
from mixedmodels.prediction.responses import error_variances, linear_predictor_of, response
from mixedmodels.prediction.streams import Seed
from mixedmodels.vocabulary import Interval, NewLevels, PredictionType

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows to predict, and what is shared by all that is predicted of them."""

    of: Predicted
    auxiliary: Auxiliary
    errors: LinearErrors | None
    marginal: bool


def predict_response(
    fit: Fit,
    newdata: object = None,
    *,
    type: PredictionType = "response",
    re: str | Sequence[str] = "all",
    marginal: bool = False,
    new_levels: NewLevels = "population",
    se: bool = False,
    interval: Interval | None = None,
    level: float = 0.95,
    seed: Seed = None,
) -> Any:
    """Predictions of a generalised model, as `GeneralisedMixedModel.predict` explains them.

    Raises
    ------
    DataError
        For an unknown group, column or option, a new level of a *fixed* factor, a new level of a
        group if so asked, or what the model has nothing of.
    """
    require_flag("se", se)
    require_flag("marginal", marginal)
    require_option("type", type, get_args(PredictionType))
    require_option("interval", interval, (None, *get_args(Interval)))
    require_probability("level", level)
    if interval == "prediction":
        _require_observations(fit, type, marginal)
    found = predicted(
        fit,
        newdata,
        re="none" if marginal and isinstance(re, str) and re == "all" else re,
        new_levels=new_levels,
        seed=seed,
        left_out=marginal or interval == "prediction",
        auxiliary=type != "link" and (fit.family.zero != "none" or interval == "prediction"),
    )
    auxiliary = auxiliary_of(fit, found.rows)
    names = [label(value) for value in fit.spec.response_levels]
    asked = quantities(fit, auxiliary, type, categories=names)
    has_errors = se or interval is not None
    errors = linear_errors(fit, found) if has_errors else None
    rows = _Rows(found, auxiliary, errors, marginal)
    if not has_errors:
        return _values(fit, rows, asked)
    columns = [_columns(fit, rows, one, interval, level) for one in asked]
    return _table(rows, asked, columns)


def _values(fit: Fit, rows: _Rows, asked: Sequence[Quantity]) -> Any:
    """A Series, or a table with one column for each category."""
    values = [response(fit, rows.of, one, marginal=rows.marginal).value for one in asked]
    index = rows.of.rows.index
    if len(asked) == 1 and not asked[0].name:
        return pd.Series(values[0], index=index, name="predicted")
    return _framed(rows, {one.name: value for one, value in zip(asked, values, strict=True)}, index)


def _framed(rows: _Rows, columns: dict[str, Any], index: pd.Index) -> Any:
    made = rows.of.rows.frame.table(columns)
    return made.set_axis(index) if isinstance(made, pd.DataFrame) else made


def _table(rows: _Rows, asked: Sequence[Quantity], columns: Sequence[dict[str, Vector]]) -> Any:
    """The columns of every quantity; those of categories below each other, row by row."""
    index = rows.of.rows.index
    if len(asked) == 1 and not asked[0].name:
        return _framed(rows, dict(columns[0]), index)
    n, c = len(index), len(asked)
    joint: dict[str, Any] = {
        "category": np.tile(np.array([one.name for one in asked], dtype=object), n)
    }
    for name in columns[0]:
        joint[name] = np.column_stack([one[name] for one in columns]).ravel()
    return _framed(rows, joint, index.repeat(c))


def _columns(
    fit: Fit, rows: _Rows, quantity: Quantity, interval: Interval | None, level: float
) -> dict[str, Vector]:
    at = response(fit, rows.of, quantity, marginal=rows.marginal)
    if rows.errors is None:
        raise ValueError("errors were not computed")
    follows_eta = quantity.depends_on_eta_alone and not rows.marginal
    shown = linear_predictor_of(rows.of) if follows_eta else at
    variance = error_variances(fit, rows.of, shown, rows.errors, rows.auxiliary)
    with np.errstate(invalid="ignore"):
        spread = np.sqrt(variance)
    std_error = spread * np.abs(at.slope) if follows_eta else spread
    columns = {"estimate": at.value, "std_error": std_error}
    if interval is None:
        return columns
    columns["df"] = np.where(np.isnan(spread), np.nan, np.inf)
    if interval == "prediction":
        asked = Observations.of(fit, rows.of, rows.auxiliary, rows.errors)
        low, high = limits_of_observations(fit, asked, level)
    else:
        half = float(special.ndtri(0.5 + level / 2)) * spread
        low, high = _limits(quantity, shown.value, half, follows_eta=follows_eta)
    return columns | {"conf_low": low, "conf_high": high}


def _limits(
    quantity: Quantity, centre: Vector, half: Vector, *, follows_eta: bool
) -> tuple[Vector, Vector]:
    """Limits from an estimate and half their distance: both of eta, or of the quantity."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if follows_eta:
            ends = [quantity.curve(centre + sign * half)[0] for sign in (-1, 1)]
        else:
            link, eta = quantity.link, quantity.link.of(centre)
            half = half / np.abs(link.slope(eta))
            ends = [link.inverse(eta + sign * half) for sign in (-1, 1)]
    return np.minimum(*ends), np.maximum(*ends)


def _require_observations(fit: Fit, type: PredictionType, marginal: bool) -> None:
    is_ordered = fit.family.response == "ordered"
    if type != "response" or marginal or is_ordered:
        why = ", whose categories have probabilities instead" if is_ordered else ""
        raise DataError(
            f'interval="prediction" is for an observation of a response{why}.\n'
            'Do:   write type="response" without marginal=True, of a response that is not ordered; '
            're="none" for\n      an observation of a new level.'
        )
