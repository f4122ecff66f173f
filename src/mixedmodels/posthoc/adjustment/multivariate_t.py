"""Tails of the largest of several correlated t statistics, by spherical-radial integration.

T_j = d_j'z / s with unit directions d_j in R^m, z standard normal and s² ~ χ²_ν / ν independent of
it. In z / s = R u the direction u is uniform on the sphere, and R² / m ~ F(m, ν) is independent of
it. With M(u) the largest of |d_j'u|, or of d_j'u if one-sided,

    P(max |T_j| > t) = E_u P(R M(u) > t),

where the inner probability is an F tail: only M is random (`sphere`), and one law of M serves every
t and every ν (Deák 1980, Numerische Mathematik 35, 249-260; Somerville 1998, Journal of Statistical
Software 3(4); Genz & Bretz 2009, Computation of Multivariate Normal and t Probabilities, ch. 4).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mixedmodels.posthoc.adjustment.lattice import PRIMES
from mixedmodels.posthoc.adjustment.quantile import solve_tail
from mixedmodels.posthoc.adjustment.sphere import Reach, exact, sampled, spanned
from mixedmodels.prediction.streams import Seed, key_of

Vector = NDArray[np.float64]

ERROR = 1e-4
"""Error of a probability, three standard errors, that is asked of a sample."""

MOST = 400_000_000
"""Products of a direction and a point after which no larger sample is drawn: a second or two."""

SMALLEST = 1e-100
"""M below which it is as good as 0, so that t / M is a number."""

CHECKED = 16
"""Values of t, spread over all, whose error says when a sample is large enough."""

ROWS = 64
"""Values of t that are treated together."""


@dataclass(frozen=True, slots=True)
class LargestT:
    """Probabilities that the largest of several t statistics exceeds given values.

    Attributes
    ----------
    p_value : array (n,)
        One for each t.
    error : float
        Three standard errors of the least certain of them; 0 where nothing was sampled.
    """

    p_value: Vector
    error: float


@dataclass(frozen=True, slots=True)
class CriticalT:
    """Values that the largest of several t statistics exceeds with one probability.

    Attributes
    ----------
    value : array (n,)
        One for each df.
    error : float
        Three standard errors of the probability at the least certain of them.
    """

    value: Vector
    error: float


def largest_t_tail(
    t: Vector, df: Vector, directions: Vector, *, one_sided: bool = False, seed: Seed = None
) -> LargestT:
    """P(max_j |T_j| > t), or P(max_j T_j > t), for each t with its own degrees of freedom.

    Parameters
    ----------
    t, df : array (n,)
        Values and their degrees of freedom, not necessarily whole, as large as infinite.
    directions : array (k, r)
        Rows of unit length whose products are the correlations of the T_j.
    one_sided : bool
        Whether only large T_j count; t may then be negative.
    seed : int, Generator or None
        Of the points on the sphere. None stands for 0, so that a result does not change from one
        call to the next.

    Examples
    --------
    >>> import numpy as np
    >>> pairs = np.array([[1, -1, 0], [1, 0, -1], [0, 1, -1]]) / np.sqrt(2)
    >>> largest_t_tail(np.array([2.5]), np.array([42.0]), pairs).p_value.round(6)
    array([0.042509])
    """
    order = np.argsort(t)
    some = order[np.linspace(0, len(t) - 1, min(CHECKED, len(t))).astype(np.intp)]
    reach = _refined(directions, lambda _: (t[some], df[some]), one_sided=one_sided, seed=seed)
    parts = _by_replicate(reach, t, df)
    return LargestT(np.clip(parts.mean(axis=1), 0.0, 1.0), _error(parts))


def largest_t_quantile(
    probability: float,
    df: Vector,
    directions: Vector,
    *,
    one_sided: bool = False,
    seed: Seed = None,
) -> CriticalT:
    """What the largest T_j exceeds with probability 1 - `probability`, one value for each df."""

    def critical(reach: Reach, nu: Vector) -> Vector:
        return solve_tail(
            lambda t, nu: np.maximum(_by_replicate(reach, t, nu).mean(axis=1), 0.0),
            1 - probability,
            nu,
        )

    ends = np.array([np.nanmin(df), np.nanmax(df)])
    reach = _refined(
        directions, lambda first: (critical(first, ends), ends), one_sided=one_sided, seed=seed
    )
    value = critical(reach, df)
    return CriticalT(value, _error(_by_replicate(reach, value, df)))


def _refined(
    directions: Vector,
    checked: Callable[[Reach], tuple[Vector, Vector]],
    *,
    one_sided: bool,
    seed: Seed,
) -> Reach:
    """The law of M from a sample that grows until probabilities are certain enough.

    `checked` gives t and df at which they are to be, from a first sample.
    """
    D = spanned(directions)
    if D.shape[1] <= 2:
        return exact(D, one_sided=one_sided)
    key = key_of(0 if seed is None else seed)
    sample = sampled(D, key, 0, one_sided=one_sided)
    reach = sample.reach()
    t, df = checked(reach)
    for turn in range(1, len(PRIMES)):
        done = 2 * len(D) * sample.count * reach.weights.shape[1] > MOST
        if done or _error(_by_replicate(reach, t, df)) < ERROR:
            break
        sample = sample + sampled(D, key, turn, one_sided=one_sided)
        reach = sample.reach()
    return reach


def _error(parts: Vector) -> float:
    """Three standard errors of the least certain mean over replicates; 0 if there is but one."""
    if parts.shape[1] == 1 or not len(parts):
        return 0.0
    error = 3 * parts.std(axis=1, ddof=1) / np.sqrt(parts.shape[1])
    return float(np.nanmax(error, initial=0.0))


def _by_replicate(reach: Reach, t: Vector, df: Vector) -> Vector:
    """P(R M > t), shape (n, s)."""
    rows = [
        _beyond(reach, t[i : i + ROWS, None], df[i : i + ROWS, None]) @ reach.weights
        for i in range(0, len(t), ROWS)
    ]
    parts: Vector = np.concatenate(rows) if rows else np.empty((0, reach.weights.shape[1]))
    return parts


def _beyond(reach: Reach, t: Vector, df: Vector) -> Vector:
    """P(R M > t) at every value of M, (n, b); R^2 / m ~ F(m, df)."""
    m, M = reach.dimension, reach.values
    ratio = (t / np.maximum(np.abs(M), SMALLEST)) ** 2 / m
    above = np.where(
        np.isinf(df),
        special.gammaincc(m / 2, m / 2 * ratio),
        special.fdtrc(m, np.where(np.isinf(df), 1.0, df), ratio),
    )
    outward = np.where((t < 0) | ((t == 0) & (M > 0)), 1.0, above)
    inward = np.where(t < 0, 1 - above, 0.0)
    beyond: Vector = np.where(M >= 0, outward, inward)
    return np.where(np.isnan(t) | ~(df > 0), np.nan, beyond)
