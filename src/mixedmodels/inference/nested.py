"""Is one model a special case of another? And if so, is it one at the boundary?

Fixed effects are compared as column spaces. Random effects are compared as families of
covariances: a term with columns Z on a grouping factor h stands for all

    V(Sigma)_ij = [h_i = h_j] z_i' Sigma z_j,    Sigma positive semidefinite,

Sigma diagonal for an independent term. The smaller model is taken apart into unstructured pieces: a
correlated term, or one column of an independent one. A piece is contained in a term (Z', g) of the
larger model if every V(Sigma) of it is a V'(Sigma') of the term. That needs h to refine g, and for
every column z of Z, and every sum of two, a Sigma' with z_i z_j [h_i = h_j] = z'_i Sigma' z'_j
wherever g_i = g_j: a linear system of which least squares asks for cross-products per level only.
It finds (1 | g) in (x | g), (1 | g) + (0 + x | g) in (x | g), groups that are the same under two
names, and compound symmetry, (1 | g) + (1 | g:f), in the covariance (0 + f | g) of a factor f
without a structure. A piece that only several terms together contain is not found.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design import ModelMatrices
from mixedmodels.inference.nested_structures import is_absorbed, same_term

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
class Family:
    """The covariances of one term, or of one piece of it.

    Attributes
    ----------
    codes
        Level of each row (n,).
    n_levels
        Number of levels.
    basis
        Columns (n, q) with the span of Z, of length one; orthogonal if unstructured.
    is_diagonal
        Whether Sigma is diagonal in this basis.
    """

    codes: Int32
    n_levels: int
    basis: Vector
    is_diagonal: bool


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
    """The directions of the larger random part that have no variance in the smaller one.

    The smaller random part, at a typical value of its parameters, is a covariance of rank r in a
    term of q columns; q - r directions have zero variance there, and lie on the boundary of the
    parameter space of the larger model. One count per correlated term and per column of an
    independent term of the larger part; None if the smaller part is no special case.

    A term with structure in the larger part needs a term of the same columns and groups whose
    structure is a special case of its own (see `nested_structures`), or none: then all of its
    directions are lost.
    """
    matched = _matched(small, large)
    structured = [t for t in range(len(large.terms)) if not large.terms[t].is_plain]
    counts = [0 if t in matched else large.terms[t].Z.shape[1] for t in structured]
    rest = [
        k
        for k, term in enumerate(small.terms)
        if k not in matched.values()
        and not is_absorbed(term, small.groupings[term.group].codes, large)
    ]
    if any(small.terms[k].members or small.terms[k].precision for k in rest):
        return None
    terms = sorted(families(large), key=lambda family: family.basis.shape[1])
    typical = [np.zeros((term.basis.shape[1],) * 2) for term in terms]
    for piece in pieces(small, rest):
        found = (
            (k, Sigma)
            for k, term in enumerate(terms)
            if (Sigma := embedding(piece, term)) is not None
        )
        place = next(found, None)
        if place is None:
            return None
        typical[place[0]] += place[1]
    for term, Sigma in zip(terms, typical, strict=True):
        if term.is_diagonal:
            variances = np.diag(Sigma)
            counts += (variances <= VANISHING * variances.max()).astype(int).tolist()
        else:
            counts.append(len(Sigma) - _rank(Sigma))
    return tuple(counts)


def _matched(small: ModelMatrices, large: ModelMatrices) -> dict[int, int]:
    """Per structured term of the larger part the term of the smaller one that it contains."""
    matched: dict[int, int] = {}
    for t, term in enumerate(large.terms):
        if term.is_plain:
            continue
        for k, other in enumerate(small.terms):
            codes = (small.groupings[other.group].codes, large.groupings[term.group].codes)
            if k not in matched.values() and same_term(other, term, codes):
                matched[t] = k
                break
    return matched


def families(matrices: ModelMatrices) -> list[Family]:
    """The plain terms."""
    return [_family(matrices, t) for t, term in enumerate(matrices.terms) if term.is_plain]


def _family(matrices: ModelMatrices, t: int) -> Family:
    """A term without its structure, unless that is independence."""
    term = matrices.terms[t]
    grouping = matrices.groupings[term.group]
    is_diagonal = term.is_independent
    basis = _unit_columns(term.Z) if is_diagonal else column_space(term.Z)
    return Family(grouping.codes, len(grouping.levels), basis, is_diagonal)


def pieces(matrices: ModelMatrices, terms: Sequence[int]) -> list[Family]:
    """Of some terms, the correlated ones, and the single columns of the independent ones."""
    found = []
    for family in (_family(matrices, t) for t in terms):
        q = family.basis.shape[1]
        blocks = [[j] for j in range(q)] if family.is_diagonal else [list(range(q))]
        found += [
            Family(family.codes, family.n_levels, family.basis[:, block], is_diagonal=False)
            for block in blocks
        ]
    return found


def embedding(piece: Family, term: Family) -> Vector | None:
    """Sigma' (q, q) of the term that gives V(I) of the piece, if the term contains it.

    In the coordinates of the bases. None if some covariance of the piece has no Sigma'.
    """
    if not _refines(piece, term):
        return None
    q, s = term.basis.shape[1], piece.basis.shape[1]
    C = _level_sums(term, term.basis, term.basis).reshape(-1, q * q)
    products = C.T @ C  # sum over levels of C_g (x) C_g, its indices in another order
    normal = products.reshape(q, q, q, q).transpose(0, 2, 1, 3).reshape(q * q, q * q)
    free = np.arange(0, q * q, q + 1) if term.is_diagonal else np.arange(q * q)
    normal = normal[np.ix_(free, free)]
    cross = _level_sums(piece, term.basis, piece.basis)  # (levels of h, q, s)
    own = _level_sums(piece, piece.basis, piece.basis)  # (levels of h, s, s)
    total = np.zeros((q, q))
    for a in _generators(s):
        direction = cross @ a
        target = (direction.T @ direction).ravel()[free]
        solution = np.asarray(np.linalg.lstsq(normal, target, rcond=None)[0], dtype=np.float64)
        squares = float(((own @ a @ a) ** 2).sum())
        left = squares - 2 * solution @ target + solution @ normal @ solution
        Sigma = np.zeros(q * q)
        Sigma[free] = solution
        if left > UNEXPLAINED * squares or not _is_semidefinite(Sigma.reshape(q, q)):
            return None
        if np.count_nonzero(a) == 1:
            total += Sigma.reshape(q, q)
    return total


def _unit_columns(Z: Vector) -> Vector:
    units: Vector = Z / np.linalg.norm(Z, axis=0)
    return units


def _generators(s: int) -> Sequence[Vector]:
    """Vectors whose squares a a' span the symmetric matrices: e_i and e_i + e_j."""
    unit = np.eye(s)
    sums = [unit[i] + unit[j] for i in range(s) for j in range(i)]
    return [*unit, *sums]


def _refines(piece: Family, term: Family) -> bool:
    """Whether rows of one level in the piece are of one level in the term."""
    level = np.empty(piece.n_levels, dtype=np.int32)
    level[piece.codes] = term.codes
    return bool(np.array_equal(level[piece.codes], term.codes))


def _level_sums(family: Family, A: Vector, B: Vector) -> Vector:
    """Sum over the rows of each level of a_i b_i', (levels, columns of A, columns of B)."""
    sums = np.empty((family.n_levels, A.shape[1], B.shape[1]))
    for i in range(A.shape[1]):
        for j in range(B.shape[1]):
            weights = A[:, i] * B[:, j]
            sums[:, i, j] = np.bincount(family.codes, weights, minlength=family.n_levels)
    return sums


def _is_semidefinite(Sigma: Vector) -> bool:
    values = np.linalg.eigvalsh((Sigma + Sigma.T) / 2)
    return bool(values[0] >= -(VANISHING**0.5) * abs(values[-1]))


def _rank(Sigma: Vector) -> int:
    values = np.linalg.eigvalsh((Sigma + Sigma.T) / 2)
    return int(np.count_nonzero(values > VANISHING * values[-1])) if values[-1] > 0 else 0
