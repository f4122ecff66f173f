"""The smallest sample that has enough power."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mixedmodels.errors import DataError
from mixedmodels.options import require_probability
from mixedmodels.planning.extend import require_along
from mixedmodels.planning.plan import Plan
from mixedmodels.planning.power import Power
from mixedmodels.planning.power_curve import (
    Failure,
    PowerCurve,
    in_one_line,
    power_at,
    say_interrupted,
)
from mixedmodels.planning.questions import Question, require_one
from mixedmodels.prediction.streams import Seed, key_of

Vector = NDArray[np.float64]

ROUNDS = 12
"""Sizes that a search tries at most before it looks at its limits."""

SCORING = 30
"""Steps of Fisher's scoring, which ends long before."""

STEEPEST = 6.0
"""Probit beyond which a share counts as 0 or 1, where its weight underflows."""

GROWTH = 4.0
"""A search goes at most so many times beyond the sizes that it has tried."""

SPREADS = (2.0, 0.5, 4.0, 0.25)
"""Where a curve is looked at again, relative to the answer, until its slope is known."""

MISFIT = 0.001
"""p-value of the fit of the curve below which the sizes farthest from the answer are left out."""

FEWEST = 3
"""Sizes that are not left out."""


@dataclass(frozen=True, slots=True)
class SampleSize:
    """The smallest sample with enough power, by a probit regression on the root of the size.

    Attributes
    ----------
    target : float
        The power that is wanted.
    size : int
        The smallest size whose power on the fitted curve is at least that.
    size_low, size_high : float
        Limits of the size at which the curve crosses the target; nan if an interrupt came before
        they were known, the size itself if the model can be fitted with no smaller one.
    level : float
        Coverage of the limits.
    intercept, slope : float
        Of the curve, power = Phi(intercept + slope sqrt(size)).
    curve : PowerCurve
        What was simulated on the way, the answer included.
    note : str
        What else has to be known of the answer; empty if nothing.
    """

    target: float
    size: int
    size_low: float
    size_high: float
    level: float
    intercept: float
    slope: float
    curve: PowerCurve
    note: str = ""

    @property
    def power(self) -> Power:
        """What was simulated at `simulated_at`."""
        return self.curve.powers[self.curve.sizes.index(self.simulated_at)]

    @property
    def simulated_at(self) -> int:
        """The answer; if an interrupt came before, the size nearest to it that was simulated."""
        return min(self.curve.sizes, key=lambda size: abs(size - self.size))

    @property
    def table(self) -> object:
        """Table of the sizes that were tried."""
        return self.curve.table

    def __repr__(self) -> str:
        limits = f"{self.level:.0%} interval {self.size_low:.1f} to {self.size_high:.1f}"
        known = math.isfinite(self.size_low) and math.isfinite(self.size_high)
        low, high = self.power.interval
        at, along = self.simulated_at, self.curve.along
        there = "there" if at == self.size else f"at {at:,} {along}, the nearest"
        said = [
            f"{self.size:,} {along} for a power of {self.target:.0%} "
            f"({limits if known else 'interval not known'})",
            f"simulated {there}: {self.power.power:.1%} [{low:.1%}, {high:.1%}]",
        ]
        return "\n".join([*said, self.note] if self.note else said)


def sample_size(
    plan: Plan, question: Question, *, along: str, target: float, largest: int, seed: Seed
) -> SampleSize:
    """The smallest size with enough power; see `mixedmodels.sample_size`."""
    require_probability("target", target)
    _require_size("largest", largest)
    require_one(question, plan.spec)
    require_along(plan, along)
    key = key_of(seed)
    search = Search(
        lambda size: power_at(plan, along, size, question, key), along, target, largest, question
    )
    start = min(size_of(plan, along), largest)
    try:
        search.run(start)
    except KeyboardInterrupt:
        if not search.tried:
            raise
        say_interrupted(along, max(search.tried))
        search.is_interrupted = True
    return search.result()


