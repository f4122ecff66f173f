"""Link functions g(mean) = eta as what follows a fit needs them: inverses and their derivatives."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

Vector = NDArray[np.float64]
Function = Callable[[Vector], Vector]

NORMAL = float(np.sqrt(2 * np.pi))


@dataclass(frozen=True, slots=True)
class Link:
    """A link g.

    Attributes
    ----------
    name : str
        As a model names it.
    of : function
        g, of a mean.
    inverse, slope, bend, third : functions
        The inverse h of eta and its first three derivatives.
    """

    name: str
    of: Function
    inverse: Function
    slope: Function
    bend: Function
    third: Function


def _logit() -> Link:
    def slope(eta: Vector) -> Vector:
        return np.asarray(special.expit(eta) * special.expit(-eta))

    def bend(eta: Vector) -> Vector:
        return -slope(eta) * np.tanh(eta / 2)  # 1 - 2p = -tanh(eta / 2)

    def third(eta: Vector) -> Vector:
        return slope(eta) * (1 - 6 * slope(eta))

    return Link("logit", special.logit, special.expit, slope, bend, third)


def _probit() -> Link:
    def density(eta: Vector) -> Vector:
        return np.exp(-0.5 * eta**2) / NORMAL

    return Link(
        name="probit",
        of=special.ndtri,
        inverse=special.ndtr,
        slope=density,
        bend=lambda eta: -eta * density(eta),
        third=lambda eta: (eta**2 - 1) * density(eta),
    )


def _cloglog() -> Link:
    """1 - exp(-t), t = exp(eta), whose derivatives in eta are polynomials in t times exp(-t)."""

    def times(eta: Vector, factor: Function) -> Vector:
        t = np.exp(np.minimum(eta, 700.0))
        return factor(t) * np.exp(eta - t)

    return Link(
        name="cloglog",
        of=lambda mean: np.log(-np.log1p(-mean)),
        inverse=lambda eta: -np.expm1(-np.exp(np.minimum(eta, 700.0))),
        slope=lambda eta: times(eta, np.ones_like),
        bend=lambda eta: times(eta, lambda t: 1 - t),
        third=lambda eta: times(eta, lambda t: 1 - 3 * t + t**2),
    )


def _cauchit() -> Link:
    return Link(
        name="cauchit",
        of=lambda mean: np.tan(np.pi * (mean - 0.5)),
        inverse=lambda eta: 0.5 + np.arctan(eta) / np.pi,
        slope=lambda eta: 1 / (np.pi * (1 + eta**2)),
        bend=lambda eta: -2 * eta / (np.pi * (1 + eta**2) ** 2),
        third=lambda eta: (6 * eta**2 - 2) / (np.pi * (1 + eta**2) ** 3),
    )


def _power(name: str, power: float) -> Link:
    """The mean is eta^power."""

    def derivative(order: int) -> Function:
        factor = float(np.prod([power - i for i in range(order)]))
        return lambda eta: factor * np.power(eta, power - order) if factor else np.zeros_like(eta)

    return Link(
        name,
        lambda mean: np.power(mean, 1 / power),
        *(derivative(order) for order in range(4)),
    )


LOG = Link("log", np.log, np.exp, np.exp, np.exp, np.exp)
LOGIT = _logit()
IDENTITY = _power("identity", 1.0)

LINKS = {
    link.name: link
    for link in (
        IDENTITY,
        LOG,
        LOGIT,
        _probit(),
        _cloglog(),
        _cauchit(),
        _power("inverse", -1.0),
        _power("1/mu^2", -0.5),
        _power("sqrt", 2.0),
    )
}
"""Links by name."""
