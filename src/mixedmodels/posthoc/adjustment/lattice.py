"""Points that fill a cube evenly: rank-1 lattices with a random shift.

Point i of n is the fractional part of i z / n + shift. The generator z is found component by
component, each minimising the worst-case error of smooth periodic functions in which coordinate j
has weight 1 / j; for prime n all candidates are compared by one convolution (Nuyens & Cools 2006,
Mathematics of Computation 75, 903-920). Folding every coordinate, x → 1 − |2x − 1|, makes functions
continuous on the torus that are not periodic (Hickernell 2002).
"""

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

PRIMES = (1021, 2039, 4093, 8191, 16381, 32749, 65521, 131071)
"""Numbers of points, each the largest prime below a power of two."""


def generator(n: int, dimension: int) -> NDArray[np.int64]:
    """The generator of a lattice of n points, n prime, (dimension,)."""
    powers = _powers(n)
    kernel = (powers / n) ** 2 - powers / n + 1 / 6  # the Bernoulli polynomial of degree two
    spectrum = np.fft.rfft(kernel)
    product = np.ones(n - 1)
    z = np.empty(dimension, dtype=np.int64)
    order = np.arange(n - 1)
    for j in range(dimension):
        error = np.fft.irfft(spectrum * np.fft.rfft(product), n - 1)
        best = int(np.argmin(error))
        z[j] = powers[best]
        product *= 1 + kernel[(best - order) % (n - 1)] / (j + 1)
        product /= product.mean()
    return z


def folded(first: int, last: int, n: int, z: NDArray[np.int64], shift: Vector) -> Vector:
    """Points `first` to `last` of n, one in each column, (dimension, last - first)."""
    turns = np.multiply.outer(z / n, np.arange(first, last, dtype=np.float64))
    turns += shift[:, None]
    turns -= np.floor(turns)
    turns *= 2
    turns -= 1
    points: Vector = np.subtract(1, np.abs(turns, out=turns), out=turns)
    return points


def _powers(n: int) -> NDArray[np.int64]:
    """1, g, g², … modulo n for a primitive root g: every number from 1 to n - 1, once."""
    for g in range(2, n):
        powers = [1]
        while (following := powers[-1] * g % n) != 1:
            powers.append(following)
        if len(powers) == n - 1:
            return np.array(powers, dtype=np.int64)
    raise AssertionError(f"{n} is not prime")
