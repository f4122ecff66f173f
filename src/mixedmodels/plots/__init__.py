"""Pictures of a fit. Nothing here loads matplotlib before something is drawn."""

from mixedmodels.plots.accessor import Plots

__all__ = ["Plots"]
