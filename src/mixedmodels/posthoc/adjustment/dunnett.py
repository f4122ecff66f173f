"""Dunnett's distribution: k comparisons with one control, all pairs of them correlated by 1/2.

With T_j = (Z_j − Z_0) / (√2 s) for independent standard normal Z, and w = √2 t s, given the control
z = Z_0 the comparisons are independent (Dunnett 1955, JASA 50, 1096-1121):

    two-sided  P(max |T_j| > t) = E ∫ φ(z) [1 − (1 − Φ(z − w) − Φ(−z − w))^k] dz,
    one-sided  P(max T_j > t)   = E ∫ φ(z) [1 − Φ(w − z)^k] dz,

the expectation being over s, taken by `scale_mixture`.
"""

from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mixedmodels.posthoc.adjustment.piecewise import interpolated
from mixedmodels.posthoc.adjustment.quantile import solve_tail
from mixedmodels.posthoc.adjustment.scale_mixture import LogTail, over_scale

Vector = NDArray[np.float64]

FARTHEST = 52.0
"""w beyond which the tail is below 1e-290 for any k; it is taken as at this place there."""

SPREAD = 9.0
"""Normal deviates around the most likely places of the control between which it counts."""


def dunnett_tail(t: Vector, k: int, df: Vector, *, one_sided: bool = False) -> Vector:
    """P(max |T_j| > t), or P(max T_j > t), of k comparisons with one control.

    Parameters
    ----------
    t : array (n,)
        Values of the t statistic; below zero, too, if one-sided.
    k : int
        Number of comparisons, at least 1.
    df : array (n,)
        Degrees of freedom, not necessarily whole, as large as infinite.
    one_sided : bool
        Whether only large T_j count.

    Returns
    -------
    array (n,)
        Accurate to about 1e-12, and to ten digits where it is small. nan where t or df is nan.

    Examples
    --------
    >>> import numpy as np
    >>> dunnett_tail(np.array([2.5]), 3, np.array([20.0])).round(6)
    array([0.054308])
    """
    t, df = np.broadcast_arrays(np.asarray(t, dtype=np.float64), np.asarray(df, np.float64))
    step = _resolution(k)
    if not one_sided:
        return over_scale(_either_side(k), np.sqrt(2) * np.maximum(t, 0.0), df, step=step)
    tail = np.full(t.shape, np.nan)
    for sign, part in ((1.0, t >= 0), (-1.0, t < 0)):
        w = np.sqrt(2) * np.abs(t[part])
        tail[part] = over_scale(_above(k, sign), w, df[part], step=step)
    return tail


def dunnett_quantile(probability: float, k: int, df: Vector, *, one_sided: bool = False) -> Vector:
    """The t that the largest T_j exceeds with probability 1 - `probability`, one for each df."""
    df = np.asarray(df, dtype=np.float64)
    return solve_tail(
        lambda t, nu: dunnett_tail(t, k, nu, one_sided=one_sided), 1 - probability, df
    )


@lru_cache(maxsize=64)
def _either_side(k: int) -> LogTail:
    """`_log_either_side` as a table, which costs some milliseconds once."""
    return interpolated(partial(_log_either_side, k=k), FARTHEST)


@lru_cache(maxsize=64)
def _above(k: int, sign: float) -> LogTail:
    """`_log_above` as a table."""
    return interpolated(partial(_log_above, sign=sign, k=k), FARTHEST)


def _control(w: Vector, k: int) -> tuple[Vector, float]:
    """Places of the control, (n, points), and their distance: it is at ±w/2 if that is far out."""
    step = float(0.28 / np.sqrt(1 + 2 * np.log(k)))
    reach = np.max(np.abs(w), initial=0.0) / 2 + SPREAD
    return np.arange(-reach, reach, step)[None, :], step


def _log_either_side(w: Vector, k: int) -> Vector:
    """The log of P(max |Z_j − Z_0| > w)."""
    z, step = _control(w, k)
    outside = special.ndtr(z - w[:, None]) + special.ndtr(-z - w[:, None])
    return _log_mean(z, np.minimum(outside, 1.0), k, step)


def _log_above(w: Vector, sign: float, k: int) -> Vector:
    """The log of P(max (Z_j − Z_0) > sign w)."""
    z, step = _control(w, k)
    return _log_mean(z, special.ndtr(-z - sign * w[:, None]), k, step)


def _log_mean(z: Vector, outside: Vector, k: int, step: float) -> Vector:
    """The log of ∫ φ(z) [1 − (1 − outside)^k] dz."""
    with np.errstate(divide="ignore"):
        any_outside = -np.expm1(k * np.log1p(-outside))
        total = (np.exp(-(z**2) / 2) * any_outside).sum(axis=1) * step / np.sqrt(2 * np.pi)
        tail: Vector = np.minimum(np.log(total), 0.0)
    return tail


def _resolution(k: int) -> float:
    """Step in log w at which the edge of the tail is resolved: it is steeper for large k."""
    return float(min(0.14, 0.5 / (1 + 2 * np.log(k + 1))))
