"""Fitted values and residuals on the kept rows."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.errors import DataError
from mixedmodels.fit.auxiliary import auxiliary_rows
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.linear_predictor import linear_predictor, marginal_mean
from mixedmodels.fit.once import once
from mixedmodels.fit.row_distribution import family_residuals, row_distribution
from mixedmodels.vocabulary import ResidualKind

Vector = NDArray[np.float64]

LOG_2PI = float(np.log(2 * np.pi))

CONDITIONAL: tuple[ResidualKind, ...] = ("response", "pearson", "standardized", "normalized")
"""Kinds of what the fitted values leave."""

OF_NORMAL_ROWS: dict[ResidualKind, ResidualKind] = {
    "deviance": "pearson",
    "working": "response",
    "quantile": "normalized",
}
"""Kinds that the rows of a linear model have under another name."""


def mean_residual_variance(fit: Fit) -> float:
    """The residual variance of a row, on average over the rows."""
    if fit.matrices.is_plain:
        return fit.sigma**2 * fit.matrices.mean_inverse_weight
    return fit.sigma**2 * float(np.mean(fit.problem.row_sd(fit.theta) ** 2))


def linear_predictor_array(fit: Fit) -> Vector:
    """X beta + Z b + offset (n,)."""
    if fit.generalised is not None:
        return fit.generalised.eta
    return linear_predictor(fit.matrices, fit.beta, fit.b)


def fitted_array(fit: Fit) -> Vector:
    """The mean (n,) of every row given the random effects, on the scale of the response: a
    probability where the response counts successes in trials.
    """
    if fit.generalised is None:
        return linear_predictor(fit.matrices, fit.beta, fit.b)
    return fit.family.mean(fit.generalised.eta, auxiliary_rows(fit))


def observed_array(fit: Fit) -> Vector:
    """The responses (n,) on the scale of `fitted_array`."""
    m = fit.matrices
    return m.y if m.size is None else m.y / m.size


def log_densities(fit: Fit) -> Vector:
    """Log-density (n,) of every row given the random effects, at the parameters of the fit; of rows
    that are independent given these.
    """
    m = fit.matrices
    if fit.generalised is not None:
        found = row_distribution(fit).log_density()
        return found if m.weights is None else found * m.weights
    scale = fit.sigma * fit.problem.row_sd(fit.theta)
    z = (m.y - fitted_array(fit)) / scale
    return np.asarray(-(LOG_2PI + z**2) / 2 - np.log(scale))


def population_array(fit: Fit) -> Vector:
    """The mean (n,) of every row at random effects of zero, on the scale of the response."""
    eta = marginal_mean(fit.matrices.X, fit.beta, fit.matrices.offset)
    return eta if fit.generalised is None else fit.family.mean(eta, auxiliary_rows(fit))


def linear_predictor_values(fit: Fit) -> pd.Series:
    """`linear_predictor_array`, on the index of the kept rows."""
    values = linear_predictor_array(fit)
    return pd.Series(values, index=fit.matrices.index.view(), name="linear_predictor")


def fitted_values(fit: Fit) -> pd.Series:
    """Conditional fitted values, on the index of the kept rows."""
    return pd.Series(fitted_array(fit), index=fit.matrices.index.view(), name="fitted")


@once
def total_trials(fit: Fit) -> float:
    """The trials of all rows."""
    size = fit.matrices.size
    return float(len(fit.matrices.y) if size is None else size.sum())


@once
def residual_quartiles(fit: Fit) -> tuple[float, ...]:
    """Smallest, quartiles and largest of the standardized residuals."""
    values = residuals(fit, "standardized").to_numpy()
    return tuple(np.quantile(values, [0, 0.25, 0.5, 0.75, 1]).tolist())


def residuals(fit: Fit, kind: ResidualKind = "response") -> pd.Series:
    """Residuals on the index of the kept rows.

    ``"response"``: y minus the fitted value. ``"pearson"``: that over the row's standard deviation
    relative to sigma, as in lme4, where it is the square root of the weight that multiplies.
    ``"standardized"``: the Pearson residual divided by sigma, lme4's *scaled* residual; leverage is
    not taken into account. ``"normalized"``: R^{-1/2} (y - fitted) / sigma with the Cholesky factor
    of the residual covariance, nlme's. ``"marginal"``: y - X beta - offset. ``"deviance"``,
    ``"working"`` and ``"quantile"``, which are of generalised models, are of normal rows the
    Pearson, response and normalized ones. Those of a generalised model: see `row_distribution`.
    """
    m = fit.matrices
    if fit.generalised is not None:
        values = family_residuals(fit, kind)
        return pd.Series(values, index=m.index.view(), name="resid")
    kind = OF_NORMAL_ROWS.get(kind, kind)
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
