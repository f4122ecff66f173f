"""What the data say about the variance parameters: computed once per fit, and kept with it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.engine.problem import KenwardRoger
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.once import once
from mixedmodels.inference.flat import covariance_across, flat_directions

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Information:
    """Second-order facts at the optimum.

    Attributes
    ----------
    hessian : array (m + 1, m + 1)
        Of the criterion in (theta, sigma).
    covariance : array (m + 1, m + 1)
        Of the estimates of (theta, sigma): 2 H^+, in which flat directions do not count.
    jacobian : array (m, p, p)
        d(X'V^-1 X)^-1 / d theta.
    flat : array (m + 1, d)
        Directions in which no data would curve the criterion.
    """

    hessian: Vector
    covariance: Vector
    jacobian: Vector
    flat: Vector


@once
def information(fit: Fit) -> Information:
    """The Hessian of the criterion in (theta, sigma) and the derivatives of (X'V^-1 X)^-1.

    `covariance` (m + 1, m + 1) is that of the estimates of (theta, sigma), twice the inverse of
    the Hessian of minus twice the log-likelihood. Where a covariance of the random effects is
    singular its zero directions count as known: the criterion is even there, so that nothing
    depends on them to first order. So do directions in which no data would curve it.
    """
    found = fit.problem.information(fit.theta, reml=fit.reml)
    flat = flat_directions(fit)
    H = found.hessian
    covariance = covariance_across(H, flat) if flat.shape[1] else found.covariance
    return Information(H, covariance, found.jacobian, flat)


@once
def kenward_roger_pieces(fit: Fit) -> KenwardRoger:
    """The pieces of Kenward and Roger's method at a REML fit."""
    return fit.problem.kenward_roger(fit.theta)
