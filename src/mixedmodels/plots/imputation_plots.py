"""Imputed values beside observed ones, and the chain that they came from."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import gaussian_kde

from mixedmodels.data import Frame, encode
from mixedmodels.errors import DataError
from mixedmodels.plots import lettering, style

Vector = NDArray[np.float64]
Filled = tuple[str, NDArray[np.intp], Vector, Vector]
"""A column, where it had no value, and per cycle mean and sd of what was filled in."""

POINTS = 200
"""Of a density."""

LEAST = 5
"""Values of which a density is drawn."""

MOST_SETS = 20
"""Imputations that have a curve."""

MOST_LEVELS = 12
"""Distinct numbers up to which a column is shown as shares."""


def imputations(
    original: Frame,
    completed: Sequence[Frame],
    columns: Sequence[Filled],
    *,
    kind: Literal["values", "trace"],
    burn_in: int,
) -> Figure:
    """One panel per column, or of traces two."""
    if kind == "trace":
        return _traces(columns, burn_in)
    figure, axes = style.panels(len(columns))
    for ax, (name, rows, _, _) in zip(axes, columns, strict=True):
        _values(ax, original, completed, name, rows)
    return style.title_of(figure, "Observed and imputed values")


def _traces(columns: Sequence[Filled], burn_in: int) -> Figure:
    if all(len(means) == 0 for _, _, means, _ in columns):
        raise DataError("These imputations come from no chain.\nDo:   plot their values.")
    figure, axes = style.panels(2 * len(columns), columns=2)
    for j, (name, _, means, sds) in enumerate(columns):
        for ax, values, what in ((axes[2 * j], means, "mean"), (axes[2 * j + 1], sds, "sd")):
            cycle = np.arange(1, len(values) + 1)
            ax.plot(cycle, values, color=style.BLUE, linewidth=1.2)
            if burn_in:
                style.upright(ax, burn_in + 0.5)
            style.whole_numbers(ax)
            title = f"{what} of {lettering.name(name, 30)}"
            style.finish(ax, title=title[:1].upper() + title[1:], x="Cycle", y=what)
    note = ", burn-in left of the line" if burn_in else ""
    return style.title_of(figure, f"What was filled in, cycle by cycle{note}")


def _values(
    ax: Axes, original: Frame, completed: Sequence[Frame], name: str, rows: NDArray[np.intp]
) -> None:
    title = lettering.name(name, 40)
    note = f"{len(rows):,} of {original.nrows:,} values imputed"
    if original.column(name).numbers is None or _are_levels(original, completed, name):
        _shares(ax, original, completed, name, rows)
        style.finish(ax, title=title, x="", y="Share", note=note)
    else:
        there = np.setdiff1d(np.arange(original.nrows), rows)
        known = original.column(name).floats()[there]
        _densities(ax, known, [f.column(name).floats()[rows] for f in completed])
        style.finish(ax, title=title, x="Value", y="Density", note=note)
    style.legend(ax)


def _are_levels(original: Frame, completed: Sequence[Frame], name: str) -> bool:
    """Whether numbers are few distinct ones, and what is filled in is among them."""
    known = set(encode(original.column(name)).levels)
    if len(known) > MOST_LEVELS:
        return False
    return all(set(encode(frame.column(name)).levels) <= known for frame in completed)


def _densities(ax: Axes, known: Vector, filled: Sequence[Vector]) -> None:
    both = np.concatenate([known, *filled])
    span = float(np.ptp(both)) or 1.0
    at = np.linspace(both.min() - 0.1 * span, both.max() + 0.1 * span, POINTS)
    curves = [values for values in filled[:MOST_SETS] if _has_density(values)]
    for i, values in enumerate(curves):
        label = "imputed, each set" if i == 0 else None
        density = gaussian_kde(values)(at)
        ax.plot(at, density, color=style.ORANGE, linewidth=0.7, alpha=0.6, label=label)
    if not curves:
        few = np.concatenate(list(filled))
        ax.plot(few, np.zeros(len(few)), "|", color=style.ORANGE, markersize=12, label="imputed")
    if _has_density(known):
        ax.plot(at, gaussian_kde(known)(at), color=style.BLUE, linewidth=2, label="observed")
    ax.set_ylim(bottom=0)


def _has_density(values: Vector) -> bool:
    return len(values) >= LEAST and bool(np.ptp(values) > 0)


def _shares(
    ax: Axes, original: Frame, completed: Sequence[Frame], name: str, rows: NDArray[np.intp]
) -> None:
    codes = encode(original.column(name))
    known = np.bincount(codes.codes[codes.codes >= 0], minlength=len(codes.values))
    filled = np.zeros(len(codes.values))
    place = {level: i for i, level in enumerate(codes.levels)}
    for frame in completed:
        own = encode(frame.column(name))
        moved = np.array([place[level] for level in own.levels])
        filled += np.bincount(moved[own.codes[rows]], minlength=len(filled))
    x = np.arange(len(codes.values))
    ax.bar(x - 0.2, known / known.sum(), 0.38, color=style.BLUE, label="observed")
    ax.bar(
        x + 0.2, filled / max(filled.sum(), 1), 0.38, color=style.ORANGE, hatch="//",
        edgecolor="white", label="imputed",
    )  # fmt: skip
    style.name_columns(ax, list(codes.levels))
