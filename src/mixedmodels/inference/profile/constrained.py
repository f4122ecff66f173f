"""The criterion with one parameter held at a value, in coordinates that leave the rest free.

A standard deviation is the first diagonal entry of a Cholesky factor in an order that puts its
column first; a correlation is the angle between the first two rows when its columns come first.
Every other entry stays free.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mixedmodels.engine.templates import lower_triangle
from mixedmodels.inference.profile.criterion import Criterion, Entry

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Value:
    """The criterion, its gradient in the free coordinates, and its slope in the held parameter."""

    deviance: float
    gradient: Vector
    slope: float


class Constrained(Protocol):
    """The criterion with a parameter held."""

    def coordinates(self, T: Sequence[Vector], sigma: float) -> Vector:
        """The free coordinates of templates in the user's units."""

    def evaluate(self, value: float, x: Vector) -> Value:
        """The criterion with the parameter at `value` and the rest at `x`."""


@dataclass(frozen=True, slots=True)
class HeldCoefficient:
    """beta_j is held; sigma is at its best."""

    criterion: Criterion
    j: int

    def coordinates(self, T: Sequence[Vector], sigma: float) -> Vector:
        """The entries of the scaled T."""
        return self.criterion.pack(self.criterion.scaled(T))

    def evaluate(self, value: float, x: Vector) -> Value:
        """The criterion at beta_j = `value`."""
        T = self.criterion.unpack(x)
        at = self.criterion.evaluate(T, held=(self.j, value))
        return Value(at.deviance, self.criterion.pack(slopes_in_T(at.G, T)), at.slope)


@dataclass(frozen=True, slots=True)
class HeldSigma:
    """The residual standard deviation is held."""

    criterion: Criterion

    def coordinates(self, T: Sequence[Vector], sigma: float) -> Vector:
        """The entries of the scaled T."""
        return self.criterion.pack(self.criterion.scaled(T))

    def evaluate(self, value: float, x: Vector) -> Value:
        """The criterion at sigma = `value`."""
        T = self.criterion.unpack(x)
        at = self.criterion.evaluate(T, sigma=value)
        slope = 2 * (self.criterion.n - at.share) / value
        return Value(at.deviance, self.criterion.pack(slopes_in_T(at.G, T)), slope)


@dataclass(frozen=True)
class HeldDeviation:
    """The standard deviation of column `a` of term `k` is held; the last coordinate is log sigma.

    Times the scale of its column and over sigma, it is the first entry of the term's root.
    """

    criterion: Criterion
    k: int
    a: int

    def coordinates(self, T: Sequence[Vector], sigma: float) -> Vector:
        """The entries of the scaled roots but for the held one, and log sigma."""
        roots = self.criterion.scaled(T)
        if self._order != sorted(self._order):
            roots[self.k] = lower_triangle(roots[self.k][self._order])
        return np.append(self.criterion.pack(roots)[self._entry.free], np.log(sigma))

    def evaluate(self, value: float, x: Vector) -> Value:
        """The criterion at a standard deviation of `value`."""
        sigma, scale = float(np.exp(x[-1])), self.criterion.scales[self.k][self.a]
        first = value * scale / sigma
        roots = self.criterion.unpack(self._entry.among(first, x[:-1]))
        at = self.criterion.evaluate(restored(roots, self.k, self._order), sigma=sigma)
        D = slopes_in_T(reordered(at.G, self.k, self._order), roots)
        entries = self.criterion.pack(D)
        slope = float(entries[self._entry.place])
        in_log_sigma = 2 * (self.criterion.n - at.share) - slope * first
        gradient = np.append(entries[self._entry.free], in_log_sigma)
        return Value(at.deviance, gradient, slope * scale / sigma)

    @cached_property
    def _order(self) -> list[int]:
        q = len(self.criterion.scales[self.k])
        return list(range(q)) if self._is_diagonal else first_of([self.a], q)

    @cached_property
    def _entry(self) -> Entry:
        return self.criterion.entry(self.k, *[self.a if self._is_diagonal else 0] * 2)

    @cached_property
    def _is_diagonal(self) -> bool:
        return self.criterion.problem.matrices.terms[self.k].structure == "diagonal"


@dataclass(frozen=True)
class HeldCorrelation:
    """The correlation of columns `a` and `b` of term `k` is held; sigma is at its best.

    The lengths of the first two rows of the root are free as logarithms, so that neither turns
    round, which would change the sign of the correlation.
    """

    criterion: Criterion
    k: int
    a: int
    b: int

    def coordinates(self, T: Sequence[Vector], sigma: float) -> Vector:
        """The entries of the scaled roots, two of them as log lengths, one left out."""
        roots = self.criterion.scaled(T)
        root = lower_triangle(roots[self.k][self._order])
        root[1, 1] = np.log(np.hypot(root[1, 0], root[1, 1]))
        root[0, 0] = np.log(root[0, 0])
        roots[self.k] = root
        return self.criterion.pack(roots)[self._entry.free]

    def evaluate(self, value: float, x: Vector) -> Value:
        """The criterion at a correlation of `value`."""
        roots = self.criterion.unpack(self._entry.among(0.0, x))
        root = roots[self.k]
        sine = float(np.sqrt(1 - value**2))
        root[0, 0], length = np.exp(root[0, 0]), float(np.exp(root[1, 1]))
        root[1, 0], root[1, 1] = value * length, sine * length
        at = self.criterion.evaluate(restored(roots, self.k, self._order))
        D = slopes_in_T(reordered(at.G, self.k, self._order), roots)
        d = D[self.k]
        turn = d[1, 1] * value / sine if sine > 0 else 0.0
        slope = length * (d[1, 0] - turn)
        d[1, 1] = length * (d[1, 0] * value + d[1, 1] * sine)
        d[0, 0] *= root[0, 0]
        return Value(at.deviance, self.criterion.pack(D)[self._entry.free], float(slope))

    @cached_property
    def _order(self) -> list[int]:
        return first_of([self.a, self.b], len(self.criterion.scales[self.k]))

    @cached_property
    def _entry(self) -> Entry:
        return self.criterion.entry(self.k, 1, 0)


def first_of(chosen: list[int], q: int) -> list[int]:
    """An order of the columns that starts with the chosen ones."""
    return [*chosen, *(c for c in range(q) if c not in chosen)]


def slopes_in_T(G: Sequence[Vector], T: Sequence[Vector]) -> list[Vector]:
    """Derivatives in T of a function with the derivatives G in TT'."""
    return [2 * g @ t for g, t in zip(G, T, strict=True)]


def reordered(matrices: Sequence[Vector], k: int, order: list[int]) -> list[Vector]:
    """The matrices with rows and columns of one of them in another order."""
    out = list(matrices)
    out[k] = out[k][np.ix_(order, order)]
    return out


def restored(roots: Sequence[Vector], k: int, order: list[int]) -> list[Vector]:
    """The roots with the rows of one of them in their own order again, lower-triangular."""
    out = list(roots)
    if order != sorted(order):
        out[k] = lower_triangle(out[k][np.argsort(order)])
    return out
