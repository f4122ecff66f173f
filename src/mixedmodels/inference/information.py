"""What the data say about the variance parameters: computed once per fit, and kept with it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.engine.generalised import GeneralisedProblem
from mixedmodels.engine.problem import KenwardRoger
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.once import once
from mixedmodels.inference.flat import covariance_across, flat_directions

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]


LOST = 1e-6
"""Share of a parameter's change above which it is not within the identified directions."""


@dataclass(frozen=True, slots=True)
class Information:
    """Second-order facts at the optimum.

    Attributes
    ----------
    hessian : array (m + 1, m + 1)
        Of the criterion in (theta, sigma); in psi (P, P) of a generalised model.
    covariance : array (m + 1, m + 1)
        Of the estimates of (theta, sigma): 2 H^+, in which flat directions do not count; of psi
        (P, P) in a generalised model.
    jacobian : array (m, p, p)
        d(X'V^-1 X)^-1 / d theta; empty in a generalised model, whose psi has beta in it.
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
    if isinstance(fit.problem, GeneralisedProblem):
        return _of_all(fit.problem, fit.psi)
    found = fit.problem.information(fit.theta, reml=fit.reml)
    flat = flat_directions(fit)
    H = found.hessian
    covariance = covariance_across(H, flat) if flat.shape[1] else found.covariance
    return Information(H, covariance, found.jacobian, flat)


def _of_all(problem: GeneralisedProblem, psi: Vector) -> Information:
    """In psi; a direction in which the criterion is flat, or bends down, does not count."""
    H = problem.hessian(psi)
    none = np.empty((len(psi), 0))
    return Information(H, covariance_across(H, none), np.empty((0, 0, 0)), none)


def not_identified(jacobian: Vector, facts: Information) -> Mask:
    """Which functions of the parameters, with derivatives (r, m + 1), change along a direction that
    the covariance 2 H^+ leaves out.

    H^+ H is the projection on the directions that it does not.
    """
    unit = np.sqrt(np.abs(np.diag(facts.hessian)))
    unit[unit == 0] = 1.0
    lost = np.abs(jacobian - jacobian @ facts.covariance @ facts.hessian / 2) / unit
    mask: Mask = lost.max(axis=1) > LOST * (np.abs(jacobian) / unit).max(axis=1)
    return mask


@once
def kenward_roger_pieces(fit: Fit) -> KenwardRoger:
    """The pieces of Kenward and Roger's method at a REML fit."""
    return fit.problem.kenward_roger(fit.theta)
