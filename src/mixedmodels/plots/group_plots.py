"""The levels of a group: spread of their residuals, order of their rows."""

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from scipy import special

from mixedmodels.diagnostics.autocorrelation import correlation
from mixedmodels.diagnostics.facts import Facts, facts
from mixedmodels.diagnostics.working import as_linear
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.labels import largest_group
from mixedmodels.plots import lettering, style
from mixedmodels.plots.arrange import arranged
from mixedmodels.plots.choice import group_index

Vector = NDArray[np.float64]
Data = dict[str, NDArray[np.generic]]

SHOWN = 24

LAGS = 12


def group_spread(fit: Fit, group: str | None = None, *, ax: Axes | None = None) -> Axes:
    """Residual standard deviation of every level, with intervals."""
    g = group_index(fit, group)
    return arranged(draw_group_spread(facts(fit), g, style.axes(ax, height=5)))


def group_spread_data(fit: Fit, group: str | None = None) -> Data:
    """Columns `group, level, n, sd, conf_low, conf_high` of the levels with three rows or more."""
    return _spread(facts(fit), group_index(fit, group))


def draw_group_spread(found: Facts, g: int, ax: Axes) -> Axes:
    """The levels in order of their sd; of many, the extremes."""
    data = _spread(found, g)
    sd = data["sd"].astype(np.float64)
    order = np.argsort(sd, kind="stable")
    if len(order) > SHOWN:
        order = np.concatenate([order[: SHOWN // 2], order[-SHOWN // 2 :]])
    place = np.arange(len(order))
    low, high = (data[name].astype(np.float64)[order] for name in ("conf_low", "conf_high"))
    clear = (low > 1) | (high < 1)
    style.upright(ax, 1.0)
    for chosen, colour, width in ((~clear, style.POINT, 1.0), (clear, style.ORANGE, 2.0)):
        ax.hlines(place[chosen], low[chosen], high[chosen], color=colour, linewidth=width)
        ax.plot(sd[order][chosen], place[chosen], "o", color=colour, markersize=4)
    style.name_rows(ax, data["level"][order].tolist())
    name = lettering.name(found.fit.matrices.groupings[g].name)
    some = f"Lowest and highest {SHOWN // 2} of {len(sd)}. " if len(order) < len(sd) else ""
    return style.finish(
        ax,
        title=f"Spread of the residuals by {lettering.name(name, 40)}",
        x="Residual sd / sigma (95% interval)",
        y=name,
        note=f"{some}Strong: the interval leaves out 1",
    )


def _spread(found: Facts, g: int) -> Data:
    """By the residual degrees of freedom of each level, sum (1 - h); intervals by chi-square."""
    grouping = found.fit.matrices.groupings[g]
    levels = len(grouping.levels)
    left = np.ones(len(found.r)) if found.leverage is None else 1 - found.leverage.values
    n = np.bincount(grouping.codes, minlength=levels)
    df = np.bincount(grouping.codes, left, minlength=levels)
    squares = np.bincount(grouping.codes, left * found.r**2, minlength=levels)
    use = (n >= 3) & (df > 0.5)
    variance, df = squares[use] / df[use], df[use]
    labels = np.array([str(label) for label in grouping.levels], dtype=object)[use]
    return {
        "group": np.full(len(labels), grouping.name, dtype=object),
        "level": labels,
        "n": n[use],
        "sd": np.sqrt(variance),
        "conf_low": np.sqrt(variance * df / special.chdtri(df, 0.025)),
        "conf_high": np.sqrt(variance * df / special.chdtri(df, 0.975)),
    }


def autocorrelation(fit: Fit, *, ax: Axes | None = None) -> Axes:
    """Correlation of residuals that are so many rows apart in a level."""
    return arranged(draw_autocorrelation(facts(as_linear(fit)), style.axes(ax)))


def autocorrelation_data(fit: Fit) -> Data:
    """Columns `lag, n, correlation, expected, noise`: of the data, under the model, and two
    standard errors.
    """
    return _correlations(facts(as_linear(fit)))


def draw_autocorrelation(found: Facts, ax: Axes) -> Axes:
    """Bars with the band of chance around what the model gives."""
    data = _correlations(found)
    lag, r = data["lag"].astype(np.float64), data["correlation"].astype(np.float64)
    noise = data["noise"].astype(np.float64)
    expected = data["expected"].astype(np.float64)
    ax.bar(lag, 2 * noise, 0.7, expected - noise, color=style.BAND, alpha=0.6)
    style.level(ax, 0.0)
    ax.hlines(expected, lag - 0.35, lag + 0.35, color=style.ORANGE, linewidth=2, label="model")
    ax.vlines(lag, 0, r, color=style.BLUE, linewidth=2)
    ax.plot(lag, r, "o", color=style.BLUE, markersize=6, label="data")
    style.legend(ax)
    ax.set_xlim(0.4, lag[-1] + 0.6)
    style.whole_numbers(ax)
    largest = largest_group(found.fit.matrices) if found.leverage is not None else None
    group = "" if largest is None else largest.name
    return style.finish(
        ax,
        title="Likeness of residuals in row order",
        x=f"Rows apart within a level of {lettering.name(group)}",
        y="Correlation of residuals",
        note="Boxes: chance. It matters if the rows are in time order",
    )


def _correlations(found: Facts) -> Data:
    if not found.fit.matrices.is_plain:
        raise DataError(
            "The correlations that a model with structured covariances expects are not known.\n"
            "Do:   draw plot.acf(), which shows what is left of them in normalized residuals."
        )
    known = [correlation(found, lag) for lag in range(1, LAGS + 1)]
    rows = [row for row in known if row is not None]
    if not rows:
        raise DataError(
            "There are too few rows within levels for correlations in row order.\n"
            "Do:   use a model whose groups have several rows each."
        )
    return {
        "lag": np.array([row.lag for row in rows]),
        "n": np.array([row.n_pairs for row in rows]),
        "correlation": np.array([row.observed for row in rows]),
        "expected": np.array([row.expected for row in rows]),
        "noise": np.array([2 * row.error for row in rows]),
    }
