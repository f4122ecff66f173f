"""The formula of another part of a model: ``dispersion="~ x"``, ``zero="~ x"``."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from formulaic import SimpleFormula

from mixedmodels.errors import FormulaError
from mixedmodels.formula.syntax import Addend, signed_tokens, split_sum
from mixedmodels.formula.terms import read_sum
from mixedmodels.formula.tokens import depths, render, tokenize

DEFAULT = "~ 1"
"""A part of which nothing is said is one number for all rows."""


@dataclass(frozen=True, slots=True)
class PartFormula:
    """What a part of a model is linear in.

    Attributes
    ----------
    text
        As the user wrote it; positions refer to it.
    linear
        Source text of the sum.
    sum
        Its terms, an intercept among them unless it was taken out.
    """

    text: str
    linear: str
    sum: SimpleFormula = field(compare=False, repr=False)

    def __str__(self) -> str:
        return f"~ {self.linear}"


@lru_cache(maxsize=256)
def parse_part(argument: str, text: str = DEFAULT) -> PartFormula:
    """Read ``~ terms``.

    Parameters
    ----------
    argument
        What the text was given as, for messages.
    text
        A sum of terms of fixed effects after a tilde.

    Raises
    ------
    FormulaError
        With a caret under what cannot be read.

    Examples
    --------
    >>> part = parse_part("zero", "~ spray + year")
    >>> part.linear
    'spray + year'
    """
    tokens = tokenize(text)
    if not tokens or not tokens[0].is_operator("~") or len(tokens) < 2:
        message = f'{argument}= is a formula of one side: write {argument}="~ x".'
        raise FormulaError(message, formula=text, position=0)
    right = tokens[1:]
    outside = (token for token, depth in zip(right, depths(right), strict=True) if not depth)
    second = next((token for token in outside if token.is_operator("~")), None)
    if second is not None:
        message = f'{argument}= has nothing to the left of its one tilde: write {argument}="~ x".'
        raise FormulaError(message, formula=text, position=second.start)
    addends = tuple(split_sum(text, right))
    for addend in addends:
        _require_fixed(argument, text, addend)
    found = read_sum(text, signed_tokens(addends))
    if not len(found):
        message = f"No term is left in {argument}=: leave the argument out, or write ~ 1."
        raise FormulaError(message, formula=text, position=right[0].start)
    return PartFormula(text, render(right), found)


def _require_fixed(argument: str, text: str, addend: Addend) -> None:
    bar = next((token for token in addend.tokens if token.is_operator("|", "||")), None)
    if bar is not None:
        message = f"Random effects in {argument}= are not available: name columns only."
        raise FormulaError(message, formula=text, position=bar.start, length=len(bar.text))
