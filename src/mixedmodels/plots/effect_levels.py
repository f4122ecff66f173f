"""Random effects level by level: caterpillar and shrinkage."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import special
from scipy.linalg import block_diag

from mixedmodels.diagnostics.working import as_linear
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.fitted import residuals
from mixedmodels.fit.labels import column_labels, terms_of_group
from mixedmodels.fit.linear_predictor import add_random_effects
from mixedmodels.fit.random_effects import are_known, conditional_sd, known_modes
from mixedmodels.options import require_probability
from mixedmodels.plots import lettering, style
from mixedmodels.plots.arrange import arranged
from mixedmodels.plots.choice import group_index, known_columns

Vector = NDArray[np.float64]
Data = dict[str, NDArray[np.generic]]
Mask = NDArray[np.bool_]

RANK = 1e-7
"""Relative size of a singular value of the columns of a level that still counts."""

REACH = 3.0
"""Interquartile ranges beyond the quartiles up to which levels' own estimates are shown."""


def caterpillar(fit: Fit, group: str | None = None, *, level: float = 0.95) -> Figure:
    """Random effects in order, with intervals: a panel per column of one group."""
    require_probability("level", level)
    g = group_index(fit, group)
    columns = known_columns(fit, g)
    n = len(fit.matrices.groupings[g].levels)
    height = float(np.clip(0.8 + 0.19 * n, 3.2, 9.0))
    figure, grid = style.panels(len(columns), height=height)
    for ax, (k, j) in zip(grid, columns, strict=True):
        draw_caterpillar(fit, k, j, ax, level=level)
        if ax is not grid[0]:
            ax.set_ylabel("")
    name, levels = lettering.name(fit.matrices.groupings[g].name), "level" if n == 1 else "levels"
    return style.title_of(figure, f"Random effects of {name} ({n:,} {levels})")


def caterpillar_data(fit: Fit, group: str | None = None, *, level: float = 0.95) -> Data:
    """Columns `group, level, term, estimate, conf_low, conf_high`, in the order drawn."""
    require_probability("level", level)
    g = group_index(fit, group)
    labels = column_labels(fit.matrices)
    grouping = fit.matrices.groupings[g]
    names = np.array([str(value) for value in grouping.levels], dtype=object)
    rows: list[tuple[Any, ...]] = []
    for k, j in known_columns(fit, g):
        b, half = known_modes(fit, k)[:, j], _half_width(fit, k, level)[:, j]
        rows += [
            (grouping.name, names[i], labels[k][j], b[i], b[i] - half[i], b[i] + half[i])
            for i in np.argsort(b, kind="stable")
        ]
    return _columns(("group", "level", "term", "estimate", "conf_low", "conf_high"), rows)


def draw_caterpillar(fit: Fit, k: int, j: int, ax: Axes, *, level: float = 0.95) -> Axes:
    """Column `j` of random term `k`; intervals that leave out zero are drawn stronger."""
    grouping = fit.matrices.groupings[fit.matrices.terms[k].group]
    b, half = known_modes(fit, k)[:, j], _half_width(fit, k, level)[:, j]
    order = np.argsort(b, kind="stable")
    place, b, half = np.arange(len(b)), b[order], half[order]
    clear = np.abs(b) > half
    style.upright(ax, 0.0)
    for chosen, colour, width in ((~clear, style.POINT, 1.0), (clear, style.ORANGE, 1.8)):
        ax.hlines(
            place[chosen], (b - half)[chosen], (b + half)[chosen], color=colour,
            linewidth=width if len(b) <= 200 else 0.4,
        )  # fmt: skip
        ax.plot(b[chosen], place[chosen], "o", color=colour, markersize=3 if len(b) <= 200 else 1)
    style.name_rows(ax, [grouping.levels[i] for i in order])
    name, group = column_labels(fit.matrices)[k][j], lettering.name(grouping.name)
    return style.finish(
        ax,
        title=lettering.term(name, 80),
        x=_effect_on(fit, name),
        y=group if len(order) <= style.MOST_NAMES else f"{group} (in order)",
        note=f"{level:.0%} intervals. Strong: zero is outside",
    )


