"""Methods of denominator degrees of freedom, one file each, and their registry."""

from mixedmodels.inference.degrees_of_freedom.registry import method_of

__all__ = ["method_of"]
