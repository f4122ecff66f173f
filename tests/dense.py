"""Linear mixed models by dense algebra of order n^3, straight from the definition.

    y = X beta + sum_k Z_k b_k + offset + e,    Var(b_k of one level) = sigma^2 G_k,  G_k = T_k T_k'
    Var(y) = sigma^2 V,                         V = W^-1 + sum_k (Z_k G_k Z_k' within each level)

It shares no code and no factorisation with the engine: it is the judge of the engine's results.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design import ModelMatrices, TermMatrix

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DenseFit:
    """Everything that follows from one set of relative covariances.

    Attributes
    ----------
    criterion
        Minus twice the profiled log-likelihood (ML), or lme4's REML criterion.
    beta, cov_beta_unscaled
        Generalised least squares, (p,), and (X'V^-1 X)^-1, (p, p).
    sigma
        Residual standard deviation: divisor n (ML) or n - p (REML).
    b
        Per term (levels, q): conditional modes.
    conditional
        Per term (levels, q, q): Cov(b | y) / sigma^2 at known beta.
    V
        (n, n), the marginal covariance divided by sigma^2.
    """

    criterion: float
    beta: Array
    cov_beta_unscaled: Array
    sigma: float
    b: tuple[Array, ...]
    conditional: tuple[Array, ...]
    V: Array


def relative_covariances(matrices: ModelMatrices, theta: Array) -> list[Array]:
    """G_k = T_k T_k' from theta: lower triangles by column, or diagonals, in formula order."""
    covariances = []
    rest = list(theta)
    for term in matrices.terms:
        T = np.zeros((len(term.names), len(term.names)))
        for column in range(len(T)):
            last = column + 1 if term.structure.is_independent else len(T)
            for row in range(column, last):
                T[row, column] = rest.pop(0)
        covariances.append(T @ T.T)
    assert not rest
    return covariances


def marginal_covariance(matrices: ModelMatrices, G: Sequence[Array]) -> Array:
    """V (n, n)."""
    n = len(matrices.y)
    V = np.diag(np.ones(n) if matrices.weights is None else 1 / matrices.weights)
    for term, G_k in zip(matrices.terms, G, strict=True):
        codes = matrices.groupings[term.group].codes
        V += np.where(np.equal.outer(codes, codes), term.Z @ G_k @ term.Z.T, 0.0)
    return V


def evaluate(matrices: ModelMatrices, G: Sequence[Array], *, reml: bool) -> DenseFit:
    """Profile beta and sigma out of the likelihood at the relative covariances `G`."""
    X = matrices.X
    n, p = X.shape
    y = response(matrices)
    V = marginal_covariance(matrices, G)
    inverse = np.linalg.inv(V)
    information = X.T @ inverse @ X
    cov_beta = np.linalg.inv(information)
    beta = cov_beta @ (X.T @ inverse @ y)
    residual = y - X @ beta
    weighted = inverse @ residual
    degrees = n - p if reml else n
    scale = residual @ weighted / degrees
    criterion = degrees * (1 + np.log(2 * np.pi * scale)) + np.linalg.slogdet(V)[1]
    if reml:
        criterion += np.linalg.slogdet(information)[1]
    levels = [_levels(matrices, term) for term in matrices.terms]
    return DenseFit(
        criterion=float(criterion),
        beta=beta,
        cov_beta_unscaled=cov_beta,
        sigma=float(np.sqrt(scale)),
        b=tuple(
            np.array([G_k @ Z_j.T @ weighted[rows] for rows, Z_j in found])
            for G_k, found in zip(G, levels, strict=True)
        ),
        conditional=tuple(
            np.array(
                [G_k - G_k @ Z_j.T @ inverse[np.ix_(rows, rows)] @ Z_j @ G_k for rows, Z_j in found]
            )
            for G_k, found in zip(G, levels, strict=True)
        ),
        V=V,
    )


def response(matrices: ModelMatrices) -> Array:
    """The response less the offset."""
    return matrices.y if matrices.offset is None else matrices.y - matrices.offset


def _levels(matrices: ModelMatrices, term: TermMatrix) -> list[tuple[NDArray[np.intp], Array]]:
    """Per level of the term's grouping factor, its rows and their columns."""
    grouping = matrices.groupings[term.group]
    rows = [np.flatnonzero(grouping.codes == level) for level in range(len(grouping.levels))]
    return [(found, term.Z[found]) for found in rows]
