"""Fits one by one: models with structure, variances that the data cannot tell, other methods."""

import warnings
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mixedmodels.errors import DataError, MixedModelsWarning
from mixedmodels.fit.fit import Fit, fit_problem
from mixedmodels.fit.variance_components import known_covariances, theta
from mixedmodels.inference.contrast import t_tests
from mixedmodels.responses.design import Design
from mixedmodels.responses.entries import entries_of, values_of
from mixedmodels.responses.estimates import Estimates, empty

Vector = NDArray[np.float64]


def fits_singly(design: Design, Y: Vector) -> Estimates:
    """Fit columns of `Y` (n, r) that are finite and vary; a failure is marked in its row."""
    out = empty(design, Y.shape[1])
    out.nobs[:] = len(Y)
    request = design.asked.request
    for j in range(Y.shape[1]):
        problem = design.problem.with_response(np.ascontiguousarray(Y[:, j]))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", MixedModelsWarning)
                fit = fit_problem(request, replace(design.spec), problem)
                _write(out, j, design, fit)
        except DataError as error:
            out.lose(j, "failed", str(error).split("\n")[0])
    return out


def _write(out: Estimates, j: int, design: Design, fit: Fit) -> None:
    m = fit.matrices
    L = m.coordinates.columns(design.rows)
    tests = t_tests(fit, L, ddf=design.asked.ddf, rhs=design.rhs)
    found = fit.convergence
    out.status[j] = found.status
    out.estimate[j], out.std_error[j], out.df[j] = tests.estimate, tests.std_error, tests.df
    out.covariances[j] = values_of(entries_of(m), known_covariances(fit))
    out.sigma[j], out.criterion[j] = fit.sigma, fit.objective
    out.theta[j] = theta(fit).to_numpy()
    out.singular[j] = bool(found.singular)
    out.n_evaluations[j] = found.n_evaluations
