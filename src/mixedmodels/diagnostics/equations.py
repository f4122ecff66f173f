"""The mixed-model equations at the estimated theta, for products with V^-1 and for leverage.

With U = W^1/2 Z T (spherical random effects, rows scaled by the root of their weight)

    M = U'U + I,        V^-1 = W^1/2 (I - U M^-1 U') W^1/2.

The grouping factor with the most effects is eliminated level by level, in blocks; what is left of
the other factors is one dense matrix S. Nothing is divided by a variance, so a singular T is an
ordinary case. With D the blocks of the first factor and B = U2'U1

    K = B D^-1,  S = U2'U2 + I - K B',  M^-1 = [D^-1 + K'S^-1 K, -K'S^-1; -S^-1 K, S^-1].
"""

from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import cho_factor, cho_solve

from mixedmodels.design import ModelMatrices
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.labels import terms_of_group

Vector = NDArray[np.float64]
Int = NDArray[np.int64]
Sparse: TypeAlias = Any
"""A sparse matrix of scipy, which has no types."""

DENSE_EFFECTS = 4000
"""Random effects beside those of the largest factor that are kept in one dense matrix (128 MB)."""

CHUNK = 4_000_000
"""Numbers in a temporary block."""


@dataclass(frozen=True, slots=True)
class Columns:
    """U for some grouping factors, a few nonzero columns per row.

    Attributes
    ----------
    index
        (n, k), position of each nonzero among the effects.
    values
        (n, k).
    size
        Number of effects.
    """

    index: Int
    values: Vector
    size: int

    def matrix(self) -> Sparse:
        """The same as a sparse matrix (n, size)."""
        n, k = self.values.shape
        pointer = np.arange(0, (n + 1) * k, k) if k else np.zeros(n + 1, dtype=np.int64)
        return sparse.csr_array(
            (self.values.ravel(), self.index.ravel(), pointer), shape=(n, self.size)
        )


