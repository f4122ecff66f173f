"""Directions in which a likelihood never falls, so that its maximum lies at infinity.

A row whose log-density rises with a linear form a_i'v and is bounded, such as that of a success
with its linear predictor, asks a_i'v >= 0 of a direction v that is free to take for ever; a row
whose log-density has a peak asks e_i'v = 0. The maximum is finite in the coordinates v exactly if
no v other than zero meets all demands (Albert & Anderson 1984, *Biometrika* 71, 1; for counts
Correia, Guimaraes & Zylkin 2019, arXiv:1903.01633). Whether one does is a linear program (Konis
2007, *Linear programming algorithms for detecting separated data in binary logistic regression
models*, thesis, Oxford):

    maximise c'v,    A v >= 0,   E v = 0,   -1 <= v <= 1,    c the sum of the rows of A.

The equalities are solved first: often nothing is left. Of many rows of A those are given to the
program that a solution without them breaks, until none is broken; a cone that more rows cut is
smaller, so that "no direction" of a part is "no direction" of all.

Random effects change nothing: at any value of theirs the row's log-density never falls along v,
and so neither does the integral over them.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]

FIRST = 1_000
"""Rows of the first program, and most that join at a time."""

BROKEN = 1e-7
"""Size below zero from which a demand is broken, for rows of size one: the program's own."""

MOVES = 1e-5
"""Size of a form from which a direction moves it, coordinates up to one."""

MOST_SIGNED = 30
"""Forms whose signs are asked for, by two programs each; more are taken to go either way."""

DEPENDENT = 1e-10
"""Singular value over the largest, below which equalities leave a direction free."""


@dataclass(frozen=True, slots=True)
class Demands:
    """What rows ask of a direction v (d,).

    Attributes
    ----------
    rising : array (r, d)
        A: rows of forms that must not fall.
    peaked : array (s, d)
        E: rows of forms that must stay.
    """

    rising: Vector
    peaked: Vector


@dataclass(frozen=True, slots=True)
class Recession:
    """Directions that meet all demands.

    Attributes
    ----------
    is_complete : bool
        Whether one of them moves every rising form, and there are no peaked ones.
    low, high : array (k,)
        Of every form asked about, whether it goes to minus and to plus infinity along one of them.
    moved : array (r,)
        The rising forms that one of them moves.
    """

    is_complete: bool
    low: Mask
    high: NDArray[np.bool_]
    moved: NDArray[np.bool_]


def recession(demands: Demands, forms: Vector) -> Recession | None:
    """The directions that meet `demands`, and what they do to `forms` (k, d); None where there is
    none but zero.

    `demands` together must have full column rank, so that every direction moves a row.
    """
    size = np.maximum(_largest(demands.rising), _largest(demands.peaked))
    scale = np.where(size > 0, size, 1.0)
    free = _free(demands.peaked / scale)
    if not free.shape[1]:
        return None
    cone = _Cone.of(_unit_rows(demands.rising / scale) @ free)
    moved = _movable(cone)
    if not moved.any():
        return None
    asked = _unit_rows(_unit_rows(forms / scale) @ free)
    low, high = _ends(cone, asked, moved)
    return Recession(
        is_complete=bool(moved.all()) and not len(demands.peaked),
        low=low,
        high=high,
        moved=moved,
    )


def _ends(cone: "_Cone", asked: Vector, moved: Mask) -> tuple[Mask, Mask]:
    """Whether each of the forms (k, d) falls and rises along directions of the cone.

    The cone spans what the rows that no direction moves leave free, so that a form is constant on
    it exactly if it is one of their combinations. Of the others two programs tell the signs.
    """
    spanned = _free(cone.A[~moved])
    goes = np.sqrt(np.sum((asked @ spanned) ** 2, axis=1)) > MOVES
    low, high = goes.copy(), goes.copy()
    if goes.sum() <= MOST_SIGNED:
        for j in np.flatnonzero(goes):
            low[j] = asked[j] @ cone.farthest(-asked[j]) < -MOVES
            high[j] = asked[j] @ cone.farthest(asked[j]) > MOVES
    return low, high


@dataclass(slots=True)
class _Cone:
    """{v : A v >= 0}, rows of size one, and those of its rows that programs have needed so far."""

    A: Vector
    used: NDArray[np.intp]

    @staticmethod
    def of(A: Vector) -> "_Cone":
        rows = _unit_rows(A)
        step = max(1, len(rows) // FIRST)
        return _Cone(rows, np.arange(0, len(rows), step))

    def farthest(self, c: Vector) -> Vector:
        """The v of the cone, coordinates within [-1, 1], with the largest c'v."""
        while True:
            v = _program(c, self.A[self.used])
            value = self.A @ v
            broken = np.flatnonzero(value < -BROKEN)
            broken = np.setdiff1d(broken, self.used, assume_unique=True)
            if not len(broken):
                return v
            worst = broken[np.argsort(value[broken], kind="stable")[:FIRST]]
            self.used = np.union1d(self.used, worst)


def _program(c: Vector, A: Vector) -> Vector:
    optimize: Any = import_module("scipy.optimize")  # only where separation is suspected
    size = float(np.abs(c).max(initial=0.0)) or 1.0
    found = optimize.linprog(-c / size, A_ub=-A, b_ub=np.zeros(len(A)), bounds=(-1.0, 1.0))
    return np.asarray(found.x, dtype=np.float64)


def _movable(cone: _Cone) -> NDArray[np.bool_]:
    """The rows that some direction moves: those that one moves as far as may be all together, then
    the same of the others, until nothing moves.
    """
    moved = np.zeros(len(cone.A), dtype=np.bool_)
    while True:
        v = cone.farthest(cone.A[~moved].sum(axis=0))
        more = cone.A @ v > MOVES
        if not (more & ~moved).any():
            return moved
        moved |= more


def _free(E: Vector) -> Vector:
    """A basis (d, k) of what E leaves free."""
    d = E.shape[1]
    if not len(E):
        return np.eye(d)
    triangle = np.linalg.qr(E, mode="r") if len(E) > d else E
    _, values, right = np.linalg.svd(triangle)
    rank = int((values > DEPENDENT * values.max(initial=0.0)).sum())
    return np.asarray(right[rank:].T)


def _unit_rows(A: Vector) -> Vector:
    """Rows of size one; those that are rounding error beside it are zero."""
    size = np.sqrt(np.einsum("ij,ij->i", A, A))[:, None]
    return np.asarray(np.divide(A, size, out=np.zeros_like(A), where=size > DEPENDENT))


def _largest(A: Vector) -> Vector:
    return np.asarray(np.abs(A).max(axis=0, initial=0.0))
