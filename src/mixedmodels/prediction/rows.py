"""The rows to predict: those of a fit, or new ones with the same columns."""

import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.data import Frame, encode, interaction
from mixedmodels.design import Grouping, NewResidual, NewTerm, rebuild
from mixedmodels.design.grouping import LevelMap
from mixedmodels.design.spec import read_column
from mixedmodels.errors import DataError, NotEstimableWarning
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.notices import user_level
from mixedmodels.prediction.trials import new_trials

Vector = NDArray[np.float64]
Int32 = NDArray[np.int32]

MOST = 6
"""Dropped columns that a warning lists."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What a prediction needs of n rows.

    Attributes
    ----------
    X
        Shape (n, p).
    terms
        The random terms in formula order; a code is -1 for a level that the fit has not seen.
    offset, weights
        Shape (n,), or None.
    index
        Row labels.
    frame
        Where tables go back to, and where the labels of unseen levels are.
    is_new
        Whether these are other rows than those of the fit.
    residual
        Where new rows stand in the covariance of the residuals; None if they were not asked.
    auxiliary
        Per part of a generalised model beside the mean its columns (n, parameters), None where
        they were not asked.
    size
        Trials (n,), or None.
    """

    X: Vector
    terms: tuple[NewTerm, ...]
    offset: Vector | None
    weights: Vector | None
    index: pd.Index
    frame: Frame
    is_new: bool
    residual: NewResidual | None = None
    auxiliary: tuple[Vector | None, ...] = ()
    size: Vector | None = None


def fitted_rows(fit: Fit) -> Rows:
    """The rows that the fit used."""
    m = fit.matrices
    terms = tuple(
        NewTerm(t.group, m.groupings[t.group].codes, t.names, t.Z, t.members) for t in m.terms
    )
    return Rows(
        X=m.X,
        terms=terms,
        offset=m.offset,
        weights=m.weights,
        index=m.index.view(),
        frame=fit.frame,
        is_new=False,
        auxiliary=tuple(part.D for part in m.auxiliary),
        size=m.size,
    )


def new_rows(
    fit: Fit,
    newdata: object,
    groups: Collection[int],
    *,
    left_out: bool = True,
    residual: bool = False,
    auxiliary: bool = False,
    offset: Vector | None = None,
) -> Rows:
    """Rows of other data; only the columns of the groupings in `groups` need be there.

    Without `left_out`, the columns of the random terms of other groupings need not be there either;
    with `residual` those of the covariance of the residuals must be, and with `auxiliary` those of
    the other parts of a generalised model, and of its trials. An `offset` (n,) that is known is not
    looked for.

    A row whose mean the fit cannot tell has an X of nan, and a `NotEstimableWarning` is given.

    Raises
    ------
    DataError
        If a column is missing or unsuitable, or the model has an offset that is not a column.
    """
    frame = Frame.of(newdata, may_be_empty=True)
    names = [fit.matrices.groupings[g].name for g in sorted(groups)]
    made = rebuild(
        fit.spec,
        frame,
        groups=names,
        left_out=left_out,
        need_residual=residual,
        need_auxiliary=auxiliary,
    )
    off = np.flatnonzero(~made.estimable)
    warn_of_not_estimable(fit, [f"row label {label!r}" for label in made.index[off].tolist()])
    return Rows(
        X=made.X,
        terms=made.terms,
        offset=new_offset(fit, frame) if offset is None else offset,
        weights=_new_weights(fit, frame),
        index=made.index,
        frame=frame,
        is_new=True,
        residual=made.residual,
        auxiliary=_parts(fit, made.auxiliary if auxiliary else None),
        size=new_trials(fit, frame) if auxiliary else None,
    )


def _parts(fit: Fit, made: Sequence[Vector] | None) -> tuple[Vector | None, ...]:
    """The columns of the parts of a generalised model beside the mean; None of thresholds, and of
    what was not made.
    """
    left = iter(() if made is None else made)
    return tuple(None if p.thresholds else next(left, None) for p in fit.matrices.auxiliary)


def warn_of_not_estimable(fit: Fit, rows: Sequence[str]) -> None:
    """Say of which rows, given in words, the mean depends on which columns the fit dropped."""
    if not rows:
        return
    means = "one mean is" if len(rows) == 1 else f"{len(rows)} means are"
    warnings.warn(
        f"{means.capitalize()} not estimable and given as nan: that of {rows[0]}"
        f"{' and others' if len(rows) > 1 else ''}.\n"
        "Do:   predict where the fit has rows of that kind, or leave the terms out that cannot be "
        "told there.\n"
        f"Why:  columns of the fixed part were dropped ({', '.join(fit.spec.aliased[:MOST])}"
        f"{', …' if len(fit.spec.aliased) > MOST else ''}), as the rows of\n"
        "      the fit do not need them; these rows do, so that any number would be that of a "
        "coding.",
        NotEstimableWarning,
        stacklevel=user_level(),
    )


