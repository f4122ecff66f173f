"""Variances and correlations of the random effects, on the report and on the variance scale."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.engine.structured_terms import StructuredTerms
from mixedmodels.engine.templates import correlation, covariance, reported_template
from mixedmodels.fit.all_parameters import parameters_of
from mixedmodels.fit.covariance_parameters import CovarianceParameters
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.labels import column_labels, group_names, terms_of_group, theta_names

Vector = NDArray[np.float64]


def reported_templates(fit: Fit) -> tuple[Vector, ...]:
    """T_k of every random term, formula order, for the columns of the formula."""
    pairs = zip(fit.matrices.terms, fit.T, strict=True)
    return tuple(reported_template(term.coordinates, T_k) for term, T_k in pairs)


def reported_covariances(fit: Fit) -> tuple[Vector, ...]:
    """Sigma_k (q_k, q_k) for the columns of the formula, in the response's units."""
    return tuple(covariance(T_k, fit.sigma) for T_k in reported_templates(fit))


def known_covariances(fit: Fit) -> tuple[Vector, ...]:
    """`reported_covariances`, nan where the data cannot tell an entry."""
    covariances = reported_covariances(fit)
    if not fit.identification.n_lost:
        return covariances
    return tuple(np.where(known_entries(fit, k), cov, np.nan) for k, cov in enumerate(covariances))


def known_entries(fit: Fit, term: int) -> NDArray[np.bool_]:
    """Whether the data determine each entry (q_k, q_k) of a reported Sigma_k."""
    found = fit.matrices.terms[term]
    return found.coordinates.known(fit.identification.of_term(term, len(found.names)))


def residual_sd(fit: Fit) -> float:
    """The residual standard deviation of a row of weight one: where it differs between rows, at the
    first occasion of the first part, without what `sigma=` adds.
    """
    used = fit.matrices.residual
    if used is None or used.structure is None:
        return fit.sigma
    first = int(np.lexsort((*used.positions.T[::-1], used.part))[0])
    C = fit.problem.residual_covariance(fit.theta, 0, used.positions[[first]])
    return fit.sigma * float(np.sqrt(C[0, 0]))


def known_residual(fit: Fit) -> float:
    """`residual_sd` squared, nan where the data cannot tell it from other variances."""
    return residual_sd(fit) ** 2 if fit.identification.identified[-1] else float("nan")


def variance_components(fit: Fit) -> object:
    """Table `group, term1, term2, vcov, sdcor`, in the caller's own frame library.

    Per random term its variances (`term2` null, `sdcor` the standard deviation), then its
    covariances (`sdcor` the correlation, null where a variance is zero); the last row of a linear
    model is the residual. A covariance that the model fixes at zero has no row. A parameter that
    the data cannot tell from others is null: `convergence.undetermined` says what is known of it.
    """
    residual = known_residual(fit) if fit.generalised is None else None
    return components_table(fit, known_covariances(fit), residual)


def components_table(fit: Fit, covariances: Sequence[Vector], residual: float | None) -> object:
    """The table of `variance_components` for any covariances (q_k, q_k) of the terms of a fit and
    any residual variance, None where there is none.
    """
    rows: list[tuple[str, str | None, str | None, float, float | None]] = []
    labels = column_labels(fit.matrices)
    groups = group_names(fit.matrices)
    for k, cov in enumerate(covariances):
        term = fit.matrices.terms[k]
        group, names = groups[term.group], labels[k]
        rows += [(group, a, None, v, v**0.5) for a, v in zip(names, np.diag(cov), strict=True)]
        if not term.is_independent:
            corr = correlation(cov)
            rows += [
                (group, names[i], names[j], cov[i, j], corr[i, j])
                for i in range(len(names))
                for j in range(i + 1, len(names))
            ]
    if residual is not None:
        rows.append(("Residual", None, None, residual, residual**0.5))
    group_column, term1, term2, vcov, sdcor = zip(*rows, strict=True) if rows else [()] * 5
    return fit.frame.table(
        {
            "group": list(group_column),
            "term1": list(term1),
            "term2": list(term2),
            "vcov": np.array(vcov, dtype=np.float64),
            "sdcor": np.array(sdcor, dtype=np.float64),
        }
    )


def told_parameters(fit: Fit) -> tuple[CovarianceParameters, Vector]:
    """Every variance parameter by name, and its estimate (r,) on its natural scale: nan where the
    data cannot tell it from others.
    """
    found = parameters_of(fit)
    return found, np.where(_are_known(fit, found), found.values, np.nan)


def _are_known(fit: Fit, found: CovarianceParameters) -> NDArray[np.bool_]:
    """Which of the parameters (r,) the data can tell."""
    known = np.ones(len(found.values), dtype=np.bool_)
    if not fit.identification.n_lost:
        return known
    for r, entry in enumerate(found.entries):
        if entry is not None and entry.owner == "auxiliary":
            continue
        if entry is None or entry.owner != "term":
            known[r] = bool(fit.identification.identified[-1])
            continue
        told, quantity = known_entries(fit, entry.index), entry.quantity
        if quantity is not None and quantity.kind in ("sd", "correlation"):
            pair = {quantity.first, quantity.second} if quantity.kind != "sd" else {quantity.first}
            known[r] = all(told[i, j] for i in pair for j in pair)
        else:
            known[r] = bool(told.all())
    return known


def cov_re(fit: Fit) -> dict[str, pd.DataFrame]:
    """Covariance of the random effects of one level of each group.

    Two terms on one group are independent: they are blocks of one matrix. nan where the data cannot
    tell an entry from other parameters.
    """
    covariances = known_covariances(fit)
    labels = column_labels(fit.matrices)
    out = {}
    for g, group in enumerate(group_names(fit.matrices)):
        terms = terms_of_group(fit.matrices, g)
        names = [name for k in terms for name in labels[k]]
        whole = np.zeros((len(names), len(names)))
        start = 0
        for k in terms:
            stop = start + len(labels[k])
            whole[start:stop, start:stop] = covariances[k]
            start = stop
        out[group] = pd.DataFrame(whole, index=names, columns=names)
    return out


def theta(fit: Fit) -> pd.Series:
    """The relative covariance parameters with names such as `subject.days.Intercept`.

    Per term in formula order, the lower triangle of T_k column by column: the name is the group,
    the row and, off the diagonal, the column. A model with structure has unbounded coordinates
    instead, which `covariance_parameters` gives on their natural scale.
    """
    problem = fit.problem
    values = fit.theta
    if not isinstance(problem, StructuredTerms):
        values = problem.theta_of(reported_templates(fit))
    names = pd.Index(theta_names(problem), dtype=object)
    return pd.Series(values, index=names, name="theta", dtype=np.float64)
