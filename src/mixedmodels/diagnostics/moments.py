"""Skewness and kurtosis with the sampling error of each under the normal."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Shape:
    """Moments of a sample and their standard errors when the truth is normal."""

    n: int
    skewness: float
    kurtosis: float
    skewness_error: float
    kurtosis_error: float


def shape(values: Vector) -> Shape:
    """Skewness and excess kurtosis, bias-corrected (Joanes & Gill 1998, G1 and G2)."""
    n = len(values)
    centred = values - values.mean()
    m2 = float(np.mean(centred**2))
    if n < 4 or m2 <= 0:
        return Shape(n, 0.0, 0.0, np.inf, np.inf)
    g1 = float(np.mean(centred**3)) / m2**1.5
    g2 = float(np.mean(centred**4)) / m2**2 - 3
    skewness = g1 * np.sqrt(n * (n - 1)) / (n - 2)
    kurtosis = ((n + 1) * g2 + 6) * (n - 1) / ((n - 2) * (n - 3))
    error = np.sqrt(6 * n * (n - 1) / ((n - 2) * (n + 1) * (n + 3)))
    return Shape(
        n, skewness, kurtosis, error, 2 * error * np.sqrt((n**2 - 1) / ((n - 3) * (n + 5)))
    )
