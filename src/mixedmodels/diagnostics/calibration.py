"""Calibration of probabilities: shares of successes beside fitted ones, in bins of rows alike.

A single success or failure says nothing of its probability, and residuals of such rows lie on two
curves. Means over rows of like fitted probability do (Gelman & Hill 2007, *Data Analysis Using
Regression and Multilevel/Hierarchical Models*, section 5.6: binned residuals).
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mixedmodels.diagnostics.replicates import RARE, replicates
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.row_distribution import RowDistribution, row_distribution

Vector = NDArray[np.float64]

FEW_ROWS = 100
"""Rows up to which there are ten bins at most; above it there are as many as their root."""

MOST_BINS = 60

TRIALS = 5.0
"""Trials that a bin has at least."""


@dataclass(frozen=True, slots=True)
class Bins:
    """Rows in order of their fitted probability, cut into bins.

    Attributes
    ----------
    fitted : array (bins,)
        Mean fitted probability, every trial counted once.
    observed : array (bins,)
        Share of successes.
    trials : array (bins,)
        Trials in the bin.
    low, high : array (bins,)
        Between which `observed` less `fitted` lies in 95 of 100 models.
    usual : float
        `distance` that one model in a hundred exceeds.
    """

    fitted: Vector
    observed: Vector
    trials: Vector
    low: Vector
    high: Vector
    usual: float

    @property
    def residual(self) -> Vector:
        """Observed less fitted (bins,)."""
        return self.observed - self.fitted

    @property
    def is_far(self) -> NDArray[np.bool_]:
        """Bins outside their limits."""
        return (self.residual < self.low) | (self.residual > self.high)

    @property
    def distance(self) -> float:
        """Root-mean-square of `residual`, every trial counted once."""
        return float(np.sqrt(self.trials @ self.residual**2 / self.trials.sum()))


def has_shares(fit: Fit) -> bool:
    """Whether the response is one of successes in trials."""
    return fit.family.response == "trials"


def calibration_bins(fit: Fit) -> Bins:
    """The bins of a binary or binomial fit, at the conditional modes; limits from replicates of the
    model, whose modes follow their rows as those of the data do.

    Raises
    ------
    DataError
        For a response that is no success in trials.
    """
    if not has_shares(fit):
        raise DataError(
            "Calibration is of probabilities, and the response is no success in trials.\n"
            "Do:   use plot.residuals() and plot.qq(); plot.rootogram() for counts."
        )
    own = _bins_of_rows(row_distribution(fit))
    found = replicates(fit)
    if found is None:
        return own
    others = [_bins_of_rows(one) for one in found.rows(fit)]
    residuals = np.array([np.interp(own.fitted, one.fitted, one.residual) for one in others])
    low, high = np.quantile(residuals, [0.025, 0.975], axis=0)
    usual = float(np.quantile([one.distance for one in others], RARE))
    return replace(own, low=low, high=high, usual=usual)


def _bins_of_rows(rows: RowDistribution) -> Bins:
    size = np.ones(len(rows.y)) if rows.size is None else rows.size
    return bins_of(rows.y, size, rows.mean() / size)


def bins_of(successes: Vector, trials: Vector, p: Vector) -> Bins:
    """The bins of rows (n,) with fitted probabilities `p`; rows alike in it share a bin. Limits are
    two standard errors of independent rows.
    """
    order = np.argsort(p, kind="stable")
    cut = _bins(p[order], trials[order])

    def total(values: Vector) -> Vector:
        return np.bincount(cut, values[order]).astype(np.float64)

    size = total(trials)
    variance = total(trials * p * (1 - p)) / size**2
    half = 2 * np.sqrt(variance)
    mean_square = float(size @ variance / size.sum())
    usual = np.sqrt(special.chdtri(len(size), 1 - RARE) / len(size) * mean_square)
    return Bins(total(trials * p) / size, total(successes) / size, size, -half, half, float(usual))


def _bins(p: Vector, trials: Vector) -> NDArray[np.intp]:
    """The bin of every row, whose probabilities are in order: bins of like numbers of trials."""
    n, whole = len(p), float(trials.sum())
    wanted = int(np.sqrt(n)) if n >= FEW_ROWS else min(10, n // 2)
    count = int(np.clip(min(wanted, whole / TRIALS), 1, MOST_BINS))
    middle = np.cumsum(trials) - trials / 2
    place = np.minimum((middle / whole * count).astype(np.intp), count - 1)
    first = np.searchsorted(p, p, side="left")
    return np.unique(place[first], return_inverse=True)[1].ravel()
