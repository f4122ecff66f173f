"""What the data say about the variance parameters: computed once per fit, and kept with it."""

from mixedmodels.engine.problem import Information, KenwardRoger
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.once import once


@once
def information(fit: Fit) -> Information:
    """The Hessian of the criterion in (theta, sigma) and the derivatives of (X'V^-1 X)^-1.

    `covariance` (m + 1, m + 1) is that of the estimates of (theta, sigma), twice the inverse of
    the Hessian of minus twice the log-likelihood. Where a covariance of the random effects is
    singular its zero directions count as known: the criterion is even there, so that nothing
    depends on them to first order.
    """
    return fit.problem.information(fit.theta, reml=fit.reml)


@once
def kenward_roger_pieces(fit: Fit) -> KenwardRoger:
    """The pieces of Kenward and Roger's method at a REML fit."""
    return fit.problem.kenward_roger(fit.theta)
