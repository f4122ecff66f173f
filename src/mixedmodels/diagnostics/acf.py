"""Autocorrelation of residuals within series: what is left of it after the model, lag by lag.

With N(l) pairs of rows of one series that are l steps apart,

    r(l) = [sum of e_i e_j over the pairs / N(l)] / [sum of e_i^2 / n]

(Box, Jenkins & Reinsel 1994, *Time Series Analysis*, section 2.1.6, with the divisors of Pinheiro &
Bates 2000, *Mixed-Effects Models in S and S-PLUS*, section 5.3.1, as series are short).
"""

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from mixedmodels.diagnostics.extent import LAGS
from mixedmodels.diagnostics.residuals import residuals
from mixedmodels.diagnostics.series import series
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.options import require_count, require_option, require_probability
from mixedmodels.vocabulary import SeriesResidual

Vector = NDArray[np.float64]
Int = NDArray[np.int64]
Data = dict[str, NDArray[np.generic]]

KINDS = ("normalized", "standardized", "pearson", "response", "marginal")


def acf(
    fit: Fit,
    group: str | None = None,
    *,
    time: str | None = None,
    kind: SeriesResidual = "normalized",
    max_lag: int = LAGS,
    level: float = 0.95,
) -> object:
    """Table `lag, n, correlation, noise`; see `LinearMixedModel.acf`.

    Raises
    ------
    DataError
        If a column does not exist, times repeat within a series, or no series has two rows.
    """
    columns = acf_data(fit, group, time=time, kind=kind, max_lag=max_lag, level=level)
    return fit.frame.table(columns)


def acf_data(
    fit: Fit,
    group: str | None = None,
    *,
    time: str | None = None,
    kind: SeriesResidual = "normalized",
    max_lag: int = LAGS,
    level: float = 0.95,
) -> Data:
    """The same as arrays."""
    require_option("kind", kind, KINDS)
    require_count("max_lag", max_lag, what="lags")
    require_probability("level", level)
    codes, places = series(fit, group, time)
    e = residuals(fit, kind).to_numpy()
    variance = float(np.mean(e**2))
    lags, counts, correlations = [], [], []
    for lag in range(1, max_lag + 1):
        i, j = pairs_apart(codes, places, lag)
        if len(i):
            lags.append(lag)
            counts.append(len(i))
            correlations.append(float(np.mean(e[i] * e[j])) / variance if variance > 0 else 0.0)
    if not lags:
        raise _no_pairs()
    n = np.array(counts)
    z = NormalDist().inv_cdf(0.5 + level / 2)
    return {
        "lag": np.array(lags),
        "n": n,
        "correlation": np.array(correlations),
        "noise": z / np.sqrt(n),
    }


def pairs_apart(codes: Int, places: Int, lag: int) -> tuple[Int, Int]:
    """Rows of one series whose places differ by `lag`."""
    width = int(places.max(initial=0)) + lag + 1
    key = codes * width + places
    order = np.argsort(key, kind="stable")
    found = np.searchsorted(key[order], key + lag)
    inside = found < len(key)
    second = order[np.where(inside, found, 0)]
    hit = inside & (key[second] == key + lag)
    return np.flatnonzero(hit), second[hit]


def _no_pairs() -> DataError:
    return DataError(
        "No series has two rows, so that nothing can be autocorrelated.\n"
        "Do:   name as `group` what has several rows, such as the subject."
    )
