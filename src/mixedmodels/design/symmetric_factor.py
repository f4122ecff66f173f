"""The factor of a sparse matrix that is symmetric and positive definite."""

from __future__ import annotations

from scipy import sparse
from scipy.sparse.linalg import SuperLU, splu


def symmetric_factor(M: sparse.csc_array | sparse.csc_matrix) -> SuperLU:
    """L U of M by columns, with both triangles, ordered by minimum degree.

    Its pivots, the diagonal of U, stay on the diagonal: ``perm_r`` equals ``perm_c`` and all are
    positive unless M is not positive definite to the precision of the arithmetic.

    Raises
    ------
    RuntimeError
        If a pivot is exactly zero.

    Examples
    --------
    >>> import numpy as np
    >>> factor = symmetric_factor(sparse.csc_array([[4.0, 2.0], [2.0, 3.0]]))
    >>> factor.solve(np.array([2.0, 3.0])).round(12).tolist()
    [0.0, 1.0]
    """
    options = {"SymmetricMode": True}
    return splu(
        sparse.csc_matrix(M), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options
    )
