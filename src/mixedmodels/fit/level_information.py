"""What the rows of a fit tell of its random effects: all that is needed of them at known variances.

With R the covariance of the residuals over sigma^2 (of a generalised model the inverse of the
observed information of the rows at the modes) and b the effects of all levels, the rows enter

    (Z'R^-1 Z + G^-1) b = Z'R^-1 (y - X beta - offset),    G = Lambda Q^-1 Lambda',

through sums over levels alone. Rows that are added add to these sums, so that modes given old and
new rows follow without the old ones (Henderson 1975, *Biometrics* 31, 423-447).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import SuperLU

from mixedmodels.design import ModelMatrices, TermMatrix, incidence, symmetric_factor
from mixedmodels.engine.generalised import GeneralisedProblem
from mixedmodels.engine.marginal import residual_roots
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.linear_predictor import linear_predictor, marginal_mean
from mixedmodels.fit.once import once

Vector = NDArray[np.float64]

BLOCK = 4_000_000
"""Numbers in a dense temporary of a block of effects."""


@dataclass(frozen=True, slots=True)
class LevelInformation:
    """Sums over the rows; effects term by term, level by level, the columns of a level together.

    Attributes
    ----------
    gram : sparse columns (q, q)
        Z'R^-1 Z.
    cross : array (q, p)
        Z'R^-1 X.
    score : array (q,)
        Z'R^-1 (y - X beta - offset); of a generalised model with what replaces the response by
        a normal approximation at the modes.
    added : int
        How many rows are among them that the fit has not seen.
    """

    gram: sparse.csc_matrix
    cross: Vector
    score: Vector
    added: int = 0


@once
def level_information(fit: Fit) -> LevelInformation:
    """What the rows of a fit tell of its levels."""
    m, Z = fit.matrices, effect_matrix(fit.matrices, [term.Z for term in fit.matrices.terms])
    if isinstance(fit.problem, GeneralisedProblem):
        weight, slope = fit.problem.working(fit.psi)
        eta = linear_predictor(m, fit.beta, fit.b) - marginal_mean(m.X, fit.beta, m.offset)
        left = sparse.csc_array(Z.T.multiply(weight))
        return LevelInformation(
            sparse.csc_matrix(left @ Z), np.asarray(left @ m.X), Z.T @ (weight * eta + slope)
        )
    root, _ = residual_roots(fit.problem, fit.theta)
    white = sparse.csc_array(root @ Z)
    rest = m.y - marginal_mean(m.X, fit.beta, m.offset)
    return LevelInformation(
        sparse.csc_matrix(white.T @ white),
        np.asarray(white.T @ (root @ m.X)),
        np.asarray(white.T @ (root @ rest)),
    )


def effect_matrix(m: ModelMatrices, Z: Sequence[Vector]) -> sparse.csr_array:
    """The columns of all effects over the rows of a fit (n, q)."""
    parts = [
        spread_over(
            incidence(m.groupings[t.group].codes, t.members, len(m.groupings[t.group].levels)), Z_k
        )
        for t, Z_k in zip(m.terms, Z, strict=True)
    ]
    empty = sparse.csr_array((len(m.y), 0))
    return sparse.csr_array(sparse.hstack([empty, *parts], format="csr"))


def spread_over(A: sparse.csr_array, Z: Vector) -> sparse.csr_array:
    """Columns Z (n, q) over the levels of A (n, levels)."""
    q = Z.shape[1]
    row = np.repeat(np.arange(len(Z)), np.diff(A.indptr))
    values = (A.data[:, None] * Z[row]).ravel()
    places = (A.indices.astype(np.int64)[:, None] * q + np.arange(q)).ravel()
    pointers = A.indptr.astype(np.int64) * q
    return sparse.csr_array((values, places, pointers), shape=(len(Z), A.shape[1] * q))


@dataclass(frozen=True, slots=True)
class LevelEquations:
    """(Lambda'Z'R^-1 Z Lambda + Q), factorised.

    Attributes
    ----------
    Lambda : sparse array (q, r)
        Of all effects.
    factor
        Of the matrix; None without random effects.
    B : array (r, p)
        M^-1 Lambda'Z'R^-1 X.
    """

    Lambda: sparse.csc_array
    factor: SuperLU | None
    B: Vector

    def solve(self, right: Vector) -> Vector:
        """M^-1 times columns (r, k)."""
        return right if self.factor is None else np.asarray(self.factor.solve(right))


def equations_of(
    m: ModelMatrices, T: Sequence[Vector], information: LevelInformation
) -> LevelEquations:
    """The equations at templates `T`."""
    blocks = [
        sparse.kron(sparse.eye_array(len(m.groupings[t.group].levels)), sparse.coo_array(T_k))
        for t, T_k in zip(m.terms, T, strict=True)
    ]
    if not blocks:
        empty = sparse.csc_array((0, 0))
        return LevelEquations(empty, None, information.cross)
    Lambda = sparse.csc_array(sparse.block_diag(blocks, format="csc"))
    known = [_precision(m, t, T_k) for t, T_k in zip(m.terms, T, strict=True)]
    M = sparse.csc_array(Lambda.T @ information.gram @ Lambda + sparse.block_diag(known))
    factor = symmetric_factor(M)
    B = factor.solve(np.asarray(Lambda.T @ information.cross))
    return LevelEquations(Lambda, factor, np.asarray(B))


def _precision(m: ModelMatrices, term: TermMatrix, T: Vector) -> sparse.coo_array:
    levels = len(m.groupings[term.group].levels)
    Q = sparse.eye_array(levels) if term.precision is None else term.precision.Q
    return sparse.kron(Q, sparse.eye_array(T.shape[1]))


def has_been_updated(fit: Fit) -> bool:
    """Whether rows were added that the coefficients do not know."""
    found = None if fit.answers is None else fit.answers.get((level_information.__name__,))
    return isinstance(found, LevelInformation) and found.added > 0


@once
def level_equations(fit: Fit) -> LevelEquations:
    """The equations at the estimates."""
    return equations_of(fit.matrices, fit.T, level_information(fit))


def modes(fit: Fit, information: LevelInformation) -> tuple[Vector, ...]:
    """B (levels, q_k) of every term at the fit's parameters, given sums over rows."""
    equations = equations_of(fit.matrices, fit.T, information)
    if equations.factor is None:
        return ()
    u = equations.solve(np.asarray(equations.Lambda.T @ information.score))
    return by_term(fit.matrices, equations.Lambda @ u)


