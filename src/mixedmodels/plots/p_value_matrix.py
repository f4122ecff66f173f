"""Pairs of means as a matrix: means on the diagonal, differences below it, p-values above."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from mixedmodels.errors import DataError
from mixedmodels.plots import lettering, style
from mixedmodels.plots.arrange import arranged, size_of
from mixedmodels.plots.mean_panels import (
    Panel,
    heading,
    of_adjustment,
    panels_of,
    require_means,
    several,
)
from mixedmodels.posthoc.contrasts import contrast
from mixedmodels.posthoc.linear_functions import LinearFunctions
from mixedmodels.posthoc.results import Results, results
from mixedmodels.posthoc.tables import named, subset
from mixedmodels.vocabulary import Adjustment

Vector = NDArray[np.float64]
Data = dict[str, NDArray[np.generic]]

MOST = 15
"""Means of a panel."""

SHADES = ((0.001, "#f2a77a"), (0.01, "#f7c6a8"), (0.05, "#fbe3d3"))
"""Upper ends of p-values and the colour of their cells, the smallest first."""

DIAGONAL = "#e3e6e9"

MOST_WIDE = 60.0
"""Points of a name that widens its column."""

SMALLEST = 3.0
"""Size of letters in cells that leave no room."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """The means of a panel and their differences.

    Attributes
    ----------
    panel : Panel
        The means.
    estimate : array (k,)
        Their estimates.
    difference, p_value : array (k, k)
        Below and above the diagonal: row less column (or their ratio), and its p-value; else nan.
    adjust
        The adjustment that was used.
    is_ratio : bool
        Whether differences are ratios.
    errors : tuple of float
        The smallest standard error of a mean and of a difference, nan if there is none.
    """

    panel: Panel
    estimate: Vector
    difference: Vector
    p_value: Vector
    adjust: Adjustment
    is_ratio: bool
    errors: tuple[float, float]


def p_values(
    functions: LinearFunctions,
    *,
    adjust: Adjustment = "tukey",
    columns: int | None = None,
    ax: Axes | None = None,
) -> Axes | Figure:
    """A matrix per group of `by`."""
    pairs = _pairs(functions, adjust)
    cell = max(_cell_width(one) for one in pairs)
    k = max(len(one.estimate) for one in pairs)
    width, height = max(4.0, (cell * k + 150) / 72), max(2.6, (26 * k + 130) / 72)
    note = _note(pairs[0])
    if len(pairs) == 1:
        ax = style.axes(ax, width=max(width, 6.0), height=height)
        _draw(ax, pairs[0])
        title = pairs[0].panel.title
        title = heading(functions) + (f", {title}" if title else "")
        style.finish(ax, title=title, x="", y="", note=note)
        _fit_cells(arranged(ax), pairs[0])
        return ax
    by_rows = {one.panel.rows[0]: one for one in pairs}
    figure = several(
        [one.panel for one in pairs],
        lambda panel, axes: _draw(axes, by_rows[panel.rows[0]]),
        title=f"{heading(functions)}\n{note}",
        x="",
        y="",
        size=(width, height),
        columns=columns,
        ax=ax,
    )
    for axes, one in zip(figure.axes, pairs, strict=True):
        _fit_cells(axes, one)
    return figure


def p_values_data(functions: LinearFunctions, *, adjust: Adjustment = "tukey") -> Data:
    """Columns of `by`, `level1, level2, estimate, p_value`.

    One row per mean, where both levels are its own and there is no p-value; then one per pair, with
    the difference of level1 less level2 (or their ratio).
    """
    parts: list[tuple[str, str, float, float, int]] = []
    for one in _pairs(functions, adjust):
        names, first = one.panel.names, int(one.panel.rows[0])
        parts += [(n, n, e, np.nan, first) for n, e in zip(names, one.estimate, strict=True)]
        parts += [
            (names[i], names[j], one.difference[i, j], one.p_value[j, i], first)
            for j in range(len(names))
            for i in range(j + 1, len(names))
        ]
    level1, level2, estimate, p, first_rows = zip(*parts, strict=True)
    within = {n: functions.labels[n][np.array(first_rows)] for n in functions.by}
    return {
        **named(within),
        "level1": np.array(level1, dtype=object),
        "level2": np.array(level2, dtype=object),
        "estimate": np.array(estimate),
        "p_value": np.array(p),
    }


def _pairs(functions: LinearFunctions, adjust: Adjustment) -> list[Pairs]:
    require_means(functions, "The matrix shows pairs of means", "draw contrasts with plot()")
    found = results(functions)
    return [
        _of_panel(functions, panel, found, adjust) for panel in panels_of(functions, functions.by)
    ]


def _of_panel(
    functions: LinearFunctions, panel: Panel, means: Results, adjust: Adjustment
) -> Pairs:
    k = len(panel.rows)
    if not 2 <= k <= MOST:
        advice = (
            "ask for fewer means with at= or by=; letters() and plot(comparisons=True) take more"
            if k > MOST
            else "ask for means at more values"
        )
        raise DataError(
            f"The matrix shows 2 to {MOST} means, and a group has {k}.\nDo:   {advice}."
        )
    pairs = contrast(subset(functions, panel.rows), "revpairwise", by=None, adjust=adjust)
    found = results(pairs)
    below, above = np.full((k, k), np.nan), np.full((k, k), np.nan)
    i, j = np.tril_indices(k, -1)
    below[i, j], above[j, i] = found.estimate, found.p_value
    errors = _smallest(means.std_error[panel.rows]), _smallest(found.std_error)
    estimate = means.estimate[panel.rows]
    return Pairs(panel, estimate, below, above, found.adjust, pairs.shows_ratios, errors)


def _smallest(errors: Vector) -> float:
    known = errors[np.isfinite(errors) & (errors > 0)]
    return float(known.min()) if known.size else np.nan


def _note(one: Pairs) -> str:
    method = "" if one.adjust == "none" else f" ({of_adjustment(one.adjust)})"
    what = "ratios" if one.is_ratio else "differences"
    return (
        f"Diagonal: means; below: {what}, row {'over' if one.is_ratio else 'less'} column; above: "
        f"p-values{method}, darker below 0.05, 0.01 and 0.001"
    )


def _texts(one: Pairs) -> dict[tuple[int, int], str]:
    """What each cell says, by row and column."""
    k = len(one.estimate)
    texts = {}
    for i in range(k):
        texts[i, i] = _number(one.estimate[i], one.errors[0])
        for j in range(i):
            texts[i, j] = _number(one.difference[i, j], one.errors[1])
            texts[j, i] = _p(one.p_value[j, i])
    return texts


def _number(value: float, error: float) -> str:
    """A number with two digits of the error."""
    if not np.isfinite(value):
        return "–"
    if not np.isfinite(error) or not 1e-6 < error < 1e6:
        return f"{value:.3g}".replace("-", "−")
    decimals = max(0, 1 - int(np.floor(np.log10(error))))
    text = f"{value:.{decimals}f}"
    return (text[1:] if text.startswith("-") and float(text) == 0 else text).replace("-", "−")


def _p(value: float) -> str:
    if not np.isfinite(value):
        return "–"
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _cell_width(one: Pairs) -> float:
    """Points that a cell needs, for what it says and for the words of its column's name."""
    content = max(lettering.width_of(text, style.SMALL) for text in _texts(one).values())
    words = [word for name in one.panel.names for word in lettering.written(name).split()]
    name = max((lettering.width_of(word, style.SMALL) for word in words), default=0.0)
    return max(content, min(name, MOST_WIDE)) + 14


