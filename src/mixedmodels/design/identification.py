"""Which variance parameters the data can tell apart.

The covariance of the response is linear in sigma^2 and in the entries gamma_r of the Sigma_k,

    V = sigma^2 W^-1 + sum_r gamma_r G_r,    G_r = Z E_r Z',

and the data speak of it through error contrasts alone: in coordinates in which W is the identity,
through N V N with N the projection on what the fixed part leaves. (What maximum likelihood has
beyond that, log|V|, holds no data.) So the parameters are told apart if and only if the matrices
N G_r N are linearly independent, and the linear relations among them are the directions in which
no data can tell one value from another. That is a property of the model, not of its spelling or
of the estimates: a variance of zero at the optimum is another thing.

The matrices are never formed. Random vectors v_i turn each into the numbers (N v_i)'G_r(N v_j),
which cost sums over the rows of each level; a matrix other than zero gives zeros with probability
zero, so that the rank of the sketch is the rank of the family. Contrasts of some rows are contrasts
of all, so that what can be told apart on a thousand rows can be told apart: only where it cannot
are all rows looked at. A known residual variance is no parameter: effects of every row are told
from it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from mixedmodels.design.matrices import Int32, Mask, Matrix, ModelMatrices, Vector
from mixedmodels.design.rank import smallest_pivot
from mixedmodels.design.sketch import (
    DEPENDENT,
    Family,
    Rows,
    entries_of,
    families_of,
    fixed_space,
    sketch,
)

TOLERANCE = 1e-8
"""Singular value of the sketch, with matrices of unit size, below which there is a relation; the
rounding errors of exact relations are some 1e-13."""

ABSENT = 1e-5
"""Share of a parameter in the relations below which it takes no part."""

ABSORBED = 1e-10
"""Share of the squares of a column that the fixed part leaves, below which it leaves nothing."""

RUNS, RUN = 32, 32
"""The rows looked at first: as many runs of neighbouring rows, spread over the data."""

FIRST = 64
"""The share of the rows, one in so many, that is looked at first where levels are counted."""

SPARE = 4
"""Random vectors beyond the number of parameters for the last word."""


@dataclass(frozen=True, slots=True)
class Identification:
    """What the data can tell of the variance parameters.

    Attributes
    ----------
    parameters
        (term, row, column) of every entry of the Sigma_k, in the order of theta. The residual
        variance is one more, last.
    relations
        Shape (parameters + 1, d): columns span the directions of the variance parameters in which
        the likelihood does not change, in units of `sizes`; none if all can be told apart.
    sizes
        Shape (parameters + 1,): what one unit of each parameter adds to the covariance of the
        response (Frobenius norm).
    absorbed
        Per term, columns whose effects the fixed part takes up (of several such choices one), so
        that their variances do not enter the likelihood.
    """

    parameters: tuple[tuple[int, int, int], ...]
    relations: Matrix
    sizes: Vector
    absorbed: tuple[tuple[int, ...], ...]

    @property
    def n_lost(self) -> int:
        """By how many the parameters that the data can tell apart are fewer than all."""
        return int(self.relations.shape[1])

    @property
    def identified(self) -> Mask:
        """Per parameter, the residual last: whether the data determine it."""
        share: Mask = np.abs(self.relations).max(axis=1, initial=0.0) <= ABSENT
        return share

    def determines(self, weights: Vector) -> bool:
        """Whether the data determine a sum of the parameters with `weights`, the residual last."""
        if not self.n_lost:
            return True
        unit = weights / self.sizes
        size = float(np.linalg.norm(unit))
        return bool(np.abs(unit @ self.relations).max() <= ABSENT * size)

    def of_term(self, term: int, q: int) -> Mask:
        """Whether the data determine each entry of Sigma_k (q, q); entries held at zero count."""
        known = np.ones((q, q), dtype=np.bool_)
        if self.n_lost:
            for (k, row, column), is_known in zip(
                self.parameters, self.identified[:-1], strict=True
            ):
                if k == term:
                    known[row, column] = known[column, row] = is_known
        return known


def identify(matrices: ModelMatrices) -> Identification:
    """Find the relations among the variance parameters of a model.

    Where covariances have structure, V is not linear in the parameters, and a family of matrices
    within which relations hold says nothing of a part of it: no relation is looked for. What cannot
    be told there `mixedmodels.design.residual_checks` refuses case by case.
    """
    if not matrices.has_plain_terms:
        nothing = ((),) * len(matrices.terms)
        return Identification((), np.empty((1, 0)), np.ones(1), nothing)
    parameters = tuple(
        (k, i, j) for k, term in enumerate(matrices.terms) for i, j in entries_of(term)
    )
    if _is_plainly_identified(matrices) or _is_identified_on_some_rows(matrices):
        none = ((),) * len(matrices.terms)
        size = len(parameters) + 1
        return Identification(parameters, np.empty((size, 0)), np.ones(size), none)
    return _with_relations(matrices, parameters)


def _is_plainly_identified(matrices: ModelMatrices) -> bool:
    """A cheap sufficient test for one term of random intercepts, or intercepts and slopes.

    N M N = 0 for M = c I + sum_j Z_j S Z_j' needs rank(M) <= 2 p. That rank is at least n less the
    number of effects if c is not zero, and else the number of levels with independent columns.
    """
    if not matrices.terms:
        return True
    if len(matrices.terms) > 1:
        return False
    (term,) = matrices.terms
    grouping = matrices.groupings[term.group]
    n, p = matrices.X.shape
    levels = len(grouping.levels)
    if n - levels * len(term.names) <= 2 * p or levels <= 2 * p:
        return False
    first = term.Z[:, 0]
    if len(term.names) > 2 or first[0] == 0 or first.min() != first.max():
        return False
    return len(term.names) == 1 or _vary_more_levels_than(2 * p, term.Z[:, 1], grouping.codes)


def _vary_more_levels_than(few: int, z: Vector, codes: Int32) -> bool:
    """Whether a column is not constant in more than `few` levels: mostly the first rows tell."""
    least = TOLERANCE * max(z.max(), -z.min())
    some = slice(0, max(1, len(z) // FIRST))
    first_rows = _n_levels_that_vary(z[some], codes[some], least)
    return first_rows > few or _n_levels_that_vary(z, codes, least) > few


def _n_levels_that_vary(z: Vector, codes: Int32, least: float) -> int:
    """In how many levels a column has differences above `least`."""
    first = np.empty(codes.max() + 1)
    first[codes[::-1]] = z[::-1]
    varies = np.abs(z - first[codes]) > least
    return int(np.count_nonzero(np.bincount(codes[varies], minlength=len(first))))


def _is_identified_on_some_rows(matrices: ModelMatrices) -> bool:
    n = len(matrices.y)
    rows: Rows = None
    if n > RUNS * RUN:
        starts = np.linspace(0, n - RUN, RUNS).astype(np.int64)
        rows = (starts[:, None] + np.arange(RUN)).ravel()
    size = sum(len(entries_of(term)) for term in matrices.terms) + 1
    few = int(np.ceil(np.sqrt(4 * size))) + 1
    seen, _ = sketch(matrices, rows, few)
    seen = _of_unknown(matrices, seen)
    if smallest_pivot(seen.T @ seen) > TOLERANCE:  # far from singular, and quickly told
        return True
    return bool(np.linalg.svd(seen, compute_uv=False)[-1] > TOLERANCE)


def _of_unknown(matrices: ModelMatrices, seen: Matrix) -> Matrix:
    """The sketch without its last column, the residual's, where the residual variance is known."""
    return seen if matrices.known_sigma is None else seen[:, :-1]


