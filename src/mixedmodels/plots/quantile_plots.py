"""QQ plots of residuals, random effects and scaled residuals, with simulated limits."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mixedmodels.diagnostics.envelope import Quantiles, effect_quantiles, residual_quantiles
from mixedmodels.diagnostics.facts import Facts, facts
from mixedmodels.diagnostics.scaled import scaled_residuals
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.labels import column_labels
from mixedmodels.plots import lettering, style
from mixedmodels.plots.arrange import arranged
from mixedmodels.plots.choice import require_known_effects
from mixedmodels.prediction.streams import Seed

Data = dict[str, NDArray[np.generic]]

LIMITS = "Band: 95 of 100 simulated samples, point by point"


def qq(fit: Fit, *, ax: Axes | None = None, seed: Seed = 0) -> Axes:
    """Studentized residuals against normal quantiles."""
    return arranged(draw_qq(facts(fit), style.axes(ax, width=5), seed))


def qq_data(fit: Fit, *, seed: Seed = 0) -> Data:
    """Columns `row, theoretical, residual, conf_low, conf_high`."""
    found = residual_quantiles(facts(fit), seed=seed)
    return {
        "row": np.asarray(fit.matrices.index)[found.order],
        "theoretical": found.theory,
        "residual": found.sample,
        "conf_low": found.low,
        "conf_high": found.high,
    }


def qq_ranef(fit: Fit, *, seed: Seed = 0) -> Figure:
    """A panel per column of random effects."""
    require_known_effects(fit)
    found = facts(fit)
    quantiles = effect_quantiles(found, seed=seed)
    figure, grid = style.panels(len(quantiles))
    for ax, (k, j) in zip(grid, quantiles, strict=True):
        draw_qq_ranef(found, quantiles[k, j], k, j, ax)
    return style.title_of(figure, "Random effects against normal quantiles")


def qq_ranef_data(fit: Fit, *, seed: Seed = 0) -> Data:
    """Columns `group, level, term, theoretical, estimate, conf_low, conf_high`; estimates in
    their own standard deviations.
    """
    require_known_effects(fit)
    labels, m = column_labels(fit.matrices), fit.matrices
    parts: dict[str, list[NDArray[np.generic]]] = {
        name: []
        for name in (
            "group", "level", "term", "theoretical", "estimate", "conf_low", "conf_high",
        )
    }  # fmt: skip
    for (k, j), q in effect_quantiles(facts(fit), seed=seed).items():
        grouping = m.groupings[m.terms[k].group]
        levels = np.array([str(label) for label in grouping.levels], dtype=object)
        parts["group"].append(np.full(len(levels), grouping.name, dtype=object))
        parts["level"].append(levels[q.order])
        parts["term"].append(np.full(len(levels), labels[k][j], dtype=object))
        for name, values in zip(
            ("theoretical", "estimate", "conf_low", "conf_high"),
            (q.theory, q.sample, q.low, q.high),
            strict=True,
        ):
            parts[name].append(values)
    return {name: np.concatenate(values) for name, values in parts.items()}


def scaled(fit: Fit, *, ax: Axes | None = None, seed: Seed = 0) -> Axes:
    """Scaled residuals against uniform quantiles."""
    return arranged(draw_scaled(fit, style.axes(ax, width=5), seed))


def scaled_data(fit: Fit, *, seed: Seed = 0) -> Data:
    """Columns `row, uniform, residual`, in the order of the residuals."""
    values = scaled_residuals(fit, seed=seed, rows=style.MOST_POINTS).sort_values()
    uniform = (np.arange(len(values)) + 0.5) / len(values)
    return {"row": np.asarray(values.index), "uniform": uniform, "residual": values.to_numpy()}


def draw_qq(found: Facts, ax: Axes, seed: Seed) -> Axes:
    """Residuals of a fit."""
    q = residual_quantiles(found, seed=seed)
    _draw(q, style.row_names(_last(q, np.asarray(found.fit.matrices.index))), ax)
    return style.finish(
        ax,
        title="Residuals against normal quantiles",
        x="Normal quantile",
        y=f"{found.kind.capitalize()} residual",
        note=LIMITS,
    )


def draw_qq_ranef(found: Facts, q: Quantiles, k: int, j: int, ax: Axes) -> Axes:
    """Column `j` of random term `k`."""
    m = found.fit.matrices
    grouping = m.groupings[m.terms[k].group]
    labels = np.array([str(level) for level in grouping.levels], dtype=object)
    _draw(q, lettering.names(_last(q, labels).tolist(), 20), ax)
    column, group = column_labels(m)[k][j], grouping.name
    return style.finish(
        ax,
        title=f"{lettering.term(column, 40)} by {lettering.name(group, 40)}",
        x="Normal quantile",
        y="Random effect / its sd",
        note=LIMITS,
    )


def draw_scaled(fit: Fit, ax: Axes, seed: Seed) -> Axes:
    """Ordered scaled residuals."""
    data = scaled_data(fit, seed=seed)
    n = len(data["row"])
    shown = np.unique(np.linspace(0, n - 1, min(n, 2000)).astype(np.int64))
    ax.plot([0, 1], [0, 1], color=style.REFERENCE, linestyle="--", linewidth=1)
    ax.scatter(
        data["uniform"][shown], data["residual"][shown], s=10, color=style.POINT, linewidths=0
    )
    total = len(fit.matrices.y)
    return style.finish(
        ax,
        title="Response among simulated ones",
        x="Uniform quantile",
        y="Share of simulated responses below",
        note="On the line if the whole model is right"
        if n == total
        else f"{n:,} of {total:,} rows; on the line if the model is right",
    )


def _draw(q: Quantiles, labels: list[str], ax: Axes) -> None:
    """Points, the line that the normal gives, the limits, and the two farthest at each end."""
    n = len(q.sample)
    shown = np.arange(n)
    if n > 4000:
        middle = np.linspace(0, n - 1, 2000).astype(np.int64)
        shown = np.unique(np.concatenate([middle, np.arange(500), np.arange(n - 500, n)]))
    x = q.theory[shown]
    ax.fill_between(x, q.low[shown], q.high[shown], color=style.BAND, alpha=0.6, linewidth=0)
    ax.plot(x, x, color=style.REFERENCE, linestyle="--", linewidth=1)
    ax.scatter(x, q.sample[shown], s=14, color=style.POINT, linewidths=0, zorder=3)
    ends = _ends(n)
    below, above = q.sample[ends] < q.low[ends], q.sample[ends] > q.high[ends]
    outside = np.where(ends < n / 2, below, above)
    named = [label for label, out in zip(labels, outside, strict=True) if out]
    style.name_points(ax, q.theory[ends[outside]], q.sample[ends[outside]], named)


def _ends(n: int) -> NDArray[np.int64]:
    return np.unique(np.array([0, 1, n - 2, n - 1]).clip(0, n - 1))


def _last(q: Quantiles, labels: NDArray[np.generic]) -> NDArray[np.generic]:
    return labels[q.order[_ends(len(q.sample))]]
