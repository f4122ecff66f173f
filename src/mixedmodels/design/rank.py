"""Which columns of X are linear combinations of earlier ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design.coordinates import Coordinates, centring_steps, is_well_apart
from mixedmodels.design.matrices import Matrix, Vector

TOLERANCE = 1e-7
"""A column whose part outside the span of earlier ones is smaller than this, relatively, is
aliased; R's own tolerance."""

SUSPICIOUS_PIVOT = 1e-6
"""Squared relative residuals below this are too inexact in the Gram matrix and are recomputed."""

ROUNDING = 1e-12
"""A centred column this small relative to the original one may be constant up to rounding."""

BLOCK_ROWS = 8192


def independent_columns(X: Matrix) -> NDArray[np.intp]:
    """Indices of the columns to keep so that X has full rank; earlier columns win, as in R.

    Columns are centred if the first one is constant, and scaled, so that neither units nor a far
    origin (years, times of day) make a column look dependent; in doubt, on all coarse columns (see
    `mixedmodels.design.coordinates`). Cost: O(n p^2), in blocks.

    Parameters
    ----------
    X
        Shape (n, p).
    """
    n, p = X.shape
    if p == 0 or is_well_apart(X):
        return np.arange(p)
    first = X[:, 0]
    has_intercept = bool(first[0] != 0 and np.all(first == first[0]))
    centre = X.mean(axis=0) if has_intercept else np.zeros(p)
    if has_intercept:
        centre[0] = 0.0
    largest = np.maximum(np.abs(X).max(axis=0), np.finfo(np.float64).tiny)
    gram = _gram(X, centre, largest)
    norms = np.sqrt(gram.diagonal())
    nonzero = norms > ROUNDING * np.sqrt(n)
    if nonzero.all() and smallest_pivot(gram / np.outer(norms, norms)) > SUSPICIOUS_PIVOT:
        return np.arange(p)
    return _by_orthogonalisation(Coordinates(centring_steps(X, earlier_first=True)).columns(X))


def _gram(X: Matrix, centre: Vector, scale: Vector) -> Matrix:
    """Inner products of the centred and scaled columns, without a copy of X."""
    n, p = X.shape
    gram = np.zeros((p, p))
    for start in range(0, n, BLOCK_ROWS):
        block = (X[start : start + BLOCK_ROWS] - centre) / scale
        gram += block.T @ block
    return gram


def smallest_pivot(gram: Matrix) -> float:
    """Smallest squared residual of a column on the earlier ones; 0 or less if singular."""
    try:
        factor = np.linalg.cholesky(gram)
    except np.linalg.LinAlgError:
        return 0.0
    return float(factor.diagonal().min() ** 2)


def _by_orthogonalisation(W: Matrix) -> NDArray[np.intp]:
    """Gram-Schmidt in column order, each column projected twice: exact to rounding."""
    basis = np.empty_like(W, order="F")
    kept: list[int] = []
    for column, values in enumerate(W.T):
        largest = np.abs(values).max()
        if largest == 0:
            continue
        rest = values / largest
        before = np.linalg.norm(rest)
        earlier = basis[:, : len(kept)]
        for _ in range(2):
            rest = rest - earlier @ (earlier.T @ rest)
        size = np.linalg.norm(rest)
        if size > TOLERANCE * before:
            basis[:, len(kept)] = rest / size
            kept.append(column)
    return np.array(kept, dtype=np.intp)
