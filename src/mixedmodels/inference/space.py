"""`Space`: the span of the columns of X, in coordinates whose inner products tell what a term adds
to others in an analysis of variance.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.data.unkept import rows_needed
from mixedmodels.design.rank import independent_columns
from mixedmodels.design.spec import matched_columns
from mixedmodels.design.streamed.finish import rows_of_sample
from mixedmodels.design.variables import Variables
from mixedmodels.fit.fit import Fit

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Space:
    """The span of the columns of X, by rows of which X has full rank: all of them, or a sample.

    Attributes
    ----------
    into : array (p, rows)
        Takes a column of the span to its p coordinates, in which inner products are those over all
        rows.
    back : array (rows, p)
        Takes coordinates to the column.
    R : array (p, p)
        The coordinates of the columns of X.
    is_centred : bool
        Whether columns are told up to a constant, which the thresholds of an ordinal model stand
        for.
    """

    into: Vector
    back: Vector
    R: Vector
    is_centred: bool = False

    def coordinates(self, columns: Vector) -> Vector:
        """Those (p, k) of columns (rows, k) of the span."""
        return np.asarray(self.into @ self._centred(columns))

    def left(self, columns: Vector) -> Vector:
        """What the span leaves of columns (rows, k)."""
        rest: Vector = columns - self.back @ self.coordinates(columns)
        return self._centred(rest)

    def _centred(self, columns: Vector) -> Vector:
        return columns - columns.mean(axis=0) if self.is_centred else columns


def columns_and_space(fit: Fit) -> tuple[Variables, Space]:
    """The columns behind the fixed part on some rows, and the space that X spans there."""
    m = fit.matrices
    if m.moments is None:
        kept = m.kept
        columns = matched_columns(fit.spec, fit.frame, rows=None if kept.all() else kept)
        n = int(np.count_nonzero(kept))
        return fit.spec.variables_of(columns, n), _of_rows(fit)
    columns = matched_columns(fit.spec, m.moments.sample)
    X = rows_of_sample(fit.spec, m).X
    if len(independent_columns(X)) < X.shape[1]:
        raise rows_needed()
    scale = np.sqrt(m.moments.X.diagonal())
    R = np.linalg.cholesky(m.moments.X / np.outer(scale, scale)).T
    into, back = R @ np.linalg.pinv(X / scale), (X / scale) @ np.linalg.inv(R)
    return fit.spec.variables_of(columns, len(X)), Space(into, back, R * scale)


def _of_rows(fit: Fit) -> Space:
    X, is_ordinal = fit.matrices.X, fit.family.response == "ordered"
    columns = X - X.mean(axis=0) if is_ordinal else X
    scale = np.linalg.norm(columns, axis=0)
    Q, R = np.linalg.qr(columns / scale)
    space = Space(Q.T, Q, R * scale, is_ordinal)
    return space if fit.generalised is None else by_information(space, fit.cov_beta_unscaled)


def by_information(space: Space, covariance: Vector) -> Space:
    """The same span with inner products c' C^-1 c of columns X c, C (p, p) being the covariance of
    the estimates; as it is where there is none.
    """
    if not np.isfinite(covariance).all():
        return space
    half = np.linalg.cholesky(covariance)
    to = np.linalg.solve(half, np.linalg.inv(space.R))
    return Space(
        to @ space.into, space.back @ space.R @ half, np.linalg.inv(half), space.is_centred
    )
