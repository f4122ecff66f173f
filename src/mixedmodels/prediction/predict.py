"""Predictions at the estimates: the mean, with all, some or none of the random effects."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.data import Frame, encode
from mixedmodels.design import NewMatrices, rebuild
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.fitted import add_random_effects, marginal_mean
from mixedmodels.fit.labels import group_names
from mixedmodels.vocabulary import NewLevels

Vector = NDArray[np.float64]


def predict(
    fit: Fit,
    newdata: object = None,
    *,
    re: str | Sequence[str] = "all",
    new_levels: NewLevels = "population",
) -> pd.Series:
    """Predicted means, on the index of `newdata` or of the kept rows.

    Parameters
    ----------
    fit : Fit
        The fitted model.
    newdata : frame, optional
        Rows to predict, with the columns that the formula uses except the response; by default
        the rows of the fit.
    re : {"all", "none"} or sequence of str
        Which random effects to include: those of every group, of no group (the population
        mean), or of the groups named.
    new_levels : {"population", "error"}
        A level of a group that the fit has not seen, or a missing one, has random effects of
        zero, or is an error.

    Returns
    -------
    Series
        nan where a value of a covariate is missing.

    Raises
    ------
    DataError
        For an unknown group or column, a new level of a *fixed* factor, a new level of a group
        if so asked, or new data for a model whose offset was an array.
    """
    groups = chosen_groups(fit, re)
    _require_known_option(new_levels)
    if newdata is None:
        return pd.Series(_mean_of_fit(fit, groups), index=fit.matrices.index, name="predicted")
    frame = Frame.of(newdata)
    names = group_names(fit.matrices)
    new = rebuild(fit.spec, frame, groups=[names[g] for g in groups])
    if new_levels == "error":
        _refuse_new_levels(fit, frame, new)
    mean = marginal_mean(new.X, fit.beta, _new_offset(fit, frame))
    modes = [b for b, term in zip(fit.b, fit.matrices.terms, strict=True) if term.group in groups]
    for term, b in zip(new.terms, modes, strict=True):
        add_random_effects(mean, term.codes, term.Z, b)
    return pd.Series(mean, index=new.index, name="predicted")


def chosen_groups(fit: Fit, re: str | Iterable[str]) -> frozenset[int]:
    """The groupings, by position, that `re` selects."""
    names = group_names(fit.matrices)
    if isinstance(re, str):
        if re == "none":
            return frozenset()
        if re == "all":
            return frozenset(range(len(names)))
        raise DataError(
            f"re = {re!r} is not known.\n"
            f'Do:   write "all", "none" or a list of groups, as {list(names)}.'
        )
    chosen = list(re)
    for name in chosen:
        if name not in names:
            near = get_close_matches(str(name), names, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise DataError(
                f"re names the group {name!r}, which the model does not have.{hint}\n"
                f"Do:   choose from {', '.join(names) or 'none: the model has no random effects'}."
            )
    return frozenset(names.index(name) for name in chosen)


def _mean_of_fit(fit: Fit, groups: frozenset[int]) -> Vector:
    m = fit.matrices
    mean = marginal_mean(m.X, fit.beta, m.offset)
    for term, b in zip(m.terms, fit.b, strict=True):
        if term.group in groups:
            add_random_effects(mean, m.groupings[term.group].codes, term.Z, b)
    return mean


def _new_offset(fit: Fit, frame: Frame) -> Vector | None:
    offset = fit.request.offset
    if offset is None:
        return None
    if not isinstance(offset, str):
        raise DataError(
            "The model was fitted with an offset given as an array, which new rows do not have.\n"
            "Do:   put the offset into a column of the data and fit with its name."
        )
    if offset not in frame.columns:
        raise DataError(
            f"The new data have no column {offset!r}, the offset of the model.\n"
            "Do:   add it; a column of zeros predicts without an offset."
        )
    column = frame.column(offset)
    if column.numbers is None:
        raise DataError(f"Column {offset!r}, the offset of the model, is not numeric.")
    values = column.numbers.astype(np.float64)
    if column.missing is not None:
        values[column.missing] = np.nan
    return values


def _refuse_new_levels(fit: Fit, frame: Frame, new: NewMatrices) -> None:
    for term in new.terms:
        unknown = np.flatnonzero(term.codes < 0)
        if len(unknown):
            grouping = fit.matrices.groupings[term.group]
            level = ":".join(_label(frame, name, int(unknown[0])) for name in grouping.columns)
            raise DataError(
                f"{len(unknown)} rows of the new data have a level of {grouping.name} that the fit "
                f"has not seen; the first is {level!r}, row label {frame.index[unknown[0]]!r}.\n"
                'Do:   write new_levels="population" to predict them with random effects of zero.'
            )


def _label(frame: Frame, name: str, row: int) -> str:
    codes = encode(frame.column(name))
    code = int(codes.codes[row])
    return codes.levels[code] if code >= 0 else "missing"


def _require_known_option(new_levels: str) -> None:
    if new_levels not in ("population", "error"):
        raise DataError(
            f'new_levels = {new_levels!r} is not known.\nDo:   write "population" or "error".'
        )
