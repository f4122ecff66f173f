"""Checks of a model: each states the size of what it found, a verdict in words, and advice."""

from mixedmodels.diagnostics.checks.run import check
from mixedmodels.diagnostics.checks.table import Check, Checks, Grade

__all__ = ["Check", "Checks", "Grade", "check"]
