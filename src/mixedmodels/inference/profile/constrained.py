"""The criterion with one parameter held at a value, in coordinates that leave the rest free.

A standard deviation is the first diagonal entry of a Cholesky factor in coordinates that put its
effect first; a correlation is the angle between the first two rows when its effects come first.
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

PARALLEL = 1e5
"""Condition from which a correlation is not worked with."""


@dataclass(frozen=True, slots=True)
class Value:
    """The criterion, its gradient in the free coordinates, and its slope in the held parameter."""

    deviance: float
    gradient: Vector
    slope: float


class Evaluated(Protocol):
    """The criterion with a parameter held, which a path follows."""

    def evaluate(self, value: float, x: Vector) -> Value:
        """The criterion with the parameter at `value` and the rest at `x`."""


class Constrained(Protocol):
    """The same of a plain linear model, in coordinates of its templates."""

    def coordinates(self, T: Sequence[Vector], sigma: float) -> Vector:
        """The free coordinates of templates in the user's units."""

    def evaluate(self, value: float, x: Vector) -> Value:
        """The criterion with the parameter at `value` and the rest at `x`."""


@dataclass(frozen=True, slots=True)
class HeldCoefficient:
    """The coefficient l'beta is held, `row` being l (p,) over the columns of X; sigma is at its
    best.
    """

    criterion: Criterion
    row: Vector

    def coordinates(self, T: Sequence[Vector], sigma: float) -> Vector:
        """The entries of the scaled T."""
        return self.criterion.pack(self.criterion.scaled(T))

    def evaluate(self, value: float, x: Vector) -> Value:
        """The criterion at l'beta = `value`."""
        T = self.criterion.unpack(x)
        at = self.criterion.evaluate(T, held=(self.row, value))
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

    Over the length of its effect and over sigma, it is the first entry of the term's root.
    """

    criterion: Criterion
    k: int
    a: int

    def coordinates(self, T: Sequence[Vector], sigma: float) -> Vector:
        """The entries of the scaled roots but for the held one, and log sigma."""
        roots = self._turn.turned(self.criterion.scaled(T))
        return np.append(self.criterion.pack(roots)[self._entry.free], np.log(sigma))

    def evaluate(self, value: float, x: Vector) -> Value:
        """The criterion at a standard deviation of `value`."""
        sigma = float(np.exp(x[-1]))
        scale = 1 / float(np.linalg.norm(self.criterion.effects[self.k][self.a]))
        first = value * scale / sigma
        roots = self.criterion.unpack(self._entry.among(first, x[:-1]))
        at = self.criterion.evaluate(self._turn.restored(roots), sigma=sigma)
        D = slopes_in_T(self._turn.turned_slopes(at.G), roots)
        entries = self.criterion.pack(D)
        slope = float(entries[self._entry.place])
        in_log_sigma = 2 * (self.criterion.n - at.share) - slope * first
        gradient = np.append(entries[self._entry.free], in_log_sigma)
        return Value(at.deviance, gradient, slope * scale / sigma)

    @cached_property
    def _turn(self) -> "Turn":
        effects = self.criterion.effects[self.k]
        return Turn(self.k, np.eye(len(effects)) if self._is_diagonal else first(effects, [self.a]))

    @cached_property
    def _entry(self) -> Entry:
        return self.criterion.entry(self.k, *[self.a if self._is_diagonal else 0] * 2)

    @cached_property
    def _is_diagonal(self) -> bool:
        return self.criterion.problem.matrices.terms[self.k].is_independent


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

    @cached_property
    def is_parallel(self) -> bool:
        """Whether the two effects are one, but for rounding error, as an effect at an origin very
        far from the data and a slope are: their correlation says nothing about the data.
        """
        return float(np.linalg.cond(self._turn.matrix)) > PARALLEL

    def coordinates(self, T: Sequence[Vector], sigma: float) -> Vector:
        """The entries of the scaled roots, two of them as log lengths, one left out."""
        roots = self.criterion.scaled(T)
        root = self._turn.turned(roots)[self.k]
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
        at = self.criterion.evaluate(self._turn.restored(roots))
        D = slopes_in_T(self._turn.turned_slopes(at.G), roots)
        d = D[self.k]
        turn = d[1, 1] * value / sine if sine > 0 else 0.0
        slope = length * (d[1, 0] - turn)
        d[1, 1] = length * (d[1, 0] * value + d[1, 1] * sine)
        d[0, 0] *= root[0, 0]
        return Value(at.deviance, self.criterion.pack(D)[self._entry.free], float(slope))

    @cached_property
    def _turn(self) -> "Turn":
        return Turn(self.k, first(self.criterion.effects[self.k], [self.a, self.b]))

    @cached_property
    def _entry(self) -> Entry:
        return self.criterion.entry(self.k, 1, 0)


@dataclass(frozen=True)
class Turn:
    """Other coordinates of the effects of term `k`: the rows of `matrix` (q, q) over its own."""

    k: int
    matrix: Vector

    def turned(self, roots: Sequence[Vector]) -> list[Vector]:
        """The roots with that of the term in these coordinates, lower-triangular."""
        return self._changed(roots, self.matrix)

    def restored(self, roots: Sequence[Vector]) -> list[Vector]:
        """The inverse of `turned`."""
        return self._changed(roots, self._inverse)

    def turned_slopes(self, G: Sequence[Vector]) -> list[Vector]:
        """Derivatives in TT' in these coordinates."""
        out = list(G)
        out[self.k] = self._inverse.T @ out[self.k] @ self._inverse
        return out

    @cached_property
    def is_none(self) -> bool:
        """Whether the coordinates are the term's own."""
        return bool(np.array_equal(self.matrix, np.eye(len(self.matrix))))

    @cached_property
    def _inverse(self) -> Vector:
        return np.asarray(np.linalg.inv(self.matrix), dtype=np.float64)

    def _changed(self, roots: Sequence[Vector], by: Vector) -> list[Vector]:
        out = list(roots)
        if not self.is_none:
            out[self.k] = lower_triangle(by @ out[self.k])
        return out


def first(effects: Vector, chosen: Sequence[int]) -> Vector:
    """Coordinates (q, q) whose first rows are the chosen ones of `effects` at unit length; the
    others are orthogonal to them.
    """
    rows = effects[list(chosen)]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    if np.count_nonzero(rows) == len(rows):
        others = np.delete(np.eye(len(effects)), np.argmax(rows, axis=1), axis=0)
        return np.vstack([rows, others])
    rest = np.asarray(np.linalg.qr(rows.T, mode="complete")[0])[:, len(rows) :]
    return np.vstack([rows, rest.T])


def slopes_in_T(G: Sequence[Vector], T: Sequence[Vector]) -> list[Vector]:
    """Derivatives in T of a function with the derivatives G in TT'."""
    return [2 * g @ t for g, t in zip(G, T, strict=True)]
