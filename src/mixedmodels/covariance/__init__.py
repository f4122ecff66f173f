"""Covariance structures: what they are called, and what parameters they have."""

from mixedmodels.covariance.structure import DIAGONAL, UNSTRUCTURED, Structure
from mixedmodels.covariance.words import WORDS, Word

__all__ = ["DIAGONAL", "UNSTRUCTURED", "WORDS", "Structure", "Word"]