@dataclass(frozen=True, slots=True)
class Equations:
    """M = U'U + I, factorised.

    Attributes
    ----------
    root_weights
        (n,), square roots of the weights.
    group
        The grouping factor that is eliminated first, None in a model without random effects.
    codes
        (n,), its levels.
    first, rest
        U for that factor and for all others.
    U1, U2
        The same as sparse matrices.
    D_inverse
        (levels, q, q).
    K
        (rest effects, first effects), sparse.
    S_inverse
        (rest effects, rest effects).
    """

    root_weights: Vector
    group: int | None
    codes: NDArray[np.int32]
    first: Columns
    rest: Columns
    U1: Sparse
    U2: Sparse
    D_inverse: Vector
    K: Sparse
    S_inverse: Vector

    def project(self, columns: Vector) -> Vector:
        """(I - U M^-1 U') times `columns` (n, k), which are scaled by the root of the weight."""
        a1, a2 = self.U1.T @ columns, self.U2.T @ columns
        s2 = self.S_inverse @ (a2 - self.K @ a1)
        levels, q = self.D_inverse.shape[:2]
        blocks = a1.reshape(levels, q, columns.shape[1])
        s1 = (self.D_inverse @ blocks).reshape(a1.shape) - self.K.T @ s2
        return np.asarray(columns - self.U1 @ s1 - self.U2 @ s2)

    def row_variances(self) -> Vector:
        """u_i'M^-1 u_i of every row (n,): the conditional variance of Z b times w / sigma^2."""
        levels, q = self.D_inverse.shape[:2]
        if not q:
            return np.zeros(len(self.codes))
        order = np.argsort(self.codes, kind="stable")
        starts = np.searchsorted(self.codes[order], np.arange(levels + 1))
        out = np.empty(len(order))
        step = max(1, CHUNK // max(1, self.rest.size * q))
        for low in range(0, levels, step):
            high = min(levels, low + step)
            rows = order[starts[low] : starts[high]]
            out[rows] = self._variances_of(rows, low, high)
        return out

    def _variances_of(self, rows: Int, low: int, high: int) -> Vector:
        """Those of `rows`, whose levels of the first factor are in [low, high)."""
        q = self.D_inverse.shape[1]
        local = self.codes[rows] - low
        u1 = self.first.values[rows]
        inner = self.D_inverse[low:high]
        if not self.rest.size:
            return _quadratic(u1, inner[local])
        K = self.K[:, low * q : high * q]
        SK = np.asarray(self.S_inverse @ K.toarray())
        cube = (self.rest.size, high - low, q)
        inner = inner + np.einsum("lja,ljb->jab", K.toarray().reshape(cube), SK.reshape(cube))
        out = _quadratic(u1, inner[local])
        index, u2 = self.rest.index[rows], self.rest.values[rows]
        for c in range(u2.shape[1]):
            for a in range(q):
                out -= 2 * u2[:, c] * u1[:, a] * SK[index[:, c], local * q + a]
            for d in range(c + 1):
                twice = 1 if c == d else 2
                out += twice * u2[:, c] * u2[:, d] * self.S_inverse[index[:, c], index[:, d]]
        return out

    def neighbours(self, i: Int, k: Int) -> Vector:
        """u_i'M^-1 u_k for pairs of rows that share their level of the first factor."""
        D = self.D_inverse[self.codes[i]]
        out = np.einsum("ra,rab,rb->r", self.first.values[i], D, self.first.values[k])
        if self.rest.size:
            R_i, R_k = self.reduced_rows(i), self.reduced_rows(k)
            step = max(1, CHUNK // self.rest.size)
            for low in range(0, len(i), step):
                part = slice(low, low + step)
                out[part] += R_k[part].multiply(R_i[part] @ self.S_inverse).sum(axis=1)
        return np.asarray(out)

    def reduced_rows(self, rows: Int) -> Sparse:
        """U2 - U1 K' (rows, rest effects): the other factors after the first is eliminated."""
        return sparse.csr_array(self.U2[rows] - self.U1[rows] @ self.K.T)

    def block(self, rows: Int, reduced: Sparse) -> Vector:
        """U M^-1 U' among `rows`, whose rows of U2 - U1 K' are `reduced`."""
        codes = self.codes[rows]
        u1 = self.first.values[rows]
        scaled = np.einsum("ra,rab->rb", u1, self.D_inverse[codes])
        out = np.where(np.equal.outer(codes, codes), scaled @ u1.T, 0.0)
        if reduced.nnz:
            touched, index = np.unique(reduced.indices, return_inverse=True)
            shape = (len(rows), len(touched))
            R = sparse.csr_array((reduced.data, index, reduced.indptr), shape=shape)
            S_inverse = self.S_inverse[np.ix_(touched, touched)]
            out += R @ np.ascontiguousarray((R @ S_inverse).T)
        return np.asarray(out)


def equations(fit: Fit) -> Equations:
    """The equations of a fit at its theta.

    Raises
    ------
    DataError
        If the grouping factors beside the largest one have more than `DENSE_EFFECTS` effects, or
        covariances have structure.
    """
    if not fit.matrices.is_plain:
        raise DataError(
            "This is not available for models with structured covariances.\n"
            "Do:   use hat_values(), influence() and residuals of the kinds normalized and "
            "studentized, which are."
        )
    return equations_at(fit.matrices, fit.T)


def equations_at(matrices: ModelMatrices, T: tuple[Vector, ...]) -> Equations:
    """The equations of matrices with the templates `T` (q_k, q_k) of their terms."""
    n = len(matrices.y)
    root = np.ones(n) if matrices.weights is None else np.sqrt(matrices.weights)
    widths = [
        sum(len(T[k]) for k in terms_of_group(matrices, g)) for g in range(len(matrices.groupings))
    ]
    effects = [w * len(g.levels) for w, g in zip(widths, matrices.groupings, strict=True)]
    group = int(np.argmax(effects)) if effects else None
    others = [g for g in range(len(effects)) if g != group]
    _require_room(matrices, group, sum(effects[g] for g in others))
    first = _columns(matrices, T, root, [] if group is None else [group])
    rest = _columns(matrices, T, root, others)
    codes = np.zeros(n, dtype=np.int32) if group is None else matrices.groupings[group].codes
    U1, U2 = first.matrix(), rest.matrix()
    levels = 1 if group is None else len(matrices.groupings[group].levels)
    D_inverse = np.asarray(np.linalg.inv(_blocks(first.values, codes, levels)), dtype=np.float64)
    B = sparse.csr_array(U2.T @ U1)
    K = _block_product(B, D_inverse)
    S: Vector = np.eye(rest.size) + (U2.T @ U2).toarray() - _product(K, B)
    if rest.size:
        S = cho_solve(cho_factor(S, lower=True), np.eye(rest.size))
    return Equations(root, group, codes, first, rest, U1, U2, D_inverse, K, S_inverse=S)


def _require_room(matrices: ModelMatrices, group: int | None, size: int) -> None:
    if size > DENSE_EFFECTS and group is not None:
        names = [g.name for i, g in enumerate(matrices.groupings) if i != group]
        raise DataError(
            f"The random effects of {', '.join(names)} are {size}, beside those of "
            f"{matrices.groupings[group].name}: too many for leverage and influence.\n"
            "Do:   use residuals that do not need the leverage, or fit a sample of the levels.\n"
            f"Why:  all but the largest factor are solved in one dense matrix of at most "
            f"{DENSE_EFFECTS} effects."
        )


def _columns(
    matrices: ModelMatrices, T: tuple[Vector, ...], root: Vector, groups: list[int]
) -> Columns:
    """W^1/2 Z T of the terms of `groups`, effects ordered by group, level, column."""
    n = len(root)
    index, values, start = [np.empty((n, 0), dtype=np.int64)], [np.empty((n, 0))], 0
    for g in groups:
        terms = terms_of_group(matrices, g)
        block = np.hstack([matrices.terms[k].Z @ T[k] for k in terms]) * root[:, None]
        q = block.shape[1]
        codes = matrices.groupings[g].codes.astype(np.int64)
        index.append(start + codes[:, None] * q + np.arange(q))
        values.append(block)
        start += q * len(matrices.groupings[g].levels)
    return Columns(np.hstack(index), np.hstack(values), start)


def _blocks(U: Vector, codes: NDArray[np.int32], levels: int) -> Vector:
    """I + U_j'U_j of every level (levels, q, q)."""
    q = U.shape[1]
    out = np.empty((levels, q, q))
    for a, b in combinations_with_replacement(range(q), 2):
        sums = np.bincount(codes, U[:, a] * U[:, b], minlength=levels)
        out[:, a, b] = out[:, b, a] = sums
    return out + np.eye(q)


def _block_product(B: Sparse, blocks: Vector) -> Sparse:
    """B times the block-diagonal matrix of `blocks`."""
    levels, q = blocks.shape[:2]
    if not B.shape[0] or not q:
        return sparse.csc_array(B.shape)
    diagonal = sparse.bsr_array(
        (blocks, np.arange(levels), np.arange(levels + 1)), shape=(levels * q, levels * q)
    )
    return sparse.csc_array(B @ diagonal.tocsr())


def _product(K: Sparse, B: Sparse) -> Vector:
    """K B' (dense); by dense blocks where the factors are all but fully crossed."""
    rows, columns = K.shape
    if K.nnz <= 0.1 * rows * columns:
        return np.asarray((K @ B.T).toarray())
    out = np.zeros((rows, rows))
    B = B.tocsc()
    step = max(1, CHUNK // rows)
    for low in range(0, columns, step):
        part = slice(low, low + step)
        out += K[:, part].toarray() @ B[:, part].toarray().T
    return out


def _quadratic(u: Vector, inner: Vector) -> Vector:
    return np.asarray(np.einsum("ra,rab,rb->r", u, inner, u))
