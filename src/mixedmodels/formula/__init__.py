"""Formulas: tokens, syntax tree, fixed part and random terms. Nothing here knows of data.

Sums are expanded into terms, whose factors are columns or expressions: syntax trees that
`mixedmodels.design` calculates, and that nothing executes.
"""

from mixedmodels.formula.formula import Formula, RandomTerm
from mixedmodels.formula.parse import parse
from mixedmodels.formula.update import update

__all__ = ["Formula", "RandomTerm", "parse", "update"]