def shrinkage(fit: Fit, group: str | None = None, *, ax: Axes | None = None) -> Axes:
    """How far the model pulls each level's own estimate towards the population."""
    g = group_index(fit, group)
    own, pooled, labels = _estimates(as_linear(fit), g)
    names = [column_labels(fit.matrices)[k][j] for k, j in known_columns(fit, g)]
    if len(names) == 1:
        height = float(np.clip(1.4 + 0.16 * len(labels), 4.4, 9.0))
        ax = style.axes(ax, height=height)
        return arranged(_dumbbells(fit, g, own[:, 0], pooled[:, 0], labels, names[0], ax))
    return arranged(_arrows(fit, g, own, pooled, labels, names, style.axes(ax, height=5)))


def shrinkage_data(fit: Fit, group: str | None = None) -> Data:
    """Columns `group, level, term, own, pooled`: least squares of the level alone, given the
    fixed and the other random effects (null where its rows do not determine it), and the
    random effect of the model.
    """
    g = group_index(fit, group)
    own, pooled, labels = _estimates(as_linear(fit), g)
    names = [column_labels(fit.matrices)[k][j] for k, j in known_columns(fit, g)]
    name = fit.matrices.groupings[g].name
    rows = [
        (name, label, term, own[i, j], pooled[i, j])
        for j, term in enumerate(names)
        for i, label in enumerate(labels)
    ]
    return _columns(("group", "level", "term", "own", "pooled"), rows)


def _estimates(fit: Fit, g: int) -> tuple[Vector, Vector, list[str]]:
    m = fit.matrices
    left = residuals(fit, "response").to_numpy().copy()
    terms = terms_of_group(m, g)
    for k in terms:
        add_random_effects(left, m.groupings[g].codes, m.terms[k].Z, fit.b[k], m.terms[k].members)
    Z, left = _evened(fit, g, np.hstack([m.terms[k].Z for k in terms]), left)
    reported = block_diag(
        *(m.terms[k].coordinates.reported_root(np.eye(len(m.terms[k].names))) for k in terms)
    )
    own = np.array([_alone(Z[rows], left[rows], reported) for rows in m.groupings[g].rows()])
    labels = [str(label) for label in m.groupings[g].levels]
    known = np.concatenate([are_known(fit, k) for k in terms])
    return own[:, known], np.hstack([known_modes(fit, k) for k in terms])[:, known], labels


def _evened(fit: Fit, g: int, Z: Vector, left: Vector) -> tuple[Vector, Vector]:
    """The rows in units of their residual sd, and uncorrelated where blocks are in one level."""
    m = fit.matrices
    if any(m.terms[k].members is not None for k in terms_of_group(m, g)):
        raise DataError(
            f"Rows belong to several levels of {m.groupings[g].name}, which have no estimates of "
            "their own.\nDo:   draw plot.caterpillar()."
        )
    blocks, codes = m.residual, m.groupings[g].codes
    if blocks is not None and blocks.structure is not None:
        first = np.zeros(int(blocks.codes.max()) + 1, dtype=np.int32)
        first[blocks.codes] = codes
        if np.array_equal(first[blocks.codes], codes):
            return fit.problem.whitened(fit.theta, Z), fit.problem.whitened(fit.theta, left)
    root = 1 / fit.problem.row_sd(fit.theta)
    return Z * root[:, None], left * root


def _alone(Z: Vector, left: Vector, reported: Vector) -> Vector:
    """The rows of `reported` (r, q) times the least-squares effects (q,) of what is `left` (n,) in
    one level; nan where its rows do not determine it.
    """
    U, sizes, V = np.linalg.svd(Z, full_matrices=False)
    kept = sizes > RANK * sizes[0]
    within = reported @ V[kept].T
    told = (within**2).sum(axis=1) > (1 - RANK) * (reported**2).sum(axis=1)
    return np.where(told, within @ ((left @ U[:, kept]) / sizes[kept]), np.nan)


def _dumbbells(
    fit: Fit, g: int, own: Vector, pooled: Vector, labels: list[str], name: str, ax: Axes
) -> Axes:
    order = np.argsort(own, kind="stable")
    place = np.arange(len(order))
    style.upright(ax, 0.0)
    ax.hlines(place, own[order], pooled[order], color=style.BAND, linewidth=1.5)
    size = 5 if len(order) <= 100 else 2
    ax.plot(own[order], place, "o", color=style.BLUE, mfc="white", ms=size, label="level alone")
    ax.plot(pooled[order], place, "o", color=style.ORANGE, ms=size, label="model")
    low, high = _limits(own, pooled)
    ax.set_xlim(low, high)
    style.name_rows(ax, [labels[i] for i in order])
    style.legend(ax)
    group = fit.matrices.groupings[g].name
    return style.finish(
        ax,
        title=f"Shrinkage of {lettering.term(name, 40)} by {lettering.name(group, 40)}",
        x=_effect_on(fit, name),
        y=lettering.name(group),
        note=_left_out(np.isnan(own), _outside(own, low, high)),
    )


