"""`ManyRequest`: everything a user said about the fits, but for the responses."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, get_args

import numpy as np
from numpy.typing import ArrayLike

from mixedmodels.errors import DataError, FormulaError
from mixedmodels.fit.request import Request
from mixedmodels.formula import parse
from mixedmodels.formula.syntax import split_sides
from mixedmodels.formula.tokens import tokenize
from mixedmodels.options import require_option
from mixedmodels.posthoc.adjustment import PROCEDURES, require_adjustment
from mixedmodels.shortening import brief
from mixedmodels.vocabulary import Adjustment, DegreesOfFreedom

PLACE: Final = "response"
"""What stands for each response in the formula; underscores follow if a column is called so."""

ADJUSTMENTS: Final = ("none", "bonferroni", "sidak", *PROCEDURES)
"""Adjustments that need nothing but p-values, as the tests of different responses have no common
distribution.
"""

Hypotheses = str | Sequence[str] | ArrayLike | None
"""What is tested beside the coefficients: as `LinearMixedModel.t_test` takes it."""


@dataclass(frozen=True, slots=True)
class ManyRequest:
    """A model of many responses, before anything is computed.

    Attributes
    ----------
    request : Request
        The model of one of them: its formula names a column that the data have in place of it.
    ddf
        How degrees of freedom are found.
    adjust
        Adjustment of the p-values of one term over the responses.
    hypotheses
        Linear functions of the coefficients that are tested as well.
    """

    request: Request
    ddf: DegreesOfFreedom = "satterthwaite"
    adjust: Adjustment = "fdr"
    hypotheses: Hypotheses = field(default=None)

    __repr__ = brief

    def __post_init__(self) -> None:
        require_option("ddf", self.ddf, get_args(DegreesOfFreedom))
        require_adjustment(self.adjust)
        if self.adjust not in ADJUSTMENTS:
            raise DataError(
                f"adjust = {self.adjust!r} needs tests with a common distribution.\n"
                f"Do:   give one of {', '.join(map(repr, ADJUSTMENTS))}.\n"
                "Why:  the tests of one term in different responses have nothing in common but "
                "their p-values."
            )
        if self.ddf.startswith("kenward-roger") and not self.request.reml:
            raise DataError(
                f"ddf = {self.ddf!r} is a method for REML.\n"
                'Do:   fit with reml=True, or use ddf="satterthwaite".'
            )


def with_place(request: Request, text: str) -> Request:
    """The request of one response: its formula from `text`, with a column in its place.

    Raises
    ------
    FormulaError
        If the left side of the formula is more than a name.
    """
    frame = request.frame
    name = PLACE
    while name in frame.columns:
        name += "_"
    column = np.arange(frame.nrows, dtype=np.float64)
    column[-1] += frame.nrows == 1  # a response may not be constant; one row is refused elsewhere
    formula = parse(f"{name} ~{_right_side(text)}")
    return replace(request, formula=formula, frame=frame.with_column(name, column))


def _right_side(text: str) -> str:
    if not isinstance(text, str):
        message = f"A formula is a string such as '~ x + (1 | g)', not {type(text).__name__}."
        raise FormulaError(message, formula=str(text))
    tokens = tokenize(text)
    left, _ = split_sides(text, tokens)
    if len(left) > 1 or (left and not left[0].is_name):
        message = (
            "The responses stand in responses=, so that nothing can be done with them here: "
            "write '~ terms', and transform the responses before."
        )
        raise FormulaError(message, formula=text, position=left[0].start)
    tilde = next(token for token in tokens[len(left) :] if token.is_operator("~"))
    return text[tilde.start + 1 :]
