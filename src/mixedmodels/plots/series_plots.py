"""Residuals along series: their autocorrelation by lag, their variogram by distance."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from mixedmodels.diagnostics import acf as autocorrelations
from mixedmodels.diagnostics import variogram as semivariances
from mixedmodels.diagnostics.extent import BINS, LAGS
from mixedmodels.diagnostics.series import series_codes
from mixedmodels.fit.fit import Fit
from mixedmodels.plots import lettering, style
from mixedmodels.plots.arrange import arranged
from mixedmodels.vocabulary import SeriesResidual

Data = dict[str, NDArray[np.generic]]


def acf(
    fit: Fit,
    group: str | None = None,
    *,
    time: str | None = None,
    kind: SeriesResidual = "normalized",
    max_lag: int = LAGS,
    ax: Axes | None = None,
) -> Axes:
    """Autocorrelation of residuals by lag, with the band of chance."""
    drawn = draw_acf(fit, style.axes(ax), group, time=time, kind=kind, max_lag=max_lag)
    return arranged(drawn)


def draw_acf(
    fit: Fit,
    ax: Axes,
    group: str | None = None,
    *,
    time: str | None = None,
    kind: SeriesResidual = "normalized",
    max_lag: int = LAGS,
) -> Axes:
    """The correlations, and boxes for what chance gives."""
    data = acf_data(fit, group, time=time, kind=kind, max_lag=max_lag)
    lag, r, noise = (data[name].astype(np.float64) for name in ("lag", "correlation", "noise"))
    ax.bar(lag, 2 * noise, 0.7, -noise, color=style.BAND, alpha=0.6)
    style.level(ax, 0.0)
    ax.vlines(lag, 0, r, color=style.BLUE, linewidth=2)
    ax.plot(lag, r, "o", color=style.BLUE, markersize=6)
    ax.set_xlim(0.4, lag[-1] + 0.6)
    style.whole_numbers(ax)
    within = _within(series_codes(fit, group)[0])
    steps = "Rows apart" if time is None else f"Steps of {lettering.name(time, 30)} apart"
    return style.finish(
        ax,
        title=f"Autocorrelation of {kind} residuals",
        x=f"{steps}{within}",
        y="Correlation",
        note="Boxes: 95% of correlations of zero",
    )


def acf_data(
    fit: Fit,
    group: str | None = None,
    *,
    time: str | None = None,
    kind: SeriesResidual = "normalized",
    max_lag: int = LAGS,
) -> Data:
    """Columns `lag, n, correlation, noise`."""
    return autocorrelations.acf_data(fit, group, time=time, kind=kind, max_lag=max_lag)


def variogram(
    fit: Fit,
    position: str | Sequence[str],
    group: str | None = None,
    *,
    kind: SeriesResidual = "normalized",
    bins: int = BINS,
    max_distance: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Semivariance of residuals by distance; larger points stand for more pairs."""
    data = variogram_data(fit, position, group, kind=kind, bins=bins, max_distance=max_distance)
    ax = style.axes(ax)
    apart, n, value = (data[name].astype(np.float64) for name in ("distance", "n", "semivariance"))
    if kind in ("normalized", "standardized"):
        style.level(ax, 1.0)
    ax.plot(apart, value, color=style.BLUE, linewidth=1)
    ax.scatter(apart, value, s=20 + 60 * n / n.max(), color=style.BLUE, linewidths=0)
    ax.set_ylim(0, 1.15 * max(float(value.max()), 1e-300))
    names = [position] if isinstance(position, str) else list(position)
    style.finish(
        ax,
        title=f"Variogram of {kind} residuals",
        x=f"Distance in {' and '.join(lettering.name(name, 30) for name in names)}"
        f"{_within(series_codes(fit, group)[0])}",
        y="Semivariance",
        note="Larger points: more pairs",
    )
    return arranged(ax)


def variogram_data(
    fit: Fit,
    position: str | Sequence[str],
    group: str | None = None,
    *,
    kind: SeriesResidual = "normalized",
    bins: int = BINS,
    max_distance: float | None = None,
) -> Data:
    """Columns `distance, n, semivariance`."""
    return semivariances.variogram_data(
        fit, position, group, kind=kind, bins=bins, max_distance=max_distance
    )


def _within(group: str) -> str:
    return f" within a level of {lettering.name(group, 30)}" if group else ""
