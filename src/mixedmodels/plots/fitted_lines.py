"""The observed data with fitted lines, a panel per level of a group."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mixedmodels.data import Column, encode
from mixedmodels.design import Grouping
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.fitted import fitted_array, observed_array, population_array
from mixedmodels.options import require_count
from mixedmodels.plots import lettering, style
from mixedmodels.plots.choice import group_index
from mixedmodels.plots.effect_means import fixed_columns

Vector = NDArray[np.float64]
Int = NDArray[np.int64]
Data = dict[str, NDArray[np.generic]]

PANELS = 20


@dataclass(frozen=True, slots=True)
class Along:
    """What stands on the x axis.

    Attributes
    ----------
    name : str
        The column.
    values : array (n,)
        Its numbers, or the positions of its levels; nan where it is missing.
    levels : tuple of str
        Names of the levels; none for numbers.
    """

    name: str
    values: Vector
    levels: tuple[str, ...]

    @property
    def labels(self) -> NDArray[np.generic]:
        """The values as a table shows them: numbers, or the names of the levels."""
        if not self.levels:
            return self.values
        known = np.nan_to_num(self.values, nan=len(self.levels)).astype(np.int64)
        return np.array([*self.levels, None], dtype=object)[known]


def lines(
    fit: Fit, x: str | None = None, *, group: str | None = None, levels: int = PANELS
) -> Figure:
    """Response and fitted values of the levels of a group against a column of the data."""
    require_count("levels", levels, what="levels")
    g = group_index(fit, group)
    along = _along(fit, x, g)
    grouping = fit.matrices.groupings[g]
    chosen = _chosen(len(grouping.levels), levels)
    columns = min(5, len(chosen))
    height = 2.1 if len(chosen) > columns else 3.0
    figure, grid = style.panels(len(chosen), columns=columns, width=2.3, height=height)
    m = fit.matrices
    y, fitted, marginal = observed_array(fit), fitted_array(fit), population_array(fit)
    inner = innermost(m.groupings, g)
    titles = lettering.fitting([grouping.levels[i] for i in chosen], 2.3 * 72 - 30, 9)
    limits = _limits(along.values), _limits(np.concatenate([y, fitted]))
    for ax, level, title in zip(grid, chosen, titles, strict=True):
        rows = (grouping.codes == level) & np.isfinite(along.values)
        part = along.values[rows], y[rows], fitted[rows], marginal[rows]
        _panel(ax, *part, inner.codes[rows])
        lettering.literal(ax.set_title(title, fontsize=9))
        ax.set_xlim(*limits[0])
        ax.set_ylim(*limits[1])
    _label(grid, columns, along)
    response = lettering.term(fit.spec.formula.response)
    shared = style.across(figure, x=lettering.name(along.name), y=response)
    some = (
        f" ({len(chosen)} of {len(grouping.levels)})" if len(chosen) < len(grouping.levels) else ""
    )
    short, by, within = lettering.names([response, grouping.name, inner.name], 60)
    each = "level" if inner is grouping else f"level of {within}"
    return style.title_of(
        figure,
        f"{short} by {by}{some}\npoints: data; line: fitted for the {each}; dashed: population",
        shared=shared,
    )


def lines_data(fit: Fit, x: str | None = None, *, group: str | None = None) -> Data:
    """Columns `row, level, x, observed, fitted, population`, every row used."""
    m = fit.matrices
    g = group_index(fit, group)
    grouping = m.groupings[g]
    labels = np.array([str(label) for label in grouping.levels], dtype=object)
    return {
        "row": np.asarray(m.index),
        "level": labels[grouping.codes],
        "x": _along(fit, x, g).labels,
        "observed": observed_array(fit),
        "fitted": fitted_array(fit),
        "population": population_array(fit),
    }


def innermost(groupings: tuple[Grouping, ...], g: int) -> Grouping:
    """The finest grouping factor that lies within the levels of one, and has rows to join."""
    outer = groupings[g]
    best = outer
    for inner in groupings:
        codes = inner.codes.astype(np.int64) * len(outer.levels) + outer.codes
        is_nested = len(np.unique(codes)) == len(np.unique(inner.codes))
        joins = np.bincount(inner.codes).max(initial=0) > 1
        if is_nested and joins and len(inner.levels) > len(best.levels):
            best = inner
    return best


def _panel(
    ax: Axes, x: Vector, y: Vector, fitted: Vector, marginal: Vector, inner: NDArray[np.int32]
) -> None:
    ax.plot(x, y, "o", color=style.POINT, markersize=3.5, alpha=0.8)
    _joined(ax, x, marginal, color=style.REFERENCE, linestyle="--", width=1.2)
    levels = np.unique(inner)
    for level in levels:
        rows = inner == level
        width = 2.0 if len(levels) == 1 else 1.1
        _joined(ax, x[rows], fitted[rows], color=style.ORANGE, linestyle="-", width=width)
    ax.spines[["top", "right"]].set_visible(False)


def _joined(ax: Axes, x: Vector, y: Vector, *, color: str, linestyle: str, width: float) -> None:
    """A line through the mean at every value of x; a dash where there is only one."""
    places, index = np.unique(x, return_inverse=True)
    mean = np.bincount(index, y) / np.bincount(index)
    mark = "" if len(places) > 1 else "_"
    ax.plot(places, mean, color=color, linestyle=linestyle, linewidth=width, marker=mark)


def _label(grid: list[Axes], columns: int, along: Along) -> None:
    for i, ax in enumerate(grid):
        if along.levels:
            style.name_columns(ax, along.levels)
        style.plain_numbers(ax)
        ax.tick_params(labelleft=i % columns == 0, labelbottom=i + columns >= len(grid))


def _limits(values: Vector) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    low, high = float(known.min(initial=np.inf)), float(known.max(initial=-np.inf))
    margin = 0.05 * (high - low) or 0.5
    return low - margin, high + margin


def _chosen(n: int, most: int) -> Int:
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(np.int64))


def _along(fit: Fit, x: str | None, g: int) -> Along:
    """The column that is asked for, or one of the model that varies, within the group at best.

    Numbers go before factors, and the fixed part before the left sides of the bars.
    """
    if x is not None:
        if not isinstance(x, str) or x not in fit.frame.columns:
            known = ", ".join(fit.frame.columns[:12])
            raise DataError(f"x = {x!r} is not a column of the data.\nDo:   choose from {known}.")
        return _read(fit, x)
    fixed = fixed_columns(fit)
    names = [*fixed, *(name for name in fit.spec.variables if name not in fixed)]
    found = [_read(fit, name) for name in names]
    codes = fit.matrices.groupings[g].codes
    varying = [a for a in found if len(np.unique(a.values)) > 1]
    if not varying:
        raise DataError(
            "The model uses no column that varies, so nothing stands on the x axis.\n"
            "Do:   name a column of the data as x."
        )
    return min(varying, key=lambda a: (not _varies_within(a.values, codes), bool(a.levels)))


def _varies_within(values: Vector, codes: NDArray[np.int32]) -> bool:
    pairs = np.unique(np.column_stack([codes, values]), axis=0)
    return len(pairs) > len(np.unique(codes))


def _read(fit: Fit, name: str) -> Along:
    column: Column = fit.frame.column(name)
    kept = fit.matrices.kept
    if column.numbers is not None and column.kind == "number":
        return Along(name, column.floats()[kept], ())
    codes = encode(column)
    values = codes.codes[kept].astype(np.float64)
    return Along(name, np.where(values < 0, np.nan, values), codes.levels)
