"""`means.plot`: pictures of means, trends and contrasts. What draws is loaded when it is used."""

from dataclasses import dataclass
from importlib import import_module
from inspect import signature
from typing import TYPE_CHECKING, Any

from mixedmodels.errors import DataError
from mixedmodels.options import require_option
from mixedmodels.posthoc.linear_functions import LinearFunctions
from mixedmodels.vocabulary import Adjustment

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HOMES = {
    "intervals": "mean_intervals",
    "interaction": "interaction_plot",
    "p_values": "p_value_matrix",
}
"""The module of every kind of picture."""


@dataclass(frozen=True, slots=True, repr=False)
class MeansPlots:
    """The pictures of means, trends or contrasts.

    One panel is matplotlib's `Axes`, drawn on `ax` if it is given; the groups of `by` are panels of
    a `Figure`. `data` gives what a picture shows as a table. Rows that are not estimable leave a
    gap.

    Attributes
    ----------
    functions : LinearFunctions
        The rows.

    Examples
    --------
    >>> import mixedmodels as mm
    >>> cake = mm.datasets.load("cake")
    >>> model = mm.lmm("angle ~ recipe * temperature + (1 | recipe:replicate)", cake)
    >>> model.emmeans("recipe").plot.data("intervals", comparisons=True).round(1)
      recipe  estimate  conf_low  conf_high  arrow_low  arrow_high
    0      A      33.1      29.6       36.6       30.1        33.1
    1      B      31.6      28.1       35.1       28.7        34.6
    2      C      31.6      28.1       35.1       31.6        34.6
    """

    functions: LinearFunctions

    def __call__(self, kind: str = "intervals", **options: Any) -> "Axes | Figure":
        """The picture of a kind.

        Parameters
        ----------
        kind : {"intervals", "interaction", "p_values"}
            The method of the same name.
        **options
            Its options.

        Raises
        ------
        DataError
            If there is no such picture, or it has no such option.
        """
        require_option("kind", kind, tuple(HOMES))
        drawn: Axes | Figure = _called(kind, _drawn(kind), self.functions, options)
        return drawn

    def data(self, kind: str = "intervals", **options: Any) -> Any:
        """What a picture shows, as a table in the frame library of the data.

        Parameters
        ----------
        kind : {"intervals", "interaction", "p_values"}
            The picture.
        **options
            Those of the picture that change what it shows.

        Raises
        ------
        DataError
            If there is no such picture, or it has no such option.
        """
        require_option("kind", kind, tuple(HOMES))
        found = _called(kind, _drawn(kind, "_data"), self.functions, options)
        return self.functions.fit.frame.table(found)

    def intervals(
        self,
        *,
        comparisons: bool = False,
        alpha: float = 0.05,
        adjust: Adjustment = "tukey",
        columns: int | None = None,
        ax: "Axes | None" = None,
    ) -> "Axes | Figure":
        """Every row with its interval, below each other.

        Parameters
        ----------
        comparisons : bool
            For means and trends, draw arrows beside the intervals: two means of a panel differ
            significantly where their arrows do not overlap. Intervals of means do not tell that.
            Where there are no such arrows, the note names the pairs that they show wrongly.
        alpha : float
            Level of the tests behind the arrows.
        adjust
            Their adjustment, for all pairs of a panel; as in `Means.contrast`.
        columns : int, optional
            Panels side by side, three at most unless given.
        ax : Axes, optional
            Where to draw, if there is one panel.

        Returns
        -------
        Axes or Figure
            A `Figure` where there are several panels.

        Raises
        ------
        DataError
            If there are too many panels, or arrows are asked for contrasts or for more than 60
            means.
        """
        drawn: Axes | Figure = _drawn("intervals")(
            self.functions,
            comparisons=comparisons,
            alpha=alpha,
            adjust=adjust,
            columns=columns,
            ax=ax,
        )
        return drawn

    def interaction(
        self,
        x: str | None = None,
        *,
        observed: bool = True,
        columns: int | None = None,
        ax: "Axes | None" = None,
    ) -> "Axes | Figure":
        """Means along one column, a line for each value of another, panels for the rest.

        Parameters
        ----------
        x : str, optional
            The column along which lines run; by default the first of the means. The next one has
            lines, of which eight are told apart; columns of `by` have panels. A covariate has
            bands, a factor intervals side by side.
        observed : bool
            Draw the rows of the data behind the means, on the same scale; those of a factor are
            spread at random around its place.
        columns : int, optional
            Panels side by side.
        ax : Axes, optional
            Where to draw, if there is one panel.

        Returns
        -------
        Axes or Figure
            A `Figure` where there are several panels.

        Raises
        ------
        DataError
            If these are contrasts, `x` is not a column of the means, or there are too many panels.
        """
        drawn: Axes | Figure = _drawn("interaction")(
            self.functions, x, observed=observed, columns=columns, ax=ax
        )
        return drawn

    def p_values(
        self,
        *,
        adjust: Adjustment = "tukey",
        columns: int | None = None,
        ax: "Axes | None" = None,
    ) -> "Axes | Figure":
        """All pairs of means as a matrix: means, differences below them, p-values above.

        A difference is the mean of its row less that of its column (a ratio for logarithms on the
        scale of the response).

        Parameters
        ----------
        adjust
            For all pairs of a panel; as in `Means.contrast`.
        columns : int, optional
            Panels side by side.
        ax : Axes, optional
            Where to draw, if there is one panel.

        Returns
        -------
        Axes or Figure
            A `Figure` where there are several panels.

        Raises
        ------
        DataError
            If these are contrasts, or a panel has more than 15 means or only one.
        """
        drawn: Axes | Figure = _drawn("p_values")(
            self.functions, adjust=adjust, columns=columns, ax=ax
        )
        return drawn

    def __repr__(self) -> str:
        return f"Plots of {self.functions.size} rows: {', '.join(HOMES)}"


def _drawn(kind: str, suffix: str = "") -> Any:
    """The function that draws a kind of picture, or with a suffix its sibling."""
    return getattr(import_module(f"mixedmodels.plots.{HOMES[kind]}"), f"{kind}{suffix}")


def _called(kind: str, function: Any, functions: LinearFunctions, options: dict[str, Any]) -> Any:
    """What the function gives, once it is sure that it has these options."""
    known = [name for name in signature(function).parameters if name != "functions"]
    for name in options:
        if name not in known:
            raise DataError(
                f"{kind!r} has no option {name!r}.\n"
                f"Do:   choose from {', '.join(known) or 'no options'}."
            )
    return function(functions, **options)
