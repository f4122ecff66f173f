"""Robust fits of linear mixed models: outlying rows and groups count less."""

from mixedmodels.robust_fit.model import RobustMixedModel

__all__ = ["RobustMixedModel"]
