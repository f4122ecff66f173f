"""The variance of one observation, and the degrees of freedom of its estimate.

With v(psi) of psi = (theta, sigma), whose estimates have the covariance A, Satterthwaite's
approximation takes v-hat as a multiple of a chi-square with df = 2 v^2 / (g'A g), g = dv/dpsi
(Giesbrecht & Burns 1985, Biometrics 41, 477-486).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mixedmodels.engine.route import plain
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.once import once
from mixedmodels.inference.explained_variance import by_group, explained_variance
from mixedmodels.inference.information import information
from mixedmodels.prediction.structured_errors import own_variances

Vector = NDArray[np.float64]

STEP = 1e-5
"""Relative step of central differences in theta."""

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


@once
def random_variance(fit: Fit) -> float:
    """Mean variance of the random effects over the rows used: tr(Sigma Z'Z) / n, all terms.

    Raises
    ------
    DataError
        If the data cannot tell it.
    """
    if np.isnan(sum(by_group(fit).values())):
        raise DataError(
            "The variance of the random effects is one that the data cannot tell.\n"
            "Do:   give sigma, a standard deviation that is known."
        )
    return mean_variance(fit, fit.theta)


@once
def random_variance_differs(fit: Fit) -> bool:
    """Whether that variance is one thing in one row and another in the next: random slopes."""
    m = fit.matrices
    pairs = zip(m.terms, fit.problem.templates(fit.theta), strict=True)
    total = sum(own_variances(m, term, T) for term, T in pairs)
    return bool(np.ptp(np.asarray(total)) > 1e-6 * np.max(total, initial=0.0))


def mean_variance(fit: Fit, theta: Vector) -> float:
    """The same at any theta, relative to sigma squared."""
    m = fit.matrices
    pairs = zip(m.terms, fit.problem.templates(theta), strict=True)
    return float(sum(np.mean(own_variances(m, term, T)) for term, T in pairs))


@once
def random_variance_slopes(fit: Fit) -> Vector:
    """Derivatives (m,) of `random_variance` in theta, by central differences: it is quadratic in
    the theta of plain terms.
    """
    slopes = np.empty(len(fit.theta))
    for j, value in enumerate(fit.theta.tolist()):
        shift = np.zeros(len(fit.theta))
        shift[j] = STEP * max(1.0, abs(value))
        high, low = (mean_variance(fit, fit.theta + s * shift) for s in (1, -1))
        slopes[j] = (high - low) / (2 * shift[j])
    return slopes


def around_the_mean(fit: Fit) -> float:
    """The variance of the scale of the model around the population mean: that of the random effects
    and, in a linear model, of the residual.
    """
    if fit.generalised is not None:
        return random_variance(fit)
    return spread(fit, "total").variance


def spread(fit: Fit, around: Around) -> Spread:
    """Mean variance over the rows used, around the fitted values or the population mean.

    Raises
    ------
    DataError
        If the data cannot tell it.
    """
    if fit.generalised is not None:
        raise DataError(
            f"A model of the family {fit.family.name} has no residual standard deviation to "
            "divide by.\n"
            "Do:   give sigma, a number; or show ratios with contrast().response().\n"
            "Why:  the variance of its response changes with the mean."
        )
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
