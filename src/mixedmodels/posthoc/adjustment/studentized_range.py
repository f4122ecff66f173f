"""Distribution of the studentised range q(k, ν), for many values at once.

The range of k standard normal variables exceeds w with probability

    S(w) = ∫ k φ(z) Φ(z)^{k-1} [1 − (1 − Φ(z − w) / Φ(z))^{k-1}] dz,

z being the largest of them: the density of the maximum times the probability that the smallest is
below z − w. `scale_mixture` divides by the estimated scale.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mixedmodels.posthoc.adjustment.piecewise import interpolated
from mixedmodels.posthoc.adjustment.quantile import solve_tail
from mixedmodels.posthoc.adjustment.scale_mixture import LogTail, over_scale

Vector = NDArray[np.float64]

FARTHEST = 54.0
"""Range beyond which S is below 1e-300 for any k; it is taken as at this range there."""

SPREAD = 9.0
"""Normal deviates on both sides of its centre between which the inner integrand counts."""


def range_tail(q: Vector, k: float, df: Vector) -> Vector:
    """P(Q > q) for the studentised range Q of k means with df degrees of freedom.

    Parameters
    ----------
    q : array (n,)
        Ranges in units of the estimated standard deviation of one mean; of a difference of two
        means with statistic t it is sqrt(2) abs(t).
    k : int
        Number of means, at least 2.
    df : array (n,)
        Degrees of freedom, not necessarily whole, as large as infinite.

    Returns
    -------
    array (n,)
        Accurate to about 1e-12, and to ten digits where it is small. nan where q or df is nan.

    Examples
    --------
    >>> import numpy as np
    >>> range_tail(np.array([3.5, 3.5]), 3, np.array([20.0, np.inf])).round(6)
    array([0.055892, 0.035557])
    """
    q, df = np.broadcast_arrays(np.asarray(q, dtype=np.float64), np.asarray(df, np.float64))
    safe = np.maximum(q, 0.0)
    return over_scale(tabulated(k), safe, df, step=_resolution(k))


def range_quantile(probability: float, k: float, df: Vector) -> Vector:
    """The q that the studentised range of k means exceeds with probability 1 - `probability`.

    Shape (n,), one for each df. Relative error below 1e-10.
    """
    df = np.asarray(df, dtype=np.float64)
    return solve_tail(lambda q, nu: range_tail(q, k, nu), 1 - probability, df)


@lru_cache(maxsize=64)
def tabulated(k: float) -> LogTail:
    """`log_range_tail` of k means as a table, which costs some milliseconds once."""
    return interpolated(lambda w: log_range_tail(w, k), FARTHEST)


def log_range_tail(w: Vector, k: float) -> Vector:
    """The log of P(range of k standard normal variables > w), w of shape (n,) up to `FARTHEST`."""
    scale = np.sqrt(1 + 2 * np.log(k))
    centre = np.maximum(special.ndtri(1 - 1 / k), np.minimum(w, FARTHEST) / 2)
    offsets = np.arange(-SPREAD, SPREAD, 0.28 / scale)
    z = centre[:, None] + offsets
    log_below = special.log_ndtr(z)
    with np.errstate(divide="ignore"):  # at w = 0 the smallest is below the largest for certain
        none_smaller = (k - 1) * np.log1p(-np.exp(special.log_ndtr(z - w[:, None]) - log_below))
    weight = np.exp((k - 1) * log_below - z**2 / 2) * -np.expm1(none_smaller)
    total = weight.sum(axis=1) * (offsets[1] - offsets[0])
    with np.errstate(divide="ignore"):
        tail: Vector = np.minimum(np.log(total * k / np.sqrt(2 * np.pi)), 0.0)
    return tail


def _resolution(k: float) -> float:
    """Step in log w at which the edge of S is resolved: it is steeper for many means."""
    return float(min(0.14, 0.5 / (1 + 2 * np.log(k))))
