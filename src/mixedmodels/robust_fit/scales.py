"""Scales of single residuals and random effects that make the equations of sigma consistent.

The scale tau solves E[w²(x/tau) (x² - kappa tau²)] = 0 for x = z - a psi(z) / lambda + s z', z and
z' standard normal: the design-adaptive scale (Koller & Stahel 2011; Koller 2013, chapter 4; DAStau
in Koller 2016). Without bounds tau² is the variance of x, which is what is taken for blocks of
several effects (DASvar).
"""

import numpy as np
from numpy.typing import NDArray
from scipy import interpolate

from mixedmodels.robust_fit.psi import Psi

Vector = NDArray[np.float64]

OWN, OTHERS = 48, 24
"""Nodes for what is its own, of which half is enough by symmetry, and for the rest."""

TABLE = 14
"""Values of each of a and s in the table that many different ones are read from."""

MOST = 150
"""Different pairs up to which each is solved for."""

ROUNDS, TOLERANCE = 200, 1e-11


def variances(own: Vector, rest: Vector, psi: Psi) -> Vector:
    """Var x = 1 - 2 a + a² e2 / lambda² + s², with `rest` s²."""
    noise = psi.square / psi.slope**2
    return np.asarray(np.maximum(1.0 - 2.0 * own + own**2 * noise + rest, 0.0))


def scales(own: Vector, rest: Vector, psi: Psi) -> Vector:
    """Scales tau of every pair a, s² (n,)."""
    approximate = np.sqrt(variances(own, rest, psi))
    if not np.isfinite(psi.k):
        return approximate
    pairs = np.column_stack([own, np.sqrt(rest)])
    unique, where = np.unique(np.round(pairs, 12), axis=0, return_inverse=True)
    where = where.ravel()
    if len(unique) <= MOST:
        return np.asarray(_solved(unique[:, 0], unique[:, 1], psi)[where])
    return approximate * _tabulated(pairs[:, 0], pairs[:, 1], psi)


def _tabulated(a: Vector, s: Vector, psi: Psi) -> Vector:
    """Tau over the root of the variance, which is smooth in a and s, from a table by splines."""
    grid = [np.linspace(v.min(), max(v.max(), v.min() + 1e-6), TABLE) for v in (a, s)]
    first, second = (part.ravel() for part in np.meshgrid(*grid, indexing="ij"))
    root = np.sqrt(variances(first, second**2, psi))
    ratio = (_solved(first, second, psi) / np.maximum(root, 1e-12)).reshape(TABLE, TABLE)
    return np.asarray(interpolate.RectBivariateSpline(*grid, ratio)(a, s, grid=False))


def _solved(a: Vector, s: Vector, psi: Psi) -> Vector:
    """Tau by iteration: tau² <- E[w² x²] / (kappa E[w²])."""
    z, mass = _own_nodes(psi.k)
    v, others = np.polynomial.hermite_e.hermegauss(OTHERS)
    density = np.outer(mass, others / np.sqrt(2 * np.pi)).ravel()
    shrunk = np.outer(a, psi.weight(np.abs(z)) * z / psi.slope)
    x = ((z - shrunk)[:, :, None] + (s[:, None] * v)[:, None, :]).reshape(len(a), -1)
    tau = np.sqrt(np.maximum(variances(a, s**2, psi), 1e-300))
    for _ in range(ROUNDS):
        w2 = psi.scale_weight(np.abs(x) / tau[:, None])
        new = np.sqrt(((w2 * x**2) @ density) / (psi.kappa * (w2 @ density)))
        done = bool(np.max(np.abs(new / tau - 1), initial=0.0) < TOLERANCE)
        tau = new
        if done:
            break
    return np.asarray(tau)


def _own_nodes(k: float) -> tuple[Vector, Vector]:
    """Nodes of a standard normal variable on one side, doubled, cut where psi turns."""
    x, w = np.polynomial.legendre.leggauss(OWN // 2)
    cut = float(np.clip(k, 0.5, 7.5))
    pieces = [(0.0, cut), (cut, 9.0)]
    z = np.concatenate([low + (high - low) * (x + 1) / 2 for low, high in pieces])
    mass = np.concatenate([(high - low) / 2 * w for low, high in pieces])
    return z, 2 * mass * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
