"""`model.plot`: every picture by name. What draws is loaded when it is first used."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.prediction.streams import Seed
from mixedmodels.vocabulary import DegreesOfFreedom

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HOMES = {
    "autocorrelation": "group_plots",
    "caterpillar": "effect_levels",
    "check": "check_panel",
    "collinearity": "collinearity_plot",
    "dfbetas": "influence_plots",
    "effects": "effects",
    "group_spread": "group_plots",
    "influence": "influence_plots",
    "leverage": "influence_plots",
    "lines": "fitted_lines",
    "qq": "quantile_plots",
    "qq_ranef": "quantile_plots",
    "residuals": "residual_plots",
    "scale_location": "residual_plots",
    "scaled": "quantile_plots",
    "shrinkage": "effect_levels",
}
"""The module of every plot."""


@dataclass(frozen=True, slots=True)
class Plots:
    """The plots of one fit.

    Plots of one panel return matplotlib's `Axes` and draw on `ax` if it is given; plots of
    several return a `Figure`. `data` gives what a plot shows as a table. Above 20,000 rows a part
    of the points is drawn, and the plot says so.

    Attributes
    ----------
    fit : Fit
        The fit.

    Examples
    --------
    >>> import mixedmodels as mm
    >>> model = mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))
    >>> model.plot.data("qq").columns.tolist()
    ['row', 'theoretical', 'residual', 'conf_low', 'conf_high']
    """

    fit: Fit

    def data(self, plot: str, **options: Any) -> Any:
        """What a plot shows, as a table in the frame library of the data.

        Parameters
        ----------
        plot : str
            The name of the plot, as "qq".
        **options
            Those of the plot that change what it shows.

        Raises
        ------
        DataError
            If there is no such plot.
        """
        return self.fit.frame.table(_found(plot, "_data")(self.fit, **options))

    def check(self, *, seed: Seed = 0) -> "Figure":
        """The assumptions on one page, with the verdicts of `model.check()`."""
        return _figure("check", "_panel")(self.fit, seed=seed)

    def residuals(self, x: str | None = None, *, ax: "Axes | None" = None) -> "Axes":
        """Studentized residuals against the fitted values, or against a column of the data."""
        return _axes("residuals")(self.fit, x, ax=ax)

    def scale_location(self, *, ax: "Axes | None" = None) -> "Axes":
        """Spread of the residuals along the fitted values."""
        return _axes("scale_location")(self.fit, ax=ax)

    def qq(self, *, ax: "Axes | None" = None, seed: Seed = 0) -> "Axes":
        """Residuals against normal quantiles, with simulated limits."""
        return _axes("qq")(self.fit, ax=ax, seed=seed)

    def qq_ranef(self, *, seed: Seed = 0) -> "Figure":
        """Random effects against normal quantiles, a panel per column."""
        return _figure("qq_ranef")(self.fit, seed=seed)

    def scaled(self, *, ax: "Axes | None" = None, seed: Seed = 0) -> "Axes":
        """Where the responses fall among simulated ones, against the uniform."""
        return _axes("scaled")(self.fit, ax=ax, seed=seed)

    def caterpillar(self, group: str | None = None, *, level: float = 0.95) -> "Figure":
        """Random effects of one group in order, with intervals."""
        return _figure("caterpillar")(self.fit, group, level=level)

    def shrinkage(self, group: str | None = None, *, ax: "Axes | None" = None) -> "Axes":
        """How far each level's own estimate is pulled towards the population."""
        return _axes("shrinkage")(self.fit, group, ax=ax)

    def leverage(self, *, ax: "Axes | None" = None) -> "Axes":
        """Residuals against leverage."""
        return _axes("leverage")(self.fit, ax=ax)

    def influence(self, by: str | None = None, *, ax: "Axes | None" = None) -> "Axes":
        """Cook's distances of the most influential rows, or levels of a group."""
        return _axes("influence")(self.fit, by, ax=ax)

    def dfbetas(self, by: str | None = None, *, ax: "Axes | None" = None) -> "Axes":
        """Changes of every coefficient without each row, or level of a group."""
        return _axes("dfbetas")(self.fit, by, ax=ax)

    def group_spread(self, group: str | None = None, *, ax: "Axes | None" = None) -> "Axes":
        """Residual standard deviation of every level of a group."""
        return _axes("group_spread")(self.fit, group, ax=ax)

    def autocorrelation(self, *, ax: "Axes | None" = None) -> "Axes":
        """Correlation of residuals in the order of the rows, within levels."""
        return _axes("autocorrelation")(self.fit, ax=ax)

    def collinearity(self, *, ax: "Axes | None" = None) -> "Axes":
        """Inflation of the standard errors of every term."""
        return _axes("collinearity")(self.fit, ax=ax)

    def lines(
        self, x: str | None = None, *, group: str | None = None, levels: int = 20
    ) -> "Figure":
        """Observed data with fitted lines, a panel per level of a group."""
        return _figure("lines")(self.fit, x, group=group, levels=levels)

    def effects(
        self,
        x: str,
        *,
        by: str | None = None,
        level: float = 0.95,
        ddf: DegreesOfFreedom = "satterthwaite",
        ax: "Axes | None" = None,
    ) -> "Axes":
        """The estimated mean along a column of the fixed part, with intervals."""
        return _axes("effects")(self.fit, x, by=by, level=level, ddf=ddf, ax=ax)


def _axes(plot: str) -> "Callable[..., Axes]":
    return cast("Callable[..., Axes]", _found(plot))


def _figure(plot: str, suffix: str = "") -> "Callable[..., Figure]":
    return cast("Callable[..., Figure]", _found(plot, suffix))


def _found(plot: str, suffix: str = "") -> Any:
    """The function that draws a plot, or with a suffix its sibling."""
    module = import_module(f"mixedmodels.plots.{HOMES[plot]}") if plot in HOMES else None
    function = getattr(module, plot + suffix, None)
    if function is None:
        known = ", ".join(name for name in HOMES if name != "check")
        raise DataError(f"There is no plot {plot!r} with data.\nDo:   choose from {known}.")
    return function
