"""The semivariogram of residuals within series: half their squared difference, by distance.

    g(d) = mean of (e_i - e_j)^2 / 2 over the pairs of one series at the distance d

(Matheron's estimate; Cressie 1993, *Statistics for Spatial Data*, section 2.4). Of residuals of
variance one that are not correlated it is one at all distances; where near ones are alike it
starts low and rises.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import distance

from mixedmodels.diagnostics.acf import KINDS
from mixedmodels.diagnostics.extent import BINS
from mixedmodels.diagnostics.residuals import residuals
from mixedmodels.diagnostics.series import places_in_space, series_codes
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.options import require_count, require_option, require_positive
from mixedmodels.vocabulary import SeriesResidual

Vector = NDArray[np.float64]
Int = NDArray[np.int64]
Data = dict[str, NDArray[np.generic]]

SAME = 10
"""Decimals, relative to the largest, to which equal distances agree."""

MOST_ROWS = 2_000
"""Rows of one series whose pairs are looked at; of more, so many at equal steps."""


def variogram(
    fit: Fit,
    position: str | Sequence[str],
    group: str | None = None,
    *,
    kind: SeriesResidual = "normalized",
    bins: int = BINS,
    max_distance: float | None = None,
) -> object:
    """Table `distance, n, semivariance`; see `LinearMixedModel.variogram`.

    Raises
    ------
    DataError
        If a column does not exist or is not numeric, or no series has two rows that near.
    """
    found = variogram_data(fit, position, group, kind=kind, bins=bins, max_distance=max_distance)
    return fit.frame.table(found)


def variogram_data(
    fit: Fit,
    position: str | Sequence[str],
    group: str | None = None,
    *,
    kind: SeriesResidual = "normalized",
    bins: int = BINS,
    max_distance: float | None = None,
) -> Data:
    """The same as arrays."""
    require_option("kind", kind, KINDS)
    require_count("bins", bins, what="bins")
    limit = np.inf if max_distance is None else require_positive("max_distance", max_distance)
    _, codes = series_codes(fit, group)
    e = residuals(fit, kind).to_numpy()
    apart, half = _pairs(codes, places_in_space(fit, position), e)
    near = apart <= limit
    if not near.any():
        raise DataError(
            "No two rows of one series are that near to each other.\n"
            "Do:   name as `group` what has several rows, or raise `max_distance`."
        )
    return _binned(apart[near], half[near], bins)


def _pairs(codes: Int, places: Vector, e: Vector) -> tuple[Vector, Vector]:
    """Distances and half squared differences of the pairs of rows of one series."""
    order = np.argsort(codes, kind="stable")
    apart, half = [np.empty(0)], [np.empty(0)]
    for rows in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1):
        some = rows[:: -(-len(rows) // MOST_ROWS)]
        apart.append(distance.pdist(places[some]))
        half.append(distance.pdist(e[some, None], "sqeuclidean") / 2)
    return np.concatenate(apart), np.concatenate(half)


def _binned(apart: Vector, half: Vector, bins: int) -> Data:
    """Means by distance, or by bins of about equally many pairs where there are many distances."""
    rounded = np.round(apart / (apart.max() or 1.0), SAME)
    distinct, place = np.unique(rounded, return_inverse=True)
    if len(distinct) > bins:
        edges = np.unique(np.quantile(rounded, np.linspace(0, 1, bins + 1)[1:-1]))
        place = np.searchsorted(edges, rounded, side="left")
    n = np.bincount(place)
    used = n > 0
    return {
        "distance": np.bincount(place, apart)[used] / n[used],
        "n": n[used],
        "semivariance": np.bincount(place, half)[used] / n[used],
    }
