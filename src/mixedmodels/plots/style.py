"""One look for all plots: colours for every kind of eye, readable in grey, plain axes."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from mixedmodels.diagnostics.smooth import local_linear

Vector = NDArray[np.float64]
Int = NDArray[np.int64]

BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
"""Of Okabe & Ito's palette, told apart by the colour-blind."""

POINT, LINE, REFERENCE, BAND = "#33566e", ORANGE, "#666666", "#bfbfbf"

SERIES = ((BLUE, "-", "o"), (ORANGE, "--", "s"), (GREEN, "-.", "^"), (PURPLE, ":", "D"))
"""Colour, line and marker of several series: each tells them apart without the others."""

MOST_POINTS = 20_000

SMALL = 8.5


def axes(ax: Axes | None, *, width: float = 6.4, height: float = 4.4) -> Axes:
    """The axes to draw on: the given ones or those of a new figure."""
    if ax is None:
        _, ax = plt.subplots(figsize=(width, height), layout="constrained")
    return ax


def panels(
    count: int, *, columns: int = 3, width: float = 4.2, height: float = 3.6
) -> tuple[Figure, list[Axes]]:
    """A figure and its `count` axes, row by row; what is left of the grid stays empty."""
    columns = min(columns, count)
    rows = -(-count // columns)
    figure, grid = plt.subplots(
        rows,
        columns,
        figsize=(max(width * columns, 6.0), height * rows),
        layout="constrained",
        squeeze=False,
    )
    flat = list(grid.ravel())
    for ax in flat[count:]:
        ax.remove()
    return figure, flat[:count]


def finish(ax: Axes, *, title: str, x: str, y: str, note: str = "") -> Axes:
    """Titles, labels and a plain frame; the note stands small below the title."""
    ax.set_title(title, loc="left", fontsize=11, pad=18 if note else 8)
    if note:
        ax.annotate(
            note, (0, 1), (0, 4), xycoords="axes fraction", textcoords="offset points",
            fontsize=SMALL, color="#444444", va="bottom", annotation_clip=False,
        )  # fmt: skip
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def title_of(figure: Figure, title: str) -> Figure:
    """A title above all panels."""
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure


def scatter(ax: Axes, x: Vector, y: Vector) -> str:
    """Points, lighter the more there are; a note if not all of them are shown."""
    shown = some(len(x), extreme=y)
    alpha = float(np.clip(30 / np.sqrt(max(len(shown), 1)), 0.15, 0.75))
    ax.scatter(
        x[shown], y[shown], s=14 if len(shown) < 3000 else 5, color=POINT, alpha=alpha,
        linewidths=0, rasterized=len(shown) > 3000,
    )  # fmt: skip
    return "" if len(shown) == len(x) else f"{len(shown):,} of {len(x):,} rows shown"


def some(n: int, *, extreme: Vector, most: int = MOST_POINTS) -> Int:
    """All positions, or `most` of them: random ones, and the hundred farthest from the mean."""
    if n <= most:
        return np.arange(n)
    far = np.argpartition(-np.abs(extreme - extreme.mean()), 100)[:100]
    others = np.setdiff1d(np.arange(n), far, assume_unique=True)
    drawn = np.random.default_rng(0).choice(others, most - 100, replace=False)
    return np.union1d(far, drawn)


def smooth(ax: Axes, x: Vector, y: Vector) -> None:
    """A local linear smooth with its limits, if x has enough distinct values."""
    found = local_linear(x, y)
    if found is not None:
        ax.fill_between(found.x, found.low, found.high, color=LINE, alpha=0.2, linewidth=0)
        ax.plot(found.x, found.y, color=LINE, linewidth=2)


def level(ax: Axes, y: float) -> None:
    """A horizontal line of reference."""
    ax.axhline(y, color=REFERENCE, linewidth=1, linestyle="--", zorder=0)


def upright(ax: Axes, x: float) -> None:
    """A vertical line of reference."""
    ax.axvline(x, color=REFERENCE, linewidth=1, linestyle="--", zorder=0)


def name_points(ax: Axes, x: Vector, y: Vector, labels: Sequence[object]) -> None:
    """Small labels beside a few points, to the side where there is room, none upon another."""
    low, high = ax.get_xlim()
    taken: list[tuple[float, float]] = []
    for x_i, y_i, label in zip(x, y, labels, strict=True):
        right = x_i < low + 0.8 * (high - low)
        place = ax.transData.transform((float(x_i), float(y_i))) * 72 / ax.figure.dpi
        up = 3.0
        while any(abs(place[0] - a) < 45 and abs(place[1] + up - b) < 9 for a, b in taken):
            up += 3
        taken.append((float(place[0]), float(place[1] + up)))
        ax.annotate(
            str(label), (x_i, y_i), (4 if right else -4, up), textcoords="offset points",
            fontsize=SMALL, ha="left" if right else "right",
        )  # fmt: skip


def whole_numbers(ax: Axes) -> None:
    """Ticks of the x axis at whole numbers."""
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def name_rows(ax: Axes, labels: Sequence[str]) -> None:
    """The labels of a plot whose rows are levels, thinned out where they would overlap."""
    if len(labels) > 80:
        ax.set_yticks([])
        return
    size = SMALL if len(labels) <= 30 else 6
    ax.set_yticks(np.arange(len(labels)), labels=list(labels), fontsize=size)
    ax.set_ylim(-0.6, len(labels) - 0.4)


def short(text: object, width: int = 24) -> str:
    """A label that is not too long."""
    label = str(text)
    return label if len(label) <= width else f"{label[: width - 1]}…"
