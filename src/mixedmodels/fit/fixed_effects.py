"""Fixed effects: estimates, their covariance and their standard errors."""

import numpy as np
import pandas as pd

from mixedmodels.fit.fit import Fit


def params(fit: Fit) -> pd.Series:
    """Estimates of the fixed effects, by name."""
    return pd.Series(fit.beta.copy(), index=_names(fit), name="estimate")


def cov_params(fit: Fit) -> pd.DataFrame:
    """Covariance of the estimates, sigma^2 (X'V^-1 X)^-1; its square-rooted diagonal is `bse`."""
    return pd.DataFrame(
        fit.sigma**2 * fit.cov_beta_unscaled, index=_names(fit), columns=_names(fit)
    )


def bse(fit: Fit) -> pd.Series:
    """Standard errors of the fixed effects."""
    errors = fit.sigma * np.sqrt(np.diag(fit.cov_beta_unscaled))
    return pd.Series(errors, index=_names(fit), name="std_error")


def tvalues(fit: Fit) -> pd.Series:
    """Estimates divided by their standard errors."""
    return (params(fit) / bse(fit)).rename("statistic")


def _names(fit: Fit) -> pd.Index:
    return pd.Index(fit.matrices.x_names, dtype=object)
