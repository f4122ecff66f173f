"""Means, trends and contrasts with their intervals, and arrows that compare means."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mixedmodels.errors import DataError
from mixedmodels.options import require_flag, require_probability
from mixedmodels.plots import lettering, style
from mixedmodels.plots.arrange import arranged
from mixedmodels.plots.comparison_arrows import comparison_arrows
from mixedmodels.plots.mean_panels import (
    GAPS,
    Panel,
    heading,
    measure,
    neutral,
    of_adjustment,
    on_response,
    panels_of,
    require_means,
    several,
    side_by_side,
    varying,
)
from mixedmodels.posthoc.adjustment import PROCEDURES
from mixedmodels.posthoc.linear_functions import LinearFunctions
from mixedmodels.posthoc.results import Results, results
from mixedmodels.posthoc.tables import named
from mixedmodels.vocabulary import Adjustment

Vector = NDArray[np.float64]
Data = dict[str, NDArray[np.generic]]

MOST_ARROWS = 60
"""Means of a panel that arrows compare."""

NAMED = 2
"""Pairs that a note names."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What is drawn of every row.

    Attributes
    ----------
    found : Results
        Estimates and limits.
    arrow_low, arrow_high : array (k,), optional
        Ends of the arrows, on the scale of the estimates.
    note : str
        What intervals and arrows mean.
    """

    found: Results
    arrow_low: Vector | None
    arrow_high: Vector | None
    note: str


def intervals(
    functions: LinearFunctions,
    *,
    comparisons: bool = False,
    alpha: float = 0.05,
    adjust: Adjustment = "tukey",
    columns: int | None = None,
    ax: Axes | None = None,
) -> Axes | Figure:
    """Every row with its interval, below each other; a panel per group of `by`."""
    panels = panels_of(functions, functions.by)
    shown = _shown(functions, comparisons=comparisons, alpha=alpha, adjust=adjust)
    names = [name for name in varying(functions, functions.names) if name != "contrast"]
    columns_of_names = lettering.name(", ".join(names), 60) if names else ""
    most = max(len(panel.rows) for panel in panels)
    height = float(np.clip(1.5 + (0.25 if comparisons else 0.21) * most, 2.4, 10.0))
    if len(panels) == 1:
        ax = style.axes(ax, height=height + 0.4)
        _draw(ax, panels[0], shown, functions)
        title = heading(functions) + (f", {panels[0].title}" if panels[0].title else "")
        style.finish(ax, title=title, x=measure(functions), y=columns_of_names, note=shown.note)
        return arranged(ax)
    side = side_by_side(len(panels), columns)
    return several(
        panels,
        lambda panel, axes: _draw(axes, panel, shown, functions),
        title=f"{heading(functions)}\n{shown.note}",
        x=measure(functions),
        y=columns_of_names,
        size=(3.4 + _widest(panels) / 72 / side, height),
        columns=side,
        ax=ax,
    )


def intervals_data(
    functions: LinearFunctions,
    *,
    comparisons: bool = False,
    alpha: float = 0.05,
    adjust: Adjustment = "tukey",
) -> Data:
    """The columns that name rows, then `estimate, conf_low, conf_high`; with `comparisons` the
    ends of the arrows, `arrow_low, arrow_high`.
    """
    shown = _shown(functions, comparisons=comparisons, alpha=alpha, adjust=adjust)
    found = shown.found
    data: Data = {
        **named(functions.labels),
        "estimate": found.estimate,
        "conf_low": found.conf_low,
        "conf_high": found.conf_high,
    }
    if shown.arrow_low is not None and shown.arrow_high is not None:
        data |= {"arrow_low": shown.arrow_low, "arrow_high": shown.arrow_high}
    return data


def _shown(
    functions: LinearFunctions, *, comparisons: bool, alpha: float, adjust: Adjustment
) -> Shown:
    require_flag("comparisons", comparisons)
    require_probability("alpha", alpha)
    found = results(functions)
    level = f"{functions.testing.level:.4g}"
    note = f"{100 * float(level):.4g}% intervals"
    if found.adjust != "none":
        used = "bonferroni" if found.adjust in PROCEDURES else found.adjust
        note += f" of all rows together ({of_adjustment(used)})"
    if not functions.estimable.all():
        note += f". {GAPS}"
    if not comparisons:
        return Shown(found, None, None, note)
    require_means(functions, "Arrows compare means", "draw the intervals of contrasts alone")
    return _with_arrows(functions, found, note, alpha, adjust)


def _with_arrows(
    functions: LinearFunctions, found: Results, note: str, alpha: float, adjust: Adjustment
) -> Shown:
    estimate = results(replace(functions, back=None)).estimate
    low, high = estimate.copy(), estimate.copy()
    wrong: list[str] = []
    used = adjust
    for rows in functions.families:
        if len(rows) > MOST_ARROWS:
            raise DataError(
                f"Arrows compare at most {MOST_ARROWS} means, and there are {len(rows)}.\n"
                "Do:   ask for fewer means with at= or by=, or for a table: means.letters()."
            )
        arrows = comparison_arrows(functions, rows, estimate[rows], alpha=alpha, adjust=adjust)
        low[rows], high[rows], used = arrows.low, arrows.high, arrows.adjust
        texts = _names(functions, rows)
        wrong += [f"{texts[a]} and {texts[b]}" for a, b in arrows.wrong]
    method = "" if used == "none" else f", {of_adjustment(used)}"
    what = "Slopes" if functions.kind == "trend" else "Means"
    note += f". {what} differ at {100 * alpha:.4g}%{method}, where arrows do not overlap"
    if wrong:
        more = f" and {len(wrong) - NAMED} more pairs" if len(wrong) > NAMED else ""
        note += f", save for {'; '.join(wrong[:NAMED])}{more}: see pairs()"
    ends = np.sort([on_response(functions, low), on_response(functions, high)], axis=0)
    return Shown(found, ends[0], ends[1], note)


def _widest(panels: Sequence[Panel]) -> float:
    """Points that names of rows need."""
    names = [name for panel in panels for name in lettering.names(panel.names, 40)]
    return max(lettering.width_of(name, style.SMALL) for name in names)


def _names(functions: LinearFunctions, rows: NDArray[np.intp]) -> list[str]:
    return Panel.of(functions, rows, ()).names


def _draw(ax: Axes, panel: Panel, shown: Shown, functions: LinearFunctions) -> None:
    """The rows from above; with arrows, intervals are bars behind them."""
    rows, found = panel.rows, shown.found
    place = np.arange(len(rows))[::-1].astype(np.float64)
    at = neutral(functions)
    if at is not None:
        style.upright(ax, at)
    limits = _span(shown)
    low = np.clip(found.conf_low[rows], *limits)
    high = np.clip(found.conf_high[rows], *limits)
    with_arrows = shown.arrow_low is not None and shown.arrow_high is not None
    size = float(np.clip(200 / len(rows), 3.5, 6))
    if with_arrows:
        width = float(np.clip(220 / len(rows), 2.5, 8))
        ax.hlines(place, low, high, color=style.BLUE, alpha=0.3, linewidth=width)
        _arrows(ax, place, found.estimate[rows], shown, rows, size)
    else:
        ax.hlines(place, low, high, color=style.BLUE, linewidth=2)
    ax.plot(found.estimate[rows], place, "o", color=style.BLUE, markersize=size)
    ax.set_xlim(*limits)
    style.name_rows(ax, panel.names[::-1])


def _arrows(
    ax: Axes, place: Vector, estimate: Vector, shown: Shown, rows: NDArray[np.intp], size: float
) -> None:
    ends: Sequence[tuple[Vector | None, str]] = ((shown.arrow_low, "<"), (shown.arrow_high, ">"))
    for end, side in ends:
        if end is None:
            continue
        long = np.flatnonzero(end[rows] != estimate)
        tip, start = end[rows][long], estimate[long]
        ax.hlines(place[long], start, tip, color=style.ORANGE, linewidth=1.3)
        caret = 4 if side == "<" else 5  # whose tip is at the end
        ax.plot(tip, place[long], marker=caret, ls="", color=style.ORANGE, markersize=size)


def _span(shown: Shown) -> tuple[float, float]:
    """Limits of the x axis that all panels share; intervals without an end leave it."""
    found = shown.found
    parts = [found.estimate, found.conf_low, found.conf_high, shown.arrow_low, shown.arrow_high]
    every = np.concatenate([part for part in parts if part is not None])
    every = every[np.isfinite(every)]
    if not every.size:
        return -1.0, 1.0
    margin = 0.05 * float(np.ptp(every)) or 0.05 * abs(float(every[0])) or 0.5
    return float(every.min()) - margin, float(every.max()) + margin
