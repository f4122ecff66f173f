"""The linear predictor X beta + Z b + offset, and its parts, from plain arrays."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design import Members, ModelMatrices

Vector = NDArray[np.float64]


def add_random_effects(
    mean: Vector, codes: NDArray[np.int32], Z: Vector, b: Vector, members: Members | None = None
) -> Vector:
    """Add Z b to the mean of each row, column by column, so that no n x q temporary is made.

    Parameters
    ----------
    mean : array (n,)
        Changed in place and returned.
    codes : int32 array (n,)
        Level of each row; -1 adds nothing.
    Z : array (n, q)
    b : array (levels, q)
    members : Members, optional
        The levels of rows that belong to several, in place of `codes`.
    """
    if members is not None:
        mean += np.einsum("nq,nq->n", Z, members.sums(b))
        return mean
    padded = np.vstack([b, np.zeros((1, b.shape[1]))])  # code -1 picks the row of zeros
    for j in range(b.shape[1]):
        mean += Z[:, j] * padded[codes, j]
    return mean


def marginal_mean(X: Vector, beta: Vector, offset: Vector | None) -> Vector:
    """X beta + offset (n,)."""
    mean = X @ beta
    return mean if offset is None else mean + offset


def linear_predictor(m: ModelMatrices, beta: Vector, b: Sequence[Vector]) -> Vector:
    """X beta + Z b + offset (n,), with the effects (levels, q_k) of every term."""
    mean = marginal_mean(m.X, beta, m.offset)
    for term, b_k in zip(m.terms, b, strict=True):
        add_random_effects(mean, m.groupings[term.group].codes, term.Z, b_k, term.members)
    return mean
