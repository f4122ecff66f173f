"""Calibration of probabilities: shares of successes beside fitted ones, in bins of rows alike.

A single success or failure says nothing of its probability, and residuals of such rows lie on two
curves. Means over rows of like fitted probability do (Gelman & Hill 2007, *Data Analysis Using
Regression and Multilevel/Hierarchical Models*, section 5.6: binned residuals).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.row_distribution import row_distribution

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
    half : array (bins,)
        Two standard errors of the share if the fitted probabilities are right.
    """

    fitted: Vector
    observed: Vector
    trials: Vector
    half: Vector

    @property
    def outside(self) -> float:
        """Share of the bins that lie farther off than chance would have 19 of 20."""
        return float(np.mean(np.abs(self.observed - self.fitted) > self.half))


def has_shares(fit: Fit) -> bool:
    """Whether the response is one of successes in trials."""
    return fit.family.response == "trials"


def calibration_bins(fit: Fit) -> Bins:
    """The bins of a binary or binomial fit, at the conditional modes.

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
    rows = row_distribution(fit)
    size = np.ones(len(rows.y)) if rows.size is None else rows.size
    return bins_of(rows.y, size, rows.mean() / size)


def bins_of(successes: Vector, trials: Vector, p: Vector) -> Bins:
    """The bins of rows (n,) with fitted probabilities `p`; rows alike in it share a bin."""
    order = np.argsort(p, kind="stable")
    cut = _bins(p[order], trials[order])

    def total(values: Vector) -> Vector:
        return np.bincount(cut, values[order]).astype(np.float64)

    size = total(trials)
    variance = total(trials * p * (1 - p)) / size**2
    return Bins(total(trials * p) / size, total(successes) / size, size, 2 * np.sqrt(variance))


def _bins(p: Vector, trials: Vector) -> NDArray[np.intp]:
    """The bin of every row, whose probabilities are in order: bins of like numbers of trials."""
    n, whole = len(p), float(trials.sum())
    wanted = int(np.sqrt(n)) if n >= FEW_ROWS else min(10, n // 2)
    count = int(np.clip(min(wanted, whole / TRIALS), 1, MOST_BINS))
    middle = np.cumsum(trials) - trials / 2
    place = np.minimum((middle / whole * count).astype(np.intp), count - 1)
    first = np.searchsorted(p, p, side="left")
    return np.unique(place[first], return_inverse=True)[1].ravel()
