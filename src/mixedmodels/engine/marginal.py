"""V^-1 of a model whose covariances have structure, times any columns, V being relative to sigma^2.

With the rows whitened, U = R^-1/2 Z Lambda and M = U'U + Q,

    V^-1 c = R^-T/2 (w - U M^-1 U'w),    w = R^-1/2 c.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import SuperLU

from mixedmodels.design import ModelMatrices, TermMatrix, incidence, symmetric_factor
from mixedmodels.engine.residual_blocks import patterns
from mixedmodels.errors import DataError

Vector = NDArray[np.float64]
Int = NDArray[np.int64]


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
    root, half
        R^-1/2 and R^1/2, sparse (n, n), R^1/2 R^T/2 = R.
    U
        Sparse (n, effects).
    factor
        Of M; None without random effects.
    """

    root: sparse.csr_array
    half: sparse.csr_array
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
    root, half = residual_roots(problem, theta)
    m, T = problem.matrices, problem.templates(theta)
    n = len(m.y)
    if not m.terms:
        return MarginalInverse(root, half, sparse.csc_array((n, 0)), None)
    columns = [random_columns(m, term, T_k) for term, T_k in zip(m.terms, T, strict=True)]
    U = sparse.csc_array(root @ sparse.hstack(columns, format="csc"))
    known = [_precision(m, term, T_k.shape[1]) for term, T_k in zip(m.terms, T, strict=True)]
    M = sparse.csc_array(U.T @ U + sparse.block_diag(known))
    return MarginalInverse(root, half, U, symmetric_factor(M))


def residual_roots(
    problem: Covariances, theta: Vector
) -> tuple[sparse.csr_array, sparse.csr_array]:
    """R^-1/2 and R^1/2, sparse (n, n): of every block the lower Cholesky factor."""
    m, scale = problem.matrices, problem.row_scale(theta)
    residual = m.residual
    if residual is None or residual.structure is None:
        return _diagonal(1 / scale), _diagonal(scale)
    blocks = []
    for pattern in patterns(residual.codes, residual.positions, residual.part):
        C = problem.residual_covariance(theta, pattern.part, pattern.positions)
        L = _cholesky(C)
        sd = scale[pattern.rows]
        inverse = np.linalg.inv(L) / sd[:, None, :]
        blocks.append((pattern.rows, inverse, L * sd[:, :, None]))
    rows = [at for at, _, _ in blocks]
    return (
        _assembled(rows, [inverse for _, inverse, _ in blocks], len(scale)),
        _assembled(rows, [half for _, _, half in blocks], len(scale)),
    )


def _cholesky(C: Vector) -> Vector:
    try:
        return np.asarray(np.linalg.cholesky(C), dtype=np.float64)
    except np.linalg.LinAlgError as error:
        raise DataError(
            "The estimated covariance of the residuals is singular.\n"
            "Do:   use a simpler structure, or leave out random effects that it repeats.\n"
            "Why:  the weights of rows in predictions and diagnostics are its inverse."
        ) from error


def _diagonal(values: Vector) -> sparse.csr_array:
    return sparse.csr_array(sparse.diags_array(values))


def _assembled(rows: list[Int], blocks: list[Vector], n: int) -> sparse.csr_array:
    """Sparse (n, n) of blocks (count, size, size) at rows and columns (count, size)."""
    first = [np.broadcast_to(at[:, :, None], (*at.shape, at.shape[1])).ravel() for at in rows]
    second = [np.broadcast_to(at[:, None, :], (*at.shape, at.shape[1])).ravel() for at in rows]
    values = np.concatenate([block.ravel() for block in blocks])
    entries = (values, (np.concatenate(first), np.concatenate(second)))
    found = sparse.csr_array(entries, shape=(n, n))
    found.eliminate_zeros()
    return found


def random_columns(m: ModelMatrices, term: TermMatrix, T: Vector) -> sparse.csc_array:
    """Z Lambda of a term (n, levels r)."""
    n, r = len(m.y), T.shape[1]
    grouping, levels = m.groupings[term.group], len(m.groupings[term.group].levels)
    A = incidence(grouping.codes, term.members, levels)
    row = np.repeat(np.arange(n), np.diff(A.indptr))
    values = (term.Z @ T)[row] * A.data[:, None]
    columns = A.indices.astype(np.int64)[:, None] * r + np.arange(r)
    pointers = A.indptr.astype(np.int64) * r
    shape = (n, levels * r)
    return sparse.csc_array(sparse.csr_array((values.ravel(), columns.ravel(), pointers), shape))


def _precision(m: ModelMatrices, term: TermMatrix, r: int) -> sparse.csc_array:
    levels = len(m.groupings[term.group].levels)
    Q = sparse.eye_array(levels) if term.precision is None else term.precision.Q
    return sparse.csc_array(sparse.kron(Q, sparse.eye_array(r)))
