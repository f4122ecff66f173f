"""The parsed formula: a response, a fixed part and random terms, without data."""

from __future__ import annotations

from dataclasses import dataclass, field

from formulaic import SimpleFormula
from formulaic.parser.types import Factor

from mixedmodels.formula.tokens import quote
from mixedmodels.vocabulary import Structure


@dataclass(frozen=True, slots=True)
class RandomTerm:
    """One term ``(lhs | group)``.

    Attributes
    ----------
    lhs
        Source text of the columns; an intercept is implied unless it says ``0 +``.
    sum
        The terms that `lhs` stands for.
    group
        Names of the columns that together make the grouping factor.
    structure
        ``"diagonal"`` for ``(x || g)`` and ``diag(x | g)``, otherwise ``"unstructured"``.
    start, stop
        The place of the term in the text of the formula.
    """

    lhs: str
    group: tuple[str, ...]
    structure: Structure
    start: int
    stop: int
    sum: SimpleFormula = field(compare=False, repr=False)

    @property
    def name(self) -> str:
        """The name of the grouping factor in every table: its columns joined by colons."""
        return ":".join(self.group)

    def same_as(self, other: RandomTerm) -> bool:
        """Whether both ask for the same random effects, wherever they stand."""
        if self.group != other.group or set(self.sum) != set(other.sum):
            return False
        return self.structure == other.structure or self.is_intercept

    @property
    def is_intercept(self) -> bool:
        """Whether the intercept is all that varies."""
        return [str(term) for term in self.sum] == ["1"]

    def __str__(self) -> str:
        bar = "||" if self.structure == "diagonal" else "|"
        return f"({self.lhs} {bar} {':'.join(quote(column) for column in self.group)})"


@dataclass(frozen=True, slots=True)
class Formula:
    """A parsed formula. ``str()`` gives its canonical form, which parses to the same parts.

    Attributes
    ----------
    text
        The formula as the user wrote it; positions refer to it.
    response
        Source text of the response, possibly an expression such as ``log(y + 1)``.
    fixed
        Source text of the fixed part without the bars; the intercept is implied, so that
        ``"1"`` stands for a formula that has nothing but bars.
    fixed_terms
        The addends of `fixed`; a subtracted one begins with ``-``.
    random
        The random terms in the order of the formula, ``a/b`` already written out.
    fixed_sum
        The terms that `fixed` stands for.
    response_factor
        The response as what is evaluated.
    """

    text: str
    response: str
    fixed: str
    fixed_terms: tuple[str, ...]
    random: tuple[RandomTerm, ...]
    fixed_sum: SimpleFormula = field(compare=False, repr=False)
    response_factor: Factor = field(compare=False, repr=False)

    def __str__(self) -> str:
        addends = [self.fixed, *(str(term) for term in self.random)]
        return f"{self.response} ~ {' + '.join(addends)}"
