"""The covariance of every cluster, small: V_j, X_j and e_j in the coordinates that matter.

Where the residuals of a cluster are independent with one variance, V_j is the identity but for the
span of Z_j; an adjustment that is a function of V_j and X_j then acts in the span of [Z_j X_j]
alone. With [Z_j X_j] = Q R and rows in the basis Q, V_j = I + R_Z R_Z' has the order of the
columns, not of the rows. The Q of Householder is orthonormal whatever the rank of [Z_j X_j] is, so
that no decision about ranks is made.

All adjustments but CR2's do not change when rows are whitened, and see whitened rows here whatever
the covariance of the residuals is. CR2 does change (its A_j is the geometric mean of V_j and
(V_j - X_j C X_j')^-1): with unequal residuals in a cluster its blocks are of the rows themselves.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mixedmodels.design import ModelMatrices
from mixedmodels.engine.arrays import without_offset
from mixedmodels.engine.marginal import random_columns, residual_roots
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.inference.robust.clusters import Clustering
from mixedmodels.inference.robust.independence import correlated_residual

Vector = NDArray[np.float64]
Int = NDArray[np.int64]

CHUNK = 4_000_000
"""Numbers of one stack of blocks, so that stacks stay small beside the data."""

LARGEST = 4000
"""Order of a block beyond which one eigendecomposition takes minutes."""

EVEN = 1e-12
"""Relative difference of residual standard deviations that counts as none."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """Clusters of one size, in r coordinates each.

    Attributes
    ----------
    clusters : array (g,)
        Which they are.
    V : array (g, r, r)
        Marginal covariance over sigma^2.
    X : array (g, r, p)
        Fixed-effects columns.
    e : array (g, r)
        Response less offset and X beta-hat.
    """

    clusters: Int
    V: Vector
    X: Vector
    e: Vector


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of a fit, whitened unless `R` says how they are correlated.

    Attributes
    ----------
    X : array (n, p)
    e : array (n,)
    Z : sparse (n, effects)
        Z Lambda K^1/2: times its transpose it is the random effects' part of V.
    R : sparse (n, n), optional
        Residual covariance over sigma^2; None if it is the identity.
    """

    X: Vector
    e: Vector
    Z: sparse.csr_array
    R: sparse.csr_array | None


