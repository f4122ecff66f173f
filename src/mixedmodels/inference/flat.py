"""Directions of (theta, sigma) in which the likelihood is flat whatever the data.

The relations among the variance parameters gamma (see `design.identification`), carried to the
scale of the search: v with (d gamma / d(theta, sigma)) v = c for a relation c. At variances that
are left at zero there is none, as nothing changes there to first order.
"""

import numpy as np
from numpy.typing import NDArray

from mixedmodels.engine.route import plain
from mixedmodels.fit.fit import Fit

Vector = NDArray[np.float64]

UNREACHED = 1e-6
"""Relative remainder of a relation that no direction gives."""

FLAT = 1e-10
"""Curvature relative to the diagonal below which a direction is flat."""


def covariance_slopes(fit: Fit, term: int, T: Vector) -> Vector:
    """dSigma_k / d(theta, sigma) for the columns of Z_k, (m + 1, q_k, q_k)."""
    slopes = np.zeros((len(fit.theta) + 1, *T.shape))
    for position, (k, row, column) in enumerate(
        plain(fit.problem, "The slope of a covariance").theta_index
    ):
        if k == term:
            slopes[position, row, :] += fit.sigma**2 * T[:, column]
            slopes[position, :, row] += fit.sigma**2 * T[:, column]
    slopes[-1] = 2 * fit.sigma * T @ T.T
    return slopes


def flat_directions(fit: Fit) -> Vector:
    """Shape (m + 1, d): each changes the covariance of the response as much as doubling sigma^2."""
    known = fit.identification
    size = len(fit.theta) + 1
    if not known.n_lost:
        return np.empty((size, 0))
    slopes = [covariance_slopes(fit, k, T_k) for k, T_k in enumerate(fit.T)]
    rows = [slopes[k][:, i, j] for k, i, j in known.parameters]
    rows.append(np.append(np.zeros(size - 1), 2 * fit.sigma))
    jacobian = np.array(rows) * known.sizes[:, None]
    length = np.linalg.norm(jacobian, axis=0)
    unit = np.where(length > 0, length, np.inf)
    found = np.linalg.lstsq(jacobian / unit, known.relations, rcond=FLAT)[0]
    left = known.relations - jacobian / unit @ found
    reached = np.linalg.norm(left, axis=0) < UNREACHED
    scale = fit.sigma**2 * float(known.sizes[-1])
    directions: Vector = scale * found[:, reached] / unit[:, None]
    return directions


def covariance_across(hessian: Vector, flat: Vector) -> Vector:
    """2 H^+ in the directions across the flat ones, at unit diagonal of H."""
    diagonal = np.diag(hessian)
    unit = np.where(diagonal > 0, 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0)), 0.0)
    scaled = np.where(unit[:, None] > 0, flat / np.where(unit > 0, unit, 1.0)[:, None], 0.0)
    length = np.linalg.norm(scaled, axis=0)
    U, s, _ = np.linalg.svd(scaled[:, length > 0] / length[length > 0], full_matrices=True)
    across = U[:, int(np.count_nonzero(s > FLAT**0.5)) :]
    values, vectors = np.linalg.eigh(across.T @ (hessian * np.outer(unit, unit)) @ across)
    keep = values > FLAT * len(values)
    half = unit[:, None] * (across @ vectors[:, keep])
    covariance: Vector = (half * (2 / values[keep])) @ half.T
    return covariance
