"""The observed data with fitted lines, a panel per level of a group."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mixedmodels.diagnostics.facts import covariates
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.fitted import fitted_array, marginal_mean
from mixedmodels.plots import style
from mixedmodels.plots.choice import group_index

Vector = NDArray[np.float64]
Data = dict[str, NDArray[np.generic]]

PANELS = 20


def lines(
    fit: Fit, x: str | None = None, *, group: str | None = None, levels: int = PANELS
) -> Figure:
    """Response and fitted values of the levels of a group against a covariate."""
    name, values = _covariate(fit, x)
    g = group_index(fit, group)
    grouping = fit.matrices.groupings[g]
    chosen = _chosen(len(grouping.levels), levels)
    columns = min(5, max(1, len(chosen)))
    figure, grid = style.panels(len(chosen), columns=columns, width=2.3, height=2.1)
    m = fit.matrices
    fitted, marginal = fitted_array(fit), marginal_mean(m.X, fit.beta, m.offset)
    for ax, level in zip(grid, chosen, strict=True):
        rows = grouping.codes == level
        _panel(ax, values[rows], m.y[rows], fitted[rows], marginal[rows])
        ax.set_title(style.short(grouping.levels[level], 20), fontsize=9)
        ax.set_xlim(*_limits(values))
        ax.set_ylim(*_limits(np.concatenate([m.y, fitted])))
    _label(grid, columns, name, fit.spec.formula.response)
    some = (
        f" ({len(chosen)} of {len(grouping.levels)})" if len(chosen) < len(grouping.levels) else ""
    )
    return style.title_of(
        figure,
        f"{fit.spec.formula.response} by {grouping.name}{some}\n"
        "points: data; line: fitted for the level; dashed: population",
    )


def lines_data(fit: Fit, x: str | None = None, *, group: str | None = None) -> Data:
    """Columns `row, level, x, observed, fitted, population`, every row used."""
    _, values = _covariate(fit, x)
    m = fit.matrices
    grouping = m.groupings[group_index(fit, group)]
    labels = np.array([str(label) for label in grouping.levels], dtype=object)
    return {
        "row": np.asarray(m.index),
        "level": labels[grouping.codes],
        "x": values,
        "observed": m.y,
        "fitted": fitted_array(fit),
        "population": marginal_mean(m.X, fit.beta, m.offset),
    }


def _panel(ax: Axes, x: Vector, y: Vector, fitted: Vector, marginal: Vector) -> None:
    ax.plot(x, y, "o", color=style.POINT, markersize=3.5, alpha=0.8)
    places, index = np.unique(x, return_inverse=True)
    count = np.bincount(index)
    mark = "" if len(places) > 1 else "_"
    ax.plot(
        places, np.bincount(index, marginal) / count, color=style.REFERENCE, linestyle="--",
        linewidth=1.2, marker=mark,
    )  # fmt: skip
    ax.plot(
        places, np.bincount(index, fitted) / count, color=style.ORANGE, linewidth=2, marker=mark
    )
    ax.spines[["top", "right"]].set_visible(False)


def _label(grid: list[Axes], columns: int, x: str, y: str) -> None:
    for i, ax in enumerate(grid):
        if i % columns == 0:
            ax.set_ylabel(y)
        else:
            ax.tick_params(labelleft=False)
        if i + columns >= len(grid):
            ax.set_xlabel(x)
        else:
            ax.tick_params(labelbottom=False)


def _limits(values: Vector) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    return low - 0.05 * (high - low), high + 0.05 * (high - low)


def _chosen(n: int, most: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(np.int64))


def _covariate(fit: Fit, x: str | None) -> tuple[str, Vector]:
    known = covariates(fit)
    if x is None and known:
        x = next(iter(known))
    if x is not None and x in known:
        return x, known[x]
    if x is not None and x in fit.frame.columns:
        numbers = fit.frame.column(x).numbers
        if numbers is not None:
            return x, numbers[fit.matrices.kept].astype(np.float64)
    raise DataError(
        f"x = {x!r} is not a numeric column of the data.\n"
        f"Do:   name one{', as ' + ', '.join(known) if known else ''}."
    )
