"""Zeta along one parameter: where it reaches a value, and its curve.

zeta is the signed root of the increase of the criterion over its minimum; its slope follows from
that of the criterion by the envelope theorem, so that Newton steps on zeta, which is nearly linear,
end after a few.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mixedmodels.inference.profile.constrained import Evaluated
from mixedmodels.inference.profile.descent import STEP, State, inverse_hessian, minimise

Vector = NDArray[np.float64]

PRECISION = 1e-8
"""Of zeta at a bound."""

SHORTEST = 1e-11
"""Length of a bracket, relative to where it is, that can be halved no further."""

MOST = 100
"""Points of the search for one bound."""

NEAR = 0.05
"""Of the way to an end that stands for infinity, from where nothing changes any more."""

FARTHEST = 4.0
"""A step goes no farther than so many times the distance from the estimate."""


@dataclass(frozen=True, slots=True)
class Limit:
    """An end of the range of a parameter, and whether the parameter can be there.

    An end that `is_far` stands for one at infinity: nothing changes between them.
    """

    value: float
    attained: bool
    is_far: bool = False


@dataclass(frozen=True, slots=True)
class Point:
    """A value of the parameter with zeta and its slope there."""

    value: float
    zeta: float
    slope: float


@dataclass(frozen=True, slots=True)
class Start:
    """The estimate, and how the path leaves it.

    Attributes
    ----------
    estimate
        Of the parameter.
    x
        Free coordinates.
    inverse
        Inverse Hessian in the free coordinates.
    direction
        Derivative of their best values in the parameter.
    scale
        Change of the parameter that raises |zeta| by about one.
    best
        The criterion.
    """

    estimate: float
    x: Vector
    inverse: Vector
    direction: Vector
    scale: float
    best: float


def start_of(
    criterion: Evaluated,
    estimate: float,
    x: Vector,
    *,
    best: float,
    scale: float,
    at_limit: bool,
) -> Start:
    """The start of the two sides of a path.

    `scale` serves where the criterion shows none, and at a limit, where derivatives in the
    parameter say nothing: the criterion is even there, or has the slope of a square root.
    """
    here = criterion.evaluate(estimate, x)
    inverse = inverse_hessian(criterion, estimate, x, here.gradient)
    if at_limit:
        return Start(estimate, x, inverse, np.zeros(len(x)), scale, best)
    step = STEP * scale
    beside = criterion.evaluate(estimate - step, x)
    mixed = (here.gradient - beside.gradient) / step
    direction: Vector = -inverse @ mixed
    bend = (here.slope - beside.slope) / step + float(mixed @ direction)
    size = float(np.sqrt(2 / bend)) if bend > 0 else np.inf
    return Start(estimate, x, inverse, direction, min(size, 5 * scale), best)


@dataclass
class Path:
    """One side of a profile, from the estimate outwards.

    `points` collects what has been computed, for curves. Every minimum is also looked for from the
    `restarts`, where the criterion may have several.
    """

    criterion: Evaluated
    start: Start
    limit: Limit
    restarts: tuple[Vector, ...] = ()
    points: list[Point] = field(default_factory=list)
    states: list[State] = field(default_factory=list)

    @property
    def sign(self) -> float:
        """-1 on the lower side, 1 on the upper."""
        return 1.0 if self.limit.value > self.start.estimate else -1.0

    def at(self, value: float) -> Point:
        """Zeta with the parameter at `value`."""
        state = minimise(self.criterion, value, *self._predicted(value))
        for x in self.restarts:
            other = minimise(self.criterion, value, x, None)
            state = min(state, other, key=lambda s: s.value.deviance)
        self.states.append(state)
        increase = max(state.value.deviance - self.start.best, 0.0)
        zeta = self.sign * float(np.sqrt(increase))
        slope = state.value.slope / (2 * zeta) if zeta else 0.0
        point = Point(value, zeta, slope)
        self.points.append(point)
        return point

    def _predicted(self, value: float) -> tuple[Vector, Vector]:
        """Free coordinates on the line through the two nearest states, and H^-1 of the nearest.

        Only states between the estimate and the value count: farther out another valley of the
        criterion may be lower.
        """
        start = self.start
        inner = [s for s in self.states if self.sign * (value - s.held) >= 0]
        if not inner:
            return start.x + start.direction * (value - start.estimate), start.inverse
        *before, near = sorted(inner, key=lambda s: self.sign * s.held)
        held, x = (before[-1].held, before[-1].x) if before else (start.estimate, start.x)
        if held == near.held:
            return near.x, near.inverse
        along = (near.x - x) / (near.held - held)
        return near.x + along * (value - near.held), near.inverse

    def reach(self, z: float) -> float:
        """The value at which |zeta| is `z`, or the limit if it is not reached before: infinite if
        that stands for infinity.
        """
        estimate, limit = self.start.estimate, self.limit
        if limit.attained and (estimate == limit.value or abs(self.at(limit.value).zeta) <= z):
            return limit.value
        low, high = Point(estimate, 0.0, 0.0), limit.value
        for point in sorted(self.points, key=lambda p: abs(p.value - estimate)):
            if abs(point.zeta) < z:
                low = point
            elif point.value != limit.value:
                high = point.value
                break
        value = self._ahead(low, z)
        for _ in range(MOST):
            value = self._inside(value, low.value, high)
            if self._is_far(low.value, high):
                return self.sign * np.inf
            point = self.at(value)
            excess = abs(point.zeta) - z
            if abs(excess) < PRECISION:
                return value
            if excess < 0:
                low = point
            else:
                high = value
            if abs(high - low.value) <= SHORTEST * (abs(value) + self.start.scale):
                return value
            value = self._ahead(point, z)
        return value

    def _is_far(self, low: float, high: float) -> bool:
        """Whether zeta is below its level all the way to an end that stands for infinity."""
        limit, estimate = self.limit, self.start.estimate
        left = abs(limit.value - low)
        return limit.is_far and high == limit.value and left < NEAR * abs(limit.value - estimate)

    def walk(self, levels: tuple[float, ...]) -> None:
        """Compute points at about these values of |zeta|, ascending, as far as the limit."""
        point, limit = Point(self.start.estimate, 0.0, 0.0), self.limit
        for level in levels:
            if abs(point.zeta) >= level or point.value == limit.value:
                continue
            value = self._ahead(point, level)
            if self.sign * (limit.value - value) <= 0:
                value = limit.value if limit.attained else (point.value + limit.value) / 2
            point = self.at(value)

    def _ahead(self, point: Point, z: float) -> float:
        """The value at which zeta, were it linear, would be there."""
        slope = point.slope if point.zeta else 1 / self.start.scale
        if not slope > 0:
            return point.value + self.sign * self.start.scale
        farthest = FARTHEST * (abs(point.value - self.start.estimate) + self.start.scale)
        step = (self.sign * z - point.zeta) / slope
        return point.value + float(np.clip(step, -farthest, farthest))

    def _inside(self, value: float, low: float, high: float) -> float:
        """`value`, or a place well between the two if it is not strictly so."""
        if min(low, high) < value < max(low, high):
            return value
        if np.isfinite(high):
            return (low + high) / 2
        return low + self.sign * self.start.scale
