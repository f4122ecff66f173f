"""A costly smooth function, tabulated as polynomials where it is wanted at many points."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

SEGMENT = 0.25
"""Length of the segments, in standard deviations of a normal variable."""

POINTS = 10
"""Chebyshev points of each segment. With `SEGMENT`, log-tails of normal variables to 1e-13."""


def interpolated(function: Callable[[Vector], Vector], far: float) -> Callable[[Vector], Vector]:
    """`function` of w in [0, far] for arrays of any shape; beyond, its value at `far`.

    Parameters
    ----------
    function : function
        Of an array (n,), smooth at the scale of one.
    far : float
        End of the table.
    """
    n = int(np.ceil(far / SEGMENT))
    local = np.cos(np.pi * (np.arange(POINTS) + 0.5) / POINTS)
    points = (np.arange(n)[:, None] + (local + 1) / 2) * SEGMENT
    values = function(np.minimum(points, far).ravel()).reshape(points.shape)
    coefficients = np.linalg.solve(np.vander(local, increasing=True), values.T)

    def polynomial(w: Vector) -> Vector:
        scaled = np.minimum(w, far) / SEGMENT
        segment = np.minimum(scaled.astype(np.intp), n - 1)
        x = 2 * (scaled - segment) - 1
        value: Vector = coefficients[-1][segment]
        for row in coefficients[-2::-1]:
            value *= x
            value += row[segment]
        return value

    return polynomial
