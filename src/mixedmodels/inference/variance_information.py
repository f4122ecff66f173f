"""What is known of the variance parameters: their covariance, on a stated scale.

The information is the Hessian of the criterion in (theta, sigma), the residual standard deviation
being a parameter like the others. Its inverse is carried to other scales by their derivatives (the
delta method), with Sigma = sigma^2 T T':

    dSigma / dT_rc = sigma^2 (E_rc T' + T E_rc'),        dSigma / dsigma = 2 sigma T T'
    dsd_i  = dSigma_ii / (2 sd_i)
    dcor_ij = dSigma_ij / (sd_i sd_j) - cor_ij (dSigma_ii / sd_i^2 + dSigma_jj / sd_j^2) / 2
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.engine.route import plain
from mixedmodels.engine.singularity import NEGLIGIBLE
from mixedmodels.engine.structured_terms import StructuredTerms
from mixedmodels.engine.templates import covariance
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.labels import column_labels, group_names
from mixedmodels.fit.variance_components import (
    known_entries,
    reported_templates,
)
from mixedmodels.inference.flat import covariance_slopes
from mixedmodels.inference.information import information, not_identified
from mixedmodels.inference.link import ATANH
from mixedmodels.inference.structured_parameters import on_scale
from mixedmodels.options import require_option
from mixedmodels.shortening import brief
from mixedmodels.vocabulary import VarianceScale

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class VarianceParameters:
    """The variance parameters on one scale: r of them, the residual's last.

    Attributes
    ----------
    groups, terms : tuple of str
        What each one is of; see `variance_parameters`.
    is_correlation : bool array (r,)
        On the scale ``"sd"``, which are correlations.
    estimate : array (r,)
        nan for a correlation with an effect of zero variance, and for a parameter that the data
        cannot tell from others.
    covariance : array (r, r)
        Of the estimates. nan where a parameter is on the boundary, as there is no normal
        approximation, and where the criterion is flat or not convex in it.
    on_boundary : bool array (r,)
        Which belong to a covariance that is singular.
    """

    groups: tuple[str, ...]
    terms: tuple[str, ...]
    is_correlation: Mask
    estimate: Vector
    covariance: Vector
    on_boundary: Mask

    __repr__ = brief


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a term: a standard deviation or variance (i == j), or of a pair."""

    term: int
    i: int
    j: int


def cov_variance(fit: Fit, scale: VarianceScale = "sd") -> pd.DataFrame:
    """Covariance of the estimates of the variance parameters, labelled by `group` and `term`.

    Parameters
    ----------
    fit : Fit
    scale : {"sd", "var", "theta"}
        ``"sd"``: standard deviations and correlations; ``"var"``: variances and covariances;
        ``"theta"``: the relative covariance parameters. The last parameter is the residual's: its
        variance on the scale ``"var"``, otherwise its standard deviation.

    Returns
    -------
    DataFrame
        The square roots of its diagonal are standard errors. nan for the parameters of a singular
        term, which are on the boundary, and for those that the data do not identify; the others'
        are given those as known.
    """
    found = variance_parameters(fit, scale)
    labels = pd.MultiIndex.from_arrays([found.groups, found.terms], names=["group", "term"])
    return pd.DataFrame(found.covariance, index=labels, columns=labels)


def variance_parameters(fit: Fit, scale: VarianceScale) -> VarianceParameters:
    """Estimates, names and covariance of the variance parameters on one scale.

    Within each random term the standard deviations (variances) come first, named as the columns,
    then the correlations, ``cor(a, b)``, or covariances, ``cov(a, b)``. On the scale ``"theta"``
    the order is that of theta, and an entry off the diagonal is ``row.column``.

    Raises
    ------
    DataError
        If there is no such scale.
    """
    require_option("scale", scale, get_args(VarianceScale))
    if isinstance(fit.problem, StructuredTerms):
        return _of_structures(fit, scale)
    parameters = _in_order_of_theta(fit) if scale == "theta" else list(in_order_of_report(fit))
    estimate, jacobian = _transformed(fit, parameters, scale)
    facts = information(fit)
    covariance = jacobian @ facts.covariance @ jacobian.T
    untold = _unidentified(fit, parameters, scale)
    on_boundary = np.append(_on_boundary(fit, parameters), False)
    unknown = untold | on_boundary | not_identified(jacobian, facts)
    estimate = np.where(untold, np.nan, estimate)
    covariance[unknown, :] = covariance[:, unknown] = np.nan
    groups, labels = group_names(fit.matrices), column_labels(fit.matrices)
    return VarianceParameters(
        groups=(*(groups[fit.matrices.terms[p.term].group] for p in parameters), "Residual"),
        terms=(*(_name(p, labels[p.term], scale) for p in parameters), _residual_name(scale)),
        is_correlation=np.array([scale == "sd" and p.i != p.j for p in parameters] + [False]),
        estimate=estimate,
        covariance=covariance,
        on_boundary=on_boundary,
    )


def _of_structures(fit: Fit, scale: VarianceScale) -> VarianceParameters:
    groups, terms, known = on_scale(fit, scale)
    return VarianceParameters(
        groups=groups,
        terms=terms,
        is_correlation=np.array([link is ATANH for link in known.links], dtype=np.bool_),
        estimate=known.parameters.values,
        covariance=known.covariance,
        on_boundary=known.on_boundary,
    )


