"""Satterthwaite's degrees of freedom: of a chi-square with the variance's own mean and spread.

Giesbrecht & Burns (1985), Biometrics 41, 477-486, for one row; Fai & Cornelius (1996), Journal of
Statistical Computation and Simulation 54, 363-378, for several.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.fit.fit import Fit
from mixedmodels.inference.information import information

Vector = NDArray[np.float64]

MOVED = 1e-6
"""Change of a variance along a flat direction, relative to it, from which it cannot be told."""

EQUAL = 1e-8
"""Difference of degrees of freedom that counts as none."""


@dataclass(frozen=True, slots=True)
class Satterthwaite:
    """Degrees of freedom from the covariance of the variance parameters.

    Attributes
    ----------
    covariance : array (p, p)
        sigma^2 C, C = (X'V^-1 X)^-1.
    gradient : array (m + 1, p, p)
        Its derivatives in (theta, sigma).
    spread : array (m + 1, m + 1)
        Covariance of the estimates of (theta, sigma).
    flat : array (m + 1, d)
        Directions of (theta, sigma) that no data can tell, each as large as doubling sigma^2.
    """

    covariance: Vector
    gradient: Vector
    spread: Vector
    flat: Vector

    def single(self, L: Vector) -> Vector:
        """2 v^2 / var(v) for the variance v of every row; nan where no data can tell v."""
        variance = np.sum((L @ self.covariance) * L, axis=1)
        half = np.tensordot(L, self.gradient, axes=(1, 1))  # (k, m + 1, p)
        slope = np.einsum("kmj,kj->km", half, L)
        spread = np.sum((slope @ self.spread) * slope, axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            df = np.where(spread > 0, 2 * variance**2 / spread, np.inf)
        moved = np.abs(slope @ self.flat).max(axis=1, initial=0.0)
        return np.where(moved > MOVED * variance, np.nan, df)

    def joint(self, L: Vector) -> tuple[float, float]:
        """The F whose mean is that of the sum of squared t over the principal rows of L beta."""
        if len(L) == 1:
            return 1.0, float(self.single(L)[0])
        vectors = np.linalg.eigh(L @ self.covariance @ L.T)[1]
        return 1.0, _joint_df(self.single(vectors.T @ L))


def _joint_df(df: Vector) -> float:
    k = len(df)
    if not np.isfinite(df).all() or np.ptp(df) < EQUAL:
        return float(np.mean(df))
    if np.any(df <= 2):
        return 2.0
    mean = float(np.sum(df / (df - 2)))
    return 2 * mean / (mean - k)


def satterthwaite(fit: Fit) -> Satterthwaite:
    """Satterthwaite's method at a fit by REML or ML."""
    facts = information(fit)
    return satterthwaite_of(
        fit.cov_beta_unscaled, fit.sigma, facts.jacobian, facts.covariance, facts.flat
    )


def satterthwaite_of(
    C: Vector, sigma: float, jacobian: Vector, spread: Vector, flat: Vector | None = None
) -> Satterthwaite:
    """The method from C (p, p), its slopes in theta (m, p, p) and the spread of (theta, sigma).

    `flat` are the directions of (theta, sigma) that no data can tell, by default none. With L C L'
    in the place of C, and so on, the hypothesis becomes the identity.
    """
    gradient = np.concatenate([sigma**2 * jacobian, 2 * sigma * C[None]])
    none = np.empty((len(gradient), 0))
    return Satterthwaite(sigma**2 * C, gradient, spread, none if flat is None else flat)
