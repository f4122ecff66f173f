"""Residual variances of rows, of the fit or new, over sigma^2."""

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design import NewResidual
from mixedmodels.engine.residual_blocks import row_variances
from mixedmodels.engine.row_scale import row_scale
from mixedmodels.fit.fit import Fit
from mixedmodels.prediction.rows import Rows

Vector = NDArray[np.float64]


def new_scale(fit: Fit, rows: Rows, theta: Vector, fitted: Vector) -> Vector:
    """The standard deviations (n,) that rows have beside sigma and beside those of the structure.

    Rows without a weight, where the fit has some, have its mean inverse weight.
    """
    scale = None if rows.residual is None else rows.residual.scale
    coefficients = [] if scale is None else fit.problem.scale_coefficients(theta)
    found = row_scale(scale, rows.weights, coefficients, n=len(fitted), fitted=fitted)
    return found * np.sqrt(fit.matrices.mean_inverse_weight) if rows.weights is None else found


def residual_variances(fit: Fit, rows: Rows, theta: Vector, scale: Vector) -> Vector:
    """Shape (n,); nan for rows at an occasion, or of a part, that the fit has not seen, if it has
    variances of their own.

    Parameters
    ----------
    fit, rows
        The fit, and its rows or new ones.
    theta
        The variance parameters.
    scale
        From `new_scale`; rows of the fit need none.
    """
    if not rows.is_new:
        return fit.problem.row_sd(theta) ** 2
    if fit.spec.residual is not None and rows.residual is None:
        return np.full(len(scale), np.nan)
    return scale**2 * _structured(fit, rows.residual, theta, len(scale))


def _structured(fit: Fit, new: NewResidual | None, theta: Vector, n: int) -> Vector:
    """The diagonal (n,) of C."""
    used = fit.matrices.residual
    if used is None or used.structure is None:
        return np.ones(n)
    if new is None:  # independent, with a standard deviation that is no multiple of sigma
        return np.full(n, fit.problem.residual_covariance(theta, 0, used.positions[:1])[0, 0])
    known = new.part >= 0
    if not used.structure.hom:
        known &= np.isfinite(new.positions).all(axis=1)
    out = np.full(n, np.nan)
    out[known] = row_variances(fit.problem, theta, new.part[known], new.positions[known])
    return out