class Search:
    """A search on its way: the one thing here that changes, until its result is made.

    Parameters
    ----------
    ask
        The power at a size.
    along, target, largest, question
        As in `sample_size`.
    """

    def __init__(
        self,
        ask: Callable[[int], Power],
        along: str,
        target: float,
        largest: int,
        question: Question,
    ) -> None:
        self.ask, self.along = ask, along
        self.target, self.largest, self.question = target, largest, question
        self.tried: dict[int, Power] = {}
        self.failures: dict[int, str] = {}
        self.is_interrupted = False

    def run(self, start: int) -> None:
        """Try sizes until the curve answers with one of them, and its limits are known."""
        self.try_size(start)
        self._approach()
        for factor in SPREADS:
            curve = fitted(self.tried, self.target)
            if self._is_done(curve):
                return
            answer = self._within(curve.crossing)
            self.try_size(min(max(int(answer * factor), self._floor()), self.largest))
            self._approach()

    def try_size(self, size: int) -> None:
        """Simulate at a size that has not been tried; one too small for the model is remembered."""
        if size in self.tried or size in self.failures or self.is_interrupted:
            return
        try:
            self.tried[size] = self.ask(size)
        except DataError as error:
            if not self.tried or size > min(self.tried):
                raise
            self.failures[size] = in_one_line(error)
            return
        self.is_interrupted = self.tried[size].n < self.question.n

    def result(self) -> SampleSize:
        """The answer of what was tried.

        Raises
        ------
        DataError
            If no size is enough, or the power does not tell the size.
        """
        curve = fitted(self.tried, self.target)
        is_least = self._has_least()
        if not (is_least or self.is_interrupted):
            self._require_answer(curve)
        answer = min(self.tried) if is_least else self._within(curve.crossing)
        low, high = curve.limits(self.question.level) or (math.nan, math.nan)
        note = ""
        if is_least:
            low = high = float(answer)
            why = self.failures.get(answer - 1, "one is the least")
            note = f"No smaller number of {self.along} can be fitted: {why}"
        sizes = tuple(sorted(self.tried))
        lost = tuple(Failure(size, self.failures[size]) for size in sorted(self.failures))
        powers = tuple(self.tried[size] for size in sizes)
        made = PowerCurve(self.along, sizes, powers, lost)
        level = self.question.level
        return SampleSize(
            self.target, answer, low, high, level, curve.intercept, curve.slope, made, note
        )

    def _approach(self) -> None:
        """Try where the curve crosses the target, until that has been tried."""
        for _ in range(ROUNDS):
            size = self._next()
            if size in self.tried or self.is_interrupted:
                return
            self.try_size(size)

    def _next(self) -> int:
        """Where the curve crosses the target, not too far from what has been tried; between the
        sizes that are too small and those that are not, where it crosses below.
        """
        curve = fitted(self.tried, self.target)
        smallest, largest = min(self.tried), max(self.tried)
        wanted = curve.crossing if curve.slope > 0 else GROWTH * largest
        size = math.ceil(min(max(wanted - 1e-9, smallest / GROWTH), GROWTH * largest))
        if size < self._floor() or size in self.failures:
            size = (self._floor() + smallest) // 2
        return min(max(size, 1), self.largest)

    def _floor(self) -> int:
        """The least size that may be possible."""
        return max(self.failures, default=0) + 1

    def _has_least(self) -> bool:
        """Whether the least possible size has enough power."""
        least = min(self.tried)
        return self._floor() == least and self.tried[least].power >= self.target

    def _within(self, crossing: float) -> int:
        if not crossing < self.largest:
            return self.largest
        return max(math.ceil(crossing - 1e-9), self._floor())

    def _is_done(self, curve: "Probit") -> bool:
        if self.is_interrupted or self._has_least():
            return True
        if curve.slope > 0 and curve.crossing > self.largest and self.largest in self.tried:
            return True
        return curve.limits(self.question.level) is not None

    def _require_answer(self, curve: "Probit") -> None:
        sizes = sorted(self.tried)
        seen = ", ".join(f"{self.tried[size].power:.1%} at {size:,}" for size in sizes)
        if not curve.slope > 0 or curve.crossing > self.largest:
            raise DataError(
                f"No size of {self.along} up to {self.largest:,} reaches a power of "
                f"{self.target:.0%}: it is {seen}.\n"
                "Do:   look at the effect size and at the other units, which may set a limit; see "
                "power_curve()."
            )
        if curve.limits(self.question.level) is None:
            raise DataError(
                f"The power rises too little with {self.along} to tell the size for "
                f"{self.target:.0%}: it is {seen}.\n"
                f"Do:   simulate more than n = {self.question.n:,} replicates per size, or look at "
                "power_curve(): the other units may set the limit.\n"
                "Why:  the interval of the size would go from zero to infinity."
            )


