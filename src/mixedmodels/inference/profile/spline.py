"""A profile between the points at which it was computed."""

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from mixedmodels.inference.profile.profile import Curve

Vector = NDArray[np.float64]


def spline(curve: Curve) -> PchipInterpolator:
    """Zeta as a monotone function of the parameter (Fritsch & Carlson 1980)."""
    return PchipInterpolator(curve.values, curve.zeta)


def density(curve: Curve, at: Vector) -> Vector:
    """The density of the parameter if zeta is standard normal."""
    zeta = spline(curve)
    height: Vector = np.exp(-(zeta(at) ** 2) / 2) / np.sqrt(2 * np.pi) * zeta(at, 1)
    return height
