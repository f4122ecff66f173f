"""Variances of the errors of prediction, from the joint covariance of beta-hat and b-hat.

At known theta the errors of Henderson's mixed model equations have the covariance (Henderson 1975,
*Biometrics* 31, 423-447; Robinson 1991, *Statistical Science* 6, 15-32)

    Cov(beta-hat - beta, b-hat - b) = sigma^2 [X'WX  X'WZ; Z'WX  Z'WZ + G^-1]^-1

with G = Lambda Lambda', so that with M = Lambda'Z'WZ Lambda + I, C = (X'V^-1 X)^-1 and v = Lambda'z

    Var(x'beta-hat + z'(b-hat - b)) / sigma^2 = v'M^-1 v + u'C u,   u = x - X'WZ Lambda M^-1 v.

M is never inverted as a whole. The grouping factor with the most effects makes a block-diagonal
part D of M, which is eliminated exactly; what is left, S = F - E'D^-1 E, has the size of all other
factors together and is inverted densely. With one grouping factor nothing is left, and the cost
is linear in the rows. A singular T is an ordinary case.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from mixedmodels.design import ModelMatrices
from mixedmodels.errors import DataError
from mixedmodels.prediction.rows import Rows

Vector = NDArray[np.float64]

LARGEST_REMAINDER = 8000
"""Effects outside the largest grouping factor: their dense matrix takes half a gigabyte."""

BLOCK = 4_000_000
"""Numbers in a dense temporary of a block of rows."""

SPARSE = 0.05
"""Density below which a sparse product is faster than a dense one."""


@dataclass(frozen=True, slots=True)
class Stacked:
    """The terms of one grouping factor side by side.

    Attributes
    ----------
    terms
        Their positions in the formula.
    T
        Shape (w, w): their templates as blocks.
    levels
        Number of levels.
    """

    terms: tuple[int, ...]
    T: Vector
    levels: int

    @property
    def size(self) -> int:
        """Number of effects."""
        return self.levels * len(self.T)


@dataclass(frozen=True, slots=True)
class ErrorCovariance:
    """The factored mixed model equations of one fit.

    Attributes
    ----------
    factors
        The grouping factors; the first one is eliminated in blocks.
    inverse_roots
        Shape (levels, w, w): L_j^-1 with D_j = L_j L_j'.
    border
        L^-1 E, sparse, (effects of the first factor, effects of the others).
    remainder
        S^-1, dense.
    X_first, X_rest
        L^-1 Lambda'Z'WX of the first factor, and what is left of it for the others.
    cov_beta
        C (p, p).
    """

    factors: tuple[Stacked, ...]
    inverse_roots: Vector
    border: sparse.csr_array
    remainder: Vector
    X_first: Vector
    X_rest: Vector
    cov_beta: Vector

    @staticmethod
    def of(matrices: ModelMatrices, T: Sequence[Vector], cov_beta: Vector) -> "ErrorCovariance":
        """Factor the equations at the templates `T`.

        Raises
        ------
        DataError
            If too many effects are outside the largest grouping factor.
        """
        factors = _by_size(matrices, T)
        first, rest = factors[0], factors[1:]
        _require_feasible(rest)
        root = None if matrices.weights is None else np.sqrt(matrices.weights)
        codes = [matrices.groupings[matrices.terms[f.terms[0]].group].codes for f in factors]
        Z = [_scaled(f, [t.Z for t in matrices.terms], root) for f in factors]
        X = matrices.X if root is None else matrices.X * root[:, None]
        inverse_roots = np.linalg.inv(np.linalg.cholesky(_blocks(first, codes[0], Z[0])))
        n = len(X)
        spread_first = _spread(n, [first], codes[:1], Z[:1])
        spread_rest = _spread(n, rest, codes[1:], Z[1:])
        lower = _block_diagonal(inverse_roots)
        border = sparse.csr_array(lower @ (spread_first.T @ spread_rest))
        X_first = lower @ (spread_first.T @ X)
        F = (spread_rest.T @ spread_rest - border.T @ border).toarray()
        return ErrorCovariance(
            factors=factors,
            inverse_roots=inverse_roots,
            border=border,
            remainder=_inverse(F + np.eye(len(F))),
            X_first=X_first,
            X_rest=spread_rest.T @ X - border.T @ X_first,
            cov_beta=cov_beta,
        )

    def solve(self, rows: Rows) -> tuple[Vector, Vector]:
        """T (n, effects) and C u (n, p) of each row: b-hat's and beta-hat's part of H^-1 (x, z).

        H is the matrix of Henderson's equations; t is on the spherical scale, b = Lambda t, its
        effects in the order of `factors`.
        """
        v, spread, rest = self._eliminated(rows)
        m2 = self.remainder @ self.X_rest
        t2 = rest @ self.remainder
        fixed = (rows.X - spread @ self.X_first - t2 @ self.X_rest) @ self.cov_beta
        t2 = t2 - fixed @ m2.T
        inner = spread.toarray() - fixed @ self.X_first.T - (self.border @ t2.T).T
        levels, w = self.inverse_roots.shape[:2]
        blocks = inner.reshape(len(v), levels, w)
        t1 = np.einsum("lji,nlj->nli", self.inverse_roots, blocks).reshape(len(v), levels * w)
        return np.hstack([t1, t2]), fixed

    def variances(self, rows: Rows) -> Vector:
        """The variance of the error of each row over sigma^2, (n,); unseen levels add nothing."""
        v, spread, rest = self._eliminated(rows)
        n = len(v)
        out: Vector = np.einsum("ni,ni->n", v, v)
        step = max(1, BLOCK // max(1, rest.shape[1], rows.X.shape[1]))
        for start in range(0, n, step):
            part = slice(start, start + step)
            u = rows.X[part] - spread[part] @ self.X_first
            if rest.shape[1]:
                solved, squared = self._solve_rest(rest[part])
                out[part] += squared
                u -= solved @ self.X_rest
            out[part] += np.einsum("ni,ni->n", u @ self.cov_beta, u)
        return out

    def _eliminated(self, rows: Rows) -> tuple[Vector, sparse.csr_array, sparse.csr_array]:
        """L^-1 v of the first factor, (n, w) and at its places; what it leaves of the others."""
        codes = [rows.terms[f.terms[0]].codes for f in self.factors]
        Z = [_scaled(f, [t.Z for t in rows.terms], None) for f in self.factors]
        n, w = Z[0].shape
        known = codes[0] >= 0
        v = np.zeros((n, w))
        v[known] = np.einsum("nij,nj->ni", self.inverse_roots[codes[0][known]], Z[0][known])
        spread = _spread(n, self.factors[:1], codes[:1], [v])
        others = _spread(n, self.factors[1:], codes[1:], Z[1:])
        return v, spread, sparse.csr_array(others - spread @ self.border)

    def _solve_rest(self, c: sparse.csr_array) -> tuple[Vector, Vector]:
        """(S^-1 c, c'S^-1 c) for the rows of `c`."""
        if c.nnz < SPARSE * c.shape[0] * c.shape[1]:
            solved = c @ self.remainder
            return solved, np.asarray(c.multiply(solved).sum(axis=1)).ravel()
        dense = c.toarray()
        solved = np.asarray(dense @ self.remainder)
        return solved, np.einsum("ni,ni->n", dense, solved)


def _by_size(matrices: ModelMatrices, T: Sequence[Vector]) -> tuple[Stacked, ...]:
    factors = []
    for g, grouping in enumerate(matrices.groupings):
        terms = tuple(k for k, term in enumerate(matrices.terms) if term.group == g)
        block = linalg.block_diag(*(T[k] for k in terms))
        factors.append(Stacked(terms, block, len(grouping.levels)))
    return tuple(sorted(factors, key=lambda factor: -factor.size))


def _require_feasible(rest: Sequence[Stacked]) -> None:
    size = sum(factor.size for factor in rest)
    if size > LARGEST_REMAINDER:
        raise DataError(
            f"Standard errors of predictions would need a dense matrix of {size} rows, one per "
            f"random effect outside the largest grouping factor; {LARGEST_REMAINDER} are "
            'possible.\nDo:   predict without se, or with re="none".'
        )


def _scaled(factor: Stacked, Z: Sequence[Vector], root: Vector | None) -> Vector:
    """sqrt(w) Z T (n, w) of all terms of a grouping factor; unknown values are left as nan."""
    stacked = np.hstack([Z[k] for k in factor.terms]) @ factor.T
    return stacked if root is None else stacked * root[:, None]


def _blocks(factor: Stacked, codes: NDArray[np.int32], Z: Vector) -> Vector:
    """D_j = I + sum of z z' over the rows of each level, (levels, w, w)."""
    w = Z.shape[1]
    D = np.empty((factor.levels, w, w))
    for i in range(w):
        for j in range(i + 1):
            sums = np.bincount(codes, weights=Z[:, i] * Z[:, j], minlength=factor.levels)
            D[:, i, j] = D[:, j, i] = sums + (i == j)
    return D


def _spread(
    n: int,
    factors: Sequence[Stacked],
    codes: Sequence[NDArray[np.int32]],
    Z: Sequence[Vector],
) -> sparse.csr_array:
    """The columns of each of n rows at the places of its levels: sparse (n, effects)."""
    if not factors:
        return sparse.csr_array((n, 0))
    parts = []
    for factor, code, z in zip(factors, codes, Z, strict=True):
        w = z.shape[1]
        columns = np.maximum(code, 0)[:, None].astype(np.int64) * w + np.arange(w)
        values = np.where((code >= 0)[:, None], z, 0.0)
        starts = np.arange(0, n * w + 1, w)
        parts.append(
            sparse.csr_array((values.ravel(), columns.ravel(), starts), shape=(n, factor.size))
        )
    return sparse.csr_array(sparse.hstack(parts, format="csr"))


def _block_diagonal(blocks: Vector) -> sparse.csr_array:
    levels, w, _ = blocks.shape
    made = sparse.bsr_array(
        (blocks, np.arange(levels), np.arange(levels + 1)), shape=(levels * w, levels * w)
    )
    return sparse.csr_array(made)


def _inverse(S: Vector) -> Vector:
    if not len(S):
        return S
    return np.asarray(linalg.cho_solve(linalg.cho_factor(S, lower=True), np.eye(len(S))))
