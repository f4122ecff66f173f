"""A local linear smooth with pointwise limits, for plots of residuals.

Tricube weights over the nearest part of the points (Cleveland 1979, *JASA* 74, 829), without the
robust iterations.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

GRID = 60
"""Places where the smooth is evaluated."""

SPAN = 0.6
"""Share of the points that a place sees."""


@dataclass(frozen=True, slots=True)
class Smooth:
    """The smooth at `x`, with the limits of two standard errors around it."""

    x: Vector
    y: Vector
    low: Vector
    high: Vector


def local_linear(x: Vector, y: Vector, *, span: float = SPAN) -> Smooth | None:
    """The smooth of y on x; None where x has fewer than five distinct values."""
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    distinct = np.unique(x)
    if len(distinct) < 5:
        return None
    places = distinct
    if len(distinct) > GRID:
        places = np.unique(np.quantile(x, np.linspace(0, 1, GRID)))
    window = max(min(len(x), 5), int(np.ceil(span * len(x))))
    fitted = np.array([_at(place, x, y, window) for place in places])
    residual = y - np.interp(x, places, fitted[:, 0])
    half = 2 * np.std(residual) * fitted[:, 1]
    return Smooth(places, fitted[:, 0], fitted[:, 0] - half, fitted[:, 0] + half)


def _at(place: float, x: Vector, y: Vector, window: int) -> tuple[float, float]:
    """Value of the smooth, and its standard error in units of the residual sd."""
    start = _window_start(place, x, window)
    u = x[start : start + window] - place
    reach = np.abs(u).max() * (1 + 1e-9)
    weights = (1 - (np.abs(u) / reach) ** 3) ** 3 if reach > 0 else np.ones(window)
    total, first = weights.sum(), weights @ u
    second = weights @ u**2
    determinant = total * second - first**2
    if determinant <= 1e-12 * total * second:
        factor = weights / total
    else:
        factor = weights * (second - first * u) / determinant
    return float(factor @ y[start : start + window]), float(np.sqrt(factor @ factor))


def _window_start(place: float, x: Vector, window: int) -> int:
    """First of the `window` values of the sorted x that are nearest to `place`."""
    low, high = 0, len(x) - window
    while low < high:
        middle = (low + high) // 2
        if place - x[middle] > x[middle + window] - place:
            low = middle + 1
        else:
            high = middle
    return low
