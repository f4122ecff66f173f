"""Which columns are missing together, how many subjects remain, and how those who leave did."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from mixedmodels.plots import lettering, style
from mixedmodels.plots.arrange import arranged

Vector = NDArray[np.float64]

MOST_PATTERNS = 20
"""Patterns that are drawn."""


def patterns(
    names: Sequence[str], missing: NDArray[np.bool_], counts: NDArray[np.int64], n: int
) -> Figure:
    """A row per pattern, the most frequent at the top; dark cells are missing."""
    shown = missing[:MOST_PATTERNS]
    k, c = shown.shape
    figure = style.new_figure(max(4.0 + 0.6 * c, 6.0), max(2.4 + 0.3 * k, 3.4))
    ax = figure.subplots()
    for i in range(k):
        for j in range(c):
            colour = style.ORANGE if shown[i, j] else style.BAND
            hatch = "//" if shown[i, j] else None
            cell = Rectangle(
                (j - 0.45, k - 1 - i - 0.4), 0.9, 0.8, facecolor=colour, hatch=hatch,
                edgecolor="white", linewidth=0.5,
            )  # fmt: skip
            ax.add_patch(cell)
    ax.set_xlim(-0.6, c - 0.4)
    style.name_columns(ax, list(names))
    rows = [f"{count:,} rows" for count in counts[:k].tolist()]
    style.name_rows(ax, numbered(rows)[::-1])
    hidden = int(counts[k:].sum())
    rest = f"; {hidden:,} rows in {len(counts) - k} other patterns" if hidden else ""
    style.finish(
        ax,
        title="Missing values by pattern",
        x="",
        y="",
        note=f"Hatched: missing; {n:,} rows{rest}",
    )
    arranged(ax)
    return figure


def numbered(rows: Sequence[str]) -> list[str]:
    """Labels of patterns, which may have as many rows as others."""
    return [f"{i + 1}: {row}" for i, row in enumerate(rows)]


def dropout(visits: Sequence[str], share: Vector, time: str) -> Figure:
    """The share of subjects that are seen at a visit or later."""
    figure = style.new_figure(6.4, 4.4)
    ax = figure.subplots()
    x = np.arange(len(visits))
    ax.plot(x, 100 * share, color=style.BLUE, marker="o", linewidth=1.5)
    ax.set_ylim(0, 105)
    ax.set_xlim(-0.4, len(visits) - 0.6)
    style.name_columns(ax, list(visits))
    style.finish(
        ax,
        title="Subjects that remain",
        x=lettering.name(time, 40),
        y="Percent",
        note="Seen at this visit or later",
    )
    arranged(ax)
    return figure


def profiles(
    visits: Sequence[str], means: Sequence[tuple[int, Sequence[Vector]]], value: str, time: str
) -> Figure:
    """Means by visit, a line for all subjects that were seen last at one visit."""
    figure = style.new_figure(7.4, 4.6)
    ax = figure.subplots()
    drawn = [(last, values) for last, values in means if any(map(len, values))]
    for i, (last, values) in enumerate(drawn):
        colour, line, marker = style.SERIES[i % len(style.SERIES)]
        x = [j for j, own in enumerate(values) if len(own)]
        y = [float(np.mean(values[j])) for j in x]
        label = f"{lettering.name(visits[last], 20)} ({len(values[last])})"
        ax.plot(x, y, color=colour, linestyle=line, marker=marker, linewidth=1.5, label=label)
    ax.set_xlim(-0.4, len(visits) - 0.6)
    style.name_columns(ax, list(visits))
    style.legend(ax, "Seen last at")
    style.finish(
        ax,
        title=f"Means of {lettering.name(value, 40)} by last visit",
        x=lettering.name(time, 40),
        y="Mean",
        note="In brackets: subjects",
    )
    arranged(ax)
    return figure
