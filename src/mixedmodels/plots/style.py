"""One look for all plots: colours for every kind of eye, readable in grey, plain axes."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator, ScalarFormatter
from numpy.typing import NDArray

from mixedmodels.diagnostics.smooth import local_linear
from mixedmodels.errors import DataError
from mixedmodels.plots import arrange, lettering
from mixedmodels.plots.numbering import Numbers

Vector = NDArray[np.float64]
Int = NDArray[np.int64]

BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
"""Of Okabe & Ito's palette, told apart by the colour-blind."""

POINT, LINE, REFERENCE, BAND = "#33566e", ORANGE, "#666666", "#bfbfbf"

SERIES = (
    (BLUE, "-", "o"), (ORANGE, "--", "s"), (GREEN, "-.", "^"), (PURPLE, ":", "D"),
    ("#E69F00", (0, (5, 1)), "v"), ("#56B4E9", (0, (3, 1, 1, 1)), "P"),
    ("#000000", (0, (1, 1)), "X"), ("#8C6D31", (0, (7, 2, 1, 2)), "*"),
)  # fmt: skip
"""Colour, line and marker of several series: each tells them apart without the others."""

MOST_POINTS = 20_000

MOST_NAMES = 80
"""Rows of a plot that have names."""

SMALL = arrange.SMALL


_registered: ContextVar[bool] = ContextVar("registered", default=True)


