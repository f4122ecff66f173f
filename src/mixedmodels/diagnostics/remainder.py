"""What rows S leave open once the others are known: the inverse of the block K = (V^-1)_SS.

K^-1 is the covariance, relative to sigma^2, of the rows given the others at known beta. In units in
which every row has weight one, with A the rows of U = W^1/2 Z Lambda and the columns of the effects
that they have, G the block of M^-1 = (U'U + I)^-1 of these effects,

    K = I - A G A',
    K^-1 = I + A H A',        H = (G^-1 - A'A)^-1,        |K| = |G| / |H|:

H is the covariance of the effects without what the rows say of them, and no eigenvalue of its
inverse is below one. Three ways lead to K^-1:

- **rows**: K is factorised. Cubic in the rows.
- **effects**: H is inverted. Cubic in the effects that the rows have.
- **rest**: the equations of the other rows, of which H is the inverse. For few, large sets.

Where covariances have structure K is factorised in any case.
"""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import cho_factor, cho_solve

from mixedmodels.engine.equations import Equations
from mixedmodels.engine.marginal import MarginalInverse
from mixedmodels.engine.problem import Problem
from mixedmodels.errors import DataError

Vector = NDArray[np.float64]
Int = NDArray[np.int64]

LARGEST = 1_000
"""Rows, or effects, up to which a block is factorised rather than the equations of the rest."""

MOST_ROWS = 10_000
"""Rows of a set where covariances have structure."""

SMALL = 100_000
"""Numbers up to which a matrix of mostly zeros is dense."""

BLOCK = 4_000_000
"""Numbers in a dense temporary."""


class Remainder(Protocol):
    """K^-1 of some rows."""

    @property
    def log_det(self) -> float:
        """log|K|."""
        ...

    def times(self, columns: Vector) -> Vector:
        """K^-1 times columns (rows, r)."""
        ...

    def diagonal(self) -> Vector:
        """The diagonal (rows,) of K^-1."""
        ...


class Blocks(Protocol):
    """V^-1 of all rows, looked at block by block, in units (n,) of the rows."""

    @property
    def unit(self) -> Vector:
        """Of every row, what its response is divided by."""
        ...

    def diagonal(self) -> Vector:
        """The diagonal (n,) of V^-1 in these units."""
        ...

    def without(self, rows: Int) -> Remainder:
        """K^-1 of some rows."""
        ...

    def times(self, columns: Vector) -> Vector:
        """V^-1 times columns (n, r), in these units on both sides."""
        ...


@dataclass(frozen=True, slots=True)
class ByRows:
    """K, factorised."""

    factor: Vector
    log_det: float

    @staticmethod
    def of(K: Vector) -> "ByRows":
        """By the Cholesky factor of K."""
        factor = cho_factor(K, lower=True, overwrite_a=True, check_finite=False)[0]
        return ByRows(factor, 2 * float(np.log(np.diag(factor)).sum()))

    def times(self, columns: Vector) -> Vector:
        """K^-1 times columns (rows, r)."""
        return np.asarray(cho_solve((self.factor, True), columns, check_finite=False))

    def diagonal(self) -> Vector:
        """The diagonal (rows,) of K^-1."""
        return np.asarray(np.diag(self.times(np.eye(len(self.factor)))))


