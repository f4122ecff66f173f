"""A model in one row: how many rows, how well they fit, how it was fitted."""

from typing import Any

import numpy as np

from mixedmodels.fit.criteria import aic, aicc, bic, log_likelihood, n_parameters, n_rows
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.variance_components import known_residual


def glance(fit: Fit) -> Any:
    """Table of one row, as `MixedModel.glance` explains it."""
    sigma = np.nan if fit.generalised is not None else known_residual(fit) ** 0.5
    numbers = {
        "sigma": sigma,
        "llf": log_likelihood(fit),
        "aic": aic(fit),
        "aicc": aicc(fit),
        "bic": bic(fit),
        "objective": fit.objective,
    }
    n, k = n_rows(fit), n_parameters(fit)
    columns: dict[str, Any] = {
        "response": [fit.spec.formula.response_name],
        "family": [fit.family.name],
        "link": [fit.family.link],
        "nobs": np.array([n]),
        "n_missing": np.array([fit.matrices.n_missing]),
        "npar": np.array([k]),
        "df_residual": np.array([n - k]),
        **{name: np.array([value], dtype=np.float64) for name, value in numbers.items()},
        "reml": np.array([fit.reml]),
        "converged": np.array([fit.convergence.converged]),
        "is_singular": np.array([bool(fit.convergence.singular)]),
    }
    return fit.frame.table(columns)
