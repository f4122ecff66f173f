"""Conditional AIC: how well rows of the same groups would be predicted, random effects included.

    cAIC = -2 log f(y | beta-hat, b-hat, sigma-hat) + 2 (rho + 1),    rho = tr(d y-hat / d y),

one for sigma where it is estimated. With theta known rho is the sum of the leverages (Vaida &
Blanchard 2005, *Biometrika* 92, 351). As theta is estimated from y as well, so that random effects
would otherwise be preferred too often, rho has its change in it (Greven & Kneib 2010, *Biometrika*
97, 773). At the optimum of the criterion d(theta, y)

    d theta-hat / d y' = -H^-1 d2d / dtheta dy',      dd / dy = 2 R^-1 (y - y-hat) / sigma-hat^2,

with sigma profiled out of H and d, so that rho = sum of leverages
- sum_jk (H^-1)_jk (d y-hat / d theta_j)'(d2d / dtheta_k dy). A variance of zero stays there when y
moves a little: its theta counts as known.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.diagnostics.leverage import hat_values
from mixedmodels.engine.iterative import IterativeProblem, refuse
from mixedmodels.engine.route import AnyLinear, linear
from mixedmodels.engine.structured import StructuredProblem
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.fitted import log_densities
from mixedmodels.fit.linear_predictor import linear_predictor
from mixedmodels.inference.information import information

Vector = NDArray[np.float64]

STEP = 1e-5
"""Of central differences, relative to the size of a parameter."""

WHAT = "The conditional AIC"


@dataclass(frozen=True, slots=True)
class ConditionalAIC:
    """The conditional AIC of a model, as `model.caic()` returns it.

    Attributes
    ----------
    log_likelihood : float
        Of the rows given the random effects, at the estimates.
    df : float
        Effective parameters, the estimation of the variances and sigma included.
    df_known : float
        The same with relative variances taken as known: sum of leverages, and one for sigma.
    """

    log_likelihood: float
    df: float
    df_known: float

    @property
    def caic(self) -> float:
        """The criterion: the smaller the better, among models of the same rows and response."""
        return 2 * (self.df - self.log_likelihood)

    @property
    def caic_known(self) -> float:
        """Vaida and Blanchard's, with `df_known`."""
        return 2 * (self.df_known - self.log_likelihood)

    def __repr__(self) -> str:
        return (
            f"Conditional AIC {self.caic:.2f}\n"
            f"  conditional log-likelihood {self.log_likelihood:.2f}\n"
            f"  effective parameters {self.df:.2f} ({self.df_known:.2f} at known variances)"
        )


def caic(fit: Fit) -> ConditionalAIC:
    """Conditional AIC with Greven and Kneib's correction; see `MixedModel.caic`.

    Raises
    ------
    DataError
        For generalised and iterative fits, and where the covariance of the residuals has
        parameters beside sigma.
    """
    problem = linear(fit.problem, WHAT, instead="compare models by aic")
    if isinstance(problem, IterativeProblem):
        refuse(WHAT, "compare models by aic")
    m = fit.matrices
    if isinstance(problem, StructuredProblem) and None in problem.owners:
        raise DataError(
            f"{WHAT} is not available where residuals have structure, or parameters are held.\n"
            "Do:   compare models by aic, or by cross_validate().\n"
            "Why:  what estimating the structure of the residuals adds to the effective parameters "
            "is not known."
        )
    leverages = float(hat_values(fit).sum())
    sigma = float(m.known_sigma is None)
    return ConditionalAIC(
        log_likelihood=float(log_densities(fit).sum()),
        df=leverages + _of_estimation(fit, problem) + sigma,
        df_known=leverages + sigma,
    )


def _of_estimation(fit: Fit, problem: AnyLinear) -> float:
    """What estimating theta adds to the sum of the leverages."""
    m = len(fit.theta)
    if not m:
        return 0.0
    inverse = information(fit).covariance[:m, :m] / 2
    step = STEP * np.maximum(np.abs(fit.theta), fit.problem.units)
    fitted, slope = np.zeros((2, m, len(fit.matrices.y)))
    for j in np.flatnonzero(np.diag(inverse)):
        ends = [fit.theta + sign * step * (np.arange(m) == j) for sign in (1, -1)]
        (up, g_up), (down, g_down) = (_at(fit, problem, theta) for theta in ends)
        fitted[j] = (up - down) / (2 * step[j])
        slope[j] = (g_up - g_down) / (2 * step[j])
    return float(-np.sum(inverse * (fitted @ slope.T)))


def _at(fit: Fit, problem: AnyLinear, theta: Vector) -> tuple[Vector, Vector]:
    """Fitted values, and the derivatives of the criterion in y (n,)."""
    found = problem.estimates(theta, reml=fit.reml)
    fitted = linear_predictor(fit.matrices, found.beta, found.b)
    R = problem.row_sd(theta) ** 2
    return fitted, 2 * (fit.matrices.y - fitted) / (R * found.sigma**2)
