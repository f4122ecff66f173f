"""Bounded functions psi(x) = w(|x|) x, and what a consistent estimate needs to know of them.

For x in R^s, psi(x) = w(|x|) x, so that a whole block of random effects has one weight. With
z ~ N(0, I_s):

    lambda = E[psi'] = E[w |z|^2] / s  (Stein),   e2 = E[psi psi'] = E[w^2 |z|^2] / s.

The efficiency of the location estimate at the normal is lambda^2 / e2, which gives the tuning
constant. Scales solve E[chi(|z|)] = 0 with chi(d) = v(d)^2 (d^2 - s kappa), v the same function
with a constant of its own, and kappa = E[v^2 |z|^2] / (s E[v^2]). Their efficiency is, with the
information 2 s of log sigma and by partial integration, E[chi (|z|^2 - s)]^2 / (2 s E[chi^2]), and
is made the same: with the constant of the location it would be about half.

`huber`: w = min(1, k/|x|) (Huber 1964). `smoothed_huber`: Koller & Stahel's version with smooth
derivatives, psi = x up to c and k - (|x| - d)^-s beyond, with s = 10, c = k - s^(-s/(s+1)),
d = c - s^(1/(s+1)) (Koller 2016, section 2). `bisquare`: w = (1 - x²/k²)² (Beaton & Tukey 1974),
which gives gross outliers no weight.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import get_args

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from mixedmodels.errors import DataError
from mixedmodels.options import require_option
from mixedmodels.vocabulary import PsiFunction

Vector = NDArray[np.float64]

SHARPNESS = 10.0
"""s of the smoothed function."""

NODES = 400

LARGEST = 1e4
"""Tuning constants beyond are infinite: no row has less than full weight."""


@dataclass(frozen=True, slots=True)
class Psi:
    """A function with its tuning constant, for vectors of some dimension.

    Attributes
    ----------
    kind : {"huber", "smoothed_huber", "bisquare"}
        Which.
    k : float
        Tuning constant; infinite for the identity.
    dimension : int
        s.
    k_scale : float
        Tuning constant of scales.
    slope, square, kappa : float
        lambda, e2 and kappa.
    """

    kind: PsiFunction
    k: float
    k_scale: float
    dimension: int
    slope: float
    square: float
    kappa: float

    def weight(self, size: Vector) -> Vector:
        """Weights of sizes |x|."""
        return weight(self.kind, self.k, size)

    def scale_weight(self, size: Vector) -> Vector:
        """Squared weights of sizes |x| in equations of scales."""
        return weight(self.kind, self.k_scale, size) ** 2


def weight(kind: PsiFunction, k: float, size: Vector) -> Vector:
    """Weights of sizes, zero or more."""
    if not np.isfinite(k):
        return np.ones_like(size)
    if kind == "huber":
        return np.asarray(k / np.maximum(size, k))
    if kind == "bisquare":
        return np.where(size < k, (1.0 - np.minimum(size / k, 1.0) ** 2) ** 2, 0.0)
    s = SHARPNESS
    c = k - s ** (-s / (s + 1))
    d = c - s ** (1 / (s + 1))
    beyond = np.maximum(size, c)
    return np.where(size <= c, 1.0, (k - (beyond - d) ** -s) / beyond)


@lru_cache(maxsize=64)
def psi_of(kind: PsiFunction, efficiency: float, dimension: int = 1) -> Psi:
    """The function whose location estimate has this efficiency at the normal.

    Raises
    ------
    DataError
        If the function is not known, or no constant gives the efficiency.
    """
    require_option("psi", kind, get_args(PsiFunction))
    is_number = isinstance(efficiency, (int, float, np.number)) and not isinstance(efficiency, bool)
    if not is_number or not 0 < efficiency <= 1:
        raise DataError(
            f"efficiency = {efficiency!r} is no efficiency.\n"
            "Do:   give a number up to 1, as 0.95; 1 is the fit that is not robust."
        )
    least = {"huber": 0.05, "smoothed_huber": 0.9, "bisquare": 1.5}[kind] * dimension**0.5
    lowest = max(_of_location(kind, least, dimension), _of_scale(kind, least, dimension))
    if efficiency <= lowest:
        raise DataError(
            f"efficiency = {efficiency} is too low: {kind} begins at {lowest:.2f}.\n"
            "Do:   give more, as 0.85 or 0.95."
        )
    k = _constant(_of_location, kind, efficiency, dimension, least)
    k_scale = _constant(_of_scale, kind, efficiency, dimension, least)
    if not np.isfinite(k):
        return Psi(kind, k, k_scale, dimension, 1.0, 1.0, 1.0)
    slope, square = _moments(kind, k, dimension)
    return Psi(kind, k, k_scale, dimension, slope, square, _kappa(kind, k_scale, dimension))


Measure = Callable[[PsiFunction, float, int], float]
"""An efficiency as a function of the tuning constant."""


def _constant(
    of: Measure, kind: PsiFunction, efficiency: float, dimension: int, least: float
) -> float:
    if efficiency == 1 or of(kind, LARGEST, dimension) <= efficiency:
        return np.inf
    found = optimize.brentq(
        lambda x: of(kind, x, dimension) - efficiency, least, LARGEST, xtol=1e-12
    )
    return float(found)


def _of_location(kind: PsiFunction, k: float, dimension: int) -> float:
    slope, square = _moments(kind, k, dimension)
    return slope**2 / square


def _of_scale(kind: PsiFunction, k: float, dimension: int) -> float:
    size, mass = _radii(dimension, k)
    inside = size**2 - dimension * _kappa(kind, k, dimension)
    chi = weight(kind, k, size) ** 2 * inside
    slope = float(mass @ (chi * (size**2 - dimension)))
    return slope**2 / (2 * dimension * float(mass @ chi**2))


def _moments(kind: PsiFunction, k: float, dimension: int) -> tuple[float, float]:
    size, mass = _radii(dimension, k)
    w = weight(kind, k, size)
    slope = float(mass @ (w * size**2)) / dimension
    return slope, float(mass @ (w * size) ** 2) / dimension


def _kappa(kind: PsiFunction, k: float, dimension: int) -> float:
    size, mass = _radii(dimension, k)
    w2 = weight(kind, k, size) ** 2
    return float(mass @ (w2 * size**2)) / (dimension * float(mass @ w2))


def _radii(dimension: int, k: float) -> tuple[Vector, Vector]:
    """Nodes and weights of the distribution of |z|, in pieces that meet where w has its kink."""
    end = 10.0 + dimension**0.5
    turn = k - SHARPNESS ** (-SHARPNESS / (SHARPNESS + 1))
    cuts = [0.0, *sorted({min(max(at, 1e-3), end) for at in (turn, k)}), end]
    x, w = np.polynomial.legendre.leggauss(NODES // 2)
    nodes = [low + (high - low) * (x + 1) / 2 for low, high in pairwise(cuts)]
    parts = [(high - low) / 2 * w for low, high in pairwise(cuts)]
    size, mass = np.concatenate(nodes), np.concatenate(parts)
    log_density = (
        (dimension - 1) * np.log(np.maximum(size, 1e-300))
        - size**2 / 2
        - (dimension / 2 - 1) * np.log(2.0)
        - special.gammaln(dimension / 2)
    )
    return size, mass * np.exp(log_density)
