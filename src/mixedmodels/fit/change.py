"""New fits made from an old one: another response, another formula, another criterion."""

from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches

import numpy as np
from formulaic.parser.types import Factor
from numpy.typing import ArrayLike

from mixedmodels.data import Frame, by_row
from mixedmodels.data.cluster import Partitions
from mixedmodels.data.source import UNREAD, Source
from mixedmodels.design import ModelMatrices
from mixedmodels.design.known import matrix_names
from mixedmodels.design.names import used_columns
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit, fit_model, fit_problem
from mixedmodels.fit.request import Request
from mixedmodels.fit.requested import fit_generalised_request, fit_request
from mixedmodels.fit.response import Vector, checked_response, column_response
from mixedmodels.formula import Formula
from mixedmodels.formula import update as update_formula
from mixedmodels.formula.tokens import quote
from mixedmodels.formula.trials import trials_response
from mixedmodels.options import require_flag
from mixedmodels.vocabulary import Contrasts, KnownMatrices


def refit(fit: Fit, y: str | ArrayLike) -> Fit:
    """The same rows, columns and weights with another response.

    `y` is the name of a column of the data, or an array with one number per kept row (or per row
    of the data, of which the kept ones are taken). A Series goes by its labels.
    """
    family = None if fit.generalised is None else fit.family
    if not isinstance(y, str):
        aligned = by_row("the new response", y, fit.matrices.index, fit.frame.index)
        response = checked_response(aligned, fit.matrices, family=family)
        request = replace(fit.request, response=_over_all_rows(response, fit.matrices))
        return fit_problem(request, fit.spec, fit.problem.with_response(response))
    _require_column(fit.frame, y)
    if fit.generalised is not None:
        return update(fit, f"{_with_trials(fit, quote(y))} ~ .")
    response = column_response(fit.frame, y, fit.matrices)
    formula = update_formula(fit.request.formula, f"{quote(y)} ~ .")
    spec = replace(fit.spec, formula=formula)
    request = replace(fit.request, formula=formula, response=None)
    return fit_problem(request, spec, fit.problem.with_response(response))


def _with_trials(fit: Fit, y: str) -> str:
    """The text of a response `y` that has the trials of the old one, where the formula names them.

    Raises
    ------
    DataError
        If the formula has them as failures, which those of the new response are not.
    """
    formula = fit.request.formula
    old = trials_response(formula) if fit.family.response == "trials" else None
    if old is None:
        return y
    if old.of_failures:
        raise DataError(
            f"The response {formula.response} has failures in a column of their own, which are "
            "those of its successes.\n"
            "Do:   give the successes as an array, or update() with the whole new response."
        )
    is_name = old.other.eval_method is Factor.EvalMethod.LOOKUP
    return f"{y} / {quote(old.other.expr) if is_name else f'({old.other.expr})'}"


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
        parsed = update_formula(request.formula, formula)
        keeps = parsed.response == request.formula.response
        request = replace(
            request,
            formula=parsed,
            response=request.response if keeps else None,
            contrasts=_still_used(request.contrasts, parsed, _other_texts(request)),
            known=_still_named(request.known, parsed),
        )
    if reml is not None:
        require_flag("reml", reml)
        if reml and request.distribution is not None:
            raise DataError(
                "reml=True is not available for generalised models.\n"
                "Do:   leave it out: they are fitted by maximum likelihood.\n"
                "Why:  REML is a likelihood of linear combinations of normal responses."
            )
        request = replace(request, reml=bool(reml))
    if data is not None:
        source = Partitions.of(data) or Source.of(data)
        frame = Frame.of(data) if source is None else UNREAD
        changed = replace(request, frame=frame, source=source, response=None)
        if request.distribution is not None:
            return fit_generalised_request(changed)
        return fit_request(changed)
    if request.source is not None:
        return fit_request(request)
    return fit_model(request)


def on_its_rows(fit: Fit) -> Fit:
    """The same fit, of data that have no rows but those it uses.

    Models made from it then use the same rows, also where they lack a column in which values are
    missing.
    """
    kept = fit.matrices.kept
    if not fit.matrices.n_missing:
        return fit
    request = fit.request
    index = request.frame.index

    def part(what: str, values: str | ArrayLike | None) -> str | ArrayLike | None:
        if values is None or isinstance(values, str):
            return values
        return np.asarray(by_row(what, values, index), dtype=np.float64)[kept]

    distribution = request.distribution
    if distribution is not None:
        trials, exposure = distribution.trials, distribution.exposure
        distribution = replace(
            distribution, trials=part("trials", trials), exposure=part("exposure", exposure)
        )
    return fit_model(
        replace(
            request,
            frame=request.frame.where(kept),
            weights=part("weights", request.weights),
            offset=part("offset", request.offset),
            response=None if request.response is None else request.response[kept],
            distribution=distribution,
        )
    )


def _other_texts(request: Request) -> tuple[str, ...]:
    """The formulas of a request beside that of the mean."""
    own = () if request.distribution is None else request.distribution.texts
    return (*own, request.sigma) if isinstance(request.sigma, str) else own


def _still_used(
    contrasts: Contrasts | None, formula: Formula, others: Sequence[str]
) -> Contrasts | None:
    """The contrasts of columns that are not only in groups: a factor that goes takes its own."""
    if contrasts is None:
        return None
    texts = [formula.fixed, *(term.lhs for term in formula.random), *others]
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