def groups_with_own_levels(fit: Fit) -> set[int]:
    """The groupings whose levels can only be those of the fit: they are related to each other, or
    several to a row.
    """
    terms = fit.matrices.terms
    return {t.group for t in terms if t.precision is not None or t.members is not None}


def group_levels(fit: Fit, frame: Frame, group: int) -> Grouping:
    """A grouping factor of the fit with the levels and the codes that the new data have."""
    grouping = fit.matrices.groupings[group]
    found = interaction(*(encode(read_column(name, frame)) for name in grouping.columns))
    levels = LevelMap(grouping.name, grouping.columns, found.parts, found.members).levels()
    return replace(grouping, codes=found.codes, levels=levels)


def refuse_new_levels(fit: Fit, rows: Rows, groups: Collection[int]) -> None:
    """Raise a DataError that names the first unseen level of the groupings in `groups`."""
    for term in rows.terms:
        unknown = np.flatnonzero(term.codes < 0)
        if term.group in groups and len(unknown):
            grouping = fit.matrices.groupings[term.group]
            row = int(unknown[0])
            level = ":".join(_label(rows.frame, name, row) for name in grouping.columns)
            raise DataError(
                f"{len(unknown)} rows of the new data have a level of {grouping.name} that the fit "
                f"has not seen; the first is {level!r}, row label {rows.index[row]!r}.\n"
                'Do:   write new_levels="population" to predict them with random effects of zero.'
            )


def _label(frame: Frame, name: str, row: int) -> str:
    codes = encode(frame.column(name))
    code = int(codes.codes[row])
    return codes.levels[code] if code >= 0 else "missing"


def new_offset(fit: Fit, frame: Frame) -> Vector | None:
    """The offset (n,) of new rows with the logarithm of their exposure, nan where one is missing;
    None if the model has neither.
    """
    offset = _of_argument(frame, fit.request.offset, "offset", "a column of zeros predicts without")
    distribution = fit.request.distribution
    if distribution is None or distribution.exposure is None:
        return offset
    given = distribution.exposure
    exposure = _of_argument(frame, given, "exposure", "a column of ones predicts for one unit")
    if exposure is None or np.any(exposure <= 0):
        raise DataError(
            f"Column {given!r}, the exposure of the model, has values that are not positive.\n"
            "Do:   give positive exposures.\n"
            "Why:  their logarithm is added to the linear predictor."
        )
    log_exposure = np.log(exposure)
    return log_exposure if offset is None else offset + log_exposure


def _of_argument(frame: Frame, given: object, what: str, neutral: str) -> Vector | None:
    """An argument of the fit that names a column, in new rows; None if it was not given."""
    if given is None:
        return None
    if not isinstance(given, str):
        article = "an" if what[0] in "aeiou" else "a"
        raise DataError(
            f"The model was fitted with {article} {what} given as an array, which new rows do not "
            f"have.\nDo:   put the {what} into a column of the data and fit with its name."
        )
    if given not in frame.columns:
        raise DataError(
            f"The new data have no column {given!r}, the {what} of the model.\n"
            f"Do:   add it; {neutral}{' an offset' if what == 'offset' else ''}."
        )
    return _numbers(frame, given, what)


def complete_rows(rows: Rows) -> NDArray[np.bool_]:
    """Which rows miss no value (n,), whatever their levels."""
    complete = np.ones(len(rows.X), dtype=np.bool_)
    parts = [D for D in rows.auxiliary if D is not None]
    for columns in (rows.X, *parts, *(term.Z for term in rows.terms)):
        complete &= np.isfinite(columns).all(axis=1)
    for values in (rows.offset, rows.weights, rows.size):
        if values is not None:
            complete &= np.isfinite(values)
    scale = None if rows.residual is None else rows.residual.scale
    if scale is not None:
        complete &= np.isfinite(scale.S).all(axis=1)
        for power in scale.powers:
            if power.values is not None:
                complete &= np.isfinite(power.values)
    return complete


def _new_weights(fit: Fit, frame: Frame) -> Vector | None:
    """The weights of new rows: only prediction intervals use them, so that they may be absent."""
    weights = fit.request.weights
    if not isinstance(weights, str) or weights not in frame.columns:
        return None
    values = _numbers(frame, weights, "weights")
    if np.any((values <= 0) | np.isinf(values)):
        raise DataError(
            f"Column {weights!r}, the weights of the model, has values that are infinite or not "
            "positive.\n"
            "Do:   give positive weights, or leave the column out for the fit's mean variance."
        )
    return values


def _numbers(frame: Frame, name: str, what: str) -> Vector:
    column = frame.column(name)
    if column.numbers is None:
        raise DataError(f"Column {name!r}, the {what} of the model, is not numeric.")
    return column.floats()
