"""How residuals and random effects of a robust fit are distributed, to first order.

With everything over sigma and rows scaled by the root of their weight, A = [X U], U = Z T,
J = diag(0, I) and M = A'A + J, the estimating equations of the effects (Koller 2016, eq. 5)

    A'psi_e(y - A c) = J (lambda_e / lambda_b) psi_b(u)

have at the truth the derivative -lambda_e M, so that the estimates are, to first order,

    c-hat - c = M^-1 (A' psi_e(e) / lambda_e - J psi_b(u) / lambda_b).

A residual and a block of random effects are then what is their own and what is the others':

    e-hat_i = e_i - a_i psi_e(e_i) / lambda_e + rest,    a_i = (A M^-1 A')_ii,
    u-hat_k = u_k - L_k psi_b(u_k) / lambda_b + rest,    L_k = (M^-1)_kk.

The variance of the rest follows from E[psi psi'] = e2 I. Without bounds, all of it is exact: the
variances are 1 - a_i and I - L_k, and the equations of the scales those of REML.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from mixedmodels.robust_fit.psi import Psi

Vector = NDArray[np.float64]

ROWS_AT_ONCE = 2_000

SMALL = 2_000_000
"""Numbers of a matrix below which it is dense: there the making of sparse ones costs more."""

Columns: TypeAlias = Any
"""All columns (n, p + q): an array, or a sparse matrix of scipy, which has no types."""


@dataclass(frozen=True, slots=True)
class Part:
    """Random effects that share a covariance: a term, or one column of independent ones.

    Attributes
    ----------
    term
        Index of the random term.
    columns
        Which of its columns.
    codes : array (n,)
        Level of each row.
    levels
        Their number.
    Z : array (n, s)
        The columns, rows scaled by the root of their weight.
    psi
        What bounds a block.
    """

    term: int
    columns: tuple[int, ...]
    codes: NDArray[np.int32]
    levels: int
    Z: Vector
    psi: Psi

    @property
    def size(self) -> int:
        """Effects of a level."""
        return len(self.columns)

    @property
    def count(self) -> int:
        """All effects."""
        return self.size * self.levels

    def spread(self, T: Vector) -> sparse.csr_array:
        """Z T, sparse (n, effects), a level's effects side by side."""
        values = self.Z @ T
        columns = self.codes.astype(np.int64)[:, None] * self.size + np.arange(self.size)
        pointers = np.arange(len(values) + 1) * self.size
        shape = (len(values), self.count)
        return sparse.csr_array((values.ravel(), columns.ravel(), pointers), shape)


@dataclass(frozen=True, slots=True)
class Expansion:
    """First-order distribution at one set of templates.

    Attributes
    ----------
    A : array or sparse (n, p + q)
        All columns.
    own, rest : array (n,)
        a_i, and the variance of what others bring to a residual.
    blocks : tuple of arrays (levels, s, s)
        L_k of every part.
    rest_of_blocks : tuple of arrays (levels, s, s)
        The variance of what others bring to a block.
    cov_beta : array (p, p)
        Covariance of beta-hat over sigma^2.
    """

    A: Columns
    own: Vector
    rest: Vector
    blocks: tuple[Vector, ...]
    rest_of_blocks: tuple[Vector, ...]
    cov_beta: Vector


def expansion(X: Vector, parts: Sequence[Part], T: Sequence[Vector], psi_e: Psi) -> Expansion:
    """The distribution at the templates `T` of all parts."""
    p = X.shape[1]
    spread = [part.spread(T_t) for part, T_t in zip(parts, T, strict=True)]
    A: Columns = sparse.csr_array(sparse.hstack([sparse.csr_array(X), *spread], format="csr"))
    A = A.toarray() if A.shape[0] * A.shape[1] <= SMALL else A
    M = dense(A.T @ A)
    M[range(p, len(M)), range(p, len(M))] += 1.0
    inverse = linalg.cho_solve(linalg.cho_factor(M), np.eye(len(M)))
    places = _places(parts, p)
    noise = psi_e.square / psi_e.slope**2
    ratios = [part.psi.square / part.psi.slope**2 for part in parts]
    own, by_part = _of_rows(A, inverse, places)
    within = own - sum(by_part, np.zeros(len(own)))  # row sums of squares of A M^-1 A'
    rest = (within - own**2) * noise
    for ratio, share in zip(ratios, by_part, strict=True):
        rest = rest + ratio * share
    blocks, others = [], []
    for t, part in enumerate(parts):
        L, shares = _of_blocks(inverse, part, places, t)
        own_square = L @ L
        variance = (L - sum(shares, np.zeros_like(L))) * noise
        for u, share in enumerate(shares):
            variance = variance + ratios[u] * (share - own_square if u == t else share)
        blocks.append(L)
        others.append(variance)
    top = inverse[:p]
    cov = noise * inverse[:p, :p]
    for ratio, place in zip(ratios, places, strict=True):
        cov = cov + (ratio - noise) * top[:, place] @ top[:, place].T
    return Expansion(A, own, np.maximum(rest, 0.0), tuple(blocks), tuple(others), cov)


def dense(A: Columns) -> Vector:
    """An array, whatever it was."""
    return np.asarray(A if isinstance(A, np.ndarray) else A.toarray())


def scaled_rows(A: Columns, w: Vector) -> Columns:
    """The rows times w (n,)."""
    if isinstance(A, np.ndarray):
        return A * w[:, None]
    return sparse.csr_array(A.multiply(w[:, None]))


def _places(parts: Sequence[Part], p: int) -> list[slice]:
    ends = p + np.cumsum([0, *(part.count for part in parts)])
    return [slice(int(a), int(b)) for a, b in pairwise(ends)]


def _of_rows(A: Columns, inverse: Vector, places: Sequence[slice]) -> tuple[Vector, list[Vector]]:
    """Diagonal of A M^-1 A', and per part the row sums of squares of A M^-1 J_t."""
    n = A.shape[0]
    own, shares = np.empty(n), [np.empty(n) for _ in places]
    for low in range(0, n, ROWS_AT_ONCE):
        rows = slice(low, low + ROWS_AT_ONCE)
        G = A[rows] @ inverse
        own[rows] = np.einsum("ij,ij->i", dense(A[rows]), G)
        for share, place in zip(shares, places, strict=True):
            share[rows] = np.einsum("ij,ij->i", G[:, place], G[:, place])
    return own, shares


def _of_blocks(
    inverse: Vector, part: Part, places: Sequence[slice], t: int
) -> tuple[Vector, list[Vector]]:
    """L_k of every block (levels, s, s), and per part the products M^-1_k. M^-1_.k over it."""
    shape = (part.levels, part.size)
    rows = inverse[places[t]].reshape(*shape, -1)
    at = np.arange(part.levels)
    L = inverse[places[t], places[t]].reshape(*shape, *shape)[at, :, at, :]
    shares = [np.einsum("kia,kja->kij", rows[:, :, place], rows[:, :, place]) for place in places]
    return L, shares
