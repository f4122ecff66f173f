"""From theta to the templates T_k and to covariances: the three scales, one function each."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design import Coordinates

Vector = NDArray[np.float64]


def templates(
    theta: Vector, theta_index: Sequence[tuple[int, int, int]], sizes: Sequence[int]
) -> tuple[Vector, ...]:
    """The lower-triangular T_k (q_k, q_k) of every term; Sigma_k = sigma^2 T_k T_k'."""
    T = tuple(np.zeros((q, q)) for q in sizes)
    for value, (term, row, column) in zip(theta, theta_index, strict=True):
        T[term][row, column] = value
    return T


def covariance(T: Vector, sigma: float) -> Vector:
    """Sigma = sigma^2 T T' (q, q)."""
    S = sigma * T
    return S @ S.T


def correlation(cov: Vector) -> Vector:
    """Correlations (q, q); nan where a variance is zero, since nothing is defined there."""
    sd = np.sqrt(np.diag(cov))
    product = np.outer(sd, sd)
    out = np.full_like(cov, np.nan)
    np.divide(cov, product, out=out, where=product > 0)
    return np.clip(out, -1.0, 1.0)


def reported_template(coordinates: Coordinates, T: Vector) -> Vector:
    """T (q, q) for the columns of the formula from that for the working ones."""
    return lower_triangle(coordinates.reported_root(T)) if coordinates.steps else T


def working_template(coordinates: Coordinates, T: Vector) -> Vector:
    """T (q, q) for the working columns from that for the formula's."""
    return lower_triangle(coordinates.working_root(T)) if coordinates.steps else T


def lower_root(cov: Vector) -> Vector:
    """Lower-triangular T with T T' = cov, its diagonal not negative; cov may be singular."""
    values, vectors = np.linalg.eigh(np.asarray(cov, dtype=np.float64))
    return lower_triangle(vectors * np.sqrt(np.maximum(values, 0.0)))


def lower_triangle(rows: Vector) -> Vector:
    """Lower-triangular T with T T' = rows rows', its diagonal not negative."""
    T = np.linalg.qr(rows.T)[1].T
    triangle: Vector = T * np.where(np.diag(T) < 0, -1.0, 1.0)
    return triangle