@contextmanager
def unregistered() -> Iterator[None]:
    """Figures made within belong to who asked for them: pyplot neither keeps nor shows them."""
    token = _registered.set(False)
    try:
        yield
    finally:
        _registered.reset(token)


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, which pyplot shows and keeps unless `unregistered`."""
    if _registered.get():
        return plt.figure(figsize=(width, height), layout="constrained")
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)  # which measures texts
    return figure


def axes(ax: Axes | None, *, width: float = 6.4, height: float = 4.4) -> Axes:
    """The axes to draw on: the given ones or those of a new figure."""
    if ax is not None and not isinstance(ax, Axes):
        raise DataError(
            f"ax is {type(ax).__name__}, not Axes.\n"
            "Do:   give one of the axes that plt.subplots() makes, or leave ax out."
        )
    return new_figure(width, height).subplots() if ax is None else ax


def panels(
    count: int, *, columns: int = 3, width: float = 4.2, height: float = 3.6
) -> tuple[Figure, list[Axes]]:
    """A figure and its `count` axes, row by row; what is left of the grid stays empty."""
    columns = min(columns, count)
    rows = -(-count // columns)
    figure = new_figure(max(width * columns, 6.0), height * rows)
    grid = figure.subplots(rows, columns, squeeze=False)
    flat = list(grid.ravel())
    for ax in flat[count:]:
        ax.remove()
    return figure, flat[:count]


def finish(ax: Axes, *, title: str, x: str, y: str, note: str = "") -> Axes:
    """Titles, labels and a plain frame; the note stands small below the title.

    `arrange` wraps the texts, once all of a figure are there.
    """
    lettering.literal(ax.set_title(title, loc="left", fontsize=arrange.TITLE))
    if note:
        lettering.literal(
            ax.annotate(
                note, (0, 1), (0, 4), xycoords="axes fraction", textcoords="offset points",
                fontsize=SMALL, color="#444444", va="bottom", annotation_clip=False,
                label=arrange.NOTE,
            )
        )  # fmt: skip
    lettering.literal(ax.xaxis.set_label_text(x))
    lettering.literal(ax.yaxis.set_label_text(y))
    plain_numbers(ax)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def title_of(figure: Figure, title: str, *, shared: Sequence[Text] = ()) -> Figure:
    """A title above all panels; the last step of a figure of several, which arranges its texts."""
    heading = figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return arrange.arrange(figure, figure.axes, heading=heading, shared=shared)


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


def name_points(ax: Axes, x: Vector, y: Vector, labels: Sequence[str]) -> None:
    """Small labels beside a few points, where there is room for them."""
    for x_i, y_i, label in zip(x, y, labels, strict=True):
        ax.annotate(
            label, (x_i, y_i), (4, 3), textcoords="offset points", fontsize=SMALL,
            label=arrange.POINT, parse_math=False, zorder=5, in_layout=False,
        )  # fmt: skip


def legend(ax: Axes, title: str = "") -> None:
    """The legend: beside the axes where a layout makes room for it, else above what is drawn."""
    handles, labels = ax.get_legend_handles_labels()
    width, _ = arrange.size_of(ax)
    widest = max(lettering.width_of(label, SMALL) for label in labels) + 40
    outside = arrange.has_engine(ax) and (len(labels) > 2 or bool(title))
    found = ax.legend(
        handles, labels, title=title, frameon=False, loc="upper left", fontsize=SMALL,
        title_fontsize=SMALL, alignment="left",
        bbox_to_anchor=(1.01, 1) if outside else None,
        borderaxespad=0 if outside else None,
        ncols=1 if outside else max(1, min(len(labels), int(width // widest))),
    )  # fmt: skip
    for text in (*found.get_texts(), found.get_title()):
        lettering.literal(text)


def beside(ax: Axes, text: str, x: float, y: float) -> None:
    """A text to the right of a point; `arrange` widens the axis for it."""
    ax.annotate(
        text, (x, y), (7, 0), textcoords="offset points", va="center", fontsize=SMALL,
        label=arrange.BESIDE, parse_math=False, in_layout=False,
    )  # fmt: skip


def row_names(labels: Iterable[object]) -> list[str]:
    """How rows of the data are named beside points."""
    return [f"row {label}" for label in lettering.names(list(labels), 20)]


def whole_numbers(ax: Axes) -> None:
    """Ticks of the x axis at whole numbers."""
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def name_rows(ax: Axes, values: Sequence[object], *, of_terms: bool = False) -> None:
    """Names of the rows of a plot whose rows are levels; none if they are too many to read."""
    ax.set_ylim(-0.6, len(values) - 0.4)
    if len(values) > MOST_NAMES:
        ax.set_yticks([])
        return
    labels = lettering.fitting(values, _room_left(ax), SMALL, of_terms=of_terms)
    ax.set_yticks(np.arange(len(labels)), labels=labels, fontsize=SMALL, parse_math=False)


def name_columns(ax: Axes, values: Sequence[object]) -> None:
    """Names of the columns of a plot: level if they fit, perhaps in lines; else upright."""
    width, height = arrange.size_of(ax)
    room = 0.92 * width / len(values) - 4
    size = SMALL if len(values) > 4 else 10.0
    labels = lettering.stacked(values, room, size)
    level = bool(labels)
    if not level:
        size, labels = SMALL, lettering.fitting(values, _room_below(ax, height), SMALL)
    ax.set_xticks(np.arange(len(values)), labels=labels, parse_math=False, fontsize=size)
    ax.tick_params(axis="x", rotation=0 if level else 90, labelsize=size)


def _room_left(ax: Axes) -> float:
    """Points that labels left of the axes may take."""
    width, _ = arrange.size_of(ax)
    if arrange.has_engine(ax):
        return 0.45 * width
    return max(float(ax.get_window_extent().x0 * 72 / ax.figure.dpi) - 24, 30.0)


def _room_below(ax: Axes, height: float) -> float:
    """Points that upright labels below the axes may take."""
    if arrange.has_engine(ax):
        return 0.45 * height
    return max(float(ax.get_window_extent().y0 * 72 / ax.figure.dpi) - 24, 30.0)


def across(figure: Figure, *, x: str, y: str) -> tuple[Text, Text]:
    """Labels that all panels of a figure share, for `title_of`."""
    shared = figure.supxlabel(x, fontsize=10), figure.supylabel(y, fontsize=10)
    for text in shared:
        lettering.literal(text)
    return shared


def plain_numbers(ax: Axes) -> None:
    """Numbers along the axes written in full, beside which nothing stands."""
    for axis in (ax.xaxis, ax.yaxis):
        if isinstance(axis.get_major_formatter(), ScalarFormatter):
            axis.set_major_formatter(Numbers())
