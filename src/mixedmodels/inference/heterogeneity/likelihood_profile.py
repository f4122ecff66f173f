"""Limits of one variance between studies by the (restricted) likelihood, the others at their best.

The criterion is the one that the model was fitted by, so that limits of a REML fit are around its
estimates; sigma is known and stays.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.inference.heterogeneity.crossing import crossing
from mixedmodels.inference.profile.constrained import Value
from mixedmodels.inference.profile.descent import minimise

Vector = NDArray[np.float64]

TOLERANCE = 1e-7
"""Relative, of the limit of a standard deviation."""

WIDEST = 1e6
"""Times the estimate and the typical sd: an upper limit beyond is infinite."""


@dataclass(frozen=True, slots=True)
class HeldVariance:
    """The criterion of `fit` with the standard deviation `j`, relative to sigma, held."""

    fit: Fit
    j: int

    def coordinates(self, T: object = None, sigma: float = 1.0) -> Vector:
        """The other standard deviations of the fit."""
        return np.delete(self.fit.theta, self.j)

    def evaluate(self, value: float, x: Vector) -> Value:
        """The criterion with the standard deviation at `value` and the others at `x`."""
        theta = np.insert(x, self.j, value)
        deviance, gradient = self.fit.problem.gradient(theta, reml=self.fit.reml)
        return Value(deviance, np.delete(gradient, self.j), float(gradient[self.j]))

    def excess(self, value: float) -> float:
        """How much the criterion with the others at their best is above its minimum."""
        found = minimise(self, value, self.coordinates(), None)
        return found.value.deviance - self.fit.objective


def profile_limits(fit: Fit, level: float, typical: float) -> list[tuple[float, float]]:
    """Limits of every variance in the order of the parameters; `typical` is a variance.

    Raises
    ------
    DataError
        If a parameter is not a standard deviation of its own.
    """
    terms = fit.matrices.terms
    is_sd = [len(t.names) == 1 or (t.is_independent and not t.structure.hom) for t in terms]
    if not all(is_sd) or len(fit.theta) != sum(len(t.names) for t in terms):
        raise DataError(
            "Limits by the profile are for variances without correlations, such as (1 | study) "
            "and (x || study).\n"
            'Do:   use interval="wald", or model.conf_int(which="variance", method="profile").'
        )
    rise = float(special.chdtri(1, 1 - level))
    step = float(np.sqrt(typical)) / fit.sigma
    return [_limits(HeldVariance(fit, j), rise, step) for j in range(len(fit.theta))]


def _limits(held: HeldVariance, rise: float, step: float) -> tuple[float, float]:
    """Squares of the standard deviations at which the criterion is `rise` above its minimum."""
    estimate = abs(float(held.fit.theta[held.j]))
    scale = held.fit.sigma

    def above(sd: float) -> float:
        return held.excess(sd) - rise

    low = crossing(above, 0.0, estimate, TOLERANCE) if above(0.0) > 0 else 0.0
    upper = estimate + step
    while above(upper) < 0:
        upper *= 2
        if upper > WIDEST * (estimate + step):
            return (scale * low) ** 2, float(np.inf)
    return (scale * low) ** 2, (scale * crossing(above, estimate, upper, TOLERANCE)) ** 2
