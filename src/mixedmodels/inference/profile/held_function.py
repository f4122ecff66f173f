"""The criterion of a generalised model with any smooth function of its parameters held.

Around the estimate phi_0, with C the covariance of the estimates and a the gradient of the function
g, coordinates are chosen in which the profile is nearly a straight line and the rest a sphere:

    phi = phi_0 + C a / (a'C a) s + W x,    W W' = C - C a a'C / (a'C a),    W'a = 0,

so that to second order the criterion exceeds its minimum by s^2 / (a'C a) + x'x. At any x, s is
where g has the value at which it is held.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mixedmodels.engine.generalised import GeneralisedProblem
from mixedmodels.errors import DataError
from mixedmodels.inference.profile.chart import Chart
from mixedmodels.inference.profile.constrained import Value
from mixedmodels.inference.profile.path import Start

Vector = NDArray[np.float64]

Function = Callable[[Vector], tuple[float, Vector]]
"""A function of phi with its gradient (P,)."""

STEPS = 60
"""Newton steps to where the function has its value."""

SAME = 1e-13
"""Relative distance from the value that is rounding error."""

LEAST = 1e-10
"""Curvature, relative to the largest at unit diagonal, that stands for less or none."""


@dataclass(frozen=True)
class HeldFunction:
    """The criterion with g at a value.

    Parameters
    ----------
    problem
        The model.
    chart
        From phi to psi.
    g
        The function.
    center
        phi_0 (P,).
    covariance
        C (P, P), positive definite.
    """

    problem: GeneralisedProblem
    chart: Chart
    g: Function
    center: Vector
    covariance: Vector

    @cached_property
    def estimate(self) -> float:
        """The value of g at phi_0."""
        return self.g(self.center)[0]

    @cached_property
    def variance(self) -> float:
        """That of the estimate of g, a'C a."""
        slope = self.g(self.center)[1]
        return float(slope @ self.covariance @ slope)

    @cached_property
    def along(self) -> Vector:
        """C a / (a'C a), along which g has slope one at phi_0."""
        direction: Vector = self.covariance @ self.g(self.center)[1] / self.variance
        return direction

    @cached_property
    def across(self) -> Vector:
        """W (P, P - 1)."""
        root = np.linalg.cholesky(self.covariance)
        own = root.T @ self.g(self.center)[1]
        basis: Vector = np.linalg.qr(own[:, None], mode="complete")[0][:, 1:]
        return root @ basis

    def coordinates(self, phi: Vector) -> Vector:
        """The x of a point, as near as may be."""
        rest = phi - self.center - self.along * (self.g(phi)[0] - self.estimate)
        return np.asarray(np.linalg.lstsq(self.across, rest, rcond=None)[0], dtype=np.float64)

    def start(self, best: float) -> Start:
        """Where paths leave the estimate, `best` being the criterion there."""
        n = len(self.center) - 1
        scale = float(np.sqrt(self.variance))
        return Start(self.estimate, np.zeros(n), np.eye(n) / 2, np.zeros(n), scale, best)

    def evaluate(self, value: float, x: Vector) -> Value:
        """The criterion where g is `value`; infinite where the model has no likelihood."""
        phi = self._point(value, x)
        if phi is None:
            return self._nowhere
        try:
            deviance, gradient = self.problem.gradient(self.chart.point(phi))
        except DataError:
            return self._nowhere
        if not (np.isfinite(deviance) and np.isfinite(gradient).all()):
            return self._nowhere
        pulled, slope = self.chart.pulled(phi, gradient), self.g(phi)[1]
        rate = float(pulled @ self.along) / float(slope @ self.along)
        return Value(deviance, self.across.T @ (pulled - rate * slope), rate)

    @property
    def _nowhere(self) -> Value:
        return Value(np.inf, np.zeros(len(self.center) - 1), 0.0)

    def _point(self, value: float, x: Vector) -> Vector | None:
        """The phi with g at `value`; None where there is none on the line."""
        base = self.center + self.across @ x
        s = value - self.estimate
        tolerance = SAME * (abs(value) + float(np.sqrt(self.variance)))
        for _ in range(STEPS):
            phi = base + self.along * s
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                found, slope = self.g(phi)  # not finite: there is no likelihood there
            rate = float(slope @ self.along)
            if not (np.isfinite(found) and np.isfinite(rate)) or rate == 0:
                return None
            if abs(found - value) <= tolerance:
                return phi
            s -= (found - value) / rate
        return None


def bounded_covariance(hessian: Vector, alone: Vector, together: Vector) -> Vector:
    """2 H^-1 of a Hessian (P, P), in which directions that are nearly flat or bend the wrong way
    count as curved: for steps, not for standard errors.

    `alone` (P,) bounds the standard deviation of every coordinate with the others held, `together`
    (P,) what it changes along any principal direction.
    """
    unit = 1 / np.sqrt(np.maximum(np.abs(np.diag(hessian)), 2 / alone**2))
    values, vectors = np.linalg.eigh(hessian * np.outer(unit, unit))
    size = np.maximum(np.abs(values), LEAST * np.abs(values).max(initial=0.0))
    step = unit[:, None] * vectors * np.sqrt(2 / size)
    with np.errstate(divide="ignore"):
        room = np.min(together[:, None] / np.abs(step), axis=0, initial=1.0)
    half = step * room
    covariance: Vector = half @ half.T
    return (covariance + covariance.T) / 2
