"""Columns in coordinates that a double can work in: far origins and near-repetitions taken out.

Of a column such as a calendar year, a Julian date or Unix seconds only the last digits say
anything, and each product of two such columns loses twice as many. Yet the model does not depend
on the origin where the constant is among its columns: with W = X G^-1 and G invertible

    X beta = W (G beta),        beta = G^-1 beta_W,        L beta = (L G^-1) beta_W,

so that a row of L moves like a row of X. G is a product of steps W_j -= sum_k f_k W_k of two kinds:

- a column far from zero loses its projection on the *coarse* columns (the constant, indicators,
  codings of factors). The factors are rounded to the spread of what is left, so that the
  subtraction is exact: no digit of the data is lost, whatever the origin.
- a column that is nearly a combination of others (powers of one covariate) loses its projection on
  those before it.

Columns near zero and well apart stay as they are, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

Vector = NDArray[np.float64]

NEAR = 1e-2
"""Size of what other columns leave of one, relative to its own, below which it is nearly theirs."""

ROUNDING = 64 * float(np.finfo(np.float64).eps)
"""The same from which it is not told from rounding error of its own."""

DEPENDENT = 1e-10
"""The same below which it is theirs, up to the rounding error of the product that finds out."""

COARSE_VALUES = 64
"""Most distinct values of a coarse column."""

COARSE_RANGE = 100.0
"""Largest value of a coarse column over the smallest gap between two of its values."""


@dataclass(frozen=True, slots=True)
class Step:
    """W_j -= sum_k f_k W_k: `column` j, the `sources` k, their `factors` f."""

    column: int
    sources: tuple[int, ...]
    factors: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Coordinates:
    """The way from the columns of a formula to those that the fit works with, and back.

    Attributes
    ----------
    steps
        In the order in which columns are changed; none where the two are the same.
    """

    steps: tuple[Step, ...] = ()

    def columns(self, X: Vector) -> Vector:
        """W (n, p) of rows `X` (n, p); of a matrix of hypotheses L the same: L G^-1."""
        if not self.steps:
            return X
        W = np.array(X, dtype=np.float64, order="F")
        for step in self.steps:
            W[:, step.column] -= _combined(step, W)
        return W

    def original(self, W: Vector) -> Vector:
        """X (n, p) of rows `W` (n, p)."""
        if not self.steps:
            return W
        X = np.array(W, dtype=np.float64, order="F")
        for step in reversed(self.steps):
            X[:, step.column] += _combined(step, X)
        return X

    def reported(self, beta: Vector) -> Vector:
        """Beta (..., p) of the formula's columns from that of the working ones."""
        return self._moved(beta, reversed(self.steps), -1.0)

    def working(self, beta: Vector) -> Vector:
        """Beta (..., p) of the working columns from that of the formula's."""
        return self._moved(beta, self.steps, 1.0)

    def reported_covariance(self, C: Vector) -> Vector:
        """Covariances (..., p, p) of coefficients of the formula's columns."""
        if not self.steps:
            return C
        half = self.reported(C)
        full: Vector = self.reported(half.swapaxes(-1, -2))
        return full

    def reported_root(self, T: Vector) -> Vector:
        """Any root R (..., q, r) of the covariance R R' of the formula's effects from one of the
        working ones'.
        """
        return self.reported(T.swapaxes(-1, -2)).swapaxes(-1, -2)

    def working_root(self, T: Vector) -> Vector:
        """The inverse of `reported_root`."""
        return self.working(T.swapaxes(-1, -2)).swapaxes(-1, -2)

    def known(self, entries: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which entries (q, q) of the covariance of the formula's effects depend on nothing but
        those `entries` of the working ones' that are known.
        """
        if not self.steps:
            return entries
        parts = (self.reported(np.eye(len(entries))).T != 0).astype(np.int64)
        return np.asarray(parts @ ~entries @ parts.T == 0)

    def _moved(self, beta: Vector, steps: Iterable[Step], sign: float) -> Vector:
        if not self.steps:
            return beta
        out = np.array(beta, dtype=np.float64)
        for step in steps:
            moved = out[..., step.column]
            for source, factor in zip(step.sources, step.factors, strict=True):
                out[..., source] += sign * factor * moved
        return out


ORIGINAL = Coordinates()
"""The coordinates of columns that stay as they are."""


def coordinates_of(X: Vector) -> Coordinates:
    """Coordinates in which the columns of `X` (n, p), of full rank, are well apart.

    Cost: one product X'X where nothing is to be done.
    """
    if X.shape[1] < 2 or not len(X) or is_well_apart(X):
        return ORIGINAL
    centring = centring_steps(X)
    return Coordinates((*centring, *_separating_steps(X, centring)))


def centring_steps(X: Vector, *, earlier_first: bool = False) -> tuple[Step, ...]:
    """What takes the projection on the coarse columns from those that are far from zero.

    With `earlier_first` on the coarse columns before it, if a column is far from zero for them.
    """
    coarse = coarse_columns(X)
    steps = []
    for j in sorted(set(range(X.shape[1])) - set(coarse)):
        chosen = [[k for k in coarse if k < j], coarse] if earlier_first else [coarse]
        found = (_centring_step(X, j, sources) for sources in chosen if sources)
        steps += [next((step for step in found if step is not None), None)]
    return tuple(step for step in steps if step is not None)


def _centring_step(X: Vector, j: int, sources: list[int]) -> Step | None:
    """None if the column is not far from zero, or nothing is left of it."""
    base, column = X[:, sources], X[:, j]
    factors = _projection(base, base.T @ base, column)
    left = _size(column - base @ factors)
    if not ROUNDING * _size(column) < left < NEAR * _size(column):
        return None
    return _step(j, sources, _rounded(factors, left))


def without_origin(columns: Vector, base: Vector) -> Vector:
    """`columns` (n, k) less their projection on the coarse ones of `base` (n, m), where they are
    far from zero.
    """
    sources = list(range(len(coarse := coarse_columns(base))))
    both = np.column_stack([base[:, coarse], columns])
    places = range(len(sources), both.shape[1])
    steps = [_centring_step(both, j, sources) for j in places if sources]
    moved = Coordinates(tuple(step for step in steps if step is not None))
    return moved.columns(both)[:, len(sources) :]


def coarse_columns(X: Vector) -> list[int]:
    """The columns with few values that are not far from zero for the gaps between them."""
    return [j for j in range(X.shape[1]) if _is_coarse(X[:, j])]


def _is_coarse(column: Vector) -> bool:
    if len(np.unique(column[: 4 * COARSE_VALUES])) > COARSE_VALUES:
        return False
    values = np.unique(column)
    if len(values) > COARSE_VALUES:
        return False
    return len(values) == 1 or bool(
        np.abs(values).max() <= COARSE_RANGE * float(np.diff(values).min())
    )


def is_well_apart(X: Vector) -> bool:
    """Whether no column is nearly a combination of those before it, by one product X'X."""
    gram = X.T @ X
    factor, failed = lapack.dpotrf(gram, lower=1)  # NumPy's takes longer than all else here
    left, size = factor.diagonal(), np.sqrt(gram.diagonal())
    return not failed and bool((left > NEAR * size).all())


def _size(column: Vector) -> float:
    """Root-mean-square."""
    return float(np.sqrt(np.mean(column**2)))


def _projection(base: Vector, gram: Vector, column: Vector) -> Vector:
    """Factors of the columns of `base` in the projection of `column`, refined once."""
    factors = _solved(gram, base.T @ column)
    again = _solved(gram, base.T @ (column - base @ factors))
    return factors + again


def _solved(gram: Vector, right: Vector) -> Vector:
    size = np.sqrt(gram.diagonal())
    size = np.where(size > 0, size, 1.0)
    unit = gram / np.outer(size, size)
    return np.asarray(np.linalg.lstsq(unit, right / size, rcond=None)[0] / size)


def _rounded(factors: Vector, spread: float) -> Vector:
    """The factors as multiples of a power of two below the spread."""
    grid = 2.0 ** np.floor(np.log2(spread))
    return np.asarray(np.round(factors / grid) * grid)


def _separating_steps(X: Vector, centring: tuple[Step, ...]) -> tuple[Step, ...]:
    """What takes from near-repetitions of earlier columns, the coarse ones first, their projection
    on these.
    """
    coarse = coarse_columns(X)
    order = [*coarse, *sorted(set(range(X.shape[1])) - set(coarse))]
    W = np.array(Coordinates(centring).columns(X), order="F")
    steps: list[Step] = []
    for place in range(1, len(order)):
        j, before = order[place], order[:place]
        earlier, column = W[:, before], W[:, j]
        factors = _projection(earlier, earlier.T @ earlier, column)
        left = _size(column - earlier @ factors)
        if DEPENDENT * _size(column) < left < NEAR * _size(column):
            steps.append(_step(j, before, factors))
            W[:, j] -= _combined(steps[-1], W)
    return tuple(steps)


def _step(column: int, sources: Sequence[int], factors: Vector) -> Step:
    used = [k for k in range(len(sources)) if factors[k] != 0]
    return Step(column, tuple(sources[k] for k in used), tuple(float(factors[k]) for k in used))


def _combined(step: Step, W: Vector) -> Vector:
    """sum_k f_k W_k, element by element, so that equal rows get equal sums."""
    total = np.zeros(len(W))
    for source, factor in zip(step.sources, step.factors, strict=True):
        total += factor * W[:, source]
    return total
