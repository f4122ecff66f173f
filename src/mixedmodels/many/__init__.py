"""Many responses on one design: the same model of each, fitted together."""

from mixedmodels.many.many import Many, fit_many
from mixedmodels.many.request import ManyRequest

__all__ = ["Many", "ManyRequest", "fit_many"]
