"""How the variances of the errors of prediction change with the covariance parameters.

With c = (x, z) of a row and H the matrix of Henderson's equations, k = c'H^-1 c depends on theta
through G = Lambda Lambda' alone. Let (beta, b) = H^-1 c and b = Lambda t. Then G^-1 b is

    r = z - Z'W (X beta + Z Lambda t),

which needs no inverse of a singular G, Lambda'r = t, and

    dk = b'G^-1 dG G^-1 b = r'dG r = 2 r'dLambda t.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design import ModelMatrices
from mixedmodels.prediction.error_variance import ErrorCovariance
from mixedmodels.prediction.rows import Rows

Vector = NDArray[np.float64]


def error_slopes(
    errors: ErrorCovariance,
    matrices: ModelMatrices,
    rows: Rows,
    T: Sequence[Vector],
    index: Sequence[tuple[int, int, int]],
) -> Vector:
    """dk/dtheta (n, m) of the rows, whose unseen levels add nothing.

    Takes memory for the rows times those of the fit. `errors` are at the templates `T`; `index`
    tells term, row and column of T_k of every element of theta.
    """
    of_term, beta = errors.solve(rows)
    e = beta @ matrices.X.T
    for k, term in enumerate(matrices.terms):
        b = of_term[k] @ T[k].T
        codes = matrices.groupings[term.group].codes
        for column in range(b.shape[2]):
            e += b[:, codes, column] * term.Z[:, column]
    if matrices.weights is not None:
        e *= matrices.weights
    r: dict[tuple[int, int], Vector] = {}
    slopes = np.zeros((len(rows.X), len(index)))
    for i, (k, row, column) in enumerate(index):
        if (k, row) not in r:
            r[k, row] = _residual(matrices, rows, e, k, row)
        slopes[:, i] = 2 * np.einsum("nl,nl->n", r[k, row], of_term[k][:, :, column])
    return slopes


def _residual(matrices: ModelMatrices, rows: Rows, e: Vector, k: int, column: int) -> Vector:
    """R (n, levels) of one column of a term."""
    term, new = matrices.terms[k], rows.terms[k]
    grouping = matrices.groupings[term.group]
    sums = [
        np.bincount(grouping.codes, weights=term.Z[:, column] * one, minlength=len(grouping.levels))
        for one in e
    ]
    r: Vector = -np.array(sums, dtype=np.float64)
    known = np.flatnonzero(new.codes >= 0)
    r[known, new.codes[known]] += new.Z[known, column]
    return r
