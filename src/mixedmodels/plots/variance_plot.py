"""Shares of the variance: of the fixed effects, of every random term, and of what is left."""

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from mixedmodels.fit.fit import Fit
from mixedmodels.inference.explained_variance import VariancePart, variance_parts
from mixedmodels.plots import lettering, style
from mixedmodels.plots.arrange import arranged

Data = dict[str, NDArray[np.generic]]


def variance_partition(fit: Fit, *, ax: Axes | None = None) -> Axes:
    """A bar per part, with its share of the variance."""
    rows = len(fit.matrices.terms) + 2
    return arranged(draw_variance_partition(fit, style.axes(ax, height=1.8 + 0.45 * rows)))


def variance_partition_data(fit: Fit) -> Data:
    """Columns `group, term, variance, share`."""
    parts = variance_parts(fit)
    return {
        "group": np.array([part.group for part in parts], dtype=object),
        "term": np.array([part.term for part in parts], dtype=object),
        "variance": np.array([part.variance for part in parts]),
        "share": np.array([part.share for part in parts]),
    }


def draw_variance_partition(fit: Fit, ax: Axes) -> Axes:
    """The fixed effects on top, what is left at the bottom."""
    parts = variance_parts(fit)
    share = np.array([part.share for part in parts])
    place = np.arange(len(parts))
    colours = [_colour(part) for part in parts]
    ax.barh(place, np.nan_to_num(share), 0.62, color=colours, linewidth=0)
    style.name_rows(ax, [_name(part) for part in parts])
    ax.set_ylim(len(parts) - 0.4, -0.6)
    ax.set_xlim(0, 1.05 * float(np.nanmax(share, initial=0.05)))
    scale = "" if fit.generalised is None else f", on the scale of the {fit.family.link}"
    return style.finish(
        ax,
        title="Where the variance lies",
        x="Share of the variance",
        y="",
        note=f"{lettering.term(fit.spec.formula.response)}{scale}; random slopes by their mean "
        "variance over the rows",
    )


def _colour(part: VariancePart) -> str:
    if part.group is not None:
        return style.BLUE
    return style.ORANGE if part.term == "fixed effects" else style.REFERENCE


def _name(part: VariancePart) -> str:
    """The group of a random term, its columns unless the intercept is all, and the share."""
    share = "not known" if np.isnan(part.share) else f"{100 * part.share:.1f} %"
    name = part.term.capitalize()
    if part.group is not None:
        name = part.group if part.term == "Intercept" else f"{part.group}: {part.term}"
    return f"{name} ({share})"
