"""Which columns earlier ones span, from cross-products alone, in numbers of two doubles each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mixedmodels.design.matrices import Matrix, Vector
from mixedmodels.design.rank import TOLERANCE

ROUNDING = 1e-15
"""Square of what earlier columns leave of one, over its own, that is rounding error of products."""

SPLIT = 2.0**27 + 1
"""Splits a double into halves of 26 bits (Dekker 1971)."""


@dataclass(frozen=True, slots=True)
class Double:
    """Arrays of numbers of two doubles each, `high + low`."""

    high: Matrix
    low: Matrix

    def __getitem__(self, at: Any) -> Double:
        return Double(self.high[at], self.low[at])

    def __sub__(self, other: Double) -> Double:
        total, lost = _sum(self.high, -other.high)
        return Double(*_sum(total, lost + self.low - other.low))

    def __mul__(self, other: Double) -> Double:
        product, lost = _product(self.high, other.high)
        return Double(*_sum(product, lost + self.high * other.low + self.low * other.high))

    def __truediv__(self, other: Double) -> Double:
        first = self.high / other.high
        rest = self - other * Double(first, np.zeros_like(first))
        return Double(*_sum(first, rest.high / other.high))


def _sum(a: Vector, b: Vector) -> tuple[Vector, Vector]:
    """A + b, and what rounding leaves out (Knuth 1969)."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def _product(a: Vector, b: Vector) -> tuple[Vector, Vector]:
    """A b, and what rounding leaves out (Dekker 1971)."""
    product = a * b
    (ah, al), (bh, bl) = _halves(a), _halves(b)
    return product, ((ah * bh - product) + ah * bl + al * bh) + al * bl


def _halves(a: Vector) -> tuple[Vector, Vector]:
    far = SPLIT * a
    high = far - (far - a)
    return high, a - high


@dataclass(frozen=True, slots=True)
class Spanned:
    """What is found.

    Attributes
    ----------
    kept
        The columns that earlier ones do not span.
    coefficients
        Shape (columns, d): each dropped column less its combination of the kept ones.
    """

    kept: list[int]
    coefficients: Matrix


def spanned(gram: Double, has_constant: bool) -> Spanned:
    """Eliminate the columns of a matrix one by one, given their cross-products (p, p).

    A column is spanned if the earlier ones leave less than `TOLERANCE` of it; of what the constant
    leaves of it, where the first column is constant.
    """
    size = np.sqrt(gram.high.diagonal())
    scale = 2.0 ** np.round(np.log2(np.where(size > 0, size, 1.0)))  # so that scaling is exact
    area = np.outer(scale, scale)
    rest = Double(gram.high / area, gram.low / area)
    own = rest.high.diagonal().copy()
    kept: list[int] = []
    before = own
    for j in range(len(own)):
        pivot = rest[j, j]
        if pivot.high > max(TOLERANCE**2 * before[j], ROUNDING * own[j]) and own[j] > 0:
            kept.append(j)
            row = rest[j]
            rest = rest - Double(row.high[:, None], row.low[:, None]) * (row / pivot)
        if j == 0 and has_constant:
            before = np.maximum(rest.high.diagonal(), 0.0)
    dropped = np.setdiff1d(np.arange(len(own)), kept).tolist()
    coefficients = np.zeros((len(own), len(dropped)))
    unit = gram.high / area
    if kept and dropped:
        found = np.linalg.solve(unit[np.ix_(kept, kept)], unit[np.ix_(kept, dropped)])
        left = unit[np.ix_(kept, dropped)] - unit[np.ix_(kept, kept)] @ found
        found = found + np.linalg.solve(unit[np.ix_(kept, kept)], left)
        coefficients[kept] = -found * scale[dropped] / scale[kept][:, None]
    coefficients[dropped, range(len(dropped))] = 1.0
    return Spanned(kept, coefficients)
