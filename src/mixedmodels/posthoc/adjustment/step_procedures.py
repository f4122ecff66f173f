"""Adjustments that need nothing but the p-values, as adjusted p-values (Wright 1992, Biometrics 48,
1005-1013). Arrays (n,) without nan in, the same order out.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


def holm(p: Vector) -> Vector:
    """Step-down, valid for any dependence (Holm 1979, Scandinavian Journal of Statistics 6, 65-70).

    The i-th smallest of n is multiplied by n - i + 1, and is at least what came before it.
    """
    return _in_order(p, lambda s: np.maximum.accumulate(s * np.arange(len(s), 0, -1)))


def hochberg(p: Vector) -> Vector:
    """Step-up, valid under positive dependence (Hochberg 1988, Biometrika 75, 800-802).

    The factors are Holm's; each value is at most what comes after it.
    """
    return _in_order(p, lambda s: _least_from_here(s * np.arange(len(s), 0, -1)))


def benjamini_hochberg(p: Vector) -> Vector:
    """False discovery rate under positive dependence.

    Benjamini & Hochberg (1995), Journal of the Royal Statistical Society B 57, 289-300.

    The i-th smallest of n is multiplied by n / i, and is at most what comes after it.
    """
    return _in_order(p, lambda s: _least_from_here(s * len(s) / np.arange(1, len(s) + 1)))


def benjamini_yekutieli(p: Vector) -> Vector:
    """False discovery rate under any dependence.

    Benjamini & Yekutieli (2001), Annals of Statistics 29, 1165-1188.

    Benjamini and Hochberg's times 1 + 1/2 + … + 1/n.
    """
    n = len(p)
    harmonic = np.sum(1 / np.arange(1, n + 1))
    return _in_order(p, lambda s: _least_from_here(s * harmonic * n / np.arange(1, n + 1)))


def hommel(p: Vector) -> Vector:
    """Closed testing with Simes' test of every intersection (Hommel 1988, Biometrika 75, 383-386).

    Of the sets of m hypotheses that hold a given one, the one with the largest p-values beside it
    is the hardest to reject. In sorted order, its Simes p-value is min(m p_i, c_m) with

        c_m = min over j = 2, …, m of m p_{n-m+j} / j,

    where i itself is not among the m largest; else it is that of the m largest, the same expression
    at i = n - m + 1. The adjusted value is the largest over m. O(n²) numbers, no n × n array.
    """
    return _in_order(p, _hommel_sorted)


def _hommel_sorted(p: Vector) -> Vector:
    n = len(p)
    adjusted = p.copy()
    ranks = np.arange(1.0, n + 1)
    for m in range(2, n + 1):
        first = n - m
        c = m * np.min(p[first + 1 :] / ranks[1:m])
        outside = np.minimum(m * p[: first + 1], c)
        np.maximum(adjusted[: first + 1], outside, out=adjusted[: first + 1])
        # Values never fall in sorted order: what holds for the last one outside holds for the rest.
    return np.maximum.accumulate(adjusted)


def _in_order(p: Vector, rule: Callable[[Vector], Vector]) -> Vector:
    """A rule for sorted p-values, applied to p-values in any order; at most 1."""
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(rule(p[order]), 1.0)
    return adjusted


def _least_from_here(values: Vector) -> Vector:
    least: Vector = np.minimum.accumulate(values[::-1])[::-1]
    return least


PROCEDURES: Final = {
    "holm": holm,
    "hochberg": hochberg,
    "hommel": hommel,
    "fdr": benjamini_hochberg,
    "by": benjamini_yekutieli,
}
"""Every procedure by its name in `Adjustment`."""
