"""Variances of the errors of prediction where covariances have structure, row by row.

A row's mean is x'beta + w, where w holds the random effects that the prediction includes and what
the residuals of its block tell. With c = Cov(w, y) / sigma^2 and omega = Var(w) / sigma^2,

    Var(x'beta-hat + w-hat - x'beta - w) / sigma^2 = omega - c'V^-1 c + u'(X'V^-1 X)^-1 u,
    u = x - X'V^-1 c

(Goldberger 1962, *Journal of the American Statistical Association* 57, 369-375).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import SuperLU

from mixedmodels.design import ModelMatrices, NewTerm, TermMatrix, incidence, symmetric_factor
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.prediction.residual_prediction import Borrowed

Vector = NDArray[np.float64]

ROUNDING = 1e-9
"""Error of a variance, relative to that of what is predicted."""

BLOCK = 4_000_000
"""Numbers in a dense temporary of a block of rows."""


class Shares:
    """How much the rows of a term have of each level, and what the levels have in common.

    The effects of row i are z_i'(sum_l a_il b_l); of two rows they have the covariance
    (a_i'K a_j) (z_i'TT'z_j), and K is the identity unless it is known.
    """

    def __init__(self, term: TermMatrix, new: NewTerm, used: NDArray[np.int32], levels: int):
        self.of_new = incidence(new.codes, new.members, levels)
        self.of_used = incidence(used, term.members, levels)
        self.precision = _factor(term)

    def related(self, rows: slice) -> Vector:
        """A K A' between new rows and those of the fit, dense."""
        return np.asarray(self.spread(rows) @ self.of_used.T)

    def own(self, rows: slice) -> Vector:
        """The diagonal of A K A' of new rows."""
        return np.asarray(self.of_new[rows].multiply(self.spread(rows)).sum(axis=1)).ravel()

    def spread(self, rows: slice) -> Vector:
        """A K, dense (rows, levels)."""
        found = self.of_new[rows].toarray()
        return found if self.precision is None else np.asarray(self.precision.solve(found.T).T)


def known_variances(
    fit: Fit,
    X: Vector,
    terms: Sequence[NewTerm],
    Z: Sequence[Vector],
    borrowed: Borrowed | None,
    *,
    theta: Vector,
    C: Vector,
) -> Vector:
    """Variances (N,) over sigma^2 of the errors of what is known of N rows.

    Parameters
    ----------
    fit
        The fit.
    X, terms, Z
        The rows: fixed effects, levels, and the columns (N, q_k) of the effects included; those
        of unseen levels count as zero.
    borrowed
        What they borrow from the residuals of their blocks.
    theta, C
        The variance parameters and (X'V^-1 X)^-1 at them.
    """
    m, T = fit.matrices, fit.problem.templates(theta)
    shares = [
        Shares(t, new, m.groupings[t.group].codes, len(m.groupings[t.group].levels))
        for t, new in zip(m.terms, terms, strict=True)
    ]
    inverse = fit.problem.marginal_inverse(theta)
    out = np.empty(len(X))
    step = max(1, BLOCK // max(len(m.y), *(s.of_used.shape[1] for s in shares), 1))
    for low in range(0, len(X), step):
        at = slice(low, min(low + step, len(X)))
        c, omega = _covariances(fit, shares, Z, T, borrowed, at)
        solved = inverse.times(c.T)
        u = X[at] - solved.T @ m.X
        out[at] = omega - np.einsum("rn,nr->r", c, solved)
        out[at] = np.where(out[at] >= -ROUNDING * omega, np.maximum(out[at], 0.0), np.nan)
        out[at] += np.einsum("ri,ij,rj->r", u, C, u)
    return out


def effect_variances(term: TermMatrix, new: NewTerm, Z: Vector, T: Vector, levels: int) -> Vector:
    """Variances (N,) over sigma^2 of effects that are not known: those of unseen levels too, which
    have no relatives.
    """
    size = np.square(Z @ T).sum(axis=1)
    if term.precision is None and term.members is None:
        return np.asarray(size)
    unseen = has_unseen(new)
    if new.members is not None and np.any(size[unseen] > 0):
        raise DataError(
            "Rows belong to several levels, some of which the fit has not seen: how many differ "
            "is not told, and with it their variance.\n"
            "Do:   predict without se and interval, or leave the term out of `re` with "
            'interval="confidence".'
        )
    share = _shares(term, incidence(new.codes, new.members, levels))
    return np.asarray(np.where(unseen, 1.0, share) * size)


def own_variances(matrices: ModelMatrices, term: TermMatrix, T: Vector) -> Vector:
    """Variances (n,) over sigma^2 that a term gives the rows of a fit."""
    grouping = matrices.groupings[term.group]
    A = incidence(grouping.codes, term.members, len(grouping.levels))
    return np.asarray(_shares(term, A) * np.square(term.Z @ T).sum(axis=1))


def _shares(term: TermMatrix, A: sparse.csr_array) -> Vector:
    """The diagonal of A K A' (N,)."""
    if term.precision is None:
        return np.asarray(A.multiply(A).sum(axis=1)).ravel()
    rows, place = _distinct(A)
    factor, levels = symmetric_factor(term.precision.Q), A.shape[1]
    share = np.empty(rows.shape[0])
    step = max(1, BLOCK // max(levels, 1))
    for low in range(0, rows.shape[0], step):
        a = rows[low : low + step]
        spread = factor.solve(a.toarray().T).T
        share[low : low + step] = np.asarray(a.multiply(spread).sum(axis=1)).ravel()
    return share[place]


def _distinct(A: sparse.csr_array) -> tuple[sparse.csr_array, NDArray[np.intp]]:
    """The rows that differ where each has one level at most, and where each row is among them."""
    if A.nnz > A.shape[0] or (A.data != 1).any() or (np.diff(A.indptr) > 1).any():
        return A, np.arange(A.shape[0])
    level = np.full(A.shape[0], -1)
    level[np.diff(A.indptr) > 0] = A.indices
    _, first, place = np.unique(level, return_index=True, return_inverse=True)
    return sparse.csr_array(A[first]), place


def has_unseen(new: NewTerm) -> NDArray[np.bool_]:
    """Whether a row (N,) has a level that the fit has not seen, or none."""
    if new.members is None:
        return new.codes < 0
    rows = np.repeat(np.arange(len(new.codes)), np.diff(new.members.indptr))
    found = np.bincount(rows, new.members.codes < 0, minlength=len(new.codes)) > 0
    return np.asarray(found | (np.diff(new.members.indptr) == 0))


def _covariances(
    fit: Fit,
    shares: Sequence[Shares],
    Z: Sequence[Vector],
    T: Sequence[Vector],
    borrowed: Borrowed | None,
    at: slice,
) -> tuple[Vector, Vector]:
    """C (rows, n) and omega (rows,)."""
    count = at.stop - at.start
    c, omega = np.zeros((count, len(fit.matrices.y))), np.zeros(count)
    for term, share, z, T_k in zip(fit.matrices.terms, shares, Z, T, strict=True):
        if z[at].any():
            half = z[at] @ T_k
            c += share.related(at) * (half @ (term.Z @ T_k).T)
            omega += share.own(at) * np.square(half).sum(axis=1)
    if borrowed is not None:
        c += borrowed.covariance[at].toarray()
        omega += borrowed.explained[at]
    return c, omega


def _factor(term: TermMatrix) -> SuperLU | None:
    """The factored precision between levels."""
    return None if term.precision is None else symmetric_factor(term.precision.Q)
