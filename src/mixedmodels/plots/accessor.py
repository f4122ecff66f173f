"""`model.plot`: every picture by name. What draws is loaded when it is first used."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from inspect import signature
from typing import TYPE_CHECKING, Any, cast

from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.inference.degrees_of_freedom import TestMethod
from mixedmodels.plots.of_means import MeansPlots
from mixedmodels.posthoc.linear_functions import LinearFunctions
from mixedmodels.prediction.streams import Seed
from mixedmodels.vocabulary import SeriesResidual

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HOMES = {
    "acf": "series_plots",
    "all_effects": "effects",
    "autocorrelation": "group_plots",
    "calibration": "calibration_plot",
    "caterpillar": "effect_levels",
    "check": "check_panel",
    "collinearity": "collinearity_plot",
    "dfbetas": "influence_plots",
    "effects": "effects",
    "group_spread": "group_plots",
    "influence": "influence_plots",
    "leverage": "influence_plots",
    "lines": "fitted_lines",
    "partial_pooling": "partial_pooling_plot",
    "qq": "quantile_plots",
    "qq_ranef": "quantile_plots",
    "residuals": "residual_plots",
    "rootogram": "rootogram_plot",
    "scale_location": "residual_plots",
    "scaled": "quantile_plots",
    "shrinkage": "effect_levels",
    "variance_partition": "variance_plot",
    "variogram": "series_plots",
}
"""The module of every plot."""

STYLE = "mixedmodels.plots.style"
"""Where figures are made."""

WITHOUT_DATA = ("all_effects", "check")
"""Pictures made of others, which have the data."""


@dataclass(frozen=True, slots=True, repr=False)
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

    def data(self, plot: str, *arguments: Any, **options: Any) -> Any:
        """What a plot shows, as a table in the frame library of the data.

        Parameters
        ----------
        plot : str
            The name of the plot, as "qq".
        *arguments, **options
            Those of the plot that change what it shows, as `("effects", "Days", by="group")`.

        Raises
        ------
        DataError
            If there is no such plot, or it has no such option.
        """
        draw = _found(plot, "_data")
        return self.fit.frame.table(_with_options(draw, plot, arguments, options)(self.fit))

    def check(self, *, columns: int = 3, seed: Seed = 0) -> "Figure":
        """The assumptions on one page, with the verdicts of `model.check()`.

        With `columns=1` the pictures stand below each other, as for a narrow screen.
        """
        return _figure("check", "_panel")(self.fit, columns=columns, seed=seed)

    def check_figures(self, *, seed: Seed = 0) -> "list[Figure]":
        """The pictures of `check`, each a figure of its own, which pyplot does not keep."""
        figures: list[Figure] = _found("check", "_figures")(self.fit, seed=seed)
        return figures

    def unregistered(self) -> "AbstractContextManager[None]":
        """Plots made within a `with` of it are not kept by pyplot, nor shown by a notebook.

        For programs that save many pictures.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> import matplotlib.pyplot as plt
        >>> model = mm.lmm("Yield ~ 1 + (1 | Batch)", mm.datasets.load("dyestuff"))
        >>> with model.plot.unregistered():
        ...     figure = model.plot.caterpillar()
        >>> plt.fignum_exists(getattr(figure, "number", -1))
        False
        """
        within: AbstractContextManager[None] = import_module(STYLE).unregistered()
        return within

    def of_means(self, functions: LinearFunctions) -> MeansPlots:
        """The pictures of marginal means, trends or contrasts, as `Means.plot` gives them."""
        return MeansPlots(functions)

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

    def calibration(self, *, ax: "Axes | None" = None) -> "Axes":
        """Observed shares of successes against fitted probabilities, in bins of like rows.

        Of binary and binomial responses.
        """
        return _axes("calibration")(self.fit, ax=ax)

    def rootogram(self, *, ax: "Axes | None" = None) -> "Axes":
        """Frequencies of counts hung from those that the model expects, as square roots.

        Of counts, and of successes in trials.
        """
        return _axes("rootogram")(self.fit, ax=ax)

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

    def acf(
        self,
        group: str | None = None,
        *,
        time: str | None = None,
        kind: SeriesResidual = "normalized",
        max_lag: int = 12,
        ax: "Axes | None" = None,
    ) -> "Axes":
        """Autocorrelation of residuals within series; see `LinearMixedModel.acf`."""
        return _axes("acf")(self.fit, group, time=time, kind=kind, max_lag=max_lag, ax=ax)

    def variance_partition(self, *, ax: "Axes | None" = None) -> "Axes":
        """Shares of the variance: of the fixed effects, of every random term, and of what is left.

        As R² and ICC count them (Nakagawa, Johnson & Schielzeth 2017): random slopes with their
        mean variance over the rows; of a generalised model on the scale of the link, where the
        distribution has its own variance.
        """
        return _axes("variance_partition")(self.fit, ax=ax)

    def variogram(
        self,
        position: "str | Sequence[str]",
        group: str | None = None,
        *,
        kind: SeriesResidual = "normalized",
        bins: int = 20,
        max_distance: float | None = None,
        ax: "Axes | None" = None,
    ) -> "Axes":
        """Semivariance of residuals by distance; see `LinearMixedModel.variogram`."""
        return _axes("variogram")(
            self.fit, position, group, kind=kind, bins=bins, max_distance=max_distance, ax=ax
        )

    def collinearity(self, *, ax: "Axes | None" = None) -> "Axes":
        """Inflation of the standard errors of every term."""
        return _axes("collinearity")(self.fit, ax=ax)

    def lines(
        self, x: str | None = None, *, group: str | None = None, levels: int = 20
    ) -> "Figure":
        """Observed data with fitted lines, a panel per level of a group.

        Along a covariate or a factor; without a name, along one of the model that varies within
        the levels. Where other groups lie within the levels, a line joins the rows of one of the
        innermost of them.
        """
        return _figure("lines")(self.fit, x, group=group, levels=levels)

    def partial_pooling(
        self,
        group: str | None = None,
        x: str | None = None,
        *,
        levels: int = 12,
        level: float = 0.95,
    ) -> "Figure":
        """No pooling, complete pooling and the model for the levels of a group (Gelman & Hill).

        With a covariate a panel per level: its rows, the line of a regression with coefficients of
        its own (no pooling), of one that ignores the group (complete pooling), and of the model.
        Without one the mean of every level, with intervals, against its number of rows: those of
        small levels are pulled most. The levels have their own values of the columns that do not
        vary within them, and those of the average row of the others.

        Parameters
        ----------
        group : str, optional
            The grouping factor; by default the first.
        x : str, optional
            A covariate that varies within levels; by default one of the model, with a random
            slope if there is one. The lines are means over the rows of the level.
        levels : int
            Panels, of levels from the smallest to the largest.
        level : float
            Coverage of the intervals.

        Raises
        ------
        DataError
            Of generalised models, and where rows belong to several levels.

        Notes
        -----
        Both regressions take the random effects of other groups, and the offset, as the model has
        them. Without pooling, nothing is drawn where a level's rows do not tell it.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> model = mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))
        >>> table = model.plot.data("partial_pooling", x="Days")
        >>> table.query("level == '308' and x == 9").round(1)[["pooling", "estimate"]]
                pooling  estimate
        9          none     440.1
        189    complete     345.6
        369  multilevel     430.7
        """
        return _figure("partial_pooling")(self.fit, group, x, levels=levels, level=level)

    def effects(
        self,
        x: str,
        *,
        by: "str | Sequence[str] | None" = None,
        level: float = 0.95,
        ddf: TestMethod | None = None,
        ax: "Axes | None" = None,
    ) -> "Axes | Figure":
        """The estimated mean along a column of the fixed part, with intervals.

        The mean over all rows used, each with its own values of the other columns and counted
        once; random effects are zero. Where the data do not determine it, there is a gap.

        Parameters
        ----------
        x : str
            A column of the fixed part.
        by : str or list of str, optional
            Columns for whose values the mean is drawn apart: a line or set of points for each
            value of the first, of which eight are told apart (of covariates the 10, 50 and 90 %
            quantiles), and a panel for each combination of the others. A single one with more
            levels has a panel per level, of which there are 20 at most.
        level : float
            Coverage of the intervals, each on its own.
        ddf : str
            Method of degrees of freedom, as in `model.coef_table`.
        ax : Axes, optional
            Where to draw, if there is one panel.

        Returns
        -------
        Axes or Figure
            A `Figure` where there are several panels.

        Raises
        ------
        DataError
            If the fixed part does not use a column, or there would be too many panels.
        """
        drawn: Axes | Figure = _found("effects")(self.fit, x, by=by, level=level, ddf=ddf, ax=ax)
        return drawn

    def all_effects(
        self,
        *,
        columns: int = 2,
        level: float = 0.95,
        ddf: TestMethod | None = None,
    ) -> "Figure":
        """Estimated means along every term of the fixed part that is in no higher one.

        An interaction is drawn along one of its columns by another, the rest as in the data.
        """
        return _figure("all_effects")(self.fit, columns=columns, level=level, ddf=ddf)

    def __repr__(self) -> str:
        return f"Plots of {self.fit.spec.formula}: {', '.join(sorted(HOMES))}"


def _with_options(
    function: "Callable[..., Any]",
    plot: str,
    arguments: tuple[Any, ...],
    options: dict[str, Any],
) -> "Callable[..., Any]":
    """The function with its options, once it is sure that it has them."""
    known = [name for name in signature(function).parameters if name != "fit"]
    if len(arguments) > len(known):
        raise DataError(
            f"The data of {plot!r} have {len(known)} options, and {len(arguments)} are given.\n"
            f"Do:   {'choose from ' + ', '.join(known) if known else 'give no options'}."
        )
    options = dict(zip(known, arguments, strict=False)) | options
    unknown = [name for name in options if name not in known]
    if unknown:
        raise DataError(
            f"The data of {plot!r} have no option {unknown[0]!r}.\n"
            f"Do:   {'choose from ' + ', '.join(known) if known else 'give no options'}."
        )
    return partial(function, **options)


def _axes(plot: str) -> "Callable[..., Axes]":
    return cast("Callable[..., Axes]", _found(plot))


def _figure(plot: str, suffix: str = "") -> "Callable[..., Figure]":
    return cast("Callable[..., Figure]", _found(plot, suffix))


def _found(plot: str, suffix: str = "") -> Any:
    """The function that draws a plot, or with a suffix its sibling."""
    known_name = isinstance(plot, str) and plot in HOMES
    module = import_module(f"mixedmodels.plots.{HOMES[plot]}") if known_name else None
    function = getattr(module, f"{plot}{suffix}", None)
    if function is None:
        known = ", ".join(name for name in HOMES if name not in WITHOUT_DATA)
        raise DataError(f"There is no plot {plot!r} with data.\nDo:   choose from {known}.")
    return function
