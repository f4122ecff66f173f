"""Power by simulation: how often a test rejects when the plan is true."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, special

from mixedmodels.design import ORIGINAL
from mixedmodels.engine.batch import Draws, RefitPlan, Refits
from mixedmodels.engine.problem import Problem
from mixedmodels.errors import DataError
from mixedmodels.inference.replication import replicated
from mixedmodels.inference.replication.p_values import of_rows, p_values
from mixedmodels.options import require_count, require_option, require_probability
from mixedmodels.planning.binomial import exact_interval
from mixedmodels.planning.hypothesis import Hypothesis, Test, Tests, hypotheses
from mixedmodels.planning.plan import Plan
from mixedmodels.prediction.streams import Seed
from mixedmodels.shortening import brief
from mixedmodels.vocabulary import PowerMethod, Shape

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Replicates:
    """A test of r replicates, or several, one after the other; p-values of replicates without a
    fit are nan.
    """

    p_value: Vector
    singular: NDArray[np.bool_]
    converged: NDArray[np.bool_]
    failed: NDArray[np.bool_]

    __repr__ = brief


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
class Powers:
    """Power of several tests in the same replicates; iterate, or ask for one by its name.

    Attributes
    ----------
    powers : tuple of Power
        One per test, in their order.
    """

    powers: tuple[Power, ...]

    def __len__(self) -> int:
        return len(self.powers)

    def __iter__(self) -> Iterator[Power]:
        return iter(self.powers)

    def __getitem__(self, test: str) -> Power:
        """The power of the test of this name.

        Raises
        ------
        DataError
            If there is none.
        """
        for power in self.powers:
            if power.test == test:
                return power
        raise DataError(
            f"There is no test {test!r} here.\n"
            f"Do:   ask for one of {', '.join(repr(power.test) for power in self.powers)}."
        )

    @property
    def table(self) -> object:
        """Table: one row per test, with the columns of `Power.table`."""
        rows = [power.row for power in self.powers]
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        return self.powers[0].plan.request.frame.table(columns)

    def __repr__(self) -> str:
        return "\n".join(repr(power) for power in self.powers)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of every replicate, checked.

    Attributes
    ----------
    test
        One test or several; see `planning.hypothesis`.
    n, alpha, level
        Replicates, level of the test, coverage of the interval.
    method
        How each replicate is tested.
    effects, residuals
        Shapes of the distributions.
    """

    test: Test | Tests
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


def answered(plan: Plan, question: Question, seed: Seed) -> tuple[Power, ...]:
    """Simulate from a plan, fit, and make every test."""
    tested = hypotheses(question.test, plan.spec)
    draws = plan.draws(seed, effects=question.effects, residuals=question.residuals)
    job = _job(plan, tested, draws, question.method)
    label = ", ".join(one.label for one in tested)
    parts = replicated(job, question.n, label=f"power of {label}")
    p_value = np.concatenate([part.p_value for part in parts], axis=1)
    names = ("singular", "converged", "failed")
    states = [np.concatenate([getattr(part, name) for part in parts]) for name in names]
    return tuple(
        Power(
            plan, one.label, question.method, question.alpha, question.level, Replicates(p, *states)
        )
        for one, p in zip(tested, p_value, strict=True)
    )


@dataclass(frozen=True, slots=True)
class WaldJob:
    """Draw, fit by REML, make every test by t or F: `plan.L` has their rows, `at` says whose."""

    problem: Problem
    draws: Draws
    plan: RefitPlan
    L: Vector
    at: tuple[slice, ...]

    def run(self, first: int, count: int) -> Replicates:
        """The tests of these replicates, p-values (tests, r)."""
        refits = self.problem.refit_drawn(self.draws, first, count, self.plan)
        p = [p_values(of_rows(refits, rows), self.L[rows]) for rows in self.at]
        return _replicates(refits, np.array(p))


@dataclass(frozen=True, slots=True)
class RatioJob:
    """Draw, fit the model and the model under every hypothesis by ML, compare the criteria."""

    nulls: tuple[Problem, ...]
    problem: Problem
    draws: Draws
    plan: RefitPlan
    df: tuple[int, ...]

    def run(self, first: int, count: int) -> Replicates:
        """The tests of these replicates, p-values (tests, r)."""
        large = self.problem.refit_drawn(self.draws, first, count, self.plan)
        p = []
        for null, df in zip(self.nulls, self.df, strict=True):
            small = null.refit_drawn(self.draws, first, count, self.plan)
            statistic = np.maximum(small.deviance - large.deviance, 0.0)
            p.append(special.chdtrc(df, statistic))
        return _replicates(large, np.array(p))


def _replicates(refits: Refits, p_value: Vector) -> Replicates:
    return Replicates(p_value, refits.singular, refits.converged, refits.failed)


def _job(
    plan: Plan, tested: Sequence[Hypothesis], draws: Draws, method: PowerMethod
) -> WaldJob | RatioJob:
    if method == "lrt":
        nulls = tuple(_null(plan.problem, one) for one in tested)
        fitting = RefitPlan(reml=False, start=plan.theta)
        return RatioJob(nulls, plan.problem, draws, fitting, tuple(len(one.L) for one in tested))
    L = np.vstack([one.L for one in tested])
    ends = np.cumsum([len(one.L) for one in tested]).tolist()
    at = tuple(slice(end - len(one.L), end) for one, end in zip(tested, ends, strict=True))
    pieces = "wald" if method == "normal" else method
    fitting = RefitPlan(reml=True, start=plan.theta, L=L, pieces=pieces)
    return WaldJob(plan.problem, draws, fitting, L, at)


def _null(problem: Problem, tested: Hypothesis) -> Problem:
    """The model under a hypothesis."""
    left = linalg.null_space(tested.L)
    names = tuple(f"x{j}" for j in range(left.shape[1]))
    X = np.asfortranarray(problem.matrices.X @ left)
    return Problem(replace(problem.matrices, X=X, x_names=names, coordinates=ORIGINAL))
