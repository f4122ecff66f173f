"""What is known of the variance parameters of models with structure, on their natural scale, and of
all parameters of generalised models but the fixed effects.

The information in (theta, sigma), or in psi of a generalised model, is carried there by the
derivatives of the report (the delta method). Intervals are normal on a scale without bounds: log of
a standard deviation, range or smoothness, atanh of a correlation, logit of a share, and as they are
for coefficients and loadings.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mixedmodels.engine.generalised import GeneralisedProblem
from mixedmodels.engine.singularity import NEGLIGIBLE
from mixedmodels.errors import DataError
from mixedmodels.fit.all_parameters import parameters_of
from mixedmodels.fit.covariance_parameters import CovarianceParameters
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.once import once
from mixedmodels.inference.information import information, not_identified
from mixedmodels.inference.interval import Intervals
from mixedmodels.inference.link import LOG, Link, link_of
from mixedmodels.vocabulary import VarianceScale

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]

EDGE = 1e-6
"""Distance from the end of its range below which a parameter is at its boundary; of a standard
deviation relative to the largest.
"""


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
    """Estimates and covariance of every variance parameter, and of every auxiliary one."""
    found = parameters_of(fit)
    facts = information(fit)
    covariance = found.jacobian @ facts.covariance @ found.jacobian.T
    links = tuple(link_of(entry) for entry in found.entries)
    on_boundary = _on_boundary(found, links) | _in_singular_terms(fit, found)
    is_held = ~np.any(found.jacobian[:, : len(fit.psi)], axis=1) & (
        fit.matrices.known_sigma is not None
    )
    covariance[is_held, :] = covariance[:, is_held] = 0.0
    unknown = on_boundary | (~is_held & (np.diag(covariance) <= 0))
    if fit.generalised is not None:
        unknown |= not_identified(found.jacobian, facts)
    covariance[unknown, :] = covariance[:, unknown] = np.nan
    return Known(found, covariance, on_boundary, links)


def _on_boundary(found: CovarianceParameters, links: tuple[Link, ...]) -> Mask:
    is_sd = np.array([e is None or e.is_sd for e in found.entries], dtype=np.bool_)
    largest = np.max(np.abs(found.values[is_sd]), initial=0.0)
    out = []
    for value, link, sd in zip(found.values, links, is_sd, strict=True):
        unit = largest if sd else 0.0 if link is LOG else 1.0  # a dispersion has units of its own
        bounded = np.isfinite(link.low)
        out.append(
            bool(bounded and value - link.low <= EDGE * unit)
            or bool(np.isfinite(link.high) and link.high - value <= EDGE)
        )
    return np.array(out, dtype=np.bool_)


def _in_singular_terms(fit: Fit, found: CovarianceParameters) -> Mask:
    """Which parameters of a generalised model belong to a covariance that is singular, or to an
    independent effect that does not vary: near zero, but where the search ended.
    """
    singular = {term.term for term in fit.convergence.singular}
    mask = np.zeros(len(found.values), dtype=np.bool_)
    if not singular or not isinstance(fit.problem, GeneralisedProblem):
        return mask
    least = NEGLIGIBLE * row_scale(fit)
    for i, entry in enumerate(found.entries):
        if entry is None or entry.owner != "term" or entry.index not in singular:
            continue
        term, place = fit.matrices.terms[entry.index], 0
        if entry.quantity is not None and entry.quantity.kind == "sd":
            place = entry.quantity.first
        size = found.values[i] * fit.problem.column_scales[entry.index][place]
        is_whole = term.is_plain and not term.is_independent
        mask[i] = is_whole or (entry.is_sd and size < least)
    return mask


@once
def row_scale(fit: Fit) -> float:
    """What stands for the residual standard deviation of a row."""
    return fit.problem.typical_scale(fit.psi)


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
            f'scale="{scale}" is there for plain linear models alone.\n'
            'Do:   use scale="sd", on which every parameter has its natural scale.\n'
            "Why:  correlations, ranges and dispersions have no variances to be given as."
        )
    known = known_parameters(fit)
    return known.parameters.groups, known.parameters.terms, known
