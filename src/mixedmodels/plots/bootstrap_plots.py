"""Estimates in other samples: one histogram per parameter."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mixedmodels.inference.bootstrap import Bootstrap
from mixedmodels.plots import style
from mixedmodels.plots.parameter_titles import parameter_titles

BINS = 40


def histograms(result: Bootstrap, level: float) -> Figure:
    """A figure with one panel per parameter that has replicates."""
    found = result.intervals(level, "percentile")
    shown = [j for j, column in enumerate(result.replicates.T) if np.isfinite(column).any()]
    figure, axes = style.panels(len(shown), width=3.6, height=2.8)
    names = parameter_titles([(result.groups[j], result.terms[j]) for j in shown])
    for ax, j, name in zip(axes, shown, names, strict=True):
        _draw(ax, result, j, name, (found.conf_low[j], found.conf_high[j]))
    r = len(result.replicates)
    return style.title_of(
        figure,
        f"{result.kind.capitalize()} bootstrap: {r:,} replicates, estimates and {level:.0%} "
        "percentile intervals",
    )


def _draw(ax: Axes, result: Bootstrap, j: int, name: str, limits: tuple[float, float]) -> None:
    values = result.replicates[:, j]
    values = values[np.isfinite(values)]
    ax.hist(values, bins=BINS, color=style.BLUE, alpha=0.55, linewidth=0)
    ax.axvspan(*limits, color=style.BAND, alpha=0.35, linewidth=0, zorder=0)
    ax.axvline(result.estimate[j], color=style.ORANGE, linewidth=2)
    style.finish(ax, title=name, x="", y="replicates")
