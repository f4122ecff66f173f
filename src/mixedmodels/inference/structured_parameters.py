"""What is known of the variance parameters of a model with structure, on their natural scale.

The information in (theta, sigma) is carried there by the derivatives of the report (the delta
method). Intervals are normal on a scale without bounds: log of a standard deviation, range or
smoothness, atanh of a correlation, logit of a share, and as they are for coefficients and loadings.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mixedmodels.engine.report import Reported
from mixedmodels.errors import DataError
from mixedmodels.fit.covariance_parameters import CovarianceParameters, parameters_at
from mixedmodels.fit.fit import Fit
from mixedmodels.inference.information import information
from mixedmodels.inference.interval import Intervals
from mixedmodels.vocabulary import QuantityKind, VarianceScale

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]

EDGE = 1e-6
"""Distance from the end of its range below which a parameter is at its boundary; of a standard
deviation relative to the largest.
"""


@dataclass(frozen=True, slots=True)
class Link:
    """A scale without bounds: to it, back from it, its derivative, and the ends of the range."""

    to: Callable[[Vector], Vector]
    back: Callable[[Vector], Vector]
    slope: Callable[[Vector], Vector]
    low: float
    high: float


LOG = Link(np.log, np.exp, lambda x: 1 / x, 0.0, np.inf)
ATANH = Link(np.arctanh, np.tanh, lambda x: 1 / (1 - x**2), -1.0, 1.0)
LOGIT = Link(special.logit, special.expit, lambda x: 1 / (x * (1 - x)), 0.0, 1.0)
IDENTITY = Link(lambda x: x, lambda x: x, np.ones_like, -np.inf, np.inf)

LINKS: dict[QuantityKind, Link] = {
    "sd": LOG,
    "common_sd": LOG,
    "specific_sd": LOG,
    "range": LOG,
    "smoothness": LOG,
    "correlation": ATANH,
    "common_correlation": ATANH,
    "autocorrelation": ATANH,
    "unit_correlation": LOGIT,
    "nugget": LOGIT,
    "ar": IDENTITY,
    "ma": IDENTITY,
    "loading": IDENTITY,
}


@dataclass(frozen=True, slots=True)
class Known:
    """The parameters with the covariance of their estimates.

    Attributes
    ----------
    parameters : CovarianceParameters
        Names and values (r,).
    covariance : array (r, r)
        nan in the rows of parameters at the boundary.
    on_boundary : bool array (r,)
        Standard deviations of zero, correlations of one, and their like.
    links : tuple of Link
        The scale of the interval of each.
    """

    parameters: CovarianceParameters
    covariance: Vector
    on_boundary: Mask
    links: tuple[Link, ...]


def known_parameters(fit: Fit) -> Known:
    """Estimates and covariance of every variance parameter of a model with structure."""
    found = parameters_at(fit.problem, fit.theta, fit.sigma)
    covariance = found.jacobian @ information(fit).covariance @ found.jacobian.T
    links = tuple(_link(entry) for entry in found.entries)
    on_boundary = _on_boundary(found, links)
    is_held = ~np.any(found.jacobian[:, : len(fit.theta)], axis=1) & (
        fit.matrices.known_sigma is not None
    )
    covariance[is_held, :] = covariance[:, is_held] = 0.0
    unknown = on_boundary | (~is_held & (np.diag(covariance) <= 0))
    covariance[unknown, :] = covariance[:, unknown] = np.nan
    return Known(found, covariance, on_boundary, links)


def _link(entry: Reported | None) -> Link:
    if entry is None:
        return LOG
    return IDENTITY if entry.quantity is None else LINKS[entry.quantity.kind]


def _on_boundary(found: CovarianceParameters, links: tuple[Link, ...]) -> Mask:
    is_sd = np.array([e is None or e.is_sd for e in found.entries], dtype=np.bool_)
    largest = np.max(np.abs(found.values[is_sd]), initial=0.0)
    out = []
    for value, link, sd in zip(found.values, links, is_sd, strict=True):
        unit = largest if sd else 1.0
        bounded = np.isfinite(link.low)
        out.append(
            bool(bounded and value - link.low <= EDGE * unit)
            or bool(np.isfinite(link.high) and link.high - value <= EDGE)
        )
    return np.array(out, dtype=np.bool_)


def wald_intervals(fit: Fit, level: float) -> Intervals:
    """Normal intervals on the scales without bounds; nan at a boundary."""
    known = known_parameters(fit)
    found = known.parameters
    half = special.ndtri(0.5 + level / 2) * np.sqrt(np.diag(known.covariance))
    low, high = np.full((2, len(half)), np.nan)
    for i in np.flatnonzero(np.isfinite(half)).tolist():
        link, value = known.links[i], found.values[i : i + 1]
        at, width = link.to(value), half[i] * link.slope(value)
        with np.errstate(over="ignore"):  # an infinite limit says that there is none
            low[i], high[i] = link.back(at - width)[0], link.back(at + width)[0]
    return Intervals(found.groups, found.terms, found.values, low, high)


def on_scale(fit: Fit, scale: VarianceScale) -> tuple[tuple[str, ...], tuple[str, ...], Known]:
    """Groups and names for a table on the scale of the report.

    Raises
    ------
    DataError
        If another scale is asked for.
    """
    if scale != "sd":
        raise DataError(
            f'scale="{scale}" is not there for models with structured covariances.\n'
            'Do:   use scale="sd", on which every parameter has its natural scale.\n'
            "Why:  correlations and ranges have no variances to be given as."
        )
    known = known_parameters(fit)
    return known.parameters.groups, known.parameters.terms, known
