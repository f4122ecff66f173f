"""Rootogram: frequencies of counts hung from those that the model expects, as square roots."""

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from mixedmodels.diagnostics.frequencies import Frequencies, count_frequencies
from mixedmodels.fit.fit import Fit
from mixedmodels.plots import lettering, style
from mixedmodels.plots.arrange import arranged

Data = dict[str, NDArray[np.generic]]


def rootogram(fit: Fit, *, ax: Axes | None = None) -> Axes:
    """Bars of the observed frequencies, hanging from the expected ones."""
    return arranged(draw_rootogram(fit, style.axes(ax)))


def rootogram_data(fit: Fit) -> Data:
    """Columns `low, high, observed, expected`: rows whose counts lie in a bin."""
    found = count_frequencies(fit)
    return {
        "low": found.low,
        "high": found.high,
        "observed": found.observed,
        "expected": found.expected,
    }


def draw_rootogram(fit: Fit, ax: Axes) -> Axes:
    """Where a bar ends above zero the model expects more rows than there are, below it fewer."""
    found = count_frequencies(fit)
    place = (found.low + found.high) / 2
    expected, observed = np.sqrt(found.expected), np.sqrt(found.observed)
    width = 0.85 * (found.high[0] - found.low[0] + 1)
    style.level(ax, 0.0)
    for side in (-1.0, 1.0):
        ax.axhline(side, color=style.BAND, linewidth=1, linestyle=":", zorder=0)
    ax.bar(
        place, observed, width, bottom=expected - observed, color=style.POINT, alpha=0.55,
        linewidth=0,
    )  # fmt: skip
    ax.plot(place, expected, color=style.ORANGE, linewidth=2, marker="o", markersize=3)
    style.whole_numbers(ax)
    return style.finish(
        ax,
        title="Counts hung from their expected frequencies",
        x=lettering.term(fit.spec.formula.response),
        y="Square root of the number of rows",
        note=_note(found),
    )


def _note(found: Frequencies) -> str:
    several = found.high[0] > found.low[0]
    bins = f"Bins of {found.high[0] - found.low[0] + 1:.0f} counts. " if several else ""
    return f"{bins}Bars should end at zero; beyond the dotted lines is more than chance"
