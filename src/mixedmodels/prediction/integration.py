"""Means over a normal distribution: E f(eta + sd Z), Z standard normal, row by row.

The trapezoidal rule on the whole line converges geometrically for such integrals, at a rate set by
the distance of the nearest singularity of f from the real line (Trefethen & Weideman 2014, *SIAM
Review* 56, 385-458). Halving the step uses every value again, and the change that it makes is about
the square root of the error that is left, so that the number of nodes is found, not set.

Some means have a closed form: of a function of exp(eta) that is linear in it, of one that is linear
in eta, and of the normal distribution function.

Derivatives of the mean are means too: in eta that of f', in the variance v = sd^2 half that of f'',
which by parts is E[f'(eta + sd Z) Z] / (2 sd).
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

Curve = Callable[[Vector], Vector]
"""From eta (n,) to (2 + k, n): f, f' and the derivatives of f in k other parameters of a row."""

Form = Literal["line", "exponential", "normal", "general"]
"""What f is up to a factor: eta, exp(eta), the normal distribution function, or anything else."""

STEP = 0.5
"""First step: exact to rounding for functions without singularities that grow as exp at most."""

REACH = 9.0
"""Standard deviations beyond which nothing is left of the normal density, to rounding."""

FARTHEST = 38.0
"""Standard deviations where the density is zero."""

CHANGE = 1e-8
"""Relative change by the last halving, whose square is about the error."""

MOST_HALVINGS = 8
"""Steps down to 1/512: singularities as near as a hundredth of a standard deviation."""

LEAST_SD = 1e-4
"""Standard deviation below which the derivative in the variance is taken there."""


def normal_means(curve: Curve, eta: Vector, variance: Vector, form: Form = "general") -> Vector:
    """Means (3 + k, n): of f, of f', of f'' / 2 and of the derivatives in other parameters.

    nan in rows where the mean does not exist or was not found: f has a singularity too near.
    """
    if form == "general":
        return _integrated(curve, eta, np.sqrt(variance))
    if form == "line":
        at = curve(eta)
        return np.vstack([at[:2], np.zeros(len(eta)), at[2:]])
    if form == "exponential":
        at = curve(eta + variance / 2)
        return np.vstack([at[:2], at[1] / 2, at[2:]])
    scale = np.sqrt(1 + variance)
    at = curve(eta / scale)
    slope = at[1] / scale
    return np.vstack([at[0], slope, -slope * eta / (2 * scale**2), at[2:]])


def _integrated(curve: Curve, eta: Vector, sd: Vector) -> Vector:
    there = np.isfinite(eta) & np.isfinite(sd)
    eta, sd = np.where(there, eta, 0.0), np.where(there, sd, 0.0)
    values = _means(curve, eta, sd)
    values[:, ~there] = np.nan
    small = sd < LEAST_SD
    if small.any():
        bend = _means(curve, eta, np.where(small, LEAST_SD, sd))[2]
        values[2] = np.where(small, bend, values[2])
    return values


def _means(curve: Curve, eta: Vector, sd: Vector) -> Vector:
    reach = min(REACH + float(sd.max(initial=0.0)), FARTHEST)  # exp(sd z) phi(z) is around z = sd
    half = int(np.ceil(reach / STEP))
    places = np.arange(-half, half + 1, dtype=np.float64)
    total, size = _sums(curve, eta, sd, STEP * places)
    step, found = STEP, total * STEP
    for _ in range(MOST_HALVINGS):
        places = np.arange(-half, half, dtype=np.float64) + 0.5
        more, more_size = _sums(curve, eta, sd, step * places)
        total, size, step, half = total + more, size + more_size, step / 2, 2 * half
        before, found = found, total * step
        with np.errstate(invalid="ignore"):
            is_settled = np.abs(found - before) <= CHANGE * size * step
        if is_settled.all():
            return found
    return np.where(is_settled.all(axis=0), found, np.nan)


def _sums(curve: Curve, eta: Vector, sd: Vector, nodes: Vector) -> tuple[Vector, Vector]:
    """Sums over nodes of what `normal_means` gives, weighed by the density, and of their sizes."""
    density = np.exp(-0.5 * nodes**2) / np.sqrt(2 * np.pi)
    total, size = np.zeros(()), np.zeros(())
    apart = np.where(sd > 0, sd, 1.0)
    for z, weight in zip(nodes.tolist(), density.tolist(), strict=True):
        with np.errstate(over="ignore", invalid="ignore"):
            at = curve(eta + sd * z)
            parts = weight * np.vstack([at[:2], at[1] * z / (2 * apart), at[2:]])
        total, size = total + parts, size + np.abs(parts)
    return total, size
