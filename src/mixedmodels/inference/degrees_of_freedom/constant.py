"""Degrees of freedom that are the same for every hypothesis: residual, and infinitely many."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.fit.fit import Fit

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Constant:
    """One number of degrees of freedom for all tests, the variances taken as known.

    Attributes
    ----------
    covariance : array (p, p)
        sigma^2 (X'V^-1 X)^-1.
    df : float
        The degrees of freedom; infinite for z tests.
    """

    covariance: Vector
    df: float

    def single(self, L: Vector) -> Vector:
        """The constant, per row of `L`."""
        return np.full(len(L), self.df)

    def joint(self, L: Vector) -> tuple[float, float]:
        """Scale one and the constant."""
        return 1.0, self.df


def residual(fit: Fit) -> Constant:
    """Rows less fixed effects: exact without random effects, else too many between groups."""
    return Constant(
        fit.sigma**2 * fit.cov_beta_unscaled, float(len(fit.matrices.y) - len(fit.beta))
    )


def normal(fit: Fit) -> Constant:
    """Infinitely many: z and chi-square tests, which are too eager in small samples."""
    return Constant(fit.sigma**2 * fit.cov_beta_unscaled, float(np.inf))
