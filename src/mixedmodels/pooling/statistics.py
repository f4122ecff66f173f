"""Tests of k restrictions from m imputed data sets: D1, D2, D3 and D4.

Each compares D with F(k, df); r is the average relative increase of variance due to what is
missing, by which all of them divide.

D1: Wald, from pooled estimates and covariances (Li, Raghunathan & Rubin 1991, JASA 86, 1065-1073;
    with finite degrees of freedom of complete data Reiter 2007, Biometrika 94, 502-508).
D2: from the m statistics alone (Li, Meng, Raghunathan & Rubin 1991, Statistica Sinica 1, 65-92).
D3: likelihood ratios at the estimates of every data set and at their averages (Meng & Rubin 1992,
    Biometrika 79, 103-111).
D4: likelihood ratios of every data set and of all of them stacked (Chan & Meng 2022, Statistica
    Sinica 32, 1489-1514).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.inference.contrast import f_tail

Vector = NDArray[np.float64]

SAME = 1e-9
"""Relative difference of likelihood ratios that the search does not tell from none."""


@dataclass(frozen=True, slots=True)
class PooledTest:
    """One test.

    Attributes
    ----------
    statistic : float
        D, to be compared with F.
    num_df : int
        Restrictions k.
    den_df : float
        Infinite where the imputations agree.
    p_value : float
        Upper tail of F.
    riv : float
        Average relative increase of variance; a negative one counts as zero.
    """

    statistic: float
    num_df: int
    den_df: float
    p_value: float
    riv: float


def d1(estimate: Vector, within: Vector, between: Vector, m: int, df_complete: float) -> PooledTest:
    """Of the k differences `estimate` (k,) from the hypothesis, with U and B (k, k)."""
    k = len(estimate)
    ratio = np.linalg.solve(within, between)
    r = (1 + 1 / m) * float(np.trace(ratio)) / k
    wald = float(estimate @ np.linalg.solve(within, estimate))
    t = k * (m - 1)
    df = _reiter(r, t, df_complete) if np.isfinite(df_complete) else _li(r, t, k)
    return _test(wald / (k * (1 + r)), k, df, r)


def d2(statistics: Vector, k: int) -> PooledTest:
    """Of m chi-square statistics (m,) of k degrees of freedom each."""
    m = len(statistics)
    root = np.sqrt(np.maximum(statistics, 0.0))
    spread = float(np.ptp(root))
    r = (1 + 1 / m) * float(np.var(root, ddof=1)) if spread > SAME * root.max() else 0.0
    statistic = (float(np.mean(statistics)) / k - (m + 1) / (m - 1) * r) / (1 + r)
    with np.errstate(divide="ignore"):
        df = float(k ** (-3 / m) * (m - 1) * (1 + 1 / np.float64(r)) ** 2)
    return _test(max(statistic, 0.0), k, df, r)


def d3(each: float, average: float, k: int, m: int) -> PooledTest:
    """From the mean likelihood ratio at every data set's own estimates, and that at the averages of
    the estimates.
    """
    r = _increase(each, average, k, m)
    return _test(max(average, 0.0) / (k * (1 + r)), k, _li(r, k * (m - 1), k), r)


def d4(each: float, stacked: float, k: int, m: int) -> PooledTest:
    """From the mean likelihood ratio of the data sets, and that of all of them stacked, over m."""
    r = _increase(each, stacked, k, m)
    with np.errstate(divide="ignore"):
        df = float(k * (m - 1) * (1 + 1 / np.float64(r)) ** 2)
    return _test(max(stacked, 0.0) / (k * (1 + r)), k, df, r)


def _increase(each: float, joint: float, k: int, m: int) -> float:
    """R from the mean likelihood ratio of the data sets and that of all of them at one point."""
    loss = each - joint
    return (m + 1) / (k * (m - 1)) * loss if loss > SAME * abs(each) else 0.0


def _li(r: float, t: int, k: int) -> float:
    """Denominator degrees of freedom of D1 and D3 where those of complete data are infinite."""
    if r == 0:
        return float("inf")
    if t > 4:
        return 4 + (t - 4) * (1 + (1 - 2 / t) / r) ** 2
    return t * (1 + 1 / k) * (1 + 1 / r) ** 2 / 2


def _reiter(r: float, t: int, df_complete: float) -> float:
    """The same where they are finite, by moments of D1 to second order in a (Reiter's equation of
    the degrees of freedom); by Barnard & Rubin's manner where there are too few for these.
    """
    scaled = df_complete * (df_complete + 1) / (df_complete + 3)
    a = r * t / (t - 2) if t > 4 else np.inf
    fewer, fewest = scaled - 2 * (1 + a), scaled - 4 * (1 + a)
    if fewest > 0:
        part = fewer * (1 / (1 + a) + 4 / fewest) ** 2 + 4 / (1 + a) + 4 / fewer + 8 / fewest
        return 4 + fewest / (1 + a**2 * part / (t - 4))
    old = t * (1 + 1 / r) ** 2 if r > 0 else np.inf
    return float(1 / (1 / old + (1 + r) / scaled))


def _test(statistic: float, k: int, df: float, r: float) -> PooledTest:
    return PooledTest(statistic, k, df, f_tail(statistic, k, df), r)
