"""Degrees of freedom by a rule for every coefficient; a hypothesis has the fewest of its own.

The rules are of balanced designs, where they are those of the exact tests. General contrasts are
not part of them: the minimum is what SAS and mmrm take.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design import Coordinates
from mixedmodels.fit.fit import Fit

Vector = NDArray[np.float64]

ABSENT = 1e-10
"""Share of the variance of a contrast below which a coefficient takes no part in it."""


@dataclass(frozen=True, slots=True)
class ByCoefficient:
    """One number of degrees of freedom per coefficient, the variances taken as known.

    Attributes
    ----------
    covariance : array (p, p)
        sigma^2 (X'V^-1 X)^-1, in working coordinates.
    df : array (p,)
        Per column of the formula; nan where there are none.
    errors : array (p,)
        Standard errors of the formula's coefficients.
    coordinates : Coordinates
        From the formula's columns to the working ones.
    """

    covariance: Vector
    df: Vector
    errors: Vector
    coordinates: Coordinates

    def single(self, L: Vector) -> Vector:
        """The fewest degrees of freedom of the coefficients in each row of `L`."""
        parts = np.abs(self.coordinates.original(L)) * self.errors
        takes_part = parts > ABSENT * parts.max(axis=1, keepdims=True, initial=0.0)
        return np.array([np.min(self.df[row]) if row.any() else np.nan for row in takes_part])

    def joint(self, L: Vector) -> tuple[float, float]:
        """Scale one and the fewest of all rows."""
        return 1.0, float(np.min(self.single(L)))


def by_coefficient(fit: Fit, df: Vector) -> ByCoefficient:
    """The method from `df` (p,) of the formula's columns; without a positive number there is no
    test.
    """
    m = fit.matrices
    covariance = fit.sigma**2 * fit.cov_beta_unscaled
    errors = np.sqrt(np.diag(m.coordinates.reported_covariance(covariance)))
    return ByCoefficient(covariance, np.where(df > 0, df, np.nan), errors, m.coordinates)
