"""Heterogeneity between studies, where the variances within them are known."""

from mixedmodels.inference.heterogeneity.heterogeneity import Heterogeneity, heterogeneity

__all__ = ["Heterogeneity", "heterogeneity"]
