"""The distribution of every row's response at the conditional modes, and residuals from it.

Residuals of generalised models are lme4's: response y - mean (of shares for binomial counts),
Pearson (y - mean) / sd, working (y - mean) / (d mean / d eta), and deviance, the signed root of
twice what the log-density lacks of its largest value. The weight of a row multiplies its
log-density, and so the squares of Pearson and deviance residuals.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design import ModelMatrices
from mixedmodels.engine.auxiliary import row_values
from mixedmodels.errors import DataError
from mixedmodels.families import Family
from mixedmodels.fit.generalised import Generalised
from mixedmodels.shortening import brief
from mixedmodels.vocabulary import ResidualKind

Vector = NDArray[np.float64]


class Estimated(Protocol):
    """A generalised model at its estimates: a `Fit`, or as much of one as its rows need."""

    @property
    def matrices(self) -> ModelMatrices:
        """The model matrices of the rows used."""

    @property
    def family(self) -> Family:
        """The distribution of the response."""

    @property
    def generalised(self) -> Generalised | None:
        """Auxiliary parameters and linear predictors."""


@dataclass(frozen=True, slots=True)
class RowDistribution:
    """The rows of a generalised fit at their linear predictors.

    Attributes
    ----------
    family : Family
        Their distribution.
    y : array (n,)
        Responses; successes where there are trials.
    size : array (n,) or None
        Trials; None where every row is one, or there are none.
    eta : array (n,)
        Linear predictor with offset at the modes.
    auxiliary : array (n, k)
        Auxiliary parameters; of an ordered response the thresholds below and above its category.
    weights : array (n,)
        What multiplies the log-density of a row; 1 without weights.
    """

    family: Family
    y: Vector
    size: Vector | None
    eta: Vector
    auxiliary: Vector
    weights: Vector

    __repr__ = brief

    @property
    def has_single_trials(self) -> bool:
        """Whether every row is one success or failure, whose variance follows from its mean."""
        return self.family.response == "trials" and (
            self.size is None or bool((self.size == 1).all())
        )

    def mean(self) -> Vector:
        """Of the response (n,): of successes where there are trials."""
        return self._of_trials(self.family.mean(self.eta, self.auxiliary))

    def mean_slope(self) -> Vector:
        """Its derivative in eta (n,)."""
        return self._of_trials(self.family.mean_slope(self.eta, self.auxiliary))

    def variance(self) -> Vector:
        """Of the response (n,), of a row of weight 1."""
        return self.family.variance(self.size, self.eta, self.auxiliary)

    def log_density(self) -> Vector:
        """Of the responses (n,), of rows of weight 1."""
        return self.family.log_density(self.y, self.size, self.eta, self.auxiliary)

    def response(self) -> Vector:
        """Response less its mean (n,), of shares where there are trials."""
        left = self.y - self.mean()
        return left if self.size is None else left / self.size

    def pearson(self) -> Vector:
        """Response less its mean, over its standard deviation (n,)."""
        return (self.y - self.mean()) * np.sqrt(self.weights / self.variance())

    def working(self) -> Vector:
        """Response less its mean, over the derivative of the mean in eta (n,)."""
        return (self.y - self.mean()) / self.mean_slope()

    def deviance(self) -> Vector:
        """The signed root of what the log-density lacks (n,)."""
        most = self.family.saturated(self.y, self.size, self.auxiliary)
        lacks = np.maximum(most - self.log_density(), 0.0)
        return np.copysign(np.sqrt(2 * self.weights * lacks), self.y - self.mean())

    def tails(self) -> tuple[Vector, Vector, Vector]:
        """P(Y < y), P(Y = y), P(Y > y) (n,) at the responses, each accurate where it is small."""
        found = self.family.native.tails(self.y, self.size, self.eta, self.auxiliary)
        return found[:, 0], found[:, 1], found[:, 2]

    def cumulative(self, y: Vector) -> tuple[Vector, Vector]:
        """P(Y < y) and P(Y <= y) (n,)."""
        return self.family.cumulative(y, self.size, self.eta, self.auxiliary)

    def _of_trials(self, values: Vector) -> Vector:
        return values if self.size is None else values * self.size


def row_distribution(
    fit: Estimated, y: Vector | None = None, eta: Vector | None = None
) -> RowDistribution:
    """The rows of a generalised fit, or the same rows with other responses and linear predictors
    (n,).
    """
    m, found = fit.matrices, fit.generalised
    if found is None:
        raise ValueError("the rows of a linear model are normal")
    n = len(m.y)
    used = m.y if y is None else y
    return RowDistribution(
        family=fit.family,
        y=used,
        size=m.size,
        eta=found.eta if eta is None else eta,
        auxiliary=row_values(m.auxiliary, found.auxiliary, n, y=used),
        weights=np.ones(n) if m.weights is None else m.weights,
    )


def family_residuals(fit: Estimated, kind: ResidualKind) -> Vector:
    """Residuals (n,) of a generalised fit of the kinds that follow from its rows alone.

    Raises
    ------
    DataError
        For a kind that such a model does not have.
    """
    rows = row_distribution(fit)
    if rows.family.response == "ordered":
        raise DataError(
            f"Residuals of kind {kind!r} are differences of responses, which ordered categories do "
            'not have.\nDo:   use residuals("quantile") or residuals("scaled").'
        )
    kinds = {
        "response": rows.response,
        "pearson": rows.pearson,
        "standardized": rows.pearson,
        "normalized": rows.pearson,
        "working": rows.working,
        "deviance": rows.deviance,
    }
    if kind not in kinds:
        raise DataError(
            f"Residuals of kind {kind!r} are not available for generalised models.\n"
            f"Do:   use one of {', '.join(kinds)}, studentized, quantile and scaled.\n"
            "Why:  the mean over the random effects is no sum of a fixed part and the others."
        )
    return kinds[kind]()
