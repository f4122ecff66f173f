"""Variance parameters pooled: means of variances for tables, Rubin's rules where they are normal.

A variance is far from normal and an interval from Rubin's rules on its own scale may reach below
zero. Intervals are therefore pooled on the scales without bounds of `inference.link` (the log of a
standard deviation, Fisher's z of a correlation), and taken back. Estimates in
`variance_components` are plain means of variances and covariances over the imputations, as those
of R's mitml are.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mixedmodels.fit.all_parameters import parameters_of
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.variance_components import (
    components_table,
    known_covariances,
    known_residual,
    told_parameters,
)
from mixedmodels.inference.icc import icc
from mixedmodels.inference.link import Link, link_of
from mixedmodels.inference.variance_information import variance_parameters
from mixedmodels.options import require_probability
from mixedmodels.pooling.rubin import Rubin, rubin

Vector = NDArray[np.float64]


def variance_components(fits: Sequence[Fit]) -> object:
    """Table `group, term1, term2, vcov, sdcor`, see `PooledModel.variance_components`."""
    each = zip(*(known_covariances(fit) for fit in fits), strict=True)
    covariances = [np.mean(found, axis=0) for found in each]
    residual = None
    if fits[0].generalised is None:
        residual = float(np.mean([known_residual(fit) for fit in fits]))
    return components_table(fits[0], covariances, residual)


def covariance_parameters(fits: Sequence[Fit], level: float = 0.95) -> object:
    """Table `group, term, parameter, estimate, conf_low, conf_high, riv, fmi`.

    See `PooledModel.covariance_parameters`.

    Raises
    ------
    DataError
        If `level` is no probability.
    """
    require_probability("level", level)
    names, _ = told_parameters(fits[0])
    links, pooled = pooled_parameters(fits)
    low, high = pooled.limits(level)
    return fits[0].frame.table(
        {
            "group": list(names.groups),
            "term": list(names.terms),
            "parameter": list(names.names),
            "estimate": back(links, pooled.estimate),
            "conf_low": back(links, low),
            "conf_high": back(links, high),
            "riv": pooled.riv,
            "fmi": pooled.fmi,
        }
    )


def pooled_parameters(fits: Sequence[Fit]) -> tuple[tuple[Link, ...], Rubin]:
    """Every variance parameter, pooled on a scale without bounds; nan where one imputation has it
    on its boundary.
    """
    links = tuple(link_of(entry) for entry in parameters_of(fits[0]).entries)
    estimates, covariances = [], []
    for fit in fits:
        values, covariance = told_parameters(fit)[1], variance_parameters(fit, "sd").covariance
        known = np.isfinite(np.diag(covariance)) & np.isfinite(values)
        moved, slope = _moved(links, values, known)
        estimates.append(moved)
        covariances.append(covariance * np.outer(slope, slope))
    complete = np.full(len(links), np.inf)
    return links, rubin(np.array(estimates), np.array(covariances), complete)


def pooled_icc(fits: Sequence[Fit], *, of_group: str | None = None) -> dict[str, float]:
    """Means over the imputations of the intraclass correlations."""
    each = [icc(fit, of_group=of_group) for fit in fits]
    return {name: float(np.mean([found[name] for found in each])) for name in each[0]}


def _moved(
    links: Sequence[Link], values: Vector, known: NDArray[np.bool_]
) -> tuple[Vector, Vector]:
    """Values (r,) on their links' scales and the slopes of these; nan where they are not known."""
    moved, slope = np.full((2, len(values)), np.nan)
    for i in np.flatnonzero(known).tolist():
        moved[i] = links[i].to(values[i : i + 1])[0]
        slope[i] = links[i].slope(values[i : i + 1])[0]
    return moved, slope


def back(links: Sequence[Link], values: Vector) -> Vector:
    """Values (r,) from the scales of their links."""
    with np.errstate(over="ignore"):  # an infinite limit says that there is none
        pairs = zip(links, values, strict=True)
        return np.array([float(link.back(np.array([v]))[0]) for link, v in pairs])
