"""`gpboost` (C++): independent random effects, and maximum likelihood only.

Its criterion is compared with ML fits. For several grouping factors its default is an iterative,
stochastic evaluation of the likelihood, so that the criterion and the optimum are approximate.
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
    """`GPModel(group_data).fit(y, X)` with its defaults (limited-memory BFGS)."""
    groups = np.column_stack([group(frame, names) for names in case.intercepts or ()])
    covariates = [codes(frame[name]).astype(float) for name in case.covariates]
    X = np.column_stack([np.ones(len(frame)), *covariates])
    response = frame[case.formula.split("~")[0].strip()].to_numpy()
    model = gpboost.GPModel(group_data=groups, likelihood="gaussian")
    start = perf_counter()
    model.fit(y=response, X=X)
    return Outcome(
        criterion=2.0 * float(model.get_current_neg_log_likelihood()),
        reml=False,
        fit_seconds=perf_counter() - start,
    )
