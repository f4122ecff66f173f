"""Critical values: where a tail probability that falls with t reaches a given value."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

Tail = Callable[[Vector, Vector], Vector]
"""P(statistic > t) for t and df, arrays of one shape."""

PRECISION = 1e-10
"""Relative precision of a critical value."""

MOST_STEPS = 200
"""Halvings and doublings before a search gives up: doubles have no more."""

NODES = 24
"""Degrees of freedom at which critical values are searched for first, if there are more."""

NEAR = 1e-4
"""Relative half-width of the first bracket around an interpolated value."""


def solve_tail(tail: Tail, probability: float, df: Vector) -> Vector:
    """The t with tail(t, df) = `probability` for every df; nan where df is nan.

    Many different df are served by interpolation: the critical value is a smooth function of
    1 / df. Every value is then searched for on its own, from nearby.
    """
    known, place = np.unique(df, return_inverse=True)
    real = known[np.isfinite(known) | np.isposinf(known)]
    found = np.full(len(known), np.nan)
    found[: len(real)] = _solve(tail, probability, real)
    values: Vector = found[place]
    return values


def _solve(tail: Tail, probability: float, df: Vector) -> Vector:
    if len(df) <= NODES:
        return _search(tail, probability, df, np.zeros(len(df)), np.ones(len(df)))
    low, high = 1 / df[-1], 1 / df[0]
    angle = np.pi * (np.arange(NODES) + 0.5) / NODES
    x = (low + high) / 2 + (high - low) / 2 * np.cos(angle)
    values = np.arcsinh(_solve(tail, probability, 1 / x))
    signs = (-1.0) ** np.arange(NODES)
    guess = np.sinh(_barycentric(x, np.sin(angle) * signs, values, 1 / df))
    margin = NEAR * (np.abs(guess) + NEAR)
    return _search(tail, probability, df, guess - margin, guess + margin)


def _barycentric(x: Vector, weights: Vector, values: Vector, at: Vector) -> Vector:
    """The interpolating polynomial (Berrut & Trefethen 2004, SIAM Review 46, 501-517)."""
    distance = at[:, None] - x
    hit = distance == 0
    terms = weights / np.where(hit, 1.0, distance)
    inside: Vector = (terms @ values) / terms.sum(axis=1)
    exact: Vector = hit.astype(np.float64) @ values
    value: Vector = np.where(hit.any(axis=1), exact, inside)
    return value


def _search(tail: Tail, probability: float, df: Vector, low: Vector, high: Vector) -> Vector:
    """Widen the brackets until they hold the solutions, then close them."""
    target = np.log(probability)

    def excess(t: Vector, nu: Vector) -> Vector:
        with np.errstate(divide="ignore"):
            height = np.maximum(np.log(tail(t, nu)), -1e3)
        above: Vector = height - target
        return above

    width = high - low
    at_low, at_high = excess(low, df), excess(high, df)
    for _ in range(MOST_STEPS):
        down, up = at_low < 0, at_high > 0
        if not (down.any() or up.any()):
            break
        width *= 2
        high = np.where(down, low, np.where(up, high + width, high))
        low = np.where(down, low - width, np.where(up, high - width, low))
        at_low, at_high = excess(low, df), excess(high, df)
    return _close(excess, df, (low, high), (at_low, at_high))


def _close(
    excess: Tail, df: Vector, ends: tuple[Vector, Vector], values: tuple[Vector, Vector]
) -> Vector:
    """Inverse quadratic steps where they are safe, else halves (Chandrupatla 1997,
    Advances in Engineering Software 28, 145-149).
    """
    (a, b), (fa, fb) = ends, values
    fraction = np.full(len(df), 0.5)
    for _ in range(MOST_STEPS):
        t = a + fraction * (b - a)
        ft = excess(t, df)
        same = np.sign(ft) == np.sign(fa)
        c, fc = np.where(same, a, b), np.where(same, fa, fb)
        b, fb = np.where(same, b, a), np.where(same, fb, fa)
        a, fa = t, ft
        best = np.where(np.abs(fa) < np.abs(fb), a, b)
        limit = PRECISION * np.abs(best) / np.maximum(np.abs(b - a), np.finfo(float).tiny)
        open_ = (limit < 0.5) & (fa != 0) & (fb != 0)
        if not open_.any():
            break
        fraction = _next_fraction((a, b, c), (fa, fb, fc))
        fraction = np.clip(fraction, np.minimum(limit, 0.5), np.maximum(1 - limit, 0.5))
    return best


def _next_fraction(t: tuple[Vector, Vector, Vector], f: tuple[Vector, Vector, Vector]) -> Vector:
    """Where between a and b the next point lies."""
    (a, b, c), (fa, fb, fc) = t, f
    with np.errstate(divide="ignore", invalid="ignore"):
        xi, phi = (a - b) / (c - b), (fa - fb) / (fc - fb)
        quadratic = fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (
            fc - fb
        )
    safe = (phi**2 < xi) & ((1 - phi) ** 2 < 1 - xi) & np.isfinite(quadratic)
    fraction: Vector = np.where(safe, quadratic, 0.5)
    return fraction
