"""The mixed-model equations at one theta, for products with V^-1 and forms in M^-1.

With U = W^1/2 Z Lambda (spherical random effects, rows scaled by the root of their weight)

    M = U'U + I,        V^-1 = W^1/2 (I - U M^-1 U') W^1/2.

M is factorised natively and never inverted as a whole; nothing is divided by a variance, so that a
singular T is an ordinary case. Effects are ordered by grouping factor, level and column.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import block_diag

from mixedmodels import _native
from mixedmodels.design import ModelMatrices

Vector = NDArray[np.float64]
Codes = NDArray[np.int32]
Sparse: TypeAlias = Any
"""A sparse matrix of scipy, which has no types."""

BLOCK = 16_000_000
"""Numbers in the dense columns that are solved for at a time."""


@dataclass(frozen=True, slots=True)
class Equations:
    """M, factorised.

    Attributes
    ----------
    matrices
        The design.
    T
        The templates (q_k, q_k) of its terms.
    native
        The factorisation.
    root_weights
        (n,), square roots of the weights.
    U
        Sparse (n, effects).
    """

    matrices: ModelMatrices
    T: tuple[Vector, ...]
    native: _native.Equations
    root_weights: Vector
    U: Sparse

    @staticmethod
    def of(
        matrices: ModelMatrices, T: tuple[Vector, ...], native: _native.Equations
    ) -> "Equations":
        """The equations of a design at templates `T`."""
        n = len(matrices.y)
        root = np.ones(n) if matrices.weights is None else np.sqrt(matrices.weights)
        codes = [matrices.groupings[term.group].codes for term in matrices.terms]
        Z = [term.Z * root[:, None] for term in matrices.terms]
        return Equations(matrices, T, native, root, spread(matrices, T, codes, Z, n))

    def rows(self, codes: Sequence[Codes], Z: Sequence[Vector], n: int) -> Sparse:
        """Lambda'z of n rows, sparse (n, effects), from the codes and columns (n, q_k) of every
        term; a code of -1 adds nothing.
        """
        return spread(self.matrices, self.T, codes, Z, n)

    def solve(self, columns: Vector) -> Vector:
        """M^-1 times columns (effects, r)."""
        out = np.empty(columns.shape)
        step = max(1, BLOCK // max(1, len(columns)))
        for low in range(0, columns.shape[1], step):
            part = slice(low, low + step)
            out[:, part] = self.native.solve(np.asfortranarray(columns[:, part])).T
        return out

    def project(self, columns: Vector) -> Vector:
        """(I - U M^-1 U') times `columns` (n, r), which are scaled by the root of the weight."""
        return np.asarray(columns - self.U @ self.solve(np.asarray(self.U.T @ columns)))

    def inner(self, left: Sparse, right: Sparse | None = None) -> Vector:
        """v_i'M^-1 w_i (r,) for the rows of sparse matrices (r, effects), or of one with itself."""
        other = None if right is None else _parts(right)
        return self.native.inner(_parts(left), other)

    def gram(self, rows: Sparse) -> Vector:
        """V M^-1 V' (r, r) of a sparse V (r, effects)."""
        return self.native.gram(_parts(rows))

    def by_term(self, effects: Vector) -> list[Vector]:
        """The parts (r, levels, q_k) of every term, of rows (r, effects)."""
        found: list[Vector] = [np.empty(0)] * len(self.T)
        start = 0
        for g, grouping in enumerate(self.matrices.groupings):
            terms = _terms_of(self.matrices, g)
            levels, w = len(grouping.levels), sum(len(self.T[k]) for k in terms)
            block = effects[:, start : start + levels * w].reshape(len(effects), levels, w)
            start += levels * w
            at = 0
            for k in terms:
                found[k] = block[:, :, at : at + len(self.T[k])]
                at += len(self.T[k])
        return found


def spread(
    matrices: ModelMatrices,
    T: Sequence[Vector],
    codes: Sequence[Codes],
    Z: Sequence[Vector],
    n: int,
) -> Sparse:
    """Lambda'z of n rows; see `Equations.rows`."""
    parts = [sparse.csr_array((n, 0))]
    for g, grouping in enumerate(matrices.groupings):
        terms = _terms_of(matrices, g)
        values = np.hstack([Z[k] for k in terms]) @ block_diag(*(T[k] for k in terms))
        code, w = codes[terms[0]].astype(np.int64), values.shape[1]
        known = code >= 0
        pointers = np.concatenate([[0], np.cumsum(known)]) * w
        columns = code[known][:, None] * w + np.arange(w)
        entries = (values[known].ravel(), columns.ravel(), pointers)
        parts.append(sparse.csr_array(entries, shape=(n, w * len(grouping.levels))))
    return sparse.csr_array(sparse.hstack(parts, format="csr"))


def _terms_of(matrices: ModelMatrices, group: int) -> list[int]:
    return [k for k, term in enumerate(matrices.terms) if term.group == group]


def _parts(rows: Sparse) -> tuple[NDArray[np.int64], NDArray[np.int64], Vector]:
    return (
        np.ascontiguousarray(rows.indptr, dtype=np.int64),
        np.ascontiguousarray(rows.indices, dtype=np.int64),
        np.ascontiguousarray(rows.data, dtype=np.float64),
    )
