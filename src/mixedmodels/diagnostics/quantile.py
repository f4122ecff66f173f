"""Randomised quantile residuals of generalised models (Dunn & Smyth 1996, *Journal of Computational
and Graphical Statistics* 5, 236).

The normal quantile of P(Y <= y) at the conditional modes; of a discrete response at a random place
between P(Y < y) and P(Y <= y). They are standard normal if the model is right, also where responses
are few zeros and ones, of which other residuals lie on curves.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mixedmodels.fit.fit import Fit
from mixedmodels.fit.row_distribution import RowDistribution, row_distribution
from mixedmodels.prediction.streams import Seed, key_of, stream

Vector = NDArray[np.float64]

PLACES_STREAM = 2**40 + 2
"""Number of the random stream that places responses within their steps; no replicate has it."""

LEAST = float(np.finfo(np.float64).tiny)
"""Probabilities below it are not told from 0: a response that cannot be has a residual of 37.5, not
an infinite one."""


def quantile_residuals(fit: Fit, *, seed: Seed = None) -> Vector:
    """The quantile residuals (n,) of a generalised fit."""
    return placed(row_distribution(fit), seed)


def placed(rows: RowDistribution, seed: Seed) -> Vector:
    """Those of any rows."""
    below, at, above = rows.tails()
    place = stream(key_of(seed), PLACES_STREAM).random(len(at))
    low, high = below + place * at, above + (1 - place) * at
    low, high = np.maximum(low, LEAST), np.maximum(high, LEAST)
    return np.asarray(np.where(low < high, special.ndtri(low), -special.ndtri(high)))
