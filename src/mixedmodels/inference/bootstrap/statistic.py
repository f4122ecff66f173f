"""Any function of a fitted model, in every replicate."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.engine.batch import Refits
from mixedmodels.engine.convergence import convergence_of, generalised_convergence
from mixedmodels.engine.generalised import GeneralisedProblem
from mixedmodels.engine.route import AnyProblem
from mixedmodels.engine.singularity import TermFacts
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit, term_facts
from mixedmodels.fit.generalised import generalised_of
from mixedmodels.inference.bootstrap.resampling import Resampling

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Statistic:
    """A function of a model, applied to a fit.

    Attributes
    ----------
    function : callable
        Takes what `wrap` makes of a fit; gives a number, a mapping, a Series or an array.
    wrap : callable
        From a fit to the user's object.
    """

    function: Callable[..., object]
    wrap: Callable[[Fit], object]

    def named(self, fit: Fit) -> tuple[tuple[str, ...], Vector]:
        """Names and values (k,) at a fit.

        Raises
        ------
        DataError
            If it is no function, or gives no numbers.
        """
        if not callable(self.function):
            raise DataError(
                f"statistic = {self.function!r} is no function.\n"
                'Do:   give one of a model, as lambda m: m.params["x"] / m.sigma.'
            )
        found = self.function(self.wrap(fit))
        try:
            if isinstance(found, Mapping | pd.Series):
                names = tuple(str(name) for name in found.keys())  # noqa: SIM118
                values = np.array([found[name] for name in found.keys()], dtype=np.float64)  # noqa: SIM118
                return names, values.reshape(len(names))
            values = np.atleast_1d(np.asarray(found, dtype=np.float64)).ravel()
        except (TypeError, ValueError) as error:
            raise DataError(
                f"The statistic gave an object of type {type(found).__name__}.\n"
                "Do:   return a number, a dict or Series of numbers, or an array."
            ) from error
        if np.ndim(found) == 0:  # type: ignore[arg-type]
            return ("statistic",), values
        return tuple(f"statistic[{i}]" for i in range(len(values))), values


@dataclass(frozen=True, slots=True)
class StatisticJob:
    """Fit, then make a model of every replicate and apply the function."""

    fit: Fit
    resampling: Resampling
    statistic: Statistic
    size: int

    def run(self, first: int, count: int) -> tuple[Refits, Vector]:
        """The fits, and the values (count, k); nan where there is no fit."""
        refits = self.resampling.run(first, count)
        values = np.full((count, self.size), np.nan)
        for i in np.flatnonzero(~refits.failed).tolist():
            problem = self.resampling.problem(first + i)
            values[i] = self.statistic.named(fit_at(self.fit, problem, refits, i))[1]
        return refits, values


def fit_at(fit: Fit, problem: AnyProblem, refits: Refits, i: int) -> Fit:
    """The fit of another problem of the same model, whose optimum is that of `refits` at i."""
    facts = term_facts(fit.spec, problem.matrices)
    if isinstance(problem, GeneralisedProblem):
        return _generalised_at(fit, problem, refits.psi[i], facts)
    found = problem.estimates(refits.theta[i], reml=fit.reml)
    return replace(
        fit,
        problem=problem,
        theta=found.theta,
        beta=found.beta,
        sigma=found.sigma,
        objective=found.deviance,
        b=tuple(found.b),
        cov_beta_unscaled=found.cov_beta_unscaled,
        convergence=convergence_of(problem, found, facts),
    )


def _generalised_at(
    fit: Fit, problem: GeneralisedProblem, psi: Vector, facts: tuple[TermFacts, ...]
) -> Fit:
    found = problem.solution(psi)
    generalised = generalised_of(problem, found)
    return replace(
        fit,
        problem=problem,
        theta=found.theta,
        beta=found.beta,
        objective=found.deviance,
        b=tuple(found.b),
        cov_beta_unscaled=generalised.of_beta(len(found.theta), len(found.beta)),
        convergence=generalised_convergence(problem, found, facts),
        generalised=generalised,
    )
