"""The variance of one observation, and the degrees of freedom of its estimate.

With v(psi) of psi = (theta, sigma), whose estimates have the covariance A, Satterthwaite's
approximation takes v-hat as a multiple of a chi-square with df = 2 v^2 / (g'A g), g = dv/dpsi
(Giesbrecht & Burns 1985, Biometrics 41, 477-486).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from mixedmodels.engine.route import plain
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.inference.explained_variance import explained_variance
from mixedmodels.inference.information import information

Around = Literal["residual", "total"]


@dataclass(frozen=True, slots=True)
class Spread:
    """A variance and how well it is known.

    Attributes
    ----------
    variance : float
        In the units of the response squared.
    df : float
        Satterthwaite's degrees of freedom.
    """

    variance: float
    df: float


def spread(fit: Fit, around: Around) -> Spread:
    """Mean variance over the rows used, around the fitted values or the population mean.

    Raises
    ------
    DataError
        If the data cannot tell it.
    """
    found = explained_variance(fit)
    variance = found.residual if around == "residual" else found.total - found.fixed
    if np.isnan(variance):
        raise DataError(
            f"The {around} variance is one that the data cannot tell.\n"
            "Do:   give sigma, a standard deviation that is known."
        )
    m = fit.matrices
    gradient = np.zeros(len(fit.theta) + 1)
    gradient[-1] = 2 * variance / fit.sigma
    if around == "total":
        halves = [m.mean_squares(k) @ T_k for k, T_k in enumerate(fit.T)]
        for i, (term, row, column) in enumerate(
            plain(fit.problem, "The df of a total variance").theta_index
        ):
            gradient[i] = 2 * fit.sigma**2 * halves[term][row, column]
    uncertainty = float(gradient @ information(fit).covariance @ gradient)
    return Spread(variance, 2 * variance**2 / uncertainty if uncertainty > 0 else np.inf)
