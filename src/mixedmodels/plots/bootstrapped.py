"""`BootstrappedModel`: estimates of a model in other samples, with intervals and pictures."""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mixedmodels.inference.bootstrap import Bootstrap
from mixedmodels.vocabulary import BootstrapInterval

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class BootstrappedModel:
    """Estimates in other samples, as `model.bootstrap()` returns them.

    Attributes
    ----------
    result : Bootstrap
        The replicates with the names of the parameters.
    """

    result: Bootstrap

    @property
    def table(self) -> object:
        """Table `replicate, group, term, estimate`, one row per replicate and parameter."""
        return self.result.table

    @property
    def replicates(self) -> NDArray[np.float64]:
        """Array (n, parameters); nan where there is no fit, or a correlation is not defined."""
        return self.result.replicates

    @property
    def n_failed(self) -> int:
        """Replicates without a fit, which no interval uses."""
        return self.result.n_failed

    @property
    def n_not_converged(self) -> int:
        """Replicates whose search did not end at a minimum, which count like all others."""
        return self.result.n_not_converged

    @property
    def n_singular(self) -> int:
        """Replicates with a singular fit, which count like all others."""
        return self.result.n_singular

    def conf_int(self, level: float = 0.95, method: BootstrapInterval = "percentile") -> object:
        """Table `group, term, estimate, conf_low, conf_high`.

        Parameters
        ----------
        level : float
            Coverage.
        method : {"percentile", "basic", "bca"}
            Quantiles of the replicates; reflected at the estimate; or quantiles corrected for bias
            and for a standard error that changes with the parameter (Efron 1987), for samples of
            whole groups only.

        Raises
        ------
        DataError
            If an argument is not one of these, or so few replicates say nothing about the level.
        """
        return self.result.intervals(level, method).table(self.result.fit.frame)

    def plot(self, *, level: float = 0.95) -> "Figure":
        """One histogram per parameter, with the estimate and the percentile interval."""
        figure: Figure = import_module("mixedmodels.plots.bootstrap_plots").histograms(
            self.result, level
        )
        return figure

    def __repr__(self) -> str:
        r, k = self.replicates.shape
        kind, lost = self.result.kind.capitalize(), self.n_not_converged
        return (
            f"{kind} bootstrap of {k} quantities: {r:,} replicates, {self.n_singular:,} of them "
            f"singular, {self.n_failed:,} without a fit"
            + (f", {lost:,} not converged" if lost else "")
        )
