"""Many responses on one design: the same model of each, fitted together."""

from mixedmodels.responses.many import Many, fit_many
from mixedmodels.responses.request import ManyRequest

__all__ = ["Many", "ManyRequest", "fit_many"]