def _draw(ax: Axes, one: Pairs) -> None:
    k = len(one.estimate)
    for (i, j), text in _texts(one).items():
        y = k - 1 - i
        colour = DIAGONAL if i == j else _shade(one.p_value[min(i, j), max(i, j)])
        if i <= j:
            ax.add_patch(Rectangle((j - 0.5, y - 0.5), 1, 1, facecolor=colour, linewidth=0))
        ax.text(
            j, y, text, ha="center", va="center", fontsize=style.SMALL,
            weight="bold" if i == j else "normal",
        )  # fmt: skip
    ax.hlines(np.arange(k + 1) - 0.5, -0.5, k - 0.5, color="white", linewidth=1.5)
    ax.vlines(np.arange(k + 1) - 0.5, -0.5, k - 0.5, color="white", linewidth=1.5)
    ax.set_xlim(-0.5, k - 0.5)
    style.name_columns(ax, one.panel.names)
    style.name_rows(ax, one.panel.names[::-1])
    ax.set_ylim(-0.5, k - 0.5)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def _shade(p: float) -> str:
    return next((colour for end, colour in SHADES if p < end), "#ffffff")


def _fit_cells(ax: Axes, one: Pairs) -> None:
    """Letters as large as the cells allow, once these have their size."""
    width, height = size_of(ax)
    k = len(one.estimate)
    widest = max(lettering.width_of(text, style.SMALL) for text in _texts(one).values())
    size = style.SMALL * min(1.0, width / k / (widest + 6), 0.8 * height / k / style.SMALL)
    for text in ax.texts:
        if text.get_horizontalalignment() == "center":
            text.set_fontsize(max(size, SMALLEST))
