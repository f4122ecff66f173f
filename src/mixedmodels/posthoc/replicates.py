"""Adjusted p-values of the same tests in many replicates of a study, in one call each.

The multivariate t depends on the correlations of the estimates as well, which are a replicate's own
unless the design is balanced. All replicates share those of the truth that they were drawn from:
one distribution serves them all, and the correlations vary little around it.
"""

import numpy as np
from numpy.typing import NDArray

from mixedmodels.posthoc.adjustment import adjusted_rows
from mixedmodels.posthoc.results import family_in
from mixedmodels.prediction.streams import Seed
from mixedmodels.vocabulary import Adjustment, Side

Vector = NDArray[np.float64]


def adjusted_in_replicates(
    p: Vector,
    statistic: Vector,
    df: Vector,
    adjust: Adjustment,
    *,
    n_means: int,
    L: Vector,
    covariance: Vector,
    side: Side,
    seed: Seed,
) -> Vector:
    """The p-values of a family, adjusted in each replicate.

    Parameters
    ----------
    p, statistic, df : array (r, k)
        Of the tests one by one; p-values of replicates without a fit are nan.
    adjust, side, seed
        As of `adjustment.adjusted`.
    n_means : int
        Of how many means the tests are all the pairwise differences, else zero.
    L : array (k, q)
        Rows of the tests.
    covariance : array (q, q)
        Under the truth, up to a factor, of what the rows combine.
    """
    out = np.full(p.shape, np.nan)
    there = ~np.isnan(p).any(axis=1)
    if there.any():
        family = family_in(L, covariance, n_means)
        out[there] = adjusted_rows(
            p[there], statistic[there], df[there], adjust, family, side=side, seed=seed
        )
    return out
