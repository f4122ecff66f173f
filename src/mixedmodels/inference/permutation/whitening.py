"""V^-1/2, the symmetric root, over the rows that are dependent on each other.

Unlike a Cholesky factor it does not depend on the order of the rows, and it changes them least.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mixedmodels.design import ModelMatrices
from mixedmodels.engine.marginal import residual_roots
from mixedmodels.engine.route import AnyLinear
from mixedmodels.errors import DataError
from mixedmodels.inference.robust.blocks import random_effects, stack

Vector = NDArray[np.float64]
Int = NDArray[np.int64]

LARGEST = 4000
"""Rows that may be dependent on each other: their eigenvalues take about half a minute."""

MOST = 50_000_000
"""Numbers in all roots together, 400 MB."""


@dataclass(frozen=True, slots=True)
class Whitening:
    """V^-1/2 at one theta, relative to sigma^2.

    Attributes
    ----------
    rows : tuple of arrays (g, size)
        Rows that belong together, by the size of their set.
    roots : tuple of arrays (g, size, size)
        Their V^-1/2.
    """

    rows: tuple[Int, ...]
    roots: tuple[Vector, ...]

    def times(self, columns: Vector) -> Vector:
        """V^-1/2 times columns (n, r)."""
        found = np.empty(columns.shape)
        for at, root in zip(self.rows, self.roots, strict=True):
            found[at] = root @ columns[at]
        return found


def whitening(problem: AnyLinear, theta: Vector) -> Whitening:
    """V^-1/2 of a linear model.

    Raises
    ------
    DataError
        If too many rows are dependent on each other.
    """
    m: ModelMatrices = problem.matrices
    half = residual_roots(problem, theta)[1]
    Z = random_effects(m, problem.templates(theta))
    Z.eliminate_zeros()
    codes = _dependent(half, Z)
    sizes = np.bincount(codes)
    _require_small(sizes)
    V = sparse.csr_array(half @ half.T + Z @ Z.T)
    order = np.argsort(codes, kind="stable")
    starts = np.cumsum(sizes) - sizes
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order)) - np.repeat(starts, sizes)
    rows, roots = [], []
    for size in np.unique(sizes).tolist():
        at = order[starts[sizes == size][:, None] + np.arange(size)]
        rows.append(at)
        roots.append(_inverse_root(stack(V, at, place, size)))
    return Whitening(tuple(rows), tuple(roots))


def _dependent(half: sparse.csr_array, Z: sparse.csr_array) -> Int:
    """Which set of dependent rows each belongs to: those that effects or residuals connect."""
    n, effects = Z.shape
    corner = sparse.csr_array((effects, effects))
    graph = sparse.block_array([[half, Z], [None, corner]], format="csr")
    labels = sparse.csgraph.connected_components(graph, directed=False)[1][:n]
    return np.asarray(np.unique(labels, return_inverse=True)[1], dtype=np.int64).ravel()


def _require_small(sizes: Sequence[int] | Int) -> None:
    most, total = int(np.max(sizes)), int(np.sum(np.square(sizes, dtype=np.int64)))
    if most <= LARGEST and total <= MOST:
        return
    raise DataError(
        f"A permutation test would need roots of covariances of {most:,} dependent rows, {total:,} "
        f"numbers in all; {LARGEST:,} and {MOST:,} are the most.\n"
        "Do:   use wald_test(), whose normal theory is good in so large a sample, or bootstrap().\n"
        "Why:  rows that random effects connect, as those of crossed factors, are made independent "
        "together."
    )


def _inverse_root(V: Vector) -> Vector:
    values, vectors = np.linalg.eigh(V)
    return np.asarray((vectors / np.sqrt(values)[:, None, :]) @ vectors.swapaxes(1, 2))
