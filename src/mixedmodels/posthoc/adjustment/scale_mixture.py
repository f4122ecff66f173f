"""Tails of statistics over one estimated scale: E S(q s) with s² ~ χ²_ν / ν.

Where a statistic of standard normal variables exceeds w with probability S(w), the same statistic
divided by an independent estimate s of the scale exceeds q with probability E S(q s). The integral
is taken over y = log s, whose density is

    g(y) = 2 (ν/2)^{ν/2} / Γ(ν/2) exp(ν y − ν e^{2y} / 2),

by the trapezoid rule, which converges geometrically for analytic functions that die out on both
sides (Trefethen & Weideman 2014, SIAM Review 56, 385-458). Nothing is subtracted from one, so small
tails keep their relative accuracy.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import special

Vector = NDArray[np.float64]

LogTail = Callable[[Vector], Vector]
"""The log of S(w) at points of any shape."""

NEGLIGIBLE = 32.0
"""Nats below its largest value at which the integrand no longer counts."""

STEP = 0.4
"""Steps of the rule at density g alone, in units of 1 / sqrt(ν): an error of 1e-13 or less."""

STIRLING = 1e3
"""Degrees of freedom above which three terms of Stirling's series give log Γ to all digits."""

CERTAIN = 1e12
"""Degrees of freedom above which the scale is as good as known."""

NEVER = 40.0
"""y at which g is zero for any degrees of freedom above 1e-30."""

CHUNK = 1 << 15
"""Points that are treated together: small enough for the processor's cache."""


def over_scale(log_tail: LogTail, q: Vector, df: Vector, *, step: float) -> Vector:
    """E S(q s) for each q with its own degrees of freedom, as large as infinite.

    Parameters
    ----------
    log_tail : function
        log S(w), falling at large w about as fast as -w² / 4.
    q, df : array (k,)
        Where the tail is wanted; nan gives nan.
    step : float
        Step in log w that resolves S.
    """
    tail = np.full(len(q), np.nan)
    known = np.isfinite(q) & (df > 0)
    exact = known & (df > CERTAIN)
    tail[exact] = np.exp(log_tail(q[exact]))
    tail[np.isposinf(q) & (df > 0)] = 0.0
    places = np.flatnonzero(known & ~exact)
    first, steps, count = _rule(q[places], df[places], step)
    order = np.argsort(count, kind="stable")
    start = 0
    while start < len(order):
        width = max(1, CHUNK // int(count[order[start]]))
        part = order[start : start + width]
        y = first[part, None] + steps[part, None] * np.arange(count[part[-1]])
        y = np.minimum(y, NEVER)  # rules with fewer points than the others here go on
        at, nu = q[places[part], None], df[places[part], None]
        inner = np.exp(log_tail(at * np.exp(y)) + _log_density(y, nu))
        tail[places[part]] = steps[part] * inner.sum(axis=1)
        start += width
    result: Vector = np.clip(tail, 0.0, 1.0)
    return result


def _rule(q: Vector, df: Vector, step: float) -> tuple[Vector, Vector, NDArray[np.int64]]:
    """First point, step and number of points of the trapezoid rule of each integral.

    Without S the integrand falls from its peak at y = 0 by at least ν a² / (1 + a) on the left and
    by ν b² on the right; with S ~ exp(-w²/4) its peak is at s² = ν / (ν + q²/2), and it
    falls alike. The rule covers both places.
    """
    fall = NEGLIGIBLE / df
    left = (fall + np.sqrt(fall**2 + 4 * fall)) / 2
    right = np.sqrt(fall)
    first = -np.log1p(q**2 / (2 * df)) / 2 - left
    steps = np.minimum(STEP / np.sqrt(df), step)
    count = np.ceil((right - first) / steps).astype(np.int64) + 1
    return first, steps, count


def _log_density(y: Vector, nu: Vector) -> Vector:
    """The log of g, with the parts of size ν taken together so that large ν leaves digits."""
    half = nu / 2
    exact = np.log(2) + half * np.log(half) - half - special.gammaln(half)
    series = np.log(nu / np.pi) / 2 - 1 / (12 * half) + 1 / (360 * half**3)
    constant = np.where(nu > STIRLING, series, exact)
    density: Vector = constant - half * (np.expm1(2 * y) - 2 * y)
    return density
