"""`Method`: what a test asks of a way to find denominator degrees of freedom."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


class Method(Protocol):
    """Degrees of freedom at one fit."""

    @property
    def covariance(self) -> Vector:
        """Covariance (p, p) of beta-hat that tests use, in the units of the response squared."""

    def single(self, L: Vector) -> Vector:
        """Degrees of freedom (k,) of the t tests of the rows of `L` (k, p)."""

    def joint(self, L: Vector) -> tuple[float, float]:
        """(scale, df): scale * Wald / k is compared with F(k, df), for `L` (k, p) of full rank."""
