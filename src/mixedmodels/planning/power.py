"""Power by simulation: how often a test rejects when the plan is true."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mixedmodels.errors import DataError
from mixedmodels.inference.binomial import exact_interval
from mixedmodels.planning.plan import Plan
from mixedmodels.planning.questions import Question, asked
from mixedmodels.planning.replicates import Replicates, replicates
from mixedmodels.prediction.streams import Seed
from mixedmodels.vocabulary import Adjustment, PowerMethod, Side

MOST_SHOWN = 12
"""Tests that several powers print, the last two among them."""


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
    adjust : str
        The adjustment of the p-values.
    side : str
        The alternative, or what is to be shown with a margin.
    """

    plan: Plan
    test: str
    method: PowerMethod
    alpha: float
    level: float
    replicates: Replicates
    adjust: Adjustment = "none"
    side: Side = "two-sided"

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
            "adjust": self.adjust,
            "side": self.side,
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
        """Table `test, method, adjust, side, alpha, n, rejected, power, conf_low, conf_high,
        singular, not_converged, failed`.
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
        said_of = [self.adjust] * (self.adjust != "none") + [self.side] * (self.side != "two-sided")
        how = ", ".join([self.method, *said_of])
        return (
            f"Power of {self.test} ({how}, alpha = {self.alpha:g}): {self.power:.1%} "
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
        shown = [repr(power) for power in self.powers]
        if len(shown) > MOST_SHOWN:
            left = f"… {len(shown) - MOST_SHOWN} more: see table"
            shown = [*shown[: MOST_SHOWN - 2], left, *shown[-2:]]
        return "\n".join(shown)


def answered(plan: Plan, question: Question, seed: Seed) -> tuple[Power, ...]:
    """Simulate from a plan, fit, and make every test."""
    found = asked(question, plan.spec)
    draws = plan.draws(seed, effects=question.effects, residuals=question.residuals)
    labels = [label for one in found for label in one.labels]
    tests = [one.asked for one in found for _ in one.labels]
    made = replicates(plan, [one.asked for one in found], draws, question.method, question.n)
    return tuple(
        Power(
            plan,
            label,
            question.method,
            question.alpha,
            question.level,
            one,
            test.adjust,
            test.side,
        )
        for label, test, one in zip(labels, tests, made, strict=True)
    )