def by_term(m: ModelMatrices, effects: Vector) -> tuple[Vector, ...]:
    """The effects (q,) of all terms as (levels, q_k) of each."""
    sizes = [(len(m.groupings[t.group].levels), len(t.names)) for t in m.terms]
    ends = np.cumsum([levels * q for levels, q in sizes])
    return tuple(
        part.reshape(size) for part, size in zip(np.split(effects, ends[:-1]), sizes, strict=True)
    )


def conditional_blocks(fit: Fit, term: int) -> Vector:
    """Blocks (levels, q_k, q_k) of Lambda M^-1 Lambda' of one term, by a solution per effect."""
    equations, m = level_equations(fit), fit.matrices
    sizes = [(len(m.groupings[t.group].levels), len(t.names)) for t in m.terms]
    first = sum(levels * q for levels, q in sizes[:term])
    levels, q = sizes[term]
    out = np.empty((levels, q, q))
    step = max(1, BLOCK // max(1, equations.Lambda.shape[1] * q))
    for low in range(0, levels, step):
        high = min(low + step, levels)
        rows = equations.Lambda[first + low * q : first + high * q]
        dense = rows.toarray()
        whole = dense @ equations.solve(dense.T)
        for j in range(high - low):
            at = slice(j * q, (j + 1) * q)
            out[low + j] = whole[at, at]
    return out
