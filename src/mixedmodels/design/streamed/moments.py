"""What `scale`, `center`, `standardize`, `poly` and the splines learn from a column, from its sums.

A polynomial's recurrence follows from the moments of (x - origin) / unit (Chebyshev's algorithm;
Gautschi 2004, Orthogonal Polynomials, section 2.1.7), which lose digits fast: they are summed in
two doubles each, and the recurrence is worked out in fractions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from math import comb
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.design.calls import check_degree
from mixedmodels.design.environment import SPLINES
from mixedmodels.design.place import Place

Vector = NDArray[np.float64]

FEW = 32
"""Distinct values that are remembered, to know whether a polynomial has enough of them."""

HALF = 2.0**26
"""Between the halves of a mantissa."""

SMALLEST = 1e-150
"""Unit of a column that does not vary, at least."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Sums over the values of a column.

    Attributes
    ----------
    origin, unit
        Of the powers; the unit is a power of two, so that fractions stay short.
    powers
        Sums of ((x - origin) / unit)^k, each of what rounding makes of a power; k = 0, 1, ….
    low, high
        The smallest and the largest value.
    distinct
        Some of the distinct values: all of them where they are at most `FEW`.
    """

    origin: float
    unit: float
    powers: tuple[Fraction, ...]
    low: float
    high: float
    distinct: frozenset[float]

    @staticmethod
    def of(values: Vector, degree: int, about: tuple[float, float] | None = None) -> Moments:
        """Those of some values, with powers enough for a polynomial of this degree.

        `about` are origin and unit; None for those that suit the values.
        """
        low, high = float(values.min()), float(values.max())
        origin, unit = about_of(low, high) if about is None else about
        scaled = (values - origin) / unit
        powers, power = [Fraction(len(values))], np.ones(len(values))
        for _ in range(max(2 * degree, 2)):
            power = power * scaled
            powers.append(exact_sum(power))
        distinct = frozenset(pd.unique(values)[: FEW + 1].tolist())
        return Moments(origin, unit, tuple(powers), low, high, distinct)

    def __add__(self, other: Moments) -> Moments:
        """Those of both, at the origin and in the unit of the first."""
        moved = other.moved(self.origin, self.unit)
        few = len(self.distinct) <= FEW
        return replace(
            self,
            powers=tuple(a + b for a, b in zip(self.powers, moved, strict=True)),
            low=min(self.low, other.low),
            high=max(self.high, other.high),
            distinct=self.distinct | other.distinct if few else self.distinct,
        )

    def moved(self, origin: float, unit: float) -> tuple[Fraction, ...]:
        """The powers at another origin and in another unit, exactly, by the binomial theorem."""
        shift = Fraction(self.origin) - Fraction(origin)
        ratio, place = Fraction(self.unit) / Fraction(unit), shift / Fraction(unit)
        parts = [ratio**j * power for j, power in enumerate(self.powers)]
        return tuple(
            sum((comb(k, j) * place ** (k - j) * parts[j] for j in range(k + 1)), Fraction(0))
            for k in range(len(parts))
        )

    @property
    def n(self) -> int:
        """How many values."""
        return int(self.powers[0])

    @property
    def mean(self) -> float:
        """Their mean."""
        return float(Fraction(self.origin) + Fraction(self.unit) * self.powers[1] / self.powers[0])

    def squares(self, origin: float) -> float:
        """The sum of (x - origin)^2."""
        n, first, second = self.powers[:3]
        shift = (Fraction(origin) - Fraction(self.origin)) / Fraction(self.unit)
        about = second - 2 * shift * first + shift * shift * n
        return float(about * Fraction(self.unit) ** 2)


def about_of(low: float, high: float) -> tuple[float, float]:
    """The origin and the unit of the moments of values in this range."""
    return low / 2 + high / 2, float(2.0 ** np.ceil(np.log2(max(high - low, SMALLEST))))


def exact_sum(values: Vector) -> Fraction:
    """The sum, without rounding, of fewer than 2^26 values.

    Mantissas are whole numbers of 53 bits. Two halves of each are summed per exponent, in doubles
    that hold these sums exactly.
    """
    mantissas, exponents = np.frexp(values)
    least = int(exponents.min(initial=0))
    whole = mantissas * 2.0**53
    high = np.floor(whole / HALF)
    sums = [np.bincount(exponents - least, part).tolist() for part in (high, whole - high * HALF)]
    total = sum(
        (int(a) * int(HALF) + int(b)) << k for k, (a, b) in enumerate(zip(*sums, strict=True))
    )
    return total * Fraction(2) ** (least - 53)


def state_of(place: Place, name: str, options: Mapping[str, Any], found: Moments) -> dict[str, Any]:
    """What formulaic's transform `name` with these arguments keeps of a column.

    Raises
    ------
    DataError
        If it needs more than sums tell.
    """
    if name == "poly":
        return (
            {} if options.get("raw") else _polynomial(place, int(options.get("degree", 1)), found)
        )
    if name in SPLINES:
        return _spline(place, name, options, found)
    if name == "rescale":
        raise place.data_error(
            "rescale() needs all values of its column at once, and the data are read in batches.",
            "write scale(x, center=..., scale=...) with numbers.",
        )
    return _scale(name, options, found)


def _scale(name: str, options: Mapping[str, Any], found: Moments) -> dict[str, Any]:
    centre = options.get("center", True)
    key = "rescale" if name == "standardize" else "scale"
    scale = False if name == "center" else options.get(key, True)
    ddof = options.get("ddof", 0 if name == "standardize" else 1)
    origin = None if centre is False else found.mean if centre is True else np.array(centre)
    root: Any = None
    if scale is True:
        squares = found.squares(0.0 if origin is None else float(origin))
        root = np.sqrt(squares / (found.n - ddof))
    elif scale is not False:
        root = np.array(scale)
    return {"ddof": ddof, "center": origin, "scale": root}


def _polynomial(place: Place, degree: int, found: Moments) -> dict[str, Any]:
    """The recurrence of monic orthogonal polynomials, and their squared norms."""
    if len(found.distinct) <= FEW:
        check_degree(place, np.array(sorted(found.distinct)), degree)
    origin, unit = Fraction(found.origin), Fraction(found.unit)
    before: list[Fraction] = [Fraction(0)] * (2 * degree + 1)
    now = list(found.powers[: 2 * degree + 1])
    alpha, norms = {}, {0: float(now[0])}
    a, beta = now[1] / now[0] if degree else Fraction(0), Fraction(0)
    for k in range(degree):
        alpha[k] = float(origin + unit * a)
        later = [now[i + 1] - a * now[i] - beta * before[i] for i in range(len(now) - 1)]
        norms[k + 1] = float(later[k + 1] * unit ** (2 * (k + 1)))
        if k + 1 < degree:
            a = later[k + 2] / later[k + 1] - now[k + 1] / now[k]
            beta = later[k + 1] / now[k]
        before, now = now, later
    return {"alpha": alpha, "norms2": norms}


def _spline(place: Place, name: str, options: Mapping[str, Any], found: Moments) -> dict[str, Any]:
    """The range; knots have to be given, as quantiles need all values at once."""
    if options.get("df") is not None or options.get("constraints") == "center":
        what = "df" if options.get("df") is not None else "constraints='center'"
        raise place.data_error(
            f"{name}() with {what} needs all values of its column at once, and the data are read "
            "in batches.",
            "write the knots, as knots=[2.5, 5, 7.5]; quantiles of a sample of the data are good "
            "ones.",
        )
    low, high = options.get("lower_bound"), options.get("upper_bound")
    return {
        "lower_bound": found.low if low is None else low,
        "upper_bound": found.high if high is None else high,
    }
