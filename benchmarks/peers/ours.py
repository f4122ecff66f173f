"""This library."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from benchmarks.cases import Case
from benchmarks.peers.interface import Outcome
from mixedmodels import lmm  # names load when first asked for: before the clock starts
from mixedmodels.engine.problem import Problem

DISTRIBUTION = "mixedmodels"


def refuses(case: Case) -> str | None:
    """It fits every case."""
    return None


def fit(case: Case, frame: pd.DataFrame) -> Outcome:
    """`lmm`."""
    model = lmm(case.formula, frame, reml=case.reml)
    return Outcome(
        criterion=float(model.objective),
        reml=case.reml,
        evaluations=int(model.convergence.n_evaluations),
        note="" if model.convergence.converged else f"not converged: {model.convergence.message}",
    )


def search(case: Case, frame: pd.DataFrame) -> Callable[[], object]:
    """The native fit alone: cross-products of the finished matrices, then the search."""
    fit = lmm(case.formula, frame, reml=case.reml).fit
    return lambda: Problem(fit.matrices).minimise(reml=case.reml, control=fit.request.control)
