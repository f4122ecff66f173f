"""Which random effects a prediction includes: all, none, those of groups, or single ones."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design import term_label
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.labels import group_names
from mixedmodels.formula import RandomTerm, parse
from mixedmodels.prediction.rows import Rows

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]


def chosen_effects(fit: Fit, re: str | Iterable[str]) -> tuple[Mask, ...]:
    """Per random term, which of its columns (q_k,) `re` includes.

    Parameters
    ----------
    fit : Fit
        The model.
    re : {"all", "none"} or iterable of str
        Names of groups, and terms as in a formula, ``"(0 + x | g)"``, which stand for these effects
        of the group wherever the model has them. One text with a bar is taken as a term.

    Raises
    ------
    DataError
        If the model has no such group or effects.
    FormulaError
        If a term cannot be read.
    """
    terms = fit.matrices.terms
    if isinstance(re, str) and "|" in re:
        re = [re]
    if isinstance(re, str):
        if re not in ("all", "none"):
            raise DataError(f"re = {re!r} is not known.\nDo:   {_advice(fit)}")
        return tuple(np.full(len(term.names), re == "all") for term in terms)
    if not isinstance(re, Iterable) or (isinstance(re, np.ndarray) and re.ndim == 0):
        raise DataError(f"re is of type {type(re).__name__}.\nDo:   {_advice(fit)}")
    chosen = tuple(np.zeros(len(term.names), dtype=np.bool_) for term in terms)
    for name in re:
        if isinstance(name, str) and "|" in name:
            _add_term(fit, name, chosen)
        else:
            _add_group(fit, name if isinstance(name, str) else repr(name), chosen)
    return chosen


def divided(
    fit: Fit, rows: Rows, chosen: Sequence[Mask]
) -> tuple[tuple[Vector, ...], tuple[Vector, ...]]:
    """The columns of Z_k (n, q_k) with the chosen effects, and with the others."""
    parts = [
        _parts(fit, k, term.Z, some)
        for k, (term, some) in enumerate(zip(rows.terms, chosen, strict=True))
    ]
    return tuple(one for one, _ in parts), tuple(other for _, other in parts)


def _parts(fit: Fit, k: int, Z: Vector, some: Mask) -> tuple[Vector, Vector]:
    if some.all():
        return Z, np.zeros_like(Z)
    if not some.any():
        return np.zeros_like(Z), Z
    coordinates = fit.matrices.terms[k].coordinates
    included = coordinates.columns(np.where(some, coordinates.original(Z), 0.0))
    return included, Z - included


def _add_group(fit: Fit, name: str, chosen: Sequence[Mask]) -> None:
    names = group_names(fit.matrices)
    if name not in names:
        near = get_close_matches(name, names, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise DataError(
            f"re names the group {name!r}, which the model does not have.{hint}\n"
            f"Do:   {_advice(fit)}"
        )
    for term, some in zip(fit.matrices.terms, chosen, strict=True):
        some |= names[term.group] == name


def _add_term(fit: Fit, text: str, chosen: Sequence[Mask]) -> None:
    for wanted in parse(f"y ~ {text}").random:
        left = {term_label(term) for term in wanted.sum}
        for spec, some in zip(fit.spec.terms, chosen, strict=True):
            if spec.term.name != wanted.name:
                continue
            for term, columns in spec.recipe.term_slices.items():
                if term_label(term) in left:
                    some[columns] = True
        missing = left - _effects_of(fit, wanted)
        if missing:
            raise DataError(
                f"re names {wanted}, but the model has no random effect of "
                f"{', '.join(sorted(missing))} for {wanted.name}.\n"
                f"Do:   {_advice(fit)}"
            )


def _effects_of(fit: Fit, wanted: RandomTerm) -> set[str]:
    own = (spec for spec in fit.spec.terms if spec.term.name == wanted.name)
    return {term_label(term) for spec in own for term in spec.recipe.term_slices}


def _advice(fit: Fit) -> str:
    names = list(group_names(fit.matrices))
    if not names:
        return 'write "all" or "none": the model has no random effects.'
    terms = ", ".join(str(spec.term) for spec in fit.spec.terms)
    return f'write "all", "none", or a list of groups ({names}) or of terms ({terms}).'
