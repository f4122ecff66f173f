"""The profile of one fixed effect by fits that hold it: slow, and right where a surface is rugged.

With row'beta held at c, beta = c row / (row'row) + N gamma where N spans what is orthogonal to row:
a model for y - c X row / (row'row) with the columns X N.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, optimize

from mixedmodels.engine.settings import Control
from mixedmodels.engine.structured import StructuredProblem
from mixedmodels.errors import DataError

Vector = NDArray[np.float64]

DOUBLINGS = 8
"""Of the distance within which a limit is sought, from one that the curvature suggests."""

CLOSE = 1e-6
"""Of that distance: how exactly a limit is found."""


def held_limit(
    problem: StructuredProblem,
    row: Vector,
    *,
    theta: Vector,
    estimate: float,
    distance: float,
    cutoff: float,
) -> float:
    """Where the criterion (ML), with row'beta held, reaches `cutoff`; nan if it does not nearby.

    Parameters
    ----------
    problem
        The model.
    row
        The contrast (p,) in the working coordinates of the fixed effects.
    theta
        The variance parameters that searches start from.
    estimate
        row'beta at the maximum of the likelihood.
    distance
        About how far from there the limit lies, with the sign of its side.
    cutoff
        The criterion at the limit.
    """
    above = _criterion(problem, row, theta, cutoff)
    inner, outer = estimate, estimate + distance
    try:
        for _ in range(DOUBLINGS):
            if above(outer) > 0:
                found = optimize.brentq(above, inner, outer, xtol=CLOSE * abs(distance))
                return float(found)
            inner, outer = outer, outer + (outer - estimate)
    except DataError:  # a model that cannot be fitted there has no profile
        return float("nan")
    return float("nan")


def _criterion(
    problem: StructuredProblem, row: Vector, theta: Vector, cutoff: float
) -> Callable[[float], float]:
    matrices = problem.matrices
    along = matrices.X @ row / (row @ row)
    X = matrices.X @ linalg.null_space(row[None, :])
    control = Control(start=tuple(theta))

    def above(value: float) -> float:
        held = replace(problem, matrices=replace(matrices, X=X, y=matrices.y - value * along))
        return held.minimise(reml=False, control=control).deviance - cutoff

    return above
