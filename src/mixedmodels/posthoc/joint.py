"""Derivatives in psi = (theta | beta | delta) of a generalised model as rows of L and what stands
beside it.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from mixedmodels.fit.fit import Fit
from mixedmodels.posthoc.linear_functions import Beside
from mixedmodels.prediction.responses import covariance_of_psi

Vector = NDArray[np.float64]


def divided(fit: Fit, gradient: Vector, roots: Vector | None = None) -> tuple[Vector, Beside]:
    """The columns (k, p) of beta of derivatives (k, len(psi)), and the others.

    Parameters
    ----------
    fit
        A generalised model.
    gradient
        The derivatives.
    roots
        Shape (k, r): further columns, of independent variables of variance one.
    """
    m, p = len(fit.theta), len(fit.beta)
    place = np.arange(gradient.shape[1])
    order = np.r_[place[m : m + p], place[:m], place[m + p :]]
    covariance = covariance_of_psi(fit)[np.ix_(order, order)]
    rest = gradient[:, order[p:]]
    if roots is not None:
        rest = np.hstack([rest, roots])
        covariance = linalg.block_diag(covariance, np.eye(roots.shape[1]))
    return gradient[:, m : m + p], Beside(rest, covariance)