@dataclass(frozen=True, slots=True)
class ByEffects:
    """K^-1 = I + A H A'."""

    A: Vector | sparse.csr_array
    H: Vector
    log_det: float

    @staticmethod
    def of(A: Vector | sparse.csr_array, G: Vector) -> "ByEffects":
        """From the effects' columns of the rows, and their block of M^-1."""
        inside = np.linalg.inv(G) - _dense(A.T @ A)
        return ByEffects(
            A, np.asarray(np.linalg.inv(inside), dtype=np.float64), _log_det(G) + _log_det(inside)
        )

    def times(self, columns: Vector) -> Vector:
        """K^-1 times columns (rows, r)."""
        return np.asarray(columns + self.A @ (self.H @ (self.A.T @ columns)))

    def diagonal(self) -> Vector:
        """The diagonal (rows,) of K^-1."""
        found = np.ones(self.A.shape[0])
        step = max(1, BLOCK // max(1, self.A.shape[1]))
        for low in range(0, len(found), step):
            A = self.A[low : low + step]
            found[low : low + step] += np.einsum("nk,nk->n", A @ self.H, _dense(A))
        return found


@dataclass(frozen=True, slots=True)
class ByRest:
    """K^-1 = I + A M^-1 A', M of the other rows."""

    A: sparse.csr_array
    equations: Equations
    log_det: float

    def times(self, columns: Vector) -> Vector:
        """K^-1 times columns (rows, r)."""
        return np.asarray(columns + self.A @ self.equations.solve(np.asarray(self.A.T @ columns)))

    def diagonal(self) -> Vector:
        """The diagonal (rows,) of K^-1."""
        return 1 + self.equations.inner(self.A)


@dataclass(frozen=True, slots=True)
class PlainBlocks:
    """The blocks of a plain model, in units of the root of one over the weight.

    Attributes
    ----------
    equations
        Of all rows.
    theta
        Where the equations are.
    unit
        Of every row, what its response is divided by.
    is_exact
        Whether the equations are factorised.
    """

    equations: Equations
    theta: Vector
    unit: Vector
    is_exact: bool

    @staticmethod
    def of(equations: Equations, theta: Vector, *, is_exact: bool) -> "PlainBlocks":
        """From the equations at `theta`."""
        return PlainBlocks(equations, theta, 1 / equations.root_weights, is_exact)

    def diagonal(self) -> Vector:
        """The diagonal (n,) of V^-1 in these units."""
        return 1 - self.equations.inner(self.equations.U)

    def times(self, columns: Vector) -> Vector:
        """V^-1 times columns (n, r)."""
        return self.equations.project(columns)

    def without(self, rows: Int) -> Remainder:
        """K^-1 of some rows, the cheapest way."""
        U = self.equations.U
        counts = U.indptr[rows + 1] - U.indptr[rows]
        ends = np.cumsum(counts)
        at = np.repeat(U.indptr[rows] - ends + counts, counts) + np.arange(ends[-1])
        indices, data = U.indices[at], U.data[at]
        effects, place = np.unique(indices, return_inverse=True)
        if min(len(rows), len(effects)) > LARGEST and self.is_exact:
            return self._by_rest(rows)
        gram = self.equations.native.gram
        if len(rows) <= len(effects):
            pointers = np.append(0, ends).astype(np.int64)
            K = -gram((pointers, indices.astype(np.int64), data))
            K[np.diag_indices(len(rows))] += 1
            return ByRows.of(K)
        A = _columns(data, place, counts, len(effects))
        one = np.arange(len(effects) + 1, dtype=np.int64)
        return ByEffects.of(A, gram((one, effects.astype(np.int64), np.ones(len(effects)))))

    def _by_rest(self, rows: Int) -> ByRest:
        all_rows = self.equations.matrices
        left = np.ones(len(all_rows.y), dtype=np.bool_)
        left[rows] = False
        m = replace(all_rows, X=all_rows.X[:, :0], x_names=())
        rest, theta = Problem(m.take(left)), self.theta
        log_det = _log_det_M(rest, theta) - _log_det_M(Problem(m), theta)
        return ByRest(self.equations.U[rows], rest.equations(theta), log_det)


@dataclass(frozen=True, slots=True)
class StructuredBlocks:
    """The blocks of a model whose covariances have structure, in units of the residual standard
    deviations of the rows, relative to sigma.
    """

    inverse: MarginalInverse
    unit: Vector
    root: sparse.csc_array
    effects: sparse.csc_array

    @staticmethod
    def of(inverse: MarginalInverse, unit: Vector) -> "StructuredBlocks":
        """From V^-1 and the units."""
        root = sparse.csc_array(inverse.root @ sparse.diags_array(unit))
        return StructuredBlocks(inverse, unit, root, sparse.csc_array(inverse.U.T @ root))

    def diagonal(self) -> Vector:
        """The diagonal (n,) of V^-1 in these units."""
        found = np.asarray(self.root.multiply(self.root).sum(axis=0)).ravel()
        if self.inverse.factor is None:
            return np.asarray(found)
        step = max(1, BLOCK // max(1, self.effects.shape[0]))
        for low in range(0, len(found), step):
            right = self.effects[:, low : low + step].toarray()
            solved = self.inverse.factor.solve(right)
            found[low : low + step] -= np.einsum("qr,qr->r", right, solved)
        return np.asarray(found)

    def times(self, columns: Vector) -> Vector:
        """V^-1 times columns (n, r)."""
        return self.unit[:, None] * self.inverse.times(self.unit[:, None] * columns)

    def without(self, rows: Int) -> Remainder:
        """K^-1 of some rows."""
        if len(rows) > MOST_ROWS:
            raise DataError(
                f"{len(rows)} rows are to be left out together: too many where covariances have "
                "structure.\n"
                "Do:   leave out smaller sets, such as the levels of a group or more folds.\n"
                f"Why:  their covariance is factorised, of {MOST_ROWS} rows at most."
            )
        root, right = self.root[:, rows], self.effects[:, rows]
        K = (root.T @ root).toarray()
        if self.inverse.factor is not None:
            K -= right.T @ self.inverse.factor.solve(right.toarray())
        return ByRows.of((K + K.T) / 2)


def _columns(data: Vector, place: Int, counts: Int, effects: int) -> Vector | sparse.csr_array:
    """A (rows, effects) from the entries of its rows, sparse where that is worth it."""
    if len(counts) * effects > SMALL:
        pointers = np.append(0, np.cumsum(counts))
        return sparse.csr_array((data, place, pointers), shape=(len(counts), effects))
    A = np.zeros((len(counts), effects))
    A[np.repeat(np.arange(len(counts)), counts), place] = data
    return A


def _dense(A: Vector | sparse.csr_array) -> Vector:
    return A if isinstance(A, np.ndarray) else np.asarray(A.toarray())


def _log_det_M(problem: Problem, theta: Vector) -> float:
    """log|M| = log|V| + log|W| at `theta`, of a model without fixed effects."""
    n, weights = len(problem.matrices.y), problem.matrices.weights
    sigma = problem.estimates(theta, reml=False).sigma
    log_det = problem.deviance(theta, reml=False) - n * (1 + np.log(2 * np.pi * sigma**2))
    return float(log_det + (0.0 if weights is None else np.log(weights).sum()))


def _log_det(positive: Vector) -> float:
    return 2 * float(np.log(np.diag(np.linalg.cholesky(positive))).sum())
