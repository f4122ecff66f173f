"""Inflation of the standard errors by collinearity."""

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from mixedmodels.diagnostics.collinearity import inflation
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.plots import style
from mixedmodels.plots.arrange import arranged

Data = dict[str, NDArray[np.generic]]


def collinearity(fit: Fit, *, ax: Axes | None = None) -> Axes:
    """Factors by which collinearity makes standard errors larger, per term."""
    rows = len(inflation(fit))
    return arranged(draw_collinearity(fit, style.axes(ax, height=1.8 + 0.4 * rows)))


def draw_collinearity(fit: Fit, ax: Axes) -> Axes:
    """A row per term, the first on top."""
    data = collinearity_data(fit)
    factor = data["factor"].astype(np.float64)
    place = np.arange(len(factor))
    ax.hlines(place, 1, factor, color=style.BLUE, linewidth=3)
    ax.plot(factor, place, "o", color=style.BLUE, markersize=7)
    for limit in (5**0.5, 10**0.5):
        style.upright(ax, limit)
    style.name_rows(ax, data["term"].tolist(), of_terms=True)
    ax.set_ylim(len(factor) - 0.4, -0.6)
    ax.set_xlim(0.95, max(3.4, 1.1 * float(factor.max())))
    return style.finish(
        ax,
        title="Collinearity of the fixed effects",
        x="Standard errors are larger by the factor  GVIF^(1/(2 df))",
        y="",
        note="Dashed: a variance 5 and 10 times as large",
    )


def collinearity_data(fit: Fit) -> Data:
    """Columns `term, df, gvif, factor`."""
    found = inflation(fit)
    if not found:
        raise DataError(
            "There are fewer than two terms beside the intercept: nothing can be collinear.\n"
            "Do:   use this plot for models with several fixed effects."
        )
    return {
        "term": np.array([row.term for row in found], dtype=object),
        "df": np.array([row.df for row in found]),
        "gvif": np.array([row.gvif for row in found]),
        "factor": np.array([row.factor for row in found]),
    }