def _arrows(
    fit: Fit, g: int, own: Vector, pooled: Vector, labels: list[str], names: list[str], ax: Axes
) -> Axes:
    known = np.asarray(np.isfinite(own).all(axis=1))
    start, end = own[known, :2], pooled[known, :2]
    ax.axhline(0, color=style.REFERENCE, linewidth=0.8, linestyle="--", zorder=0)
    style.upright(ax, 0.0)
    limits = np.array([_limits(start[:, i], end[:, i]) for i in range(2)])
    outside = np.asarray(((start < limits[:, 0]) | (start > limits[:, 1])).any(axis=1))
    tails, heads = start[~outside], end[~outside]
    ax.quiver(
        *tails.T, *(heads - tails).T, angles="xy", scale_units="xy", scale=1, width=0.003,
        color="#8a8a8a", zorder=1,
    )  # fmt: skip
    size = 5 if len(start) <= 100 else 3
    ax.plot(*tails.T, "o", color=style.BLUE, mfc="white", ms=size, label="level alone")
    ax.plot(*end.T, "o", color=style.ORANGE, ms=size, label="model")
    ax.set_xlim(*limits[0])
    ax.set_ylim(*limits[1])
    if len(start) <= 40:
        kept = lettering.names(np.array(labels, dtype=object)[known].tolist(), 10)
        shown = np.flatnonzero(~outside)
        style.name_points(ax, start[shown, 0], start[shown, 1], [kept[i] for i in shown])
    style.legend(ax)
    first = f"First two of {len(names)} columns. " if len(names) > 2 else ""
    x, y = (lettering.term(name, 60) for name in names[:2])
    return style.finish(
        ax,
        title=f"Shrinkage by {lettering.name(fit.matrices.groupings[g].name, 60)}",
        x=f"{x}: {_effect_on(fit, names[0])}",
        y=f"{y}: {_effect_on(fit, names[1])}",
        note=first + _left_out(~known, outside),
    )


def _limits(own: Vector, pooled: Vector) -> tuple[float, float]:
    """A range with all effects of the model and the bulk of the levels' own estimates.

    A level with few rows may be estimated thousands of times too far off, and would leave the
    others one dot; what lies beyond `REACH` interquartile ranges from the quartiles is outside.
    """
    own = own[np.isfinite(own)]
    if own.size:
        quarter, three = np.quantile(own, [0.25, 0.75])
        fence = REACH * (three - quarter)
        own = own[(own >= quarter - fence) & (own <= three + fence)]
    shown = np.concatenate([own, pooled, [0.0]])
    low, high = float(shown.min()), float(shown.max())
    margin = 0.08 * (high - low) or 1.0
    return low - margin, high + margin


def _outside(values: Vector, low: float, high: float) -> Mask:
    return np.logical_or(values < low, values > high)


def _left_out(unknown: Mask, outside: Mask) -> str:
    """What the picture does not show."""
    said = [
        f"{n} level{'' if n == 1 else 's'} {what}"
        for n, what in (
            (int(unknown.sum()), "with too few rows to be estimated alone"),
            (int(outside.sum()), "estimated beyond the frame"),
        )
        if n
    ]
    return f"Left out: {' and '.join(said)}" if said else ""


def _effect_on(fit: Fit, name: str) -> str:
    unit = name.startswith("Intercept") or "[" in name
    per = "" if unit else f" per unit of {lettering.term(name)}"
    response = lettering.term(fit.spec.formula.response)
    link = fit.family.link
    return f"Effect on {response if link == 'identity' else f'{link} of {response}'}{per}"


def _half_width(fit: Fit, k: int, level: float) -> Vector:
    return float(special.ndtri(0.5 + level / 2)) * conditional_sd(fit, term=k)


def _columns(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> Data:
    return {
        name: np.array([row[i] for row in rows], dtype=object if i < 3 else np.float64)
        for i, name in enumerate(names)
    }
