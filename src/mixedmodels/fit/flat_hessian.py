"""The covariance of all estimates where the criterion of a generalised model is flat somewhere.

At a variance of zero some coordinates of a structure mean nothing (the correlation of effects that
do not vary), and the Hessian has no inverse. Nothing else depends on them to first order: they
count as known, and all others have their errors.
"""

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

FLAT = 1e-10
"""Curvature, at unit diagonal, below which a direction is flat."""

BENT = 1e-6
"""Negative curvature, at unit diagonal, from which the point is no minimum."""

IDLE = 1e-10
"""Curvature in a logarithm or logit below which the criterion does not depend on it: its standard
error would be above 100,000.
"""

LOST = 1e-6
"""Share of a coordinate that is in flat directions, from which it is not told."""


def covariance_of(hessian: Vector, n_theta: int, n_auxiliary: int = 0) -> Vector:
    """2 H^+ of a Hessian (P, P) that is not positive definite; nan where that says nothing.

    The last `n_auxiliary` coordinates are logarithms and logits: one that the criterion does not
    depend on, at the end of its range, leaves rounding error in its row.

    In the rows of fixed effects and auxiliary parameters that are in a flat direction themselves;
    everywhere if the criterion bends down somewhere, or the Hessian is not finite.
    """
    n = len(hessian)
    if not np.isfinite(hessian).all():
        return np.full((n, n), np.nan)
    idle = np.zeros(n, dtype=np.bool_)
    idle[n - n_auxiliary :] = np.abs(np.diag(hessian))[n - n_auxiliary :] < IDLE
    hessian = np.where(idle | idle[:, None], 0.0, hessian)
    diagonal = np.diag(hessian)
    unit = np.where(diagonal > 0, 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0)), 0.0)
    values, vectors = np.linalg.eigh(hessian * np.outer(unit, unit))
    if n and (values[0] < -BENT or diagonal.min() < -BENT):
        return np.full((n, n), np.nan)
    keep = values > FLAT * n
    half = unit[:, None] * vectors[:, keep] * np.sqrt(2 / values[keep])
    covariance: Vector = half @ half.T
    told = np.sum(vectors[:, keep] ** 2, axis=1)
    lost = (told < 1 - LOST) | (unit == 0)
    lost[:n_theta] = False
    covariance[lost, :] = covariance[:, lost] = np.nan
    return covariance
