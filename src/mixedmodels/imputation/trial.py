"""Imputation of trials under stated assumptions: see `mixedmodels.impute_trial`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from mixedmodels.data import Frame, encode
from mixedmodels.design.names import used_columns
from mixedmodels.engine.structured import StructuredProblem
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.formula.tokens import unquote
from mixedmodels.imputation.imputations import ColumnTrace, Imputations
from mixedmodels.imputation.repeated import Repeated, parameter_draw, repeated
from mixedmodels.imputation.strategies import drawn_visits
from mixedmodels.options import require_count, require_option
from mixedmodels.prediction.streams import Seed, key_of, stream
from mixedmodels.vocabulary import TrialMethod

Vector = NDArray[np.float64]

Delta = float | Mapping[Any, float] | str | None
"""Added to imputed values: of all arms but the reference, per arm, or a column."""


def impute_trial(
    model: object,
    *,
    arm: str,
    reference: object,
    method: TrialMethod = "j2r",
    delta: Delta = None,
    n: int = 20,
    seed: Seed = None,
) -> Imputations:
    """See `mixedmodels.impute_trial`.

    Raises
    ------
    DataError
        If the model is no repeated-measures fit, the arm or the reference is not there, rows or
        covariates are missing, or an option is not known.
    """
    require_option("method", method, get_args(TrialMethod))
    require_count("n", n, what="imputations")
    fit = _repeated_fit(model)
    frame, response = fit.frame, _response(fit)
    if not frame.column(response).n_missing:
        raise DataError(f"Nothing is missing in {response!r}.\nDo:   fit the model as it is.")
    labels = _arms(fit, arm, reference)
    subjects = repeated(fit, frame, _moved(frame, arm, labels, str(reference)), response)
    added = _deltas(frame, delta, labels, str(reference))
    rng = stream(key_of(seed), 0)
    rows = np.flatnonzero(np.isnan(frame.column(response).floats()))
    completed = tuple(
        frame.filled(response, rows, _draw(fit, subjects, method, added, rng)[rows].tolist())
        for _ in range(n)
    )
    empty = np.empty(0)
    trace = ColumnTrace(response, str(fit.spec.formula), method, rows, empty, empty)
    return Imputations(frame, completed, (trace,), 0, _notes(method, reference, delta))


def _draw(
    fit: Fit, subjects: Repeated, method: TrialMethod, added: Vector, rng: np.random.Generator
) -> Vector:
    """One imputation of all rows (n,), nan where nothing is missing."""
    at = parameter_draw(fit, subjects, rng)
    values = np.full(len(added), np.nan)
    for one in subjects.patterns:
        if not one.seen.all():
            values[one.rows[:, ~one.seen]] = drawn_visits(one, method, at, rng)
    return values + added


def _repeated_fit(model: object) -> Fit:
    fit = getattr(model, "fit", None)
    if not isinstance(fit, Fit):
        raise DataError(
            f"impute_trial() was given an object of type {type(model).__name__}.\n"
            "Do:   give a fitted model, as mm.mmrm returns it."
        )
    m = fit.matrices
    residual = m.residual
    plain = isinstance(fit.problem, StructuredProblem) and not m.terms and m.weights is None
    if not plain or residual is None or residual.structure is None or residual.scale is not None:
        raise DataError(
            "The model is not one of repeated measures alone.\n"
            "Do:   fit mm.mmrm(formula, data, subject=..., visit=...), without random terms, "
            "weights and sigma=.\n"
            "Why:  what a missing visit is drawn from is the joint distribution of the visits."
        )
    if fit.request.fixed or fit.request.tied or m.known_sigma is not None or not m.has_rows:
        raise DataError(
            "The covariance of the model is held in part, or its rows are not kept.\n"
            "Do:   fit it without fixed=, tied= and a known sigma, to a table in memory."
        )
    return fit


def _response(fit: Fit) -> str:
    response = unquote(fit.spec.formula.response)
    if response not in fit.frame.columns or fit.request.response is not None:
        raise DataError(
            f"The response {fit.spec.formula.response!r} is not a column of the data.\n"
            "Do:   put the transformed or changed response into a column, and fit to that."
        )
    return response


def _arms(fit: Fit, arm: str, reference: object) -> NDArray[np.object_]:
    """The arm (n,) of every row, as text."""
    frame = fit.frame
    if arm not in frame.columns:
        raise DataError(
            f"The data have no column {arm!r}.\nDo:   name the column of the arms with arm=."
        )
    column = frame.column(arm)
    if column.n_missing:
        raise DataError(f"The column {arm!r} has missing values.\nDo:   complete it.")
    codes = encode(column)
    require_option("reference", str(reference), codes.levels)
    if arm not in used_columns(fit.spec.formula.fixed, frame.columns):
        raise DataError(
            f"The model does not use {arm!r}, so that all arms have the same means.\n"
            "Do:   fit it with the arm, as arm * visit."
        )
    return np.array(codes.levels, dtype=object)[codes.codes]


def _moved(frame: Frame, arm: str, labels: NDArray[np.object_], reference: str) -> Frame:
    """The table with everybody in the reference arm."""
    row = int(np.flatnonzero(labels == reference)[0])
    return frame.repeated_value(arm, row)


def _deltas(frame: Frame, delta: Delta, labels: NDArray[np.object_], reference: str) -> Vector:
    """What is added (n,) to each row's imputed value."""
    if delta is None:
        return np.zeros(frame.nrows)
    if isinstance(delta, str):
        if delta not in frame.columns or frame.column(delta).numbers is None:
            raise DataError(f"delta names no column of numbers: {delta!r}.\nDo:   name one.")
        added = frame.column(delta).floats()
    elif isinstance(delta, Mapping):
        known = {str(name): value for name, value in delta.items()}
        for name in known:
            require_option("an arm of delta", name, sorted(set(labels.tolist())))
        added = np.array([_finite(known.get(label, 0.0)) for label in labels.tolist()])
    else:
        added = np.where(labels == reference, 0.0, _finite(delta))
    if not np.isfinite(added).all():
        raise DataError("delta has values that are missing or infinite.\nDo:   give numbers.")
    return np.asarray(added, dtype=np.float64)


def _finite(value: object) -> float:
    is_number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not is_number or not np.isfinite(value):  # type: ignore[call-overload]
        raise DataError(f"delta = {value!r} is no number.\nDo:   give the shift of the response.")
    return float(value)  # type: ignore[arg-type]


def _notes(method: TrialMethod, reference: object, delta: Delta) -> tuple[str, ...]:
    words = {
        "mar": "missing at random",
        "j2r": f"as in arm {reference} after the last visit seen (jump to reference)",
        "cr": f"as in arm {reference} at all visits (copy reference)",
        "cir": f"with the increments of arm {reference} after the last visit seen",
    }
    shift = "" if delta is None else ", shifted by delta"
    return (f"missing visits are assumed to be {words[method]}{shift}",)
