"""Log-likelihood and information criteria.

Under REML all of them rest on the restricted likelihood, as in lme4: they compare models with the
same fixed effects only.
"""

import math

from mixedmodels.fit.fit import Fit


def n_parameters(fit: Fit) -> int:
    """Fixed effects, covariance parameters and the residual variance."""
    return len(fit.beta) + len(fit.theta) + 1


def n_rows(fit: Fit) -> int:
    """The rows used."""
    return len(fit.matrices.y)


def log_likelihood(fit: Fit) -> float:
    """Log-likelihood (ML) or restricted log-likelihood (REML) at the estimates."""
    return -fit.objective / 2


def aic(fit: Fit) -> float:
    """Objective + 2 npar."""
    return fit.objective + 2 * n_parameters(fit)


def aicc(fit: Fit) -> float:
    """AIC with Hurvich and Tsai's correction; infinite where n <= npar + 1, its limit."""
    k, n = n_parameters(fit), n_rows(fit)
    return aic(fit) + 2 * k * (k + 1) / (n - k - 1) if n > k + 1 else math.inf


def bic(fit: Fit) -> float:
    """Objective + log(n) npar."""
    return fit.objective + math.log(n_rows(fit)) * n_parameters(fit)
