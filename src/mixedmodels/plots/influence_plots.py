"""Leverage, Cook's distance and changes of the coefficients."""

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from mixedmodels.diagnostics.influence import Influence, largest
from mixedmodels.diagnostics.influence import influence as influence_of
from mixedmodels.diagnostics.leverage import leverage as leverage_of
from mixedmodels.diagnostics.leverage import studentized
from mixedmodels.diagnostics.working import as_linear
from mixedmodels.fit.fit import Fit
from mixedmodels.plots import lettering, style
from mixedmodels.plots.arrange import arranged

Data = dict[str, NDArray[np.generic]]

SHOWN = 20
"""Levels or rows that a plot of the most influential ones shows."""


def leverage(fit: Fit, *, ax: Axes | None = None) -> Axes:
    """Studentized residuals against leverage, with lines of equal Cook's distance."""
    return arranged(draw_leverage(fit, style.axes(ax)))


def draw_leverage(fit: Fit, ax: Axes) -> Axes:
    """The points, the names of those with the largest distance, and the lines."""
    data = leverage_data(fit)
    h, r = data["leverage"].astype(np.float64), data["residual"].astype(np.float64)
    cook = data["cooks_distance"].astype(np.float64)
    style.level(ax, 0.0)
    note = style.scatter(ax, h, r)
    xlim, ylim = (0.0, 1.08 * float(np.nanmax(h))), ax.get_ylim()
    _equal_distances(ax, len(fit.beta), xlim, ylim)
    ax.set_xlim(xlim)
    ax.set_ylim(ylim)
    far = np.argsort(-np.nan_to_num(cook))[:3]
    style.name_points(ax, h[far], r[far], style.row_names(data["row"][far]))
    return style.finish(
        ax,
        title="Leverage and residuals",
        x="Leverage (fitted value per unit of response)",
        y="Studentized residual",
        note=note or f"Mean leverage {np.mean(h):.2g}. Dotted: equal Cook's distance",
    )


def leverage_data(fit: Fit) -> Data:
    """Columns `row, leverage, residual, cooks_distance`."""
    fit = as_linear(fit)
    found = leverage_of(fit)
    r = studentized(fit, found)
    left = np.where(found.values < 1, 1 - found.values, np.nan)
    cook = r**2 * found.values / left / max(1, len(fit.beta))
    rows = np.asarray(fit.matrices.index)
    return {"row": rows, "leverage": found.values, "residual": r, "cooks_distance": cook}


def influence(fit: Fit, by: str | None = None, *, ax: Axes | None = None) -> Axes:
    """Cook's distances of the rows or levels that count most."""
    return arranged(draw_influence(influence_of(fit, by), style.axes(ax)))


def influence_data(fit: Fit, by: str | None = None) -> Data:
    """Columns `label, cooks_distance, term, dfbetas`: the largest change in standard errors."""
    found = influence_of(fit, by)
    term, size = largest(found.dfbetas.to_numpy())
    names = np.array([*fit.matrices.x_names, None], dtype=object)
    labels = np.array([str(label) for label in found.labels], dtype=object)
    return {"label": labels, "cooks_distance": found.cooks, "term": names[term], "dfbetas": size}


def dfbetas(fit: Fit, by: str | None = None, *, ax: Axes | None = None) -> Axes:
    """Changes of every coefficient, in standard errors, as rows or levels are left out."""
    found = influence_of(fit, by)
    scaled = found.dfbetas.to_numpy()
    ax = style.axes(ax, height=max(2.6, 1 + 0.5 * scaled.shape[1]))
    style.upright(ax, 0.0)
    for place, column in enumerate(scaled.T):
        known = np.isfinite(column)
        shown = np.flatnonzero(known)[style.some(int(known.sum()), extreme=column[known])]
        ax.plot(column[shown], np.full(len(shown), place), "o", color=style.POINT, ms=5, alpha=0.5)
        far = shown[np.argsort(-np.abs(column[shown]))[:2]]
        labels = lettering.names([found.labels[i] for i in far], 20)
        style.name_points(ax, column[far], np.full(len(far), place), labels)
    style.name_rows(ax, fit.matrices.x_names, of_terms=True)
    ax.set_ylim(scaled.shape[1] - 0.4, -0.6)
    style.finish(
        ax,
        title=f"Estimates with all rows minus those without {_what(found, one=True)}",
        x="Change (standard errors)",
        y="",
    )
    return arranged(ax)


def dfbetas_data(fit: Fit, by: str | None = None) -> Data:
    """Columns `label, term, dfbetas`."""
    found = influence_of(fit, by)
    labels = np.array([str(label) for label in found.labels], dtype=object)
    names = np.array(fit.matrices.x_names, dtype=object)
    scaled = found.dfbetas.to_numpy()
    return {
        "label": np.tile(labels, len(names)),
        "term": np.repeat(names, len(labels)),
        "dfbetas": scaled.T.ravel(),
    }


def draw_influence(found: Influence, ax: Axes) -> Axes:
    """The most influential rows or levels, the largest on top, with the coefficient they move."""
    term, size = largest(found.dfbetas.to_numpy())
    known = np.flatnonzero(np.isfinite(found.cooks))
    top = known[np.argsort(found.cooks[known])[-SHOWN:]]
    place = np.arange(len(top))
    ax.hlines(place, 0, found.cooks[top], color=style.BLUE, linewidth=2)
    ax.plot(found.cooks[top], place, "o", color=style.BLUE, markersize=5)
    style.name_rows(ax, [found.labels[i] for i in top])
    reach = float(found.cooks[top].max(initial=0.0)) or 1.0
    ax.set_xlim(0, 1.05 * reach)
    names = lettering.terms(found.fit.matrices.x_names, 26)
    for i in range(max(0, len(top) - 3), len(top)):
        row = top[i]
        style.beside(ax, f"{names[term[row]]} {size[row]:+.2f} SE", float(found.cooks[row]), i)
    some = (
        f"Largest {len(top)} of {len(found.labels)}"
        if len(top) < len(found.labels)
        else f"All {len(top)}"
    )
    return style.finish(
        ax,
        title=f"Influence of {_what(found)}",
        x="Cook's distance",
        y=lettering.name(found.by or "Row"),
        note=f"{some}. Beside: the coefficient that moves most",
    )


def _what(found: Influence, *, one: bool = False) -> str:
    if one:
        return "one row" if found.by is None else f"one level of {lettering.name(found.by, 40)}"
    return "single rows" if found.by is None else f"the levels of {lettering.name(found.by, 40)}"


def _equal_distances(
    ax: Axes, p: int, xlim: tuple[float, float], ylim: tuple[float, float]
) -> None:
    """Where r^2 h / ((1 - h) p) is 0.5 or 1."""
    h = np.linspace(max(xlim[1] / 200, 1e-6), min(xlim[1], 0.999), 200)
    for distance in (0.5, 1.0):
        r = np.sqrt(distance * max(p, 1) * (1 - h) / h)
        for side in (1, -1):
            ax.plot(h, side * r, color=style.REFERENCE, linestyle=":", linewidth=1)
        inside = np.flatnonzero(r < 0.95 * ylim[1])
        if len(inside):
            ax.annotate(f"{distance:g}", (h[inside[-1]], r[inside[-1]]), fontsize=style.SMALL)
