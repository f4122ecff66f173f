"""P = V^-1 - V^-1 X (X'V^-1 X)^-1 X'V^-1 of a model whose covariances have structure.

The conditional residuals are R P y: a row's leverage, d fitted / d y, is 1 - (R P)_ii, and the
variance of its residual sigma^2 (R P R)_ii.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mixedmodels.engine.marginal import MarginalInverse
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit

Vector = NDArray[np.float64]

MOST_ROWS = 20_000
"""Rows for each of which the equations are solved once."""

BLOCK = 4_000_000
"""Numbers in a dense temporary."""


@dataclass(frozen=True, slots=True)
class Projection:
    """P at the estimates.

    Attributes
    ----------
    inverse : MarginalInverse
        V^-1.
    VX : array (n, p)
        V^-1 X.
    C : array (p, p)
        (X'V^-1 X)^-1.
    """

    inverse: MarginalInverse
    VX: Vector
    C: Vector

    def times(self, columns: Vector) -> Vector:
        """P times columns (n, r)."""
        return np.asarray(self.inverse.times(columns) - self.VX @ (self.C @ (self.VX.T @ columns)))

    @property
    def R(self) -> sparse.csc_array:
        """Residual covariance over sigma^2, sparse (n, n)."""
        return sparse.csc_array(self.inverse.half @ self.inverse.half.T)


def projection(fit: Fit) -> Projection:
    """P of a fit.

    Raises
    ------
    DataError
        If there are too many rows to look at each.
    """
    n = len(fit.matrices.y)
    if n > MOST_ROWS:
        raise DataError(
            f"The model has {n} rows: too many for leverage and influence where covariances have "
            "structure.\n"
            "Do:   use residuals that do not need the leverage, or fit a sample of the groups.\n"
            f"Why:  the equations are solved for every row, of which there may be {MOST_ROWS}."
        )
    inverse = fit.problem.marginal_inverse(fit.theta)
    return Projection(inverse, inverse.times(fit.matrices.X), fit.cov_beta_unscaled)


def leverage_and_spread(found: Projection) -> tuple[Vector, Vector]:
    """1 - (R P)_ii and (R P R)_ii of every row."""
    R = found.R
    n = R.shape[0]
    leverage, spread = np.empty(n), np.empty(n)
    step = max(1, BLOCK // n)
    for low in range(0, n, step):
        at = slice(low, min(low + step, n))
        columns = R[:, at].toarray()
        solved = found.times(columns)
        leverage[at] = 1 - solved[np.arange(at.start, at.stop), np.arange(solved.shape[1])]
        spread[at] = np.einsum("nr,nr->r", columns, solved)
    return leverage, np.maximum(spread, 0.0)
