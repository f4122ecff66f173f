"""The parsed formula: a response, a fixed part and random terms, without data."""

from __future__ import annotations

from dataclasses import dataclass, field

from formulaic import SimpleFormula
from formulaic.parser.types import Factor

from mixedmodels.formula.structure import StructureCall
from mixedmodels.formula.tokens import quote

MEMBERSHIP = "mm"
"""The word of a term whose rows belong to several levels of one factor."""


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
        Names of the columns that together make the grouping factor: their combinations are its
        levels, or in a multi-membership term the values of all of them.
    structure
        The word ``us`` for ``(x | g)``, ``diag`` for ``(x || g)``, otherwise as written.
    start, stop
        The place of the term in the text of the formula.
    """

    lhs: str
    group: tuple[str, ...]
    structure: StructureCall
    start: int
    stop: int
    sum: SimpleFormula = field(compare=False, repr=False)

    @property
    def name(self) -> str:
        """The name of the grouping factor in every table: its columns joined by colons, or by
        plus signs where a row belongs to the levels of all.
        """
        return ("+" if self.is_membership else ":").join(self.group)

    @property
    def is_membership(self) -> bool:
        """Whether every row belongs to several levels: ``mm(1 | g1 + g2)``."""
        return self.structure.word == MEMBERSHIP

    def same_as(self, other: RandomTerm) -> bool:
        """Whether both ask for the same random effects, wherever they stand."""
        if self.group != other.group or set(self.sum) != set(other.sum):
            return False
        is_plain = self.structure.is_plain and other.structure.is_plain
        return self.structure == other.structure or (self.is_intercept and is_plain)

    @property
    def is_intercept(self) -> bool:
        """Whether the intercept is all that varies."""
        return [str(term) for term in self.sum] == ["1"]

    def __str__(self) -> str:
        bar = "||" if self.structure.is_independent else "|"
        joined = (" + " if self.is_membership else ":").join(map(quote, self.group))
        inside = f"{self.lhs} {bar} {joined}"
        return f"({inside})" if self.structure.is_plain else self.structure.written(inside)


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

    @property
    def response_name(self) -> str:
        """The response as results call it: without the quotes of column names, as `x_names`."""
        return self.response.replace("`", "")

    def __str__(self) -> str:
        addends = [self.fixed, *(str(term) for term in self.random)]
        return f"{self.response} ~ {' + '.join(addends)}"
