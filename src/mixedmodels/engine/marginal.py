"""V^-1 of a model whose covariances have structure, times any columns, V being relative to sigma^2.

With the rows whitened, U = R^-1/2 Z Lambda and M = U'U + Q,

    V^-1 c = R^-T/2 (w - U M^-1 U'w),    w = R^-1/2 c.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import SuperLU, splu

from mixedmodels.design import ModelMatrices, TermMatrix
from mixedmodels.engine.residual_blocks import patterns

Vector = NDArray[np.float64]


class Covariances(Protocol):
    """What is asked of a problem."""

    @property
    def matrices(self) -> ModelMatrices: ...

    def templates(self, theta: Vector) -> tuple[Vector, ...]: ...

    def row_scale(self, theta: Vector) -> Vector: ...

    def residual_covariance(self, theta: Vector, part: int, positions: Vector) -> Vector: ...


@dataclass(frozen=True, slots=True)
class MarginalInverse:
    """V^-1 at one theta.

    Attributes
    ----------
    root
        R^-1/2, sparse (n, n).
    U
        Sparse (n, effects).
    factor
        Of M; None without random effects.
    """

    root: sparse.csr_array
    U: sparse.csc_array
    factor: SuperLU | None

    def times(self, columns: Vector) -> Vector:
        """V^-1 times columns (n, r)."""
        white = self.root @ columns
        if self.factor is not None:
            white = white - self.U @ self.factor.solve(np.asarray(self.U.T @ white))
        return np.asarray(self.root.T @ white)


def marginal_inverse(problem: Covariances, theta: Vector) -> MarginalInverse:
    """V^-1 at `theta`."""
    root = _inverse_root(problem, theta)
    m, T = problem.matrices, problem.templates(theta)
    n = len(m.y)
    if not m.terms:
        return MarginalInverse(root, sparse.csc_array((n, 0)), None)
    columns = [_spread(m, term, T_k) for term, T_k in zip(m.terms, T, strict=True)]
    U = sparse.csc_array(root @ sparse.hstack(columns, format="csc"))
    known = [_precision(m, term, T_k.shape[1]) for term, T_k in zip(m.terms, T, strict=True)]
    M = sparse.csc_matrix(U.T @ U + sparse.block_diag(known))
    options = {"SymmetricMode": True}
    factor = splu(M, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options)
    return MarginalInverse(root, U, factor)


def _inverse_root(problem: Covariances, theta: Vector) -> sparse.csr_array:
    """R^-1/2: of every block the inverse of the lower Cholesky factor."""
    m, scale = problem.matrices, 1 / problem.row_scale(theta)
    residual = m.residual
    if residual is None or residual.structure is None:
        return sparse.csr_array(sparse.diags_array(scale))
    rows, columns, values = [], [], []
    for pattern in patterns(residual.codes, residual.positions, residual.part):
        C = problem.residual_covariance(theta, pattern.part, pattern.positions)
        inverse = np.linalg.inv(np.linalg.cholesky(C))
        at = pattern.rows
        shape = (*at.shape, at.shape[1])
        rows.append(np.broadcast_to(at[:, :, None], shape).ravel())
        columns.append(np.broadcast_to(at[:, None, :], shape).ravel())
        values.append((inverse * scale[at][:, None, :]).ravel())
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    found = sparse.csr_array(entries, shape=(len(scale), len(scale)))
    found.eliminate_zeros()
    return found


def _spread(m: ModelMatrices, term: TermMatrix, T: Vector) -> sparse.csc_array:
    """Z Lambda of a term (n, levels r)."""
    n, r = len(m.y), T.shape[1]
    grouping, levels = m.groupings[term.group], len(m.groupings[term.group].levels)
    half = term.Z @ T
    if term.members is None:
        pointers = np.arange(n + 1, dtype=np.int64)
        codes, weights, row = grouping.codes, np.ones(n), np.arange(n)
    else:
        pointers, codes, weights = term.members.indptr, term.members.codes, term.members.weights
        row = np.repeat(np.arange(n), np.diff(pointers))
    values = half[row] * weights[:, None]
    columns = codes.astype(np.int64)[:, None] * r + np.arange(r)
    shape = (n, levels * r)
    return sparse.csc_array(
        sparse.csr_array((values.ravel(), columns.ravel(), pointers * r), shape)
    )


def _precision(m: ModelMatrices, term: TermMatrix, r: int) -> sparse.csc_array:
    levels = len(m.groupings[term.group].levels)
    Q = sparse.eye_array(levels) if term.precision is None else term.precision.Q
    return sparse.csc_array(sparse.kron(Q, sparse.eye_array(r)))
