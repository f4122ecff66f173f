"""Power along the size of the sample."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter
from scipy import special

from mixedmodels.planning.power_curve import PowerCurve
from mixedmodels.planning.sample_size import SampleSize
from mixedmodels.plots import lettering, style
from mixedmodels.plots.arrange import arranged

MOST_TICKS = 10
"""Sizes that are all named on the axis."""


def power_curve(curve: PowerCurve, *, target: float | None, ax: Axes | None) -> Axes:
    """Points with their exact limits, joined by lines."""
    ax = style.axes(ax)
    _points(ax, curve, "-")
    if target is not None:
        style.level(ax, target)
    return _finished(ax, curve, _note(curve))


def sample_size(found: SampleSize, *, ax: Axes | None) -> Axes:
    """Points with their exact limits, the fitted curve and where it crosses the target."""
    ax = style.axes(ax)
    _points(ax, found.curve, "none")
    sizes = found.curve.sizes
    size = np.linspace(0.8 * sizes[0], 1.05 * sizes[-1], 200)
    fitted = special.ndtr(found.intercept + found.slope * np.sqrt(size))
    ax.plot(size, fitted, color=style.LINE, linewidth=2)
    style.level(ax, found.target)
    style.upright(ax, found.size)
    if np.isfinite(found.size_low):
        low, high = found.size_low, min(found.size_high, 1.05 * sizes[-1])
        ax.axvspan(low, high, color=style.LINE, alpha=0.15, linewidth=0)
    along = lettering.name(found.curve.along, 40)
    note = f"{found.size:,} {along} for {found.target:.0%}; {_note(found.curve)}"
    return _finished(ax, found.curve, note)


def _points(ax: Axes, curve: PowerCurve, line: str) -> None:
    power = np.array([p.power for p in curve.powers])
    limits = np.array([p.interval for p in curve.powers]).T
    ax.errorbar(
        curve.sizes, power, yerr=np.abs(limits - power), fmt="o", linestyle=line,
        color=style.BLUE, capsize=3, linewidth=1.5, markersize=5,
    )  # fmt: skip


def _finished(ax: Axes, curve: PowerCurve, note: str) -> Axes:
    ax.set_ylim(0, 1.02)
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    if len(curve.sizes) <= MOST_TICKS:
        ax.set_xticks(curve.sizes)
    else:
        style.whole_numbers(ax)
    title = f"Power of {lettering.term(curve.powers[0].test)}"
    x = f"Number of {lettering.name(curve.along)}"
    return arranged(style.finish(ax, title=title, x=x, y="Power", note=note))


def _note(curve: PowerCurve) -> str:
    first = curve.powers[0]
    lost = ", ".join(f"{failure.size:,}" for failure in curve.failures)
    return (
        f"{first.method}, alpha = {first.alpha:g}, {first.n:,} replicates per size; "
        f"{first.level:.0%} limits" + (f"; not possible with {lost}" if lost else "")
    )
