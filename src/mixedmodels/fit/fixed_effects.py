"""Fixed effects: estimates, their covariance and their standard errors."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.fit.fit import Fit

Vector = NDArray[np.float64]


def params(fit: Fit) -> pd.Series:
    """Estimates of the fixed effects, by name."""
    return pd.Series(coefficients(fit), index=_names(fit), name="estimate")


def coefficients(fit: Fit) -> Vector:
    """Estimates (p,) for the columns of the formula; `Fit.beta` is for those of X."""
    return fit.matrices.coordinates.reported(fit.beta.copy())


def unscaled_covariance(fit: Fit) -> Vector:
    """Covariance (p, p) of `coefficients` over sigma^2."""
    return fit.matrices.coordinates.reported_covariance(fit.cov_beta_unscaled)


def cov_params(fit: Fit) -> pd.DataFrame:
    """Covariance of the estimates, sigma^2 (X'V^-1 X)^-1; its square-rooted diagonal is `bse`."""
    return pd.DataFrame(
        fit.sigma**2 * unscaled_covariance(fit), index=_names(fit), columns=_names(fit)
    )


def bse(fit: Fit) -> pd.Series:
    """Standard errors of the fixed effects."""
    errors = standard_errors(fit)
    return pd.Series(errors, index=_names(fit), name="std_error")


def standard_errors(fit: Fit) -> Vector:
    """Standard errors (p,) of `coefficients`."""
    return fit.sigma * np.sqrt(np.diag(unscaled_covariance(fit)))


def tvalues(fit: Fit) -> pd.Series:
    """Estimates divided by their standard errors."""
    return (params(fit) / bse(fit)).rename("statistic")


def _names(fit: Fit) -> pd.Index:
    return pd.Index(fit.matrices.x_names, dtype=object)
