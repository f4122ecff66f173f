"""The family of a plan: its parameters in words, and a response that it could have."""

from collections.abc import Mapping, Sequence
from typing import get_args

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mixedmodels.data import Frame
from mixedmodels.design import AuxiliaryMatrix, ModelMatrices
from mixedmodels.design.distribution import Distribution
from mixedmodels.engine.auxiliary import of_thresholds
from mixedmodels.errors import DataError
from mixedmodels.families import Family, family_of
from mixedmodels.formula import Formula
from mixedmodels.formula.trials import trials_response
from mixedmodels.planning.arguments import mapping
from mixedmodels.prediction.parameters import finite
from mixedmodels.vocabulary import AuxiliaryKind, FamilyName, LinkName, ZeroKind

Vector = NDArray[np.float64]

Parameters = Mapping[str, float | Sequence[float]]
"""Parameters beside the mean, on their natural scale."""

EXAMPLE = '{"dispersion": 2.0}'


def distribution_of(
    family: FamilyName | Family, link: LinkName | None, trials: str | None, given: Parameters | None
) -> Distribution:
    """The family with the zeros that its parameters name.

    Raises
    ------
    DataError
        If there is no such family, link or parameter.
    """
    named = mapping("parameters", given, example=EXAMPLE)
    known = (*get_args(AuxiliaryKind), "hurdle")
    for name in named:
        if name not in known:
            raise DataError(
                f"parameters has the name {name!r}.\nDo:   name some of {', '.join(known)}."
            )
    if "zero" in named and "hurdle" in named:
        raise DataError("parameters has zero and hurdle.\nDo:   give one of them.")
    zero: ZeroKind = "inflated" if "zero" in named else "hurdle" if "hurdle" in named else "none"
    return Distribution(family_of(family, link, zero), trials=trials)


def delta_of(parts: Sequence[AuxiliaryMatrix], given: Parameters | None) -> Vector:
    """The unbounded parameters (a,) of natural ones.

    Raises
    ------
    DataError
        If one is missing, is there for nothing, or has a value that it cannot have.
    """
    named = mapping("parameters", given, example=EXAMPLE)
    if "hurdle" in named:
        named["zero"] = named.pop("hurdle")
    for kind in (part.kind for part in parts):
        if kind not in named:
            raise DataError(
                f"The {kind} of the family is not given.\n"
                f'Do:   add it, as parameters={{"{kind}": …}}.\n'
                "Why:  it decides the power, so that none is assumed."
            )
    for name in {*named} - {part.kind for part in parts}:
        raise DataError(f"The family has no {name}.\nDo:   leave it out of parameters.")
    return np.concatenate([np.empty(0), *(_unbounded(part, named[part.kind]) for part in parts)])


def _unbounded(part: AuxiliaryMatrix, given: object) -> Vector:
    if part.thresholds is not None:
        return of_thresholds(thresholds_of(given))
    value = finite(f"parameters[{part.kind!r}]", given)
    if not (0 < value < 1 if part.kind == "zero" else value > 0):
        range_ = "between 0 and 1" if part.kind == "zero" else "positive"
        raise DataError(f"parameters: {part.kind} is {value:g}.\nDo:   give a number {range_}.")
    return np.array([special.logit(value) if part.kind == "zero" else np.log(value)])


def thresholds_of(given: object) -> Vector:
    """Ascending thresholds.

    Raises
    ------
    DataError
        If these are none.
    """
    is_list = isinstance(given, Sequence | np.ndarray) and not isinstance(given, str)
    values = [finite("a threshold", v) for v in given] if is_list else []  # type: ignore[attr-defined]
    if not values or (np.diff(values) <= 0).any():
        raise DataError(
            f"parameters: thresholds is {given!r}.\n"
            "Do:   give ascending numbers, one less than there are categories, as [-1, 1]."
        )
    return np.array(values)


def with_response(frame: Frame, formula: Formula, family: Family, categories: int) -> Frame:
    """The rows with a response that the family could have; that of ``cbind(successes, failures)``,
    whose parts tell the trials, and one that is calculated stay as they are.
    """
    pair = trials_response(formula) if family.response == "trials" else None
    name = formula.response if pair is None else pair.successes.expr
    if not name.isidentifier() or (pair is not None and pair.of_failures):
        return frame
    return frame.with_column(name, possible_response(frame.nrows, family, categories))


def possible_response(n: int, family: Family, categories: int) -> Vector:
    """A response (n,) that the family can have, whatever it is a function of."""
    place = np.arange(n)
    is_zero = (place % 3 == 0) & (family.zero != "none")
    match family.response:
        case "trials":
            return (place % 2).astype(np.float64)
        case "ordered":
            return (place % categories).astype(np.float64)
        case "count":
            return (place % 3).astype(np.float64)
        case "positive" | "unit":
            return np.where(is_zero, 0.0, (place % 7 + 1) / 8)
        case _:
            return np.random.default_rng(0).standard_normal(n)


def categories_of(m: ModelMatrices) -> int:
    """Of an ordered response; 0 elsewhere."""
    return next((p.n_thresholds + 1 for p in m.auxiliary if p.thresholds is not None), 0)
