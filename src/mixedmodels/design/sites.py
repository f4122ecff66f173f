"""Columns of a random term that stand at positions: ``ou(0 + time | g)``, ``expo(0 + x + y | g)``.

The left side names coordinates, not columns of their own: its distinct values are the sites, and
each has a column. A factor whose levels read as numbers or as tuples, glmmTMB's ``numFactor``,
says the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from formulaic import SimpleFormula

from mixedmodels.data import label
from mixedmodels.design.expansion import Expansion
from mixedmodels.design.matrices import Matrix
from mixedmodels.errors import DataError, FormulaError
from mixedmodels.formula import RandomTerm
from mixedmodels.shortening import brief

MOST = 2000
"""Sites of one term, beyond which their covariance takes too long."""

_LEVEL = re.compile(r"\[(?:T\.)?(.*)\]$", re.DOTALL)

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"

_TUPLE = re.compile(rf"\s*\(?\s*({_NUMBER}(?:\s*,\s*{_NUMBER})*)\s*\)?\s*")


@dataclass(frozen=True, slots=True)
class Sites:
    """The places of the columns of a term.

    Attributes
    ----------
    names
        Names of the columns, q of them.
    positions
        Shape (q, d).
    are_numbers
        Whether rows are found by the values of numeric coordinates, and not by the columns of a
        factor.
    """

    names: tuple[str, ...]
    positions: Matrix
    are_numbers: bool

    __repr__ = brief

    def columns(self, matrix: Matrix, term: RandomTerm) -> Matrix:
        """Z (n, q) from what the left side of the bar gives; a missing coordinate gives NaN.

        Raises
        ------
        DataError
            If a row is at none of the sites.
        """
        if not self.are_numbers:
            return matrix
        known = np.isfinite(matrix).all(axis=1)
        places = {tuple(site): j for j, site in enumerate(self.positions.tolist())}
        found = [places.get(tuple(row), -1) for row in matrix[known].tolist()]
        if found and min(found) < 0:
            where = ", ".join(f"{value:g}" for value in matrix[known][found.index(-1)])
            raise DataError(
                f"The data have rows of {term} at a place that the fit has not seen: {where}.\n"
                "Do:   predict at places of the fit, or without this term."
            )
        Z = np.zeros((len(matrix), len(self.names)), order="F")
        Z[~known] = np.nan
        Z[np.flatnonzero(known), found] = 1.0
        return Z


def without_intercept(terms: SimpleFormula) -> SimpleFormula:
    """The coordinates of a left side: ``time`` says the same as ``0 + time``."""
    return SimpleFormula([term for term in terms if str(term) != "1"])


def sites_of(term: RandomTerm, text: str, expansion: Expansion) -> Sites:
    """The sites of a term of the formula `text`.

    Raises
    ------
    FormulaError
        If the left side has neither numeric columns alone nor one factor alone.
    DataError
        If the levels of the factor are no positions, or there are too many sites.
    """
    is_numeric = expansion.is_numeric
    if is_numeric.all() and len(expansion.names):
        return _of_numbers(term, expansion)
    if is_numeric.any() or len(expansion.recipe.term_slices) != 1:
        message = (
            f"The left side of {term.structure.word}() names positions: numeric columns, as in "
            f"{term.structure.word}(0 + x + y | {term.name}), or one factor whose levels are "
            "numbers such as 1.5 or (1, 2)."
        )
        length = term.stop - term.start
        raise FormulaError(message, formula=text, position=term.start, length=length)
    return Sites(expansion.names, _of_levels(term, expansion.names), are_numbers=False)


def _of_numbers(term: RandomTerm, expansion: Expansion) -> Sites:
    positions = np.unique(expansion.matrix, axis=0)
    if len(positions) > MOST:
        raise DataError(
            f"{term} has {len(positions):,} places, more than {MOST:,}: each is a column.\n"
            f'Do:   write residual="{term.structure.word}({" + ".join(expansion.names)} | '
            f'{term.name})", which makes no columns.'
        )
    joined = ":".join(expansion.names)
    names = tuple(f"{joined}[{', '.join(map(label, site))}]" for site in positions.tolist())
    return Sites(names, positions, are_numbers=True)


def _of_levels(term: RandomTerm, names: Sequence[str]) -> Matrix:
    found = []
    for name in names:
        level = _LEVEL.search(name)
        numbers = _TUPLE.fullmatch(level.group(1)) if level else None
        if numbers is None:
            raise DataError(
                f"The column {name!r} of {term} tells no position.\n"
                "Do:   use numeric columns, or a factor whose levels are numbers such as 1.5 or "
                "(1, 2).\n"
                f"Why:  the correlation of {term.structure.word}() is a function of distances."
            )
        found.append([float(number) for number in numbers.group(1).split(",")])
    sizes = {len(position) for position in found}
    if len(sizes) > 1:
        raise DataError(
            f"Levels of {term} have different numbers of coordinates: {sorted(sizes)}.\n"
            "Do:   give every level as many."
        )
    return np.array(found)
