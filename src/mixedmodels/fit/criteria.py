"""Log-likelihood and information criteria.

Under REML all of them rest on the restricted likelihood, as in lme4: they compare models with the
same fixed effects only.
"""

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design import Identification, ModelMatrices

Vector = NDArray[np.float64]


class Maximised(Protocol):
    """A model at its optimum: a `Fit`, or as much of one as a criterion needs."""

    @property
    def matrices(self) -> ModelMatrices:
        """The model matrices of the rows used."""

    @property
    def theta(self) -> Vector:
        """Covariance parameters (m,)."""

    @property
    def beta(self) -> Vector:
        """Fixed effects (p,)."""

    @property
    def identification(self) -> Identification:
        """What the data can tell of the variance parameters."""

    @property
    def objective(self) -> float:
        """Minus twice the log-likelihood, restricted under REML."""


def n_parameters(fit: Maximised) -> int:
    """Fixed effects, covariance parameters and the residual variance or the parameters of the parts
    beside the mean, as many as data can tell.
    """
    m = fit.matrices
    others = m.n_auxiliary + int(m.known_sigma is None)
    return len(fit.beta) + len(fit.theta) + others - fit.identification.n_lost


def n_rows(fit: Maximised) -> int:
    """The rows used."""
    return len(fit.matrices.y)


def log_likelihood(fit: Maximised) -> float:
    """Log-likelihood (ML) or restricted log-likelihood (REML) at the estimates."""
    return -fit.objective / 2


def aic(fit: Maximised) -> float:
    """Objective + 2 npar."""
    return fit.objective + 2 * n_parameters(fit)


def aicc(fit: Maximised) -> float:
    """AIC with Hurvich and Tsai's correction; infinite where n <= npar + 1, its limit."""
    k, n = n_parameters(fit), n_rows(fit)
    return aic(fit) + 2 * k * (k + 1) / (n - k - 1) if n > k + 1 else math.inf


def bic(fit: Maximised) -> float:
    """Objective + log(n) npar."""
    return fit.objective + math.log(n_rows(fit)) * n_parameters(fit)
