"""Fitted values and residuals on the kept rows."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.linear_predictor import linear_predictor, marginal_mean
from mixedmodels.vocabulary import ResidualKind

Vector = NDArray[np.float64]

CONDITIONAL: tuple[ResidualKind, ...] = ("response", "pearson", "standardized", "normalized")
"""Kinds of what the fitted values leave."""


def mean_residual_variance(fit: Fit) -> float:
    """The residual variance of a row, on average over the rows."""
    if fit.matrices.is_plain:
        return fit.sigma**2 * fit.matrices.mean_inverse_weight
    return fit.sigma**2 * float(np.mean(fit.problem.row_sd(fit.theta) ** 2))


def fitted_array(fit: Fit) -> Vector:
    """X beta + Z b + offset (n,)."""
    return linear_predictor(fit.matrices, fit.beta, fit.b)


def fitted_values(fit: Fit) -> pd.Series:
    """Conditional fitted values, on the index of the kept rows."""
    return pd.Series(fitted_array(fit), index=fit.matrices.index.view(), name="fitted")


def residuals(fit: Fit, kind: ResidualKind = "response") -> pd.Series:
    """Residuals on the index of the kept rows.

    ``"response"``: y minus the fitted value. ``"pearson"``: that over the row's standard deviation
    relative to sigma, as in lme4, where it is the square root of the weight that multiplies.
    ``"standardized"``: the Pearson residual divided by sigma, lme4's *scaled* residual; leverage is
    not taken into account. ``"normalized"``: R^{-1/2} (y - fitted) / sigma with the Cholesky factor
    of the residual covariance, nlme's. ``"marginal"``: y - X beta - offset.
    """
    m = fit.matrices
    if kind == "marginal":
        values = m.y - marginal_mean(m.X, fit.beta, m.offset)
    elif kind in CONDITIONAL:
        values = m.y - fitted_array(fit)
    else:
        raise DataError(
            f"residuals of kind {kind!r} are not known.\n"
            f"Do:   write one of {', '.join(CONDITIONAL)} and marginal."
        )
    if kind in ("pearson", "standardized"):
        values = values / fit.problem.row_sd(fit.theta)
    if kind == "normalized":
        values = fit.problem.whitened(fit.theta, values)
    if kind in ("standardized", "normalized"):
        values = values / fit.sigma
    return pd.Series(values, index=m.index.view(), name="resid")
