"""The tables of many fits."""

import numpy as np
from numpy.typing import NDArray

from mixedmodels.data import table
from mixedmodels.inference.contrast import student_tail
from mixedmodels.posthoc.adjustment import Family, adjusted
from mixedmodels.responses.entries import standard
from mixedmodels.responses.results import Results

Vector = NDArray[np.float64]


def tests(results: Results) -> tuple[Vector, Vector, Vector]:
    """Statistics, p-values and adjusted p-values (r, k)."""
    found = results.estimates
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = found.estimate / found.std_error
    p = 2 * student_tail(found.df, np.abs(statistic))
    p_adjusted = np.full_like(p, np.nan)
    for j in range(p.shape[1]):
        family = Family(None, 1, np.ones((len(p), 1)))
        p_adjusted[:, j] = adjusted(
            p[:, j], statistic[:, j], found.df[:, j], results.adjust, family
        ).p_value
    return statistic, p, p_adjusted


def coefficients(results: Results) -> object:
    """See `Many.coefficients`."""
    statistic, p, p_adjusted = tests(results)
    found = results.estimates
    return table(
        {
            "response": _repeated(results, len(results.terms)),
            "term": list(results.terms) * len(results),
            "estimate": found.estimate.ravel(),
            "std_error": found.std_error.ravel(),
            "df": found.df.ravel(),
            "statistic": statistic.ravel(),
            "p_value": p.ravel(),
            "p_adjusted": p_adjusted.ravel(),
        },
        results.backend,
    )


def variances(results: Results) -> object:
    """See `Many.variances`."""
    found, entries, r = results.estimates, results.entries, len(results)
    vcov = np.column_stack([found.covariances, found.sigma**2])
    sdcor = np.column_stack([standard(entries, found.covariances), found.sigma])
    return table(
        {
            "response": _repeated(results, len(entries) + 1),
            "group": [*(e.group for e in entries), "Residual"] * r,
            "term1": [*(e.term1 for e in entries), None] * r,
            "term2": [*(e.term2 for e in entries), None] * r,
            "vcov": vcov.ravel(),
            "sdcor": sdcor.ravel(),
        },
        results.backend,
    )


def fits(results: Results) -> object:
    """See `Many.fits`."""
    found = results.estimates
    theta = {name: found.theta[:, j] for j, name in enumerate(results.theta_names)}
    return table(
        {
            "response": list(results.responses),
            "nobs": found.nobs,
            "sigma": found.sigma,
            **theta,
            "criterion": found.criterion,
            "converged": found.status == "converged",
            "status": found.status.tolist(),
            "singular": found.singular,
            "n_evaluations": found.n_evaluations,
        },
        results.backend,
    )


def failures(results: Results) -> object:
    """See `Many.failures`."""
    found = results.estimates
    lost = np.flatnonzero(np.isnan(found.sigma)).tolist()
    return table(
        {
            "response": [results.responses[i] for i in lost],
            "status": [found.status[i] for i in lost],
            "reason": [found.reason[i] for i in lost],
        },
        results.backend,
    )


def _repeated(results: Results, times: int) -> list[object]:
    return [label for label in results.responses for _ in range(times)]
