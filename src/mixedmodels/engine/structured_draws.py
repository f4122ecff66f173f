"""Responses drawn from a model whose covariances have structure, replicate by replicate.

    y = mean + sum_k Z_k b_k + e,   b_k ~ N(0, K_k x root_k root_k'),   e ~ N(0, sigma^2 S C S)

A replicate depends on the key and on its own number alone.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import spsolve_triangular

from mixedmodels.design import ModelMatrices, TermMatrix, incidence, symmetric_factor
from mixedmodels.engine.batch import Draws
from mixedmodels.engine.residual_blocks import patterns
from mixedmodels.engine.row_scale import row_scale
from mixedmodels.engine.streams import stream
from mixedmodels.errors import DataError
from mixedmodels.vocabulary import Shape

Vector = NDArray[np.float64]

Correlation = Callable[[int, Vector], Vector]
"""C (size, size) between positions (size, d) of a part of the residual."""

DEGREES = 5
"""Of freedom of Student's t as a shape."""

GAMMA = 4.0
"""Shape of a gamma of skewness 1."""


def draw_structured(
    matrices: ModelMatrices,
    draws: Draws,
    first: int,
    count: int,
    *,
    correlation: Correlation,
    coefficients: Sequence[float],
) -> Vector:
    """Responses of the replicates `first` to `first + count - 1`, (n, count), Fortran order.

    Parameters
    ----------
    matrices
        The rows.
    draws
        The distribution.
    first, count
        Which replicates.
    correlation
        C of the residuals of a block.
    coefficients
        Of the function of their standard deviation; see `row_scale`.
    """
    generators = [stream(draws.key, first + i) for i in range(count)]
    y = _with_effects(matrices, draws, generators)
    e = np.column_stack([standard(g, draws.residuals, len(y)) for g in generators])
    scale = _scales(matrices, y, coefficients)
    y += draws.sigma * scale * correlated(matrices, e, correlation)
    return np.asfortranarray(y)


def draw_linear_predictors(matrices: ModelMatrices, draws: Draws, first: int, count: int) -> Vector:
    """Means with random effects of the replicates `first` to `first + count - 1`, (n, count)."""
    return _with_effects(matrices, draws, [stream(draws.key, first + i) for i in range(count)])


def _with_effects(
    matrices: ModelMatrices, draws: Draws, generators: Sequence[np.random.Generator]
) -> Vector:
    """The mean and the random effects that each generator draws."""
    y = np.repeat(draws.mean[:, None], len(generators), axis=1)
    for term, root in zip(matrices.terms, draws.roots, strict=False):
        levels = len(matrices.groupings[term.group].levels)
        size = (levels, root.shape[1])
        u = np.stack([standard(g, draws.effects, size) for g in generators], axis=2)
        b = np.einsum("qr,lrc->lqc", root, related(term, u))
        y += _added(matrices, term, b)
    return y


def _scales(matrices: ModelMatrices, y: Vector, coefficients: Sequence[float]) -> Vector:
    """Standard deviations (n, 1 or count) of the rows beside sigma and C; a function of the fitted
    values is one of the replicate's own means `y`.
    """
    scale = None if matrices.residual is None else matrices.residual.scale
    n, weights = len(y), matrices.weights
    if scale is None or not scale.depends_on_fitted:
        return row_scale(scale, weights, coefficients, n=n)[:, None]
    columns = [row_scale(scale, weights, coefficients, n=n, fitted=mean) for mean in y.T]
    return np.column_stack(columns)


def standard(random: np.random.Generator, shape: Shape, size: int | tuple[int, ...]) -> Vector:
    """Independent numbers of mean 0 and variance 1."""
    if shape == "normal":
        return random.standard_normal(size)
    if shape == "t":
        return np.asarray(random.standard_t(DEGREES, size) * np.sqrt((DEGREES - 2) / DEGREES))
    return np.asarray((random.standard_gamma(GAMMA, size) - GAMMA) / np.sqrt(GAMMA))


def correlated(matrices: ModelMatrices, e: Vector, correlation: Correlation) -> Vector:
    """The Cholesky factor of C, block by block, times independent columns (n, count)."""
    residual = matrices.residual
    if residual is None or residual.structure is None:
        return e
    out = np.empty_like(e)
    for pattern in patterns(residual.codes, residual.positions, residual.part):
        root = np.linalg.cholesky(correlation(pattern.part, pattern.positions))
        out[pattern.rows] = np.einsum("ij,bjc->bic", root, e[pattern.rows])
    return out


def related(term: TermMatrix, u: Vector) -> Vector:
    """Effects (levels, r, count) with the known covariance K between levels: K^{1/2} u."""
    if term.precision is None:
        return u
    levels = len(u)
    flat = _inverse_root(sparse.csc_matrix(term.precision.Q), u.reshape(levels, -1))
    return np.asarray(flat.reshape(u.shape))


def _inverse_root(Q: sparse.csc_matrix, z: Vector) -> Vector:
    """Columns with covariance Q^-1 from independent ones.

    P Q P' = L D L' by elimination in place, so that P'L'^-1 D^-1/2 z has it.
    """
    factor = symmetric_factor(Q)
    D = factor.U.diagonal()
    if not np.array_equal(factor.perm_r, factor.perm_c) or not (D > 0).all():
        raise DataError(
            "The known precision matrix is not positive definite to the precision of the "
            "arithmetic.\nDo:   remove levels that repeat each other."
        )
    upper = sparse.csr_matrix(factor.L.T)
    w = spsolve_triangular(upper, z / np.sqrt(D)[:, None], lower=False, unit_diagonal=True)
    return np.asarray(np.asarray(w)[factor.perm_r])


def _added(matrices: ModelMatrices, term: TermMatrix, b: Vector) -> Vector:
    """Z b (n, count) of effects (levels, q, count)."""
    levels, q, count = b.shape
    A = incidence(matrices.groupings[term.group].codes, term.members, levels)
    own = (A @ b.reshape(levels, -1)).reshape(-1, q, count)
    return np.asarray(np.einsum("nq,nqc->nc", term.Z, own))
