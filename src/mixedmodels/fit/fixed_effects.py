"""Fixed effects: estimates, their covariance and their standard errors."""

from typing import get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.options import require_option
from mixedmodels.vocabulary import CovarianceKind

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


def cov_params(fit: Fit, kind: CovarianceKind | None = None) -> pd.DataFrame:
    """Covariance of the estimates; the square-rooted diagonal of the default is `bse`.

    ``"conditional"`` is sigma^2 (X'V^-1 X)^-1, which takes all other parameters as known, and the
    default of linear models; ``"hessian"``, the default of generalised ones, is the part of beta in
    the inverse of half the Hessian of the criterion in all parameters.

    Raises
    ------
    DataError
        If the kind is not known, or is not there for linear models.
    """
    if kind is not None:
        require_option("kind", kind, get_args(CovarianceKind))
    names = _names(fit)
    C = fit.sigma**2 * unscaled_covariance(fit)
    if kind == "conditional" and fit.generalised is not None:
        C = fit.matrices.coordinates.reported_covariance(fit.generalised.covariance_conditional)
    if kind == "hessian" and fit.generalised is None:
        raise DataError(
            'kind="hessian" is not available for linear models.\n'
            "Do:   leave kind out.\n"
            "Why:  there beta is profiled out, and its covariance is sigma^2 (X'V^-1 X)^-1; ddf "
            "says\n      how its tests allow for the variances being estimated."
        )
    return pd.DataFrame(C, index=names, columns=names)


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
