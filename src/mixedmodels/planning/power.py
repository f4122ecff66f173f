"""Power by simulation: how often a test rejects when the plan is true."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg, special

from mixedmodels.engine.batch import Draws, RefitPlan, Refits
from mixedmodels.engine.problem import Problem
from mixedmodels.inference.replication import replicated
from mixedmodels.inference.replication.p_values import p_values
from mixedmodels.options import require_count, require_option, require_probability
from mixedmodels.planning.binomial import exact_interval
from mixedmodels.planning.hypothesis import Hypothesis, hypothesis
from mixedmodels.planning.plan import Plan
from mixedmodels.prediction.streams import Seed
from mixedmodels.vocabulary import PowerMethod, Shape

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Replicates:
    """The tests of r replicates; p-values of replicates without a fit are nan."""

    p_value: Vector
    singular: NDArray[np.bool_]
    converged: NDArray[np.bool_]
    failed: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Power:
    """How often a test rejected, and what became of the replicates.

    Attributes
    ----------
    plan : Plan
        What was taken as the truth.
    test : str
        The hypothesis.
    method : str
        How each replicate was tested.
    alpha : float
        Level of the test.
    level : float
        Coverage of the interval.
    replicates : Replicates
        The p-value and the state of every replicate.
    """

    plan: Plan
    test: str
    method: PowerMethod
    alpha: float
    level: float
    replicates: Replicates

    @property
    def n(self) -> int:
        """Replicates."""
        return len(self.replicates.p_value)

    @property
    def n_rejected(self) -> int:
        """Replicates whose p-value is at most alpha; one without a fit does not reject."""
        return int(np.count_nonzero(self.replicates.p_value <= self.alpha))

    @property
    def power(self) -> float:
        """Their share."""
        return self.n_rejected / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """Exact binomial limits of the power."""
        return exact_interval(self.n_rejected, self.n, level=self.level)

    @property
    def n_singular(self) -> int:
        """Replicates with a singular fit; they count like all others."""
        return int(np.count_nonzero(self.replicates.singular))

    @property
    def n_not_converged(self) -> int:
        """Replicates whose search did not converge; they count like all others."""
        return int(np.count_nonzero(~self.replicates.converged & ~self.replicates.failed))

    @property
    def n_failed(self) -> int:
        """Replicates without a fit: they count as not rejected."""
        return int(np.count_nonzero(self.replicates.failed))

    @property
    def row(self) -> dict[str, object]:
        """One row of the table."""
        low, high = self.interval
        return {
            "test": self.test,
            "method": self.method,
            "alpha": self.alpha,
            "n": self.n,
            "rejected": self.n_rejected,
            "power": self.power,
            "conf_low": low,
            "conf_high": high,
            "singular": self.n_singular,
            "not_converged": self.n_not_converged,
            "failed": self.n_failed,
        }

    @property
    def table(self) -> object:
        """Table `test, method, alpha, n, rejected, power, conf_low, conf_high, singular,
        not_converged, failed`.
        """
        return self.plan.request.frame.table({name: [v] for name, v in self.row.items()})

    def __repr__(self) -> str:
        low, high = self.interval
        states = [
            (self.n_singular, "singular"),
            (self.n_not_converged, "not converged"),
            (self.n_failed, "without a fit"),
        ]
        said = ", ".join(f"{count:,} {state}" for count, state in states if count)
        return (
            f"Power of {self.test} ({self.method}, alpha = {self.alpha:g}): {self.power:.1%} "
            f"[{low:.1%}, {high:.1%}]\n"
            f"{self.n_rejected:,} of {self.n:,} replicates rejected" + (f"; {said}" if said else "")
        )


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of every replicate, checked.

    Attributes
    ----------
    test : str, mapping or array
        See `planning.hypothesis`.
    n, alpha, level
        Replicates, level of the test, coverage of the interval.
    method
        How each replicate is tested.
    effects, residuals
        Shapes of the distributions.
    """

    test: str | Mapping[str, float] | ArrayLike
    n: int
    alpha: float
    level: float
    method: PowerMethod
    effects: Shape
    residuals: Shape

    def __post_init__(self) -> None:
        require_count("n", self.n)
        require_probability("alpha", self.alpha)
        require_probability("level", self.level)
        require_option("method", self.method, get_args(PowerMethod))


def answered(plan: Plan, question: Question, seed: Seed) -> Power:
    """Simulate from a plan, fit, test."""
    tested = hypothesis(question.test, plan.spec)
    draws = plan.draws(seed, effects=question.effects, residuals=question.residuals)
    job = _job(plan, tested, draws, question.method)
    parts = replicated(job, question.n, label=f"power of {tested.label}")
    names = ("p_value", "singular", "converged", "failed")
    columns = [np.concatenate([getattr(part, name) for part in parts]) for name in names]
    return Power(
        plan, tested.label, question.method, question.alpha, question.level, Replicates(*columns)
    )


@dataclass(frozen=True, slots=True)
class WaldJob:
    """Draw, fit by REML, test by t or F."""

    problem: Problem
    draws: Draws
    plan: RefitPlan

    def run(self, first: int, count: int) -> Replicates:
        """The tests of these replicates."""
        refits = self.problem.refit_drawn(self.draws, first, count, self.plan)
        L = np.empty((0, 0)) if self.plan.L is None else self.plan.L
        return _replicates(refits, p_values(refits, L))


@dataclass(frozen=True, slots=True)
class RatioJob:
    """Draw, fit the model and the model under the hypothesis by ML, compare the criteria."""

    null: Problem
    problem: Problem
    draws: Draws
    plan: RefitPlan
    df: int

    def run(self, first: int, count: int) -> Replicates:
        """The tests of these replicates."""
        small = self.null.refit_drawn(self.draws, first, count, self.plan)
        large = self.problem.refit_drawn(self.draws, first, count, self.plan)
        statistic = np.maximum(small.deviance - large.deviance, 0.0)
        return _replicates(large, special.chdtrc(self.df, statistic))


def _replicates(refits: Refits, p_value: Vector) -> Replicates:
    return Replicates(p_value, refits.singular, refits.converged, refits.failed)


def _job(plan: Plan, tested: Hypothesis, draws: Draws, method: PowerMethod) -> WaldJob | RatioJob:
    if method == "lrt":
        m = plan.problem.matrices
        left = linalg.null_space(tested.L)
        names = tuple(f"x{j}" for j in range(left.shape[1]))
        null = Problem(replace(m, X=np.asfortranarray(m.X @ left), x_names=names))
        fitting = RefitPlan(reml=False, start=plan.theta)
        return RatioJob(null, plan.problem, draws, fitting, len(tested.L))
    pieces = "wald" if method == "normal" else method
    return WaldJob(
        plan.problem, draws, RefitPlan(reml=True, start=plan.theta, L=tested.L, pieces=pieces)
    )