def _in_order_of_theta(fit: Fit) -> list[Parameter]:
    return [
        Parameter(k, row, column)
        for k, row, column in plain(fit.problem, "This interval").theta_index
    ]


def in_order_of_report(fit: Fit) -> Iterator[Parameter]:
    """Per term its variances, then its covariances: the order of `variance_parameters`."""
    for k, term in enumerate(fit.matrices.terms):
        q = len(term.names)
        yield from (Parameter(k, i, i) for i in range(q))
        if not term.is_independent:
            yield from (Parameter(k, i, j) for i in range(q) for j in range(i + 1, q))


def _name(parameter: Parameter, labels: tuple[str, ...], scale: VarianceScale) -> str:
    first, second = labels[parameter.i], labels[parameter.j]
    if parameter.i == parameter.j:
        return first
    pair = {"theta": f"{first}.{second}", "var": f"cov({first}, {second})"}
    return pair.get(scale, f"cor({first}, {second})")


def _residual_name(scale: VarianceScale) -> str:
    return "variance" if scale == "var" else "sd"


def _transformed(
    fit: Fit, parameters: list[Parameter], scale: VarianceScale
) -> tuple[Vector, Vector]:
    """Estimates (r,) on `scale`, and their derivatives (r, m + 1) in (theta, sigma)."""
    m, sigma = len(fit.theta), fit.sigma
    if scale == "theta" and not any(term.coordinates.steps for term in fit.matrices.terms):
        return np.append(fit.theta, sigma), np.eye(m + 1)
    T, reported = fit.T, reported_templates(fit)
    slopes = [
        term.coordinates.reported_covariance(covariance_slopes(fit, k, T[k]))
        for k, term in enumerate(fit.matrices.terms)
    ]
    estimate, jacobian = np.zeros(len(parameters) + 1), np.zeros((len(parameters) + 1, m + 1))
    for row, p in enumerate(parameters):
        S, dS = covariance(reported[p.term], sigma), slopes[p.term]
        if scale == "theta":
            estimate[row] = reported[p.term][p.i, p.j]
            jacobian[row] = _template_slopes(reported[p.term], sigma, dS)[:, p.i, p.j]
            continue
        transform = _entry if scale == "var" else _sd if p.i == p.j else _correlation
        estimate[row], jacobian[row] = transform(S, dS, p.i, p.j)
    estimate[-1] = sigma**2 if scale == "var" else sigma
    jacobian[-1, -1] = 2 * sigma if scale == "var" else 1.0
    return estimate, jacobian


def _template_slopes(T: Vector, sigma: float, dS: Vector) -> Vector:
    """DT of the lower triangle T, by TT' = Sigma / sigma^2: T times the lower half of
    T^-1 d(TT') T^-T; nan where T is singular.
    """
    if not np.diag(T).all():
        return np.full(dS.shape, np.nan)
    dG = dS / sigma**2
    dG[-1] = 0.0
    inverse = np.linalg.inv(T)
    half = np.tril(inverse @ dG @ inverse.T)
    diagonal = np.arange(len(T))
    half[:, diagonal, diagonal] /= 2
    return np.asarray(T @ half)


def _entry(S: Vector, dS: Vector, i: int, j: int) -> tuple[float, Vector]:
    return S[i, j], dS[:, i, j]


def _sd(S: Vector, dS: Vector, i: int, _: int) -> tuple[float, Vector]:
    sd = float(np.sqrt(S[i, i]))
    return sd, dS[:, i, i] / (2 * sd) if sd > 0 else np.full(len(dS), np.nan)


def _correlation(S: Vector, dS: Vector, i: int, j: int) -> tuple[float, Vector]:
    product = float(np.sqrt(S[i, i] * S[j, j]))
    if product == 0:
        return float("nan"), np.full(len(dS), np.nan)
    correlation = float(np.clip(S[i, j] / product, -1.0, 1.0))
    relative = dS[:, i, i] / S[i, i] + dS[:, j, j] / S[j, j]
    return correlation, dS[:, i, j] / product - correlation * relative / 2


def _unidentified(fit: Fit, parameters: list[Parameter], scale: VarianceScale) -> Mask:
    """Which parameters (r,) the data cannot tell from others, whatever the estimates are."""
    known = fit.identification
    if not known.n_lost:
        return np.zeros(len(parameters) + 1, dtype=np.bool_)
    entries = [known_entries(fit, k) for k in range(len(fit.matrices.terms))]
    parts = [
        all(
            entries[p.term][i, j]
            for i, j in ([(p.i, p.j)] if scale == "var" else {(p.i, p.j), (p.i, p.i), (p.j, p.j)})
        )
        for p in parameters
    ]
    return ~np.array([*parts, known.identified[-1]], dtype=np.bool_)


def _on_boundary(fit: Fit, parameters: list[Parameter]) -> Mask:
    """Which parameters belong to a covariance, or to an independent effect, that is singular."""
    singular = {term.term for term in fit.convergence.singular}
    independent = {k for k in singular if fit.matrices.terms[k].is_independent}
    zero = {
        (k, row)
        for value, (k, row, _) in zip(
            fit.theta, plain(fit.problem, "This interval").theta_index, strict=True
        )
        if k in independent and value * fit.problem.column_scales[k][row] < NEGLIGIBLE
    }
    return np.array(
        [
            (p.term, p.i) in zero if p.term in independent else p.term in singular
            for p in parameters
        ],
        dtype=np.bool_,
    )
