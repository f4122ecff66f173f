"""PyPI's `glmm` (Rust). Its degrees of freedom are switched off: they are not part of the fit."""

from __future__ import annotations

import glmm
import pandas as pd

from benchmarks.cases import Case
from benchmarks.peers.interface import Outcome

DISTRIBUTION = "glmm"


def refuses(case: Case) -> str | None:
    """It reads lme4's formulas."""
    return None


def fit(case: Case, frame: pd.DataFrame) -> Outcome:
    """`glmm.fit`; its `loglik` is on lme4's scale."""
    result = glmm.fit(
        frame, case.plain or case.formula, reml=case.reml, satterthwaite=False, anova_test="Wald"
    )
    return Outcome(
        criterion=-2.0 * float(result.loglik),
        reml=bool(result.reml),
        evaluations=int(result.n_eval) + int(result.n_grad),
        note="" if result.converged else "not converged",
    )
