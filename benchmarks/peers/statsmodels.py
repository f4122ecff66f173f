"""`statsmodels` MixedLM. Crossed factors need one dense matrix of all rows: left out."""

from __future__ import annotations

from time import perf_counter

import pandas as pd
import statsmodels.formula.api as smf

from benchmarks.cases import Case
from benchmarks.peers.interface import Outcome

DISTRIBUTION = "statsmodels"


def refuses(case: Case) -> str | None:
    """Only models with one outermost factor."""
    return None if case.statsmodels else "crossed factors need a dense n × n matrix"


def fit(case: Case, frame: pd.DataFrame) -> Outcome:
    """`smf.mixedlm(...).fit()` with its defaults."""
    arguments = dict(case.statsmodels or {})
    arguments["groups"] = frame[str(arguments["groups"])]
    model = smf.mixedlm(data=frame, **arguments)
    start = perf_counter()
    result = model.fit(reml=case.reml)
    return Outcome(
        criterion=-2.0 * float(result.llf),
        reml=case.reml,
        fit_seconds=perf_counter() - start,
        note="" if result.converged else "not converged",
    )
