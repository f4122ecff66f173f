"""The Python programs: `fit(case, frame)` is one whole call, formula and frame to fitted model."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.generalised.cases import Case


@dataclass(frozen=True, slots=True)
class Outcome:
    """One fitted model.

    Attributes
    ----------
    criterion
        -2 log-likelihood by Laplace's method with all constants; None where the program has none.
    evaluations
        Of the criterion; None where the program does not tell.
    """

    criterion: float | None
    evaluations: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Program:
    """How a program is called.

    Attributes
    ----------
    distribution
        Its name on PyPI.
    fit
        One whole call.
    refits
        Gives, outside the timed call, a function that refits simulated responses; None where
        there is nothing but to fit anew.
    refuses
        Why it cannot fit a case; None when it can.
    """

    distribution: str
    fit: Callable[[Case, pd.DataFrame], Outcome]
    refits: Callable[[Case, pd.DataFrame], Callable[[], Outcome]] | None = None
    refuses: Callable[[Case], str | None] = lambda case: None


def proportion(case: Case) -> str:
    """The formula with the proportion as the response, where there are trials."""
    return case.formula.replace("y ~", "p ~", 1) if case.trials else case.formula


def ours() -> Program:
    """This library."""
    mm = importlib.import_module("mixedmodels")

    def model(case: Case, frame: pd.DataFrame):
        return mm.glmm(case.formula, frame, case.family, trials=case.trials)

    def fit(case: Case, frame: pd.DataFrame) -> Outcome:
        found = model(case, frame)
        ended = found.convergence
        note = "" if ended.converged else f"not converged: {ended.message}"
        return Outcome(float(found.objective), int(ended.n_evaluations), note)

    def refits(case: Case, frame: pd.DataFrame) -> Callable[[], Outcome]:
        found = model(case, frame)

        def run() -> Outcome:
            return Outcome(None, note=str(found.bootstrap(case.refits, seed=1)).splitlines()[0])

        return run

    return Program("mixedmodels", fit, refits)


def glmm() -> Program:
    """PyPI's `glmm` (Rust)."""
    library = importlib.import_module("glmm")

    def fit(case: Case, frame: pd.DataFrame) -> Outcome:
        weights = None if case.trials is None else frame[case.trials].to_numpy()
        result = library.fit(
            frame, proportion(case), family=case.family, weights=weights, anova_test="Wald"
        )
        evaluations = int(result.n_eval) + int(result.n_grad)
        note = "" if result.converged else "not converged"
        return Outcome(-2.0 * float(result.loglik), evaluations, note)

    return Program("glmm", fit)


def mixedlm() -> Program:
    """PyPI's `mixedlm` (Python with a Rust backend)."""
    library = importlib.import_module("mixedlm")
    families = importlib.import_module("mixedlm.families")

    def fit(case: Case, frame: pd.DataFrame) -> Outcome:
        family = getattr(families, case.family.capitalize())()
        result = library.glmer(proportion(case), frame, family=family, weights=case.trials)
        note = "" if result.converged else "not converged"
        return Outcome(-2.0 * float(result.logLik().value), None, note)

    return Program("mixedlm", fit)


def statsmodels() -> Program:
    """`BinomialBayesMixedGLM` by variational Bayes: a posterior, not a maximum of a likelihood."""
    library = importlib.import_module("statsmodels.genmod.bayes_mixed_glm")

    def refuses(case: Case) -> str | None:
        slopes = "the variances of independent effects only"
        return (
            "one trial per row only" if case.trials else slopes if "(x |" in case.formula else None
        )

    def fit(case: Case, frame: pd.DataFrame) -> Outcome:
        fixed, *bars = case.formula.replace(" ", "").split("+(")
        groups = {bar.split("|")[1].rstrip(")"): f"0+C({bar.split('|')[1]}" for bar in bars}
        model = library.BinomialBayesMixedGLM.from_formula(fixed, groups, frame)
        model.fit_vb()
        return Outcome(None, note="variational Bayes")

    return Program("statsmodels", fit, refuses=refuses)


def gpboost() -> Program:
    """`gpboost` (C++) with its defaults: iterative methods for crossed factors."""
    library = importlib.import_module("gpboost")

    def refuses(case: Case) -> str | None:
        return None if case.intercepts else "not measured: random intercepts of one trial only"

    def fit(case: Case, frame: pd.DataFrame) -> Outcome:
        groups = np.column_stack([frame[name].cat.codes for name in case.intercepts or ()])
        X = np.column_stack([np.ones(len(frame)), *(frame[name] for name in case.covariates)])
        model = library.GPModel(group_data=groups, likelihood="bernoulli_logit")
        model.fit(y=frame["y"].to_numpy(), X=X)
        return Outcome(2.0 * float(model.get_current_neg_log_likelihood()))

    return Program("gpboost", fit, refuses=refuses)


PROGRAMS: dict[str, Callable[[], Program]] = {
    "ours": ours,
    "glmm": glmm,
    "mixedlm": mixedlm,
    "statsmodels": statsmodels,
    "gpboost": gpboost,
}