def blocks(fit: Fit, clustering: Clustering, *, whitens: bool) -> Iterator[Blocks]:
    """The blocks of all clusters; with `whitens` rows may be whitened within clusters."""
    rows = _rows(fit, clustering, whitens=whitens)
    order = np.argsort(clustering.codes, kind="stable")
    sizes = np.bincount(clustering.codes, minlength=clustering.count)
    starts = np.cumsum(sizes) - sizes
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order)) - np.repeat(starts, sizes)
    column, widths = _columns_of_clusters(rows.Z, clustering)
    pairs = np.column_stack([sizes, widths])
    _require_small(rows, sizes, widths, clustering)
    for size, width in np.unique(pairs, axis=0).tolist():
        same = np.flatnonzero((sizes == size) & (widths == width))
        across = width + rows.X.shape[1] + 1 if rows.R is None else width + size
        step = max(1, CHUNK // (size * across))
        for first in range(0, len(same), step):
            chosen = same[first : first + step]
            at = order[starts[chosen][:, None] + np.arange(size)]
            Z = stack(rows.Z, at, column, width)
            R = None if rows.R is None else stack(rows.R, at, place, size)
            yield _reduced(chosen, Z, R, rows.X[at], rows.e[at])


def _require_small(rows: _Rows, sizes: Int, widths: Int, clustering: Clustering) -> None:
    """Refuse clusters whose blocks would be too large to work with.

    Raises
    ------
    DataError
        If one is.
    """
    orders = sizes if rows.R is not None else np.minimum(sizes, widths + rows.X.shape[1])
    if orders.max() <= LARGEST:
        return
    advice = (
        'use cov="CR3" or "CR1", whose blocks are smaller where weights or residuals differ, or '
        "finer clusters"
        if rows.R is not None
        else "use finer clusters, or leave cov= out"
    )
    raise DataError(
        f"A cluster of {clustering.name} needs the eigenvalues of a block of order "
        f"{int(orders.max()):,}, and {LARGEST:,} is the most.\n"
        f"Do:   {advice}.\n"
        "Why:  the work grows with the cube of the rows, or of the random effects, that a cluster "
        "has."
    )


def _rows(fit: Fit, clustering: Clustering, *, whitens: bool) -> _Rows:
    m = fit.matrices
    e = without_offset(m, m.y) - m.X @ fit.beta
    root, half = residual_roots(fit.problem, fit.theta)
    Z = random_effects(m, fit.T)
    if whitens or _is_even(fit, clustering, half):
        return _Rows(root @ m.X, root @ e, sparse.csr_array(root @ Z), None)
    return _Rows(np.ascontiguousarray(m.X), e, Z, sparse.csr_array(half @ half.T))


def _is_even(fit: Fit, clustering: Clustering, half: sparse.csr_array) -> bool:
    """Whether residuals are independent and of one variance within every cluster."""
    if correlated_residual(fit) is not None:
        return False
    scale = half.diagonal()
    first = np.empty(clustering.count)
    first[clustering.codes] = scale
    return bool(np.all(np.abs(first[clustering.codes] - scale) <= EVEN * scale))


def random_effects(m: ModelMatrices, T: Sequence[Vector]) -> sparse.csr_array:
    """Z Lambda K^1/2 (n, effects) of all terms with the templates `T`."""
    parts = []
    for term, T_k in zip(m.terms, T, strict=True):
        columns = random_columns(m, term, T_k)
        if term.precision is not None:
            root = _root_of_inverse(term.precision.Q)
            columns = sparse.csc_array(columns @ sparse.kron(root, sparse.eye_array(T_k.shape[1])))
        parts.append(columns)
    if not parts:
        return sparse.csr_array((len(m.y), 0))
    return sparse.csr_array(sparse.hstack(parts, format="csr"))


def _root_of_inverse(Q: sparse.csc_matrix) -> sparse.csc_array:
    """K^1/2 with K = Q^-1, over levels that are connected with each other."""
    labels = sparse.csgraph.connected_components(Q, directed=False)[1]
    order = np.argsort(labels, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(labels))[:-1])
    entries, rows, columns = [], [], []
    for part in parts:
        L = np.linalg.cholesky(Q[part][:, part].toarray())
        entries.append(np.linalg.inv(L).T.ravel())
        rows.append(np.repeat(part, len(part)))
        columns.append(np.tile(part, len(part)))
    at = (np.concatenate(rows), np.concatenate(columns))
    found = sparse.csc_array((np.concatenate(entries), at), shape=Q.shape)
    found.eliminate_zeros()
    return found


def _columns_of_clusters(Z: sparse.csr_array, clustering: Clustering) -> tuple[Int, Int]:
    """Per column of Z its place among those of its cluster, and per cluster how many it has."""
    entries = Z.tocoo()
    owner = np.full(Z.shape[1], -1, dtype=np.int64)
    owner[entries.col] = clustering.codes[entries.row]
    used = np.flatnonzero(owner >= 0)
    widths = np.bincount(owner[used], minlength=clustering.count)
    order = used[np.argsort(owner[used], kind="stable")]
    place = np.zeros(Z.shape[1], dtype=np.int64)
    place[order] = np.arange(len(order)) - np.repeat(np.cumsum(widths) - widths, widths)
    return place, widths


def stack(A: sparse.csr_array, at: Int, column: Int, width: int) -> Vector:
    """Rows `at` (g, size) of A as a stack (g, size, width), column j of A going to column[j]."""
    g, size = at.shape
    entries = sparse.csr_array(A[at.ravel()]).tocoo()
    found = np.zeros((g * size, width))
    found[entries.row, column[entries.col]] = entries.data
    return found.reshape(g, size, width)


def _reduced(clusters: Int, Z: Vector, R: Vector | None, X: Vector, e: Vector) -> Blocks:
    size, width, p = Z.shape[1], Z.shape[2], X.shape[2]
    r = width + p
    if R is None and r < size:
        whole = np.concatenate([Z, X, e[:, :, None]], axis=2)
        triangle = np.asarray(np.linalg.qr(whole, mode="r"))[:, :r]
        Z, X, e = triangle[:, :, :width], triangle[:, :, width:r], triangle[:, :, r]
    own = np.eye(Z.shape[1]) if R is None else R
    return Blocks(clusters, own + Z @ Z.swapaxes(1, 2), X, e)
