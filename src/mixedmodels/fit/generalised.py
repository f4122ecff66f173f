"""`Generalised`: what the fit of a generalised model has beside that of a linear one.

Notation: psi = (theta | beta | delta), theta the free coordinates of the covariance structures,
beta of the columns of X, delta the auxiliary parameters (log dispersion, shape, logit of zero
inflation or of the hurdle, thresholds), which have columns of their own.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.shortening import brief

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Generalised:
    """What is estimated beside the fixed and random effects, and the precision of everything.

    Attributes
    ----------
    auxiliary : array (a,)
        delta, in the order of ``matrices.auxiliary`` and of the columns of each, unbounded.
    covariance : array (m + p + a, m + p + a)
        Of the estimates of psi: the inverse of half the exact Hessian of the criterion, as in
        glmmTMB; nan where that is not positive definite.
    covariance_conditional : array (p, p)
        (X'V^-1 X)^-1 at the conditional modes, theta and delta held: what lme4 reports without the
        Hessian.
    eta : array (n,)
        The linear predictor with offset at the conditional modes.
    nodes : int
        Nodes of the quadrature; 1 is Laplace's approximation.
    """

    auxiliary: Vector
    covariance: Vector
    covariance_conditional: Vector
    eta: Vector
    nodes: int

    __repr__ = brief