def _with_relations(
    matrices: ModelMatrices, parameters: tuple[tuple[int, int, int], ...]
) -> Identification:
    """The relations from all rows, in the user's columns."""
    seen, scale = sketch(matrices, None, len(parameters) + 1 + SPARE)
    _, values, vectors = np.linalg.svd(_of_unknown(matrices, seen), full_matrices=False)
    found = vectors[values <= TOLERANCE].T
    inner = np.zeros((len(parameters) + 1, found.shape[1]))  # a known sigma takes part in nothing
    inner[: len(found)] = found / scale[: len(found), None]
    families = families_of(matrices, None)
    outer = np.empty_like(inner)
    outer[-1] = inner[-1]
    start = 0
    for family in families:
        stop = start + len(family.entries)
        outer[start:stop] = _in_user_columns(family, inner[start:stop])
        start = stop
    sizes = np.concatenate([*(f.sizes(f.Z @ f.root) for f in families), [np.sqrt(len(matrices.y))]])
    relations = np.linalg.qr(outer * sizes[:, None])[0]
    relations[np.abs(relations).max(axis=1, initial=0.0) <= ABSENT] = 0.0
    if matrices.weights is not None:  # the sketch is in weights of mean one
        sizes[-1] /= matrices.weights.mean()
    Q = fixed_space(matrices, None)
    absorbed = tuple(_absorbed(family, Q) for family in families)
    return Identification(parameters, relations, sizes, absorbed)


def _in_user_columns(family: Family, inner: Matrix) -> Matrix:
    """Directions of the parameters (r, d): Sigma = R^-1 Sigma_inner R^-T."""
    q = len(family.root)
    inverse = linalg.solve_triangular(family.root, np.eye(q))
    out = np.empty_like(inner)
    rows, columns = np.array(family.entries).T
    for d in range(inner.shape[1]):
        C = np.zeros((q, q))
        C[rows, columns] = C[columns, rows] = inner[:, d]
        out[:, d] = (inverse @ C @ inverse.T)[rows, columns]
    return out


def _absorbed(family: Family, Q: Matrix) -> tuple[int, ...]:
    """Columns to leave out so that no combination of the others is within the fixed part.

    d is absorbed if Z_j d is in the space of X for every level j: d'Fd = 0 with
    F = sum_j Z_j'(I - QQ')Z_j. Earlier columns go first.
    """
    F = family.Z.T @ family.Z
    for start in range(0, Q.shape[1], SPARE):
        sums = family.level_sums(Q[:, start : start + SPARE])
        F -= np.array([[float(np.vdot(a, b)) for b in sums] for a in sums])
    size = np.square(family.Z).sum(axis=0).max()
    if all(i == j for i, j in family.entries):
        return tuple(np.flatnonzero(np.diag(F) <= ABSORBED * size).tolist())
    values, vectors = np.linalg.eigh(F)
    inner = vectors[:, values <= ABSORBED * size]
    directions = linalg.solve_triangular(family.root, inner)
    directions = directions * np.linalg.norm(family.root, axis=0)[:, None]
    chosen: list[int] = []
    for column in range(len(F)):
        tried = [*chosen, column]
        if len(tried) <= inner.shape[1] and _rank(directions[tried]) == len(tried):
            chosen = tried
    return tuple(chosen)


def _rank(A: Matrix) -> int:
    return int(np.linalg.matrix_rank(A, rtol=DEPENDENT**0.5))
