"""The functions of the package."""

from mixedmodels.api.models import bootstrap_compare, compare, lmm
from mixedmodels.api.studies import power, power_curve, sample_size

__all__ = ["bootstrap_compare", "compare", "lmm", "power", "power_curve", "sample_size"]