def size_of(plan: Plan, along: str) -> int:
    """The number of levels that the plan has."""
    for grouping in plan.problem.matrices.groupings:
        if grouping.name == along:
            return len(grouping.levels)
    if plan.design is not None and along in plan.design.units:
        size = plan.design.units[along]
        return size if isinstance(size, int) else len(size)
    return 10


def _require_size(name: str, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise DataError(
            f"{name} = {value!r} is no size.\nDo:   give a whole number of one or more."
        )


@dataclass(frozen=True, slots=True)
class Probit:
    """The curve power = Phi(intercept + slope sqrt(size)).

    Attributes
    ----------
    intercept, slope : float
        Its coefficients.
    covariance : array (2, 2), optional
        Of their estimates; None with one size only.
    wanted : float
        The probit of the target.
    misfit : float
        p-value of the deviance: whether the sizes lie on one curve.
    """

    intercept: float
    slope: float
    covariance: Vector | None
    wanted: float
    misfit: float

    @property
    def crossing(self) -> float:
        """The size at which the curve crosses the target; infinite if it does not rise."""
        if not self.slope > 0:
            return math.inf
        return max((self.wanted - self.intercept) / self.slope, 0.0) ** 2

    def limits(self, level: float) -> tuple[float, float] | None:
        """Where the limits of the curve cross the target: Fieller's set, squared; None where it
        is not bounded.
        """
        if self.covariance is None:
            return None
        z2 = float(special.ndtri(0.5 + level / 2)) ** 2
        a = self.slope**2 - z2 * self.covariance[1, 1]
        b = (self.intercept - self.wanted) * self.slope - z2 * self.covariance[0, 1]
        c = (self.intercept - self.wanted) ** 2 - z2 * self.covariance[0, 0]
        inside = b**2 - a * c
        if not (self.slope > 0 and a > 0 and inside >= 0):
            return None
        low, high = (-b - np.sqrt(inside)) / a, (-b + np.sqrt(inside)) / a
        return float(max(low, 0.0) ** 2), float(max(high, 0.0) ** 2)


def fitted(tried: Mapping[int, Power], target: float) -> Probit:
    """The curve through all sizes, or through those near the answer where one curve does not
    fit: power levels off where other units set a limit.
    """
    sizes = sorted(tried)
    while True:
        curve = _probit([tried[size] for size in sizes], sizes, float(special.ndtri(target)))
        if len(sizes) <= FEWEST or curve.misfit > MISFIT:
            return curve
        at = min(max(curve.crossing, sizes[0]), sizes[-1])
        sizes.remove(max(sizes, key=lambda size: abs(math.log(size / at))))


def _probit(powers: list[Power], at: list[int], wanted: float) -> Probit:
    """By maximum likelihood; through z = -z_(1 - alpha/2) at size zero while there is one size
    only. Half a replicate is added to both outcomes.
    """
    root = np.sqrt(np.array(at, dtype=np.float64))
    n = np.array([power.n for power in powers]) + 1.0
    k = np.array([power.n_rejected for power in powers]) + 0.5
    if len(at) == 1:
        a = float(special.ndtri(powers[0].alpha / 2))
        return Probit(a, float((special.ndtri(k / n) - a)[0] / root[0]), None, wanted, 1.0)
    X = np.column_stack([np.ones(len(root)), root / root.mean()])
    b = np.linalg.lstsq(X, special.ndtri(k / n), rcond=None)[0]
    information = np.eye(2)
    for _ in range(SCORING):
        eta = np.clip(X @ b, -STEEPEST, STEEPEST)
        density, share = np.exp(-(eta**2) / 2) / np.sqrt(2 * np.pi), special.ndtr(eta)
        spread = share * special.ndtr(-eta)
        information = X.T @ ((n * density**2 / spread)[:, None] * X)
        b = b + np.linalg.pinv(information) @ (X.T @ ((k - n * share) * density / spread))
    share = special.ndtr(np.clip(X @ b, -STEEPEST, STEEPEST))
    deviance = 2 * np.sum(special.rel_entr(k, n * share) + special.rel_entr(n - k, n - n * share))
    misfit = float(special.chdtrc(len(at) - 2, deviance)) if len(at) > 2 else 1.0
    turn = np.diag([1.0, 1 / root.mean()])
    covariance = turn @ np.linalg.pinv(information) @ turn
    return Probit(float(b[0]), float(b[1] / root.mean()), covariance, wanted, misfit)
