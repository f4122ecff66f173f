"""Minimisation over few coordinates, warm-started along a path: BFGS with an exact gradient."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.inference.profile.constrained import Evaluated, Value

Vector = NDArray[np.float64]

ENOUGH = 1e-9
"""Decrease of the criterion that is predicted to be left when the search stops."""

STEP = 1e-5
"""Forward difference of the gradient, relative to the scale of a coordinate."""

LONGEST = 3.0
"""Change of a coordinate in one step; all are relative, or logarithms."""

MOST = 200
"""Steps of one search."""

HALVINGS = 40
"""Shorter steps that are tried before the search is at its end."""


@dataclass(frozen=True, slots=True)
class State:
    """A point of a path: the held value, the free coordinates, the criterion there, H^-1."""

    held: float
    x: Vector
    value: Value
    inverse: Vector


def inverse_hessian(criterion: Evaluated, held: float, x: Vector, base: Vector) -> Vector:
    """Inverse of the Hessian in the free coordinates, by differences of the gradient.

    `base` is the gradient at `x`. Directions of negative curvature are turned round.
    """
    m = len(x)
    if not m:
        return np.zeros((0, 0))
    hessian = np.empty((m, m))
    for i in range(m):
        moved = x.copy()
        moved[i] += STEP
        hessian[i] = (criterion.evaluate(held, moved).gradient - base) / STEP
    values, vectors = np.linalg.eigh((hessian + hessian.T) / 2)
    size = np.maximum(np.abs(values), 1e-6 * np.abs(values).max() + 1e-12)
    inverse: Vector = (vectors / size) @ vectors.T
    return inverse


def minimise(criterion: Evaluated, held: float, x: Vector, inverse: Vector | None) -> State:
    """The minimum over the free coordinates, from `x`."""
    value = criterion.evaluate(held, x)
    if inverse is None:
        inverse = inverse_hessian(criterion, held, x, value.gradient)
    for _ in range(MOST if len(x) else 0):
        direction = -inverse @ value.gradient
        if -float(value.gradient @ direction) < ENOUGH:
            break
        step = direction * min(1.0, LONGEST / np.abs(direction).max())
        after = criterion.evaluate(held, x + step)
        for _ in range(HALVINGS):
            if after.deviance <= value.deviance + 1e-4 * float(value.gradient @ step):
                break
            step = 0.3 * step
            after = criterion.evaluate(held, x + step)
        else:
            break
        inverse = _updated(inverse, step, after.gradient - value.gradient)
        x, value = x + step, after
    return State(held, x, value, inverse)


def _updated(inverse: Vector, step: Vector, change: Vector) -> Vector:
    """The BFGS update of an inverse Hessian (Nocedal & Wright 2006, equation 6.17)."""
    product = float(change @ step)
    if product <= 1e-12 * float(step @ step):
        return inverse
    left = np.eye(len(step)) - np.outer(step, change) / product
    updated: Vector = left @ inverse @ left.T + np.outer(step, step) / product
    return updated
