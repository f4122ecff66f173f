"""Limits of new observations of a generalised model: quantiles of its family.

An observation at eta has the distribution function F(y; eta, a); eta is known up to its error and
to the random effects that are left out or new, of variance s^2 together. Limits are the quantiles
of E F(y; eta-hat + s Z, a), Z standard normal: the smallest values with at least the probability
asked for. Auxiliary parameters are taken as estimated.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mixedmodels.errors import DataError
from mixedmodels.families import Family
from mixedmodels.fit.fit import Fit
from mixedmodels.prediction.auxiliary import Auxiliary
from mixedmodels.prediction.joint_errors import LinearErrors
from mixedmodels.prediction.links import Function
from mixedmodels.prediction.predict import Predicted, unknown_variances
from mixedmodels.prediction.responses import covariance_of_psi

Vector = NDArray[np.float64]

NODES = np.arange(-16, 17) * 0.5
"""Values of Z: the trapezoidal rule of this step is exact to some 1e-16 for smooth functions."""

WEIGHTS = 0.5 * np.exp(-0.5 * NODES**2) / np.sqrt(2 * np.pi)

HALVINGS = 200
"""Bisections until neighbouring numbers are reached, at most."""

LARGEST = 2.0**52
"""Count beyond which no limit is looked for."""


@dataclass(frozen=True, slots=True)
class Observations:
    """One new observation of each of n rows.

    Attributes
    ----------
    eta, sd : array (n,)
        Linear predictor, and the standard deviation of its error.
    size : array (n,) or None
        Trials.
    auxiliary : array (n, k)
        Auxiliary parameters.
    """

    eta: Vector
    sd: Vector
    size: Vector | None
    auxiliary: Vector

    @staticmethod
    def of(fit: Fit, of: Predicted, auxiliary: Auxiliary, errors: LinearErrors) -> "Observations":
        """Those of some rows."""
        g = errors.gradient
        variance = np.einsum("ni,ij,nj->n", g, covariance_of_psi(fit), g, optimize=True)
        variance = variance + errors.conditional + sum(unknown_variances(fit, of, fit.theta))
        with np.errstate(invalid="ignore"):
            sd = np.sqrt(variance)
        return Observations(of.estimate, sd, of.rows.size, auxiliary.values.T)


def limits_of_observations(fit: Fit, asked: Observations, level: float) -> tuple[Vector, Vector]:
    """Lower and upper limits (n,) on the scale of the mean: of successes their share of the trials.

    Raises
    ------
    DataError
        If the response counts successes and the trials of the rows are not known.
    """
    family = fit.family
    tail = (1 - level) / 2
    if family.response == "trials":
        _require_size(fit, asked)
    there = np.isfinite(asked.eta) & np.isfinite(asked.sd)
    own = Observations(
        asked.eta[there],
        asked.sd[there],
        None if asked.size is None else asked.size[there],
        asked.auxiliary[there],
    )
    low, high = np.full((2, len(there)), np.nan)
    low[there] = _quantile(family, own, tail)
    high[there] = _quantile(family, own, 1 - tail)
    return low, high


def _require_size(fit: Fit, asked: Observations) -> None:
    if asked.size is None and fit.matrices.size is not None:
        raise DataError(
            "The limits of an observation depend on its trials, which the new data do not tell.\n"
            "Do:   add the columns of the trials of the fit to the new data."
        )


def _quantile(family: Family, asked: Observations, probability: float) -> Vector:
    """The smallest value with at least the probability, of a successful share where there are
    trials.
    """
    reached = _reached(family, asked, probability)
    n = len(asked.eta)
    if family.response == "trials":
        size = np.ones(n) if asked.size is None else asked.size
        return _smallest_count(reached, np.full(n, -1.0), size) / size
    if family.response == "count":
        high = np.ones(n)
        while not (done := reached(high)).all() and high.max(initial=0.0) < LARGEST:
            high = np.where(done, high, 2 * high)
        return np.where(done, _smallest_count(reached, np.full(n, -1.0), high), np.inf)
    return _smallest_number(reached, family.response, asked.eta)


def _reached(
    family: Family, asked: Observations, probability: float
) -> Callable[[Vector], NDArray[np.bool_]]:
    """Whether the distribution function at y (n,) is at least the probability.

    Where a linear predictor has no meaning (an inverse link of a negative number) it is given that
    it has one.
    """
    lowest, highest = family.native.eta_range

    def at(y: Vector) -> NDArray[np.bool_]:
        total, whole = np.zeros((2, len(y)))
        for z, weight in zip(NODES.tolist(), WEIGHTS.tolist(), strict=True):
            eta = asked.eta + asked.sd * z
            has_meaning = (eta > lowest) & (eta < highest)
            below = family.cumulative(y, asked.size, eta, asked.auxiliary)[1]
            total += np.where(has_meaning, weight * below, 0.0)
            whole += np.where(has_meaning, weight, 0.0)
        return np.asarray(total >= probability * whole)

    return at


def _smallest_count(
    reached: Callable[[Vector], NDArray[np.bool_]], low: Vector, high: Vector
) -> Vector:
    """The smallest whole numbers that are reached, above `low` and up to `high`."""
    while np.any(high - low > 1):
        middle = np.floor((low + high) / 2)
        is_open = high - low > 1
        done = reached(np.maximum(middle, 0.0))
        high = np.where(is_open & done, middle, high)
        low = np.where(is_open & ~done, middle, low)
    return high


def _smallest_number(
    reached: Callable[[Vector], NDArray[np.bool_]], kind: str, start: Vector
) -> Vector:
    """The same of a continuous response, by bisection in a coordinate without bounds."""
    of_kind: dict[str, Function] = {"positive": np.exp, "unit": special.expit}
    value = of_kind.get(kind, np.asarray)
    centre = np.zeros(len(start)) if kind in ("positive", "unit") else start
    low, high, width = centre.copy(), centre.copy(), 1.0
    for _ in range(60):
        is_low, is_high = reached(value(low)), reached(value(high))
        if is_high.all() and not is_low.any():
            break
        low, high = np.where(is_low, low - width, low), np.where(is_high, high, high + width)
        width *= 2
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if np.all((middle == low) | (middle == high)):
            break
        done = reached(value(middle))
        low, high = np.where(done, low, middle), np.where(done, middle, high)
    return np.asarray(value(high))
