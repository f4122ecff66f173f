"""`gpboost` with Cholesky factorisation instead of its iterative method, for crossed factors."""

from __future__ import annotations

import pandas as pd

from benchmarks.cases import Case
from benchmarks.peers import gpboost
from benchmarks.peers.interface import Outcome

DISTRIBUTION = gpboost.DISTRIBUTION


def refuses(case: Case) -> str | None:
    """One grouping factor is exact in `gpboost` already."""
    if case.intercepts and len(case.intercepts) == 1:
        return "one factor: exact already"
    return gpboost.refuses(case)


def fit(case: Case, frame: pd.DataFrame) -> Outcome:
    """By Cholesky factorisation."""
    return gpboost.fit_by("cholesky", case, frame)
