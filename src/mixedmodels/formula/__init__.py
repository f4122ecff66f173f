"""Formulas: tokens, syntax tree, fixed part and random terms. Nothing here knows of data.

The bar terms are read here; the fixed part and the left sides of the bars stay text in the
language of formulaic, which `mixedmodels.design` evaluates.
"""

from mixedmodels.formula.formula import Formula, RandomTerm
from mixedmodels.formula.parse import parse
from mixedmodels.formula.update import update

__all__ = ["Formula", "RandomTerm", "parse", "update"]
