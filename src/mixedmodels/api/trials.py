"""Repeated measures of clinical trials: the mixed model for repeated measures (MMRM)."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, overload

from numpy.typing import ArrayLike

from mixedmodels.api.models import lmm
from mixedmodels.api.pooling import pooled_over
from mixedmodels.covariance import WORDS
from mixedmodels.data import Frame
from mixedmodels.data.imputed import Imputed, imputed_frames
from mixedmodels.engine.settings import Control
from mixedmodels.errors import ConvergenceError, ConvergenceWarning, DataError
from mixedmodels.fit.notices import user_level
from mixedmodels.formula.tokens import quote
from mixedmodels.model import LinearMixedModel
from mixedmodels.options import require_option
from mixedmodels.vocabulary import Missing, StructureWord

if TYPE_CHECKING:
    from mixedmodels.pooling.model import PooledModel

COVARIANCES = tuple(
    word for word, what in WORDS.items() if what.for_residuals and what.kind != "arma"
)


@overload
def mmrm(  # type: ignore[overload-overlap]  # a list is an object, too
    formula: str,
    data: list[Any] | tuple[Any, ...] | Imputed,
    *,
    subject: str,
    visit: str,
    covariance: StructureWord = ...,
    by: str | None = ...,
    fallback: Sequence[StructureWord] = ...,
    reml: bool = ...,
    weights: str | ArrayLike | None = ...,
    missing: Missing = ...,
    control: Control | None = ...,
    imp: None = ...,
) -> PooledModel: ...
@overload
def mmrm(
    formula: str,
    data: object,
    *,
    subject: str,
    visit: str,
    covariance: StructureWord = ...,
    by: str | None = ...,
    fallback: Sequence[StructureWord] = ...,
    reml: bool = ...,
    weights: str | ArrayLike | None = ...,
    missing: Missing = ...,
    control: Control | None = ...,
    imp: str,
) -> PooledModel: ...
@overload
def mmrm(
    formula: str,
    data: object,
    *,
    subject: str,
    visit: str,
    covariance: StructureWord = ...,
    by: str | None = ...,
    fallback: Sequence[StructureWord] = ...,
    reml: bool = ...,
    weights: str | ArrayLike | None = ...,
    missing: Missing = ...,
    control: Control | None = ...,
    imp: None = ...,
) -> LinearMixedModel: ...
def mmrm(
    formula: str,
    data: object,
    *,
    subject: str,
    visit: str,
    covariance: StructureWord = "us",
    by: str | None = None,
    fallback: Sequence[StructureWord] = ("toep", "ar1", "cs"),
    reml: bool = True,
    weights: str | ArrayLike | None = None,
    missing: Missing = "drop",
    control: Control | None = None,
    imp: str | None = None,
) -> LinearMixedModel | PooledModel:
    """Fit a mixed model for repeated measures: correlated residuals in place of random effects.

    It is ``lmm(formula, data, residual="us(visit | subject)")``. Tests and means take their degrees
    of freedom as everywhere, as ``summary(ddf="kenward-roger")`` and
    ``emmeans("arm | visit", ddf="kenward-roger")`` for means of the arms at each visit.

    Parameters
    ----------
    formula : str
        The mean, as ``"change ~ baseline + arm * visit"``; random terms are possible.
    data : frame
        One row per subject and visit; a visit that was missed has no row or no response. Or a list
        of completed tables, as for `lmm`.
    subject, visit : str
        Columns. Visits are put in the order of their levels (numbers by value).
    covariance : str
        Of the visits of a subject: ``"us"`` (unstructured, the default, since it assumes nothing),
        ``"toep"``, ``"ar1"``, ``"ante"``, ``"cs"``, …; see docs/structures.md.
    by : str, optional
        A column, such as the arm, for each of whose levels the covariance is another one.
    fallback : sequence of str
        Covariances that are tried in this order where the search fails. A `ConvergenceWarning` says
        so, and the summary shows the covariance that was fitted. An empty sequence never falls
        back.
    reml, weights, missing, control, imp
        As for `lmm`.

    Returns
    -------
    LinearMixedModel
        Fitted and immutable. Or a `PooledModel`, of imputed data.

    Raises
    ------
    FormulaError, DataError
        As for `lmm`; also if a subject has a visit twice.
    ConvergenceError
        If no search succeeds and ``control.on_failure`` is ``"raise"``.

    Examples
    --------
    >>> import mixedmodels as mm
    >>> children = mm.datasets.load("orthodont")
    >>> model = mm.mmrm("distance ~ Sex * C(age)", children, subject="Subject", visit="age")
    >>> table = model.emmeans("Sex | age", ddf="kenward-roger").table()
    >>> table[["age", "Sex", "estimate", "std_error", "df"]].round(2).tail(2)
       age     Sex  estimate  std_error    df
    6   14    Male     27.47       0.56  25.0
    7   14  Female     24.09       0.67  25.0
    """
    tried = (covariance, *fallback)
    for word in tried:
        require_option("covariance", word, COVARIANCES)
    fit_one = partial(
        _fitted,
        formula,
        subject=subject,
        visit=visit,
        by=by,
        tried=tried,
        options={"reml": reml, "weights": weights, "missing": missing},
        control=control,
    )
    imputed = imputed_frames(data, imp)
    return fit_one(data) if imputed is None else pooled_over(imputed, fit_one)


def _fitted(
    formula: str,
    data: object,
    *,
    subject: str,
    visit: str,
    by: str | None,
    tried: Sequence[StructureWord],
    options: Mapping[str, Any],
    control: Control | None,
) -> LinearMixedModel:
    """The model with the first of some covariances that can be fitted."""
    frame = Frame.of(data)
    for argument, column in (("subject", subject), ("visit", visit), ("by", by)):
        _require_column(frame, argument, column)
    strict = replace(Control() if control is None else control, on_failure="raise")
    for word in tried[:-1]:
        try:
            model: LinearMixedModel = lmm(
                formula,
                data,
                **options,
                residual=_residual(word, subject, visit, by),
                control=strict,
            )
        except ConvergenceError as failure:
            _announce(word, tried[tried.index(word) + 1], failure)
        else:
            return model
    last = _residual(tried[-1], subject, visit, by)
    final: LinearMixedModel = lmm(formula, data, **options, residual=last, control=control)
    return final


def _require_column(frame: Frame, argument: str, column: str | None) -> None:
    if argument == "by" and column is None:
        return
    if not isinstance(column, str) or column not in frame.columns:
        listed = ", ".join(map(repr, frame.columns[:12]))
        raise DataError(
            f"The table has no column {column!r}.\n"
            f"Do:   name the column with {argument}=; it has {listed}."
        )


def _residual(word: str, subject: str, visit: str, by: str | None) -> str:
    option = "" if by is None else f", by={quote(by)}"
    return f"{word}({quote(visit)} | {quote(subject)}{option})"


def _announce(word: str, following: str, failure: ConvergenceError) -> None:
    warnings.warn(
        f"The covariance {word!r} could not be fitted, {following!r} is tried in its place: "
        f"{failure}\n"
        "Do:   say in the analysis which covariance was fitted; or pass fallback=().",
        ConvergenceWarning,
        stacklevel=user_level(),
    )
