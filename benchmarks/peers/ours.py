"""This library."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from benchmarks.cases import Case
from benchmarks.peers.interface import Outcome
from mixedmodels import LinearMixedModel, lmm  # they load when first asked for: untimed
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
        criterion_error=criterion_error(model),
        sds=lambda: deviations(model) if case.intercepts else {},
        note="" if model.convergence.converged else f"not converged: {model.convergence.message}",
    )


def criterion_error(model: LinearMixedModel) -> float | None:
    """The Monte Carlo error of the criterion; None where the route is exact."""
    estimated = getattr(model.convergence, "monte_carlo", None)
    return float(estimated.criterion_error) if estimated else None


def deviations(model: LinearMixedModel) -> dict[str, float]:
    """Standard deviations of the random intercepts, by group, and of the residual."""
    table = model.variance_components
    names = [str(name) for name in table["group"]]
    names[-1] = "residual"
    return dict(zip(names, map(float, table["sdcor"]), strict=True))


def search(case: Case, frame: pd.DataFrame) -> Callable[[], object]:
    """The native fit alone: cross-products of the finished matrices, then the search."""
    fit = lmm(case.formula, frame, reml=case.reml).fit
    return lambda: Problem(fit.matrices).minimise(reml=case.reml, control=fit.request.control)
