"""Covariance structures: what they are called, and what parameters they have."""

from mixedmodels.covariance.quantities import Quantity, parameter_name, term_name
from mixedmodels.covariance.structure import DIAGONAL, UNSTRUCTURED, Structure
from mixedmodels.covariance.words import WORDS, Word

__all__ = [
    "DIAGONAL",
    "UNSTRUCTURED",
    "WORDS",
    "Quantity",
    "Structure",
    "Word",
    "parameter_name",
    "term_name",
]
