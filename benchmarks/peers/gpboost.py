"""`gpboost` (C++): independent random effects, and maximum likelihood only.

Its criterion is compared with ML fits. Several grouping factors go by its iterative method, which
is its default there: conjugate gradients and stochastic Lanczos quadrature, so that criterion and
optimum are approximate. `gpboost_exact` has its Cholesky factorisation.
"""

from __future__ import annotations

from time import perf_counter

import gpboost
import numpy as np
import pandas as pd

from benchmarks.cases import Case
from benchmarks.peers.interface import Outcome

DISTRIBUTION = "gpboost"


def refuses(case: Case) -> str | None:
    """Only random intercepts: its slopes are independent of the intercepts, another model."""
    return None if case.intercepts else "no correlated random effects"


def codes(column: pd.Series) -> np.ndarray:
    """Integer codes of a factor, numbers as they are."""
    return np.asarray(column.cat.codes if isinstance(column.dtype, pd.CategoricalDtype) else column)


def group(frame: pd.DataFrame, names: tuple[str, ...]) -> np.ndarray:
    """One code per combination of the columns."""
    result = np.zeros(len(frame), dtype=np.int64)
    for name in names:
        result = result * frame[name].cat.categories.size + codes(frame[name])
    return result


def fit(case: Case, frame: pd.DataFrame) -> Outcome:
    """By its iterative method; a single grouping factor needs none."""
    iterative = len(case.intercepts or ()) > 1
    return fit_by("iterative" if iterative else "default", case, frame)


def fit_by(method: str, case: Case, frame: pd.DataFrame) -> Outcome:
    """`GPModel(group_data).fit(y, X)` with its defaults (limited-memory BFGS)."""
    groups = np.column_stack([group(frame, names) for names in case.intercepts or ()])
    covariates = [codes(frame[name]).astype(float) for name in case.covariates]
    X = np.column_stack([np.ones(len(frame)), *covariates])
    response = frame[case.formula.split("~")[0].strip()].to_numpy()
    model = gpboost.GPModel(
        group_data=groups, likelihood="gaussian", matrix_inversion_method=method
    )
    start = perf_counter()
    model.fit(y=response, X=X)
    seconds = perf_counter() - start
    return Outcome(
        criterion=2.0 * float(model.get_current_neg_log_likelihood()),
        reml=False,
        fit_seconds=seconds,
        sds=lambda: deviations(case, model),
    )


def deviations(case: Case, model: gpboost.GPModel) -> dict[str, float]:
    """Standard deviations by group, and of the residual."""
    residual, *others = np.sqrt(np.asarray(model.get_cov_pars(), dtype=float).ravel())
    names = [":".join(names) for names in case.intercepts or ()]
    return dict(zip(names, map(float, others), strict=True)) | {"residual": float(residual)}
