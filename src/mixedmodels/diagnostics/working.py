"""The working linear model of a generalised one: what a step of iterated least squares solves.

At the conditional modes with linear predictor eta, scores s_i = dl_i/d eta_i and weights w_i =
-d2l_i/d eta_i^2, the modes solve the mixed-model equations of the response

    z_i = eta_i - offset_i + s_i / w_i,      V = W^-1 + Z Lambda Lambda' Z',   sigma = 1

(Breslow & Clayton 1993, *JASA* 88, 9). Leverage and the change of the estimates without some rows
are those of that model, as for models without random effects (Pregibon 1981, *Annals of Statistics*
9, 705): exact to first order, theta and the auxiliary parameters as they are. For a canonical link
its leverage is that of lme4.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mixedmodels.engine.generalised import GeneralisedProblem
from mixedmodels.engine.problem import Problem
from mixedmodels.engine.structured import StructuredProblem
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.once import once
from mixedmodels.fit.row_distribution import row_distribution

Vector = NDArray[np.float64]

LEAST = 1e-12
"""Weight of a row that says nothing: weights are positive."""


def as_linear(fit: Fit) -> Fit:
    """A linear fit itself, and of a generalised one its working model."""
    return fit if fit.generalised is None else working(fit)


@once
def working(fit: Fit) -> Fit:
    """The working model of a generalised fit, as a linear one.

    Its coefficients, random effects and covariances are those of the fit, which its equations give
    only nearly: those of Laplace's criterion take the curvature of the modes into account.
    """
    found, own = fit.generalised, fit.problem
    if found is None or not isinstance(own, GeneralisedProblem):
        raise TypeError("a linear fit has no working model")
    m = fit.matrices
    weights, scores = _curvature(fit, own)
    eta = found.eta if m.offset is None else found.eta - m.offset
    matrices = replace(m, y=eta + scores / weights, weights=weights, offset=None, known_sigma=None)
    if matrices.is_plain:
        problem: Problem | StructuredProblem = Problem(matrices)
        theta = Problem(matrices).theta_of(fit.T)
    else:
        problem = StructuredProblem(replace(matrices, known_sigma=1.0), own.values)
        theta = fit.theta
    return replace(
        fit,
        problem=problem,
        theta=theta,
        cov_beta_unscaled=found.covariance_conditional,
        generalised=None,
    )


def _curvature(fit: Fit, problem: GeneralisedProblem) -> tuple[Vector, Vector]:
    """Weights (n,) and scores (n,); where the observed information of a row is not positive, as may
    be with links that are not canonical, the expected one of a quasi-likelihood.
    """
    weights, scores = problem.working(fit.psi)
    bad = ~(weights > 0)
    if bad.any():
        rows = row_distribution(fit)
        expected = rows.weights * rows.mean_slope() ** 2 / rows.variance()
        weights = np.where(bad, np.maximum(expected, LEAST), weights)
    return weights, scores
