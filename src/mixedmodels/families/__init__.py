"""Families of distributions: what they are called, what they have, and what rows say by them."""

from mixedmodels.families.catalogue import KINDS, Kind
from mixedmodels.families.family import GAUSSIAN, Family, family_of

__all__ = ["GAUSSIAN", "KINDS", "Family", "Kind", "family_of"]
