"""The factor of sparse symmetric matrices, against dense algebra."""

import numpy as np
import pytest
from scipy import sparse

from mixedmodels.design import symmetric_factor

ROUNDING = 1e-10
"""Of a solution whose matrix has a condition below 1e4."""


def matrix(seed: int, size: int = 40) -> sparse.csc_array:
    """Sparse, symmetric, positive definite, and not banded."""
    half = sparse.random_array((size, size), density=0.06, rng=np.random.default_rng(seed))
    return sparse.csc_array(half @ half.T + 0.1 * sparse.eye_array(size))


@pytest.mark.parametrize("seed", range(5))
def test_it_solves_with_pivots_on_the_diagonal(seed: int) -> None:
    M, columns = matrix(seed), np.random.default_rng(seed).normal(size=(40, 3))
    factor = symmetric_factor(M)
    np.testing.assert_allclose(
        factor.solve(columns), np.linalg.solve(M.toarray(), columns), rtol=ROUNDING, atol=ROUNDING
    )
    np.testing.assert_array_equal(factor.perm_r, factor.perm_c)
    log_det = np.log(factor.U.diagonal()).sum()
    np.testing.assert_allclose(log_det, np.linalg.slogdet(M.toarray())[1], rtol=ROUNDING)


@pytest.mark.parametrize("seed", range(5))
def test_a_pivot_is_negative_where_a_matrix_is_indefinite(seed: int) -> None:
    M = matrix(seed)
    shift = np.linalg.eigvalsh(M.toarray())[3]
    shifted = sparse.csc_array(M - (shift + 1e-3) * sparse.eye_array(40))
    assert symmetric_factor(shifted).U.diagonal().min() < 0
