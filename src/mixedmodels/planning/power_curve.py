"""Power along the size of the sample, and the smallest sample that has enough of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mixedmodels.errors import DataError
from mixedmodels.options import require_probability
from mixedmodels.planning.extend import extended
from mixedmodels.planning.plan import Plan
from mixedmodels.planning.power import Power, Question, answered
from mixedmodels.prediction.streams import Key, Seed, key_of

Vector = NDArray[np.float64]

ROUNDS = 12
"""Sizes that a search tries at most."""

SCORING = 30
"""Steps of Fisher's scoring, which ends long before."""

GROWTH = 4.0
"""A search goes at most so many times beyond the sizes that it has tried."""


@dataclass(frozen=True, slots=True)
class PowerCurve:
    """Power at several sizes.

    Attributes
    ----------
    along : str
        The unit or grouping column whose number changes.
    sizes : tuple of int
        Its numbers, ascending.
    powers : tuple of Power
        One per size.
    """

    along: str
    sizes: tuple[int, ...]
    powers: tuple[Power, ...]

    @property
    def table(self) -> object:
        """Table: the size under the name of the unit, and the columns of `Power.table`."""
        rows = [
            {self.along: size, **power.row}
            for size, power in zip(self.sizes, self.powers, strict=True)
        ]
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        return self.powers[0].plan.request.frame.table(columns)

    def __repr__(self) -> str:
        lines = []
        for size, power in zip(self.sizes, self.powers, strict=True):
            low, high = power.interval
            lines.append(f"{size:>8,} {self.along}: {power.power:6.1%}  [{low:.1%}, {high:.1%}]")
        first = self.powers[0]
        return "\n".join([f"Power of {first.test} ({first.method})", *lines])


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
        Limits of the size at which the curve crosses the target.
    level : float
        Coverage of the limits.
    intercept, slope : float
        Of the curve, power = Phi(intercept + slope sqrt(size)).
    curve : PowerCurve
        What was simulated on the way, the answer included.
    """

    target: float
    size: int
    size_low: float
    size_high: float
    level: float
    intercept: float
    slope: float
    curve: PowerCurve

    @property
    def power(self) -> Power | None:
        """What was simulated at the answer; None if an interrupt came before."""
        at = dict(zip(self.curve.sizes, self.curve.powers, strict=True))
        return at.get(self.size)

    @property
    def table(self) -> object:
        """Table of the sizes that were tried."""
        return self.curve.table

    def __repr__(self) -> str:
        said = (
            f"{self.size:,} {self.curve.along} for a power of {self.target:.0%} "
            f"({self.level:.0%} interval {self.size_low:.1f} to {self.size_high:.1f})"
        )
        if self.power is None:
            return said
        low, high = self.power.interval
        return f"{said}\nsimulated there: {self.power.power:.1%} [{low:.1%}, {high:.1%}]"


def power_curve(
    plan: Plan, question: Question, *, along: str, values: Sequence[int], seed: Seed
) -> PowerCurve:
    """Power at several sizes; see `mixedmodels.power_curve`."""
    if not len(values):
        raise DataError("values is empty.\nDo:   give the sizes to try, as [20, 40, 60].")
    key = key_of(seed)
    sizes = tuple(sorted({int(v) if float(v).is_integer() else v for v in values}))
    powers: list[Power] = []
    for size in sizes:
        powers.append(_at(plan, along, size, question, key))
        if powers[-1].n < question.n:  # interrupted
            break
    return PowerCurve(along, sizes[: len(powers)], tuple(powers))


def sample_size(
    plan: Plan, question: Question, *, along: str, target: float, largest: int, seed: Seed
) -> SampleSize:
    """The smallest size with enough power; see `mixedmodels.sample_size`."""
    require_probability("target", target)
    key = key_of(seed)
    tried: dict[int, Power] = {}
    size = min(_size_of(plan, along), largest)
    for _ in range(ROUNDS):
        tried[size] = _at(plan, along, size, question, key)
        following = min(_next_size(tried, target), largest)
        if following in tried or tried[size].n < question.n:
            break
        size = following
    curve = PowerCurve(along, tuple(sorted(tried)), tuple(tried[s] for s in sorted(tried)))
    intercept, slope, covariance = _probit(tried)
    crossing = special.ndtri(target) - intercept
    if not slope > 0 or (crossing / slope) ** 2 > largest:
        raise DataError(
            f"No size of {along} up to {largest:,} reaches a power of {target:.0%}: at "
            f"{max(tried):,} it is {tried[max(tried)].power:.1%}.\n"
            "Do:   look at the effect size and at the other units, which may set a limit; see "
            "power_curve()."
        )
    low, high = _limits(intercept, slope, covariance, special.ndtri(target), question.level)
    answer = max(1, int(np.ceil((crossing / slope) ** 2 - 1e-9))) if crossing > 0 else 1
    if answer not in tried and tried[size].n == question.n:
        tried[answer] = _at(plan, along, answer, question, key)
        curve = PowerCurve(along, tuple(sorted(tried)), tuple(tried[s] for s in sorted(tried)))
    return SampleSize(target, answer, low, high, question.level, intercept, slope, curve)


def _at(plan: Plan, along: str, size: int, question: Question, key: Key) -> Power:
    """Every size has a stream of its own, whatever the other sizes are."""
    made = extended(plan, along, size)
    words = np.random.SeedSequence([*(int(word) for word in key), size])
    return answered(made, question, np.random.default_rng(words))


def _size_of(plan: Plan, along: str) -> int:
    """The number of levels that the plan has."""
    for grouping in plan.problem.matrices.groupings:
        if grouping.name == along:
            return len(grouping.levels)
    if plan.design is not None and along in plan.design.units:
        size = plan.design.units[along]
        return size if isinstance(size, int) else len(size)
    return 10


def _next_size(tried: Mapping[int, Power], target: float) -> int:
    """Where the fitted curve crosses the target, not too far from what has been tried."""
    intercept, slope, _ = _probit(tried)
    smallest, largest = min(tried), max(tried)
    wanted = special.ndtri(target) - intercept
    if not slope > 0:
        return int(np.ceil(GROWTH * largest))
    size = (wanted / slope) ** 2 if wanted > 0 else 1.0
    return int(np.ceil(np.clip(size, max(smallest / GROWTH, 2.0), GROWTH * largest)))


def _probit(tried: Mapping[int, Power]) -> tuple[float, float, Vector]:
    """Phi(a + b sqrt(size)) by maximum likelihood; through z = -z_(1 - alpha/2) at size zero while
    there is one size only. Half a replicate is added to both outcomes.
    """
    sizes = np.array(sorted(tried), dtype=np.float64)
    n = np.array([tried[int(s)].n for s in sizes]) + 1.0
    k = np.array([tried[int(s)].n_rejected for s in sizes]) + 0.5
    root = np.sqrt(sizes)
    if len(sizes) == 1:
        alpha = tried[int(sizes[0])].alpha
        a = float(special.ndtri(alpha / 2))
        return a, float((special.ndtri(k / n) - a)[0] / root[0]), np.zeros((2, 2))
    X = np.column_stack([np.ones(len(root)), root / root.mean()])

    b = np.linalg.lstsq(X, special.ndtri(k / n), rcond=None)[0]
    information = np.eye(2)
    for _ in range(SCORING):
        eta = X @ b
        density, share = np.exp(-(eta**2) / 2) / np.sqrt(2 * np.pi), special.ndtr(eta)
        spread = share * special.ndtr(-eta)
        information = X.T @ ((n * density**2 / spread)[:, None] * X)
        b = b + np.linalg.pinv(information) @ (X.T @ ((k - n * share) * density / spread))
    turn = np.diag([1.0, 1 / root.mean()])
    covariance = turn @ np.linalg.pinv(information) @ turn
    return float(b[0]), float(b[1] / root.mean()), covariance


def _limits(
    intercept: float, slope: float, covariance: Vector, wanted: float, level: float
) -> tuple[float, float]:
    """Where the limits of the curve cross the target: Fieller's set, squared."""
    z2 = float(special.ndtri(0.5 + level / 2)) ** 2
    a = slope**2 - z2 * covariance[1, 1]
    b = (intercept - wanted) * slope - z2 * covariance[0, 1]
    c = (intercept - wanted) ** 2 - z2 * covariance[0, 0]
    inside = b**2 - a * c
    if a <= 0 or inside < 0:
        return 0.0, float(np.inf)
    low, high = (-b - np.sqrt(inside)) / a, (-b + np.sqrt(inside)) / a
    return max(low, 0.0) ** 2, max(high, 0.0) ** 2
