"""PyPI's `mixedlm` (Python with a Rust backend)."""

from __future__ import annotations

from time import perf_counter

import pandas as pd
from mixedlm.models.lmer_fit import LmerMod

from benchmarks.cases import Case
from benchmarks.peers.interface import Outcome

DISTRIBUTION = "mixedlm"


def refuses(case: Case) -> str | None:
    """It reads lme4's formulas."""
    return None


def fit(case: Case, frame: pd.DataFrame) -> Outcome:
    """What `mixedlm.lmer` does, in its two steps: matrices, then the search."""
    model = LmerMod(case.formula, frame, REML=case.reml)
    start = perf_counter()
    result = model.fit()
    return Outcome(
        criterion=float(result.deviance),
        reml=case.reml,
        evaluations=int(result.function_evals),
        fit_seconds=perf_counter() - start,
        note="" if result.converged else "not converged",
    )
