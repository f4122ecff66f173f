"""What a model is asked for, besides its data: the formula and the covariance of the residuals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mixedmodels.design.distribution import Distribution
from mixedmodels.design.magnitude import require_magnitude
from mixedmodels.design.names import check_columns_exist, check_names
from mixedmodels.errors import DataError
from mixedmodels.formula import Formula
from mixedmodels.formula.part import DEFAULT, PartFormula, parse_part
from mixedmodels.formula.residual import ResidualTerm, parse_residual
from mixedmodels.formula.scale import FITTED, ScaleFormula, parse_scale
from mixedmodels.formula.trials import CBIND, TrialsResponse, trials_response
from mixedmodels.vocabulary import AuxiliaryKind


@dataclass(frozen=True, slots=True)
class Asked:
    """The parts of a model as text that has been read.

    Attributes
    ----------
    formula
        Fixed part and random terms.
    residual
        The covariance of the residuals; None if they are independent.
    scale
        What the residual standard deviation is a function of; None if it is the same in all rows.
    known_sigma
        The residual standard deviation, if it is known.
    parts
        Of a generalised model, what each of its parts beside the mean is linear in.
    trials
        Of a generalised model, the two parts of a response of successes in trials.
    distribution
        Of a generalised model; None for a linear one.
    """

    formula: Formula
    residual: ResidualTerm | None
    scale: ScaleFormula | None
    known_sigma: float | None
    parts: tuple[tuple[AuxiliaryKind, PartFormula], ...] = ()
    trials: TrialsResponse | None = None
    distribution: Distribution | None = field(default=None, compare=False)

    @property
    def has_residual(self) -> bool:
        """Whether residuals are other than independent with one variance."""
        return self.residual is not None or self.scale is not None


def asked_of(
    formula: Formula,
    residual: str | None,
    sigma: str | float | None,
    distribution: Distribution | None = None,
) -> Asked:
    """Read the arguments ``residual=`` and ``sigma=`` of a linear model, or the `distribution` of a
    generalised one with its formulas.

    Raises
    ------
    FormulaError
        If one of the texts cannot be read.
    DataError
        If one is neither text nor, for sigma, a positive number.
    """
    if distribution is not None:
        return _asked_of_generalised(formula, distribution)
    if residual is None and sigma is None:
        return Asked(formula, None, None, None)
    if residual is not None and not isinstance(residual, str):
        raise DataError(
            f"residual is of type {type(residual).__name__}.\n"
            'Do:   pass text, as residual="ar1(visit | subject)".'
        )
    term = None if residual is None else parse_residual(residual)
    if sigma is None or isinstance(sigma, str):
        return Asked(formula, term, None if sigma is None else parse_scale(sigma), None)
    return Asked(formula, term, None, _known(sigma))


def _asked_of_generalised(formula: Formula, distribution: Distribution) -> Asked:
    """The formulas of a generalised model. Its coefficients have a scale of their own, as if a
    residual standard deviation of one were known.
    """
    family = distribution.family
    given = {"dispersion": distribution.dispersion, "zero": distribution.zero}
    texts = {kind: text for kind, text in given.items() if text is not None}
    words = {"zero": "hurdle" if family.zero == "hurdle" else "zero"}
    parts = tuple(
        (kind, parse_part(words.get(kind, kind), texts.get(kind, DEFAULT)))
        for kind in family.auxiliary
        if kind != "thresholds"
    )
    return Asked(
        formula=formula,
        residual=None,
        scale=None,
        known_sigma=1.0,
        parts=parts,
        trials=trials_response(formula) if family.response == "trials" else None,
        distribution=distribution,
    )


def check_asked(asked: Asked, columns: Sequence[str], own: dict[str, Any]) -> None:
    """Refuse names that are neither columns nor functions.

    Raises
    ------
    FormulaError
        With a caret under the first unknown name.
    """
    check_names(asked.formula.text, columns, own, words=() if asked.trials is None else (CBIND,))
    if asked.residual is not None:
        check_columns_exist(asked.residual.text, columns)
    if asked.scale is not None:
        check_names(asked.scale.text, columns, own, words=("power", "constpower", FITTED))
    for _, part in asked.parts:
        check_names(part.text, columns, own)


def _known(sigma: object) -> float:
    is_number = isinstance(sigma, (int, float, np.number)) and not isinstance(sigma, bool)
    if not is_number:
        raise DataError(
            f"sigma is of type {type(sigma).__name__}.\n"
            'Do:   pass text, as sigma="~ arm" or sigma="power(x)", or the number that it is known '
            "to be."
        )
    value = float(sigma)  # type: ignore[arg-type]
    if not (np.isfinite(value) and value > 0):
        raise DataError(
            f"sigma is {value:g}.\n"
            "Do:   pass a positive number; with weights=1/variance and sigma=1 each row has its "
            "own known variance."
        )
    require_magnitude("sigma", value)
    return value
