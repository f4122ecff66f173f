"""Collinearity of the fixed effects: generalised variance-inflation factors.

Of the columns of a term, with R the correlation of the estimates without the intercept,
GVIF = det R_term det R_others / det R (Fox & Monette 1992, *JASA* 87, 178). GVIF^(1/(2 df)) is the
factor by which a standard error is larger than without collinearity.
"""

from dataclasses import dataclass

import numpy as np
from formulaic.parser.types import Term
from numpy.typing import NDArray

from mixedmodels.design import columns_of, is_intercept, term_label
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.fixed_effects import unscaled_covariance

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Inflation:
    """One term: its columns `df`, its `gvif`, the `factor` on its standard errors, and whether a
    column of the data is `shared` with another term (an interaction, a power).
    """

    term: str
    df: int
    gvif: float
    factor: float
    shared: bool


def fixed_terms(fit: Fit) -> list[tuple[Term, list[int]]]:
    """The terms of the fixed part but the intercept, with their columns of X."""
    position = {column: j for j, column in enumerate(fit.spec.x_columns)}
    found = []
    for term, columns in fit.spec.fixed.term_slices.items():
        kept = [position[c] for c in range(columns.start, columns.stop) if c in position]
        if kept and not is_intercept(term):
            found.append((term, kept))
    return found


def inflation(fit: Fit) -> list[Inflation]:
    """The inflation of every term; empty with fewer than two terms beside the intercept."""
    terms = fixed_terms(fit)
    if len(terms) < 2:
        return []
    columns = [j for _, kept in terms for j in kept]
    C = unscaled_covariance(fit)[np.ix_(columns, columns)]
    sd = np.sqrt(np.diag(C))
    R = C / np.outer(sd, sd)
    whole = _log_det(R)
    sources = {term: columns_of([term], fit.spec) for term, _ in terms}
    out = []
    start = 0
    for term, kept in terms:
        inside = np.zeros(len(columns), dtype=np.bool_)
        inside[start : start + len(kept)] = True
        start += len(kept)
        log_gvif = _log_det(R[np.ix_(inside, inside)]) + _log_det(R[np.ix_(~inside, ~inside)])
        log_gvif = max(log_gvif - whole, 0.0)
        factor = np.exp(log_gvif / (2 * len(kept)))
        shared = sum(bool(sources[t] & sources[term]) for t, _ in terms) > 1
        out.append(
            Inflation(term_label(term), len(kept), float(np.exp(log_gvif)), float(factor), shared)
        )
    return out


def collinearity(fit: Fit) -> object:
    """Table `term, df, gvif, factor`, in the frame library of the data."""
    found = inflation(fit)
    return fit.frame.table(
        {
            "term": [row.term for row in found],
            "df": np.array([row.df for row in found], dtype=np.int64),
            "gvif": np.array([row.gvif for row in found]),
            "factor": np.array([row.factor for row in found]),
        }
    )


def _log_det(R: Vector) -> float:
    return float(np.linalg.slogdet(R)[1])
