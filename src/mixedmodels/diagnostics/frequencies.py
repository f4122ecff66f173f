"""Frequencies of counts beside those that a model expects (Kleiber & Zeileis 2016, *The American
Statistician* 70, 296: rootograms).

The expected number of rows with the count k is the sum over rows of P(Y = k), each at its own
fitted mean.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.row_distribution import row_distribution

Vector = NDArray[np.float64]

BARS = 50
"""Most bins; a bin holds one count unless there are more."""

Cumulative = Callable[[Vector], tuple[Vector, Vector]]
"""P(Y < k) and P(Y <= k) of every row (n,) at its own count k (n,)."""


@dataclass(frozen=True, slots=True)
class Frequencies:
    """Rows by their count; bins hold `low` to `high`, both included.

    Attributes
    ----------
    low, high : array (bins,)
        The counts of a bin.
    observed, expected : array (bins,)
        Rows with them, and rows that the model expects.
    """

    low: Vector
    high: Vector
    observed: Vector
    expected: Vector


def count_frequencies(fit: Fit) -> Frequencies:
    """The frequencies of a fit, expected at the conditional modes.

    Raises
    ------
    DataError
        For a response that is no count.
    """
    if fit.family.response not in ("count", "trials"):
        raise DataError(
            "A rootogram is of counts, and the response is none.\n"
            "Do:   use plot.qq(), which shows the distribution of any response."
        )
    rows = row_distribution(fit)
    return frequencies(rows.y, rows.cumulative)


def frequencies(y: Vector, cumulative: Cumulative) -> Frequencies:
    """The bins of counts `y` (n,), from zero to the largest that occurs."""
    top = float(y.max(initial=0.0))
    width = float(np.ceil((top + 1) / BARS))
    low = np.arange(0.0, top + 1, width)
    high = low + width - 1
    below = [cumulative(np.full(len(y), k))[0].sum() for k in low]
    upto = [cumulative(np.full(len(y), k))[1].sum() for k in high]
    observed = np.bincount((y // width).astype(np.intp), minlength=len(low))
    return Frequencies(low, high, observed.astype(np.float64), np.subtract(upto, below))
