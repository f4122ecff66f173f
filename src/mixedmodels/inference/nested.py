"""Is one model a special case of another? And if so, is it one at the boundary?

Fixed effects are compared as column spaces. Random effects are compared as families of
covariances: a *piece* is a correlated term with its columns Z, or one column of an independent
term, on one grouping factor h, and stands for all covariances

    V(Sigma)_ij = [h_i = h_j] z_i' Sigma z_j,    Sigma positive semidefinite.

A piece is contained in another one (Z', Sigma', g) if every V(Sigma) is a V'(Sigma'). That needs
h to refine g, and for every column z of Z, and every sum of two, a Sigma' with
z_i z_j [h_i = h_j] = z'_i Sigma' z'_j wherever g_i = g_j: a linear system of which least squares
asks for cross-products per level only. It finds (1 | g) in (x | g), (1 | g) + (x | g) of
independent terms in (x | g), groups that are the same under two names, and compound symmetry,
(1 | g) + (1 | g:f), in the covariance (0 + f | g) of a factor f without a structure.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design import ModelMatrices

Vector = NDArray[np.float64]
Int32 = NDArray[np.int32]

INSIDE = 1e-7
"""Relative size of what a column space leaves of a column, below which the column is inside."""

UNEXPLAINED = 1e-10
"""Share of the squares of a covariance that another family leaves, below which it is inside; the
squares are differences of sums, exact to some 1e-14."""

VANISHING = 1e-8
"""Eigenvalues of a relative covariance, relative to the largest, that count as zero."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One unstructured covariance on one grouping factor.

    Attributes
    ----------
    codes
        Level of each row (n,).
    n_levels
        Number of levels.
    basis
        An orthonormal basis (n, q) of the columns of Z.
    """

    codes: Int32
    n_levels: int
    basis: Vector


def column_space(X: Vector) -> Vector:
    """An orthonormal basis (n, p) of independent columns; far origins do not hurt."""
    if not X.shape[1]:
        return X
    largest = np.maximum(np.abs(X).max(axis=0), np.finfo(np.float64).tiny)
    return np.linalg.qr(X / largest)[0]


def outside(basis: Vector, X: Vector) -> Vector:
    """What the space leaves of the columns of `X` (n, k), projected twice: exact to rounding."""
    rest = X - basis @ (basis.T @ X)
    return rest - basis @ (basis.T @ rest)


def is_inside(basis: Vector, X: Vector) -> bool:
    """Whether the space of `basis` contains every column of `X`.

    Columns are measured around their mean if the space has the constant, so that a year or a time
    of day is not taken for one.
    """
    rest = np.linalg.norm(outside(basis, X), axis=0)
    ones = np.ones((len(X), 1))
    constant = np.linalg.norm(outside(basis, ones)) <= INSIDE * len(X) ** 0.5
    size = np.linalg.norm(X - X.mean(axis=0) if constant else X, axis=0)
    rounding = np.finfo(np.float64).eps * len(X) * np.linalg.norm(X, axis=0)
    return bool(np.all(rest <= np.maximum(INSIDE * size, rounding)))


def change_of_basis(X_0: Vector, X: Vector) -> float:
    """The logarithm of |det A|, where X = X_0 A for two full-rank bases of one space."""
    if not X.shape[1]:
        return 0.0
    A = np.linalg.lstsq(X_0, X, rcond=None)[0]
    return float(np.linalg.slogdet(A)[1])


def lost_directions(small: ModelMatrices, large: ModelMatrices) -> tuple[int, ...] | None:
    """Per piece of the larger random part, the variances that the smaller one sets to zero.

    The smaller random part, at a typical value of its parameters, is a covariance of rank r in a
    piece of q columns; q - r directions have zero variance there, and lie on the boundary of the
    parameter space of the larger model. None if the smaller part is no special case.
    """
    large_pieces = sorted(pieces(large), key=lambda piece: piece.basis.shape[1])
    typical = [np.zeros((p.basis.shape[1],) * 2) for p in large_pieces]
    for piece in pieces(small):
        found = (
            (k, Sigma)
            for k, candidate in enumerate(large_pieces)
            if (Sigma := embedding(piece, candidate)) is not None
        )
        place = next(found, None)
        if place is None:
            return None
        typical[place[0]] += place[1]
    return tuple(len(Sigma) - _rank(Sigma) for Sigma in typical)


def pieces(matrices: ModelMatrices) -> list[Piece]:
    """The correlated terms, and the single columns of the independent ones."""
    found = []
    for term in matrices.terms:
        grouping = matrices.groupings[term.group]
        q = term.Z.shape[1]
        blocks = [slice(j, j + 1) for j in range(q)]
        for block in blocks if term.structure == "diagonal" else [slice(0, q)]:
            basis = column_space(term.Z[:, block])
            found.append(Piece(grouping.codes, len(grouping.levels), basis))
    return found


def embedding(small: Piece, large: Piece) -> Vector | None:
    """Sigma' (q, q) of the larger piece that gives V(I) of the smaller one, if it contains it.

    In the coordinates of the bases. None if some covariance of the smaller piece has no Sigma'.
    """
    if not _refines(small, large):
        return None
    q, s = large.basis.shape[1], small.basis.shape[1]
    C = _level_sums(large, large.basis, large.basis).reshape(-1, q * q)
    products = C.T @ C  # sum over levels of C_g (x) C_g, its indices in another order
    normal = products.reshape(q, q, q, q).transpose(0, 2, 1, 3).reshape(q * q, q * q)
    cross = _level_sums(small, large.basis, small.basis)  # (levels of h, q, s)
    own = _level_sums(small, small.basis, small.basis)  # (levels of h, s, s)
    total = np.zeros((q, q))
    for a in _generators(s):
        direction = cross @ a
        target = (direction.T @ direction).ravel()
        Sigma = np.asarray(np.linalg.lstsq(normal, target, rcond=None)[0], dtype=np.float64)
        squares = float(((own @ a @ a) ** 2).sum())
        left = squares - 2 * Sigma @ target + Sigma @ normal @ Sigma
        if left > UNEXPLAINED * squares or not _is_semidefinite(Sigma.reshape(q, q)):
            return None
        if np.count_nonzero(a) == 1:
            total += Sigma.reshape(q, q)
    return total


def _generators(s: int) -> Sequence[Vector]:
    """Vectors whose squares a a' span the symmetric matrices: e_i and e_i + e_j."""
    unit = np.eye(s)
    sums = [unit[i] + unit[j] for i in range(s) for j in range(i)]
    return [*unit, *sums]


def _refines(small: Piece, large: Piece) -> bool:
    """Whether rows of one level in the smaller piece are of one level in the larger."""
    level = np.empty(small.n_levels, dtype=np.int32)
    level[small.codes] = large.codes
    return bool(np.array_equal(level[small.codes], large.codes))


def _level_sums(piece: Piece, A: Vector, B: Vector) -> Vector:
    """Sum over the rows of each level of a_i b_i', (levels, columns of A, columns of B)."""
    sums = np.empty((piece.n_levels, A.shape[1], B.shape[1]))
    for i in range(A.shape[1]):
        for j in range(B.shape[1]):
            weights = A[:, i] * B[:, j]
            sums[:, i, j] = np.bincount(piece.codes, weights, minlength=piece.n_levels)
    return sums


def _is_semidefinite(Sigma: Vector) -> bool:
    values = np.linalg.eigvalsh((Sigma + Sigma.T) / 2)
    return bool(values[0] >= -(VANISHING**0.5) * abs(values[-1]))


def _rank(Sigma: Vector) -> int:
    values = np.linalg.eigvalsh((Sigma + Sigma.T) / 2)
    return int(np.count_nonzero(values > VANISHING * values[-1])) if values[-1] > 0 else 0
