"""New fits made from an old one: another response, another formula, another criterion."""

from dataclasses import replace
from difflib import get_close_matches

import numpy as np
from numpy.typing import ArrayLike

from mixedmodels.data import Frame, by_row
from mixedmodels.data.cluster import Partitions
from mixedmodels.data.source import UNREAD, Source
from mixedmodels.design import ModelMatrices
from mixedmodels.design.known import matrix_names
from mixedmodels.design.names import used_columns
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit, fit_model, fit_problem
from mixedmodels.fit.requested import fit_request
from mixedmodels.fit.response import Vector, checked_response, column_response
from mixedmodels.formula import Formula
from mixedmodels.formula import update as update_formula
from mixedmodels.formula.tokens import quote
from mixedmodels.options import require_flag
from mixedmodels.vocabulary import Contrasts, KnownMatrices


def refit(fit: Fit, y: str | ArrayLike) -> Fit:
    """The same rows, columns and weights with another response.

    `y` is the name of a column of the data, or an array with one number per kept row (or per row
    of the data, of which the kept ones are taken). A Series goes by its labels.
    """
    if not isinstance(y, str):
        aligned = by_row("the new response", y, fit.matrices.index, fit.frame.index)
        response = checked_response(aligned, fit.matrices)
        request = replace(fit.request, response=_over_all_rows(response, fit.matrices))
        return fit_problem(request, fit.spec, fit.problem.with_response(response))
    _require_column(fit.frame, y)
    response = column_response(fit.frame, y, fit.matrices)
    formula = update_formula(fit.request.formula, f"{quote(y)} ~ .")
    spec = replace(fit.spec, formula=formula)
    request = replace(fit.request, formula=formula, response=None)
    return fit_problem(request, spec, fit.problem.with_response(response))


def _over_all_rows(response: Vector, matrices: ModelMatrices) -> Vector:
    """One number for each row of the data, nan where it is not used."""
    if len(response) == len(matrices.kept):
        return response
    whole = np.full(len(matrices.kept), np.nan)
    whole[matrices.kept] = response
    return whole


def update(
    fit: Fit, formula: str | None = None, *, reml: bool | None = None, data: object = None
) -> Fit:
    """The same request with some parts changed; in `formula`, R's dots stand for the old parts.

    Contrasts of a factor that the new formula does not use go with it. After a refit to an array
    the new response stays, unless the data or the response of the
    formula are replaced.
    """
    request = fit.request
    if formula is not None:
        changed = update_formula(request.formula, formula)
        keeps = changed.response == request.formula.response
        request = replace(
            request,
            formula=changed,
            response=request.response if keeps else None,
            contrasts=_still_used(request.contrasts, changed, request.sigma),
            known=_still_named(request.known, changed),
        )
    if reml is not None:
        require_flag("reml", reml)
        request = replace(request, reml=bool(reml))
    if data is not None:
        source = Partitions.of(data) or Source.of(data)
        frame = Frame.of(data) if source is None else UNREAD
        return fit_request(replace(request, frame=frame, source=source, response=None))
    if request.source is not None:
        return fit_request(request)
    return fit_model(request)


def _still_used(
    contrasts: Contrasts | None, formula: Formula, sigma: str | float | None
) -> Contrasts | None:
    """The contrasts of columns that are not only in groups: a factor that goes takes its own."""
    if contrasts is None:
        return None
    texts = [formula.fixed, *(term.lhs for term in formula.random)]
    texts += [sigma] if isinstance(sigma, str) else []
    used = {name for text in texts for name in used_columns(text, contrasts)}
    return {name: contrast for name, contrast in contrasts.items() if name in used}


def _still_named(known: KnownMatrices | None, formula: Formula) -> KnownMatrices | None:
    """The known matrices that the formula names."""
    if known is None:
        return None
    names = matrix_names(formula)
    return {name: matrix for name, matrix in known.items() if name in names} or None


def _require_column(frame: Frame, name: str) -> None:
    if name not in frame.columns:
        near = get_close_matches(name, frame.columns, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise DataError(
            f"The data have no column {name!r}.{hint}\n"
            f"Do:   name one of the {len(frame.columns)} columns, or give an array."
        )
