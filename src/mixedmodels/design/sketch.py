"""The covariances that the variance parameters of a model give, seen along random vectors.

With V = sigma^2 W^-1 + sum_r gamma_r G_r a column of the sketch holds (N v_i)'G_r(N v_j) for pairs
of random vectors, where N takes out what the fixed part explains: sums over the rows of each level,
in place of matrices of the size of the data.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design.matrices import Grouping, Int32, Matrix, ModelMatrices, TermMatrix, Vector

DEPENDENT = 1e-9
"""Relative diagonal of a triangular root below which columns are dependent."""

SOME_ROWS, SOME_VECTORS = 1024, 32
"""Sizes up to which the random vectors are kept."""

Rows = NDArray[np.int64] | None
"""Rows of the data, all if None."""


@dataclass(frozen=True, slots=True)
class Family:
    """The covariances of one term on some rows, its columns weighted.

    Attributes
    ----------
    codes
        Level of each row (n,), below `n_levels`.
    n_levels
        Number of levels.
    Z
        Shape (n, q): the term's columns are `Z @ root`.
    root
        Shape (q, q), upper triangular.
    entries
        The entries (row, column) of Sigma_k that are parameters.
    """

    codes: Int32
    n_levels: int
    Z: Matrix
    root: Matrix
    entries: tuple[tuple[int, int], ...]

    def level_sums(self, V: Matrix) -> list[Matrix]:
        """Z_a'V per level, (levels, h), for every column a."""
        h = V.shape[1]
        place = (self.codes.astype(np.int64)[:, None] * h + np.arange(h)).ravel()
        size = self.n_levels * h
        sums = (np.bincount(place, (V * z[:, None]).ravel(), size) for z in self.Z.T)
        return [np.asarray(s, dtype=np.float64).reshape(-1, h) for s in sums]

    def column_sizes(self, Z: Matrix) -> Vector:
        """The Frobenius norms of the covariances that unit variances of the columns of Z give."""
        squares = [np.bincount(self.codes, z * z, self.n_levels) for z in Z.T]
        return np.sqrt([float(s @ s) for s in squares])

    def sizes(self, Z: Matrix) -> Vector:
        """Of every parameter; of a covariance the mean of its two variances."""
        size = np.sqrt(self.column_sizes(Z))
        return np.array([size[i] * size[j] for i, j in self.entries])


def entries_of(term: TermMatrix) -> tuple[tuple[int, int], ...]:
    """The entries (row, column) of a term's Sigma that are parameters, in the order of theta."""
    q = len(term.names)
    if term.is_independent:
        return tuple((i, i) for i in range(q))
    return tuple((i, j) for j in range(q) for i in range(j, q))


def sketch(matrices: ModelMatrices, rows: Rows, h: int) -> tuple[Matrix, Vector]:
    """(N v_i)'G_r(N v_j) for pairs of `h` random vectors, a column per parameter, and its scale.

    Columns are divided by their scale, the residual's last: a matrix of which the fixed part takes
    nothing has about unit length.
    """
    families = families_of(matrices, rows)
    Q = fixed_space(matrices, rows)
    V = directions(len(Q), h)
    for _ in range(2):
        V = V - Q @ (Q.T @ V)
    scale = h * np.concatenate([*(f.sizes(f.Z) for f in families), [np.sqrt(len(Q))]])
    columns = [sketch_of(family, V) for family in families]
    return np.hstack([*columns, pairs(V, V)[:, None]]) / scale, scale


def sketch_of(family: Family, V: Matrix) -> Matrix:
    """V'G_rV for the pairs of columns of V (n, h), a column per entry of the term's Sigma."""
    sums = family.level_sums(V)
    columns = [
        pairs(sums[i], sums[i]) if i == j else pairs(sums[i], sums[j]) + pairs(sums[j], sums[i])
        for i, j in family.entries
    ]
    return np.array(columns).T


def pairs(A: Matrix, B: Matrix) -> Vector:
    """The upper triangle of A'B."""
    product = A.T @ B
    return np.asarray(product[_upper(len(product))])


@lru_cache(maxsize=64)
def _upper(h: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    return np.triu_indices(h)


def families_of(matrices: ModelMatrices, rows: Rows) -> list[Family]:
    """The terms in columns that are orthonormal on average, or scaled where they are dependent."""
    root = _root_of_weights(matrices, rows)
    return [_family(term, matrices.groupings[term.group], rows, root) for term in matrices.terms]


def _family(term: TermMatrix, grouping: Grouping, rows: Rows, root: Vector | None) -> Family:
    Z = term.Z if rows is None else term.Z[rows]
    Z = Z if root is None else Z * root[:, None]
    codes, n_levels = grouping.codes, len(grouping.levels)
    if rows is not None:
        seen, inverse = np.unique(codes[rows], return_inverse=True)
        codes, n_levels = inverse.astype(np.int32), len(seen)
    size = np.sqrt(np.square(Z).mean(axis=0))
    size = np.where(size > 0, size, 1.0)
    unit, R = Z / size, np.diag(size)
    if not term.is_independent and len(size) > 1 and len(Z) >= len(size):
        orthonormal, upper = np.linalg.qr(unit)
        if np.abs(np.diag(upper)).min() > DEPENDENT * np.sqrt(len(Z)):
            unit, R = orthonormal * np.sqrt(len(Z)), upper * size / np.sqrt(len(Z))
    return Family(codes, n_levels, unit, R, entries_of(term))


def fixed_space(matrices: ModelMatrices, rows: Rows) -> Matrix:
    """An orthonormal basis (n, p) of the weighted columns of X; far origins do not hurt."""
    X = matrices.X if rows is None else matrices.X[rows]
    if not X.shape[1]:
        return X
    if X[0, 0] != 0 and np.all(X[:, 0] == X[0, 0]):
        if X.shape[1] == 1 and matrices.weights is None:
            return np.full(X.shape, len(X) ** -0.5)
        X = np.column_stack([X[:, 0], X[:, 1:] - X[:, 1:].mean(axis=0)])
    root = _root_of_weights(matrices, rows)
    X = X if root is None else X * root[:, None]
    length = np.linalg.norm(X, axis=0)
    Q: Matrix = np.linalg.qr(X / np.where(length > 0, length, 1.0))[0]
    return Q


def _root_of_weights(matrices: ModelMatrices, rows: Rows) -> Vector | None:
    """Square roots of the weights, of mean square one."""
    if matrices.weights is None:
        return None
    weights = matrices.weights if rows is None else matrices.weights[rows]
    root: Vector = np.sqrt(weights / weights.mean())
    return root


def directions(n: int, h: int) -> Matrix:
    """The random vectors (n, h), the same in every call."""
    if n <= SOME_ROWS and h <= SOME_VECTORS:
        return _few_directions()[:n, :h]
    return np.random.default_rng(0).standard_normal((n, h))


@lru_cache(maxsize=1)
def _few_directions() -> Matrix:
    return np.random.default_rng(0).standard_normal((SOME_ROWS, SOME_VECTORS))
