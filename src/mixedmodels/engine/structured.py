"""`StructuredProblem`: the criterion of a model whose covariances have structure.

It answers the same questions as `Problem`. Theta holds the free coordinates of the structures: of
the random terms in formula order, of the residual's parts, of the function of its standard
deviation. They are unbounded; `report` gives the parameters on their natural scale.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from mixedmodels import _native
from mixedmodels.design import ModelMatrices
from mixedmodels.engine.arrays import columns, in_rows, without_offset
from mixedmodels.engine.batch import Draws, RefitPlan, Refits, named
from mixedmodels.engine.failures import engine_errors
from mixedmodels.engine.marginal import MarginalInverse, marginal_inverse
from mixedmodels.engine.residual_blocks import row_variances
from mixedmodels.engine.settings import Control
from mixedmodels.engine.stand_in import structures_without_rows
from mixedmodels.engine.structured_arrays import (
    residual_arrays,
    spread_columns,
    term_arrays,
)
from mixedmodels.engine.structured_draws import draw_structured
from mixedmodels.engine.structured_terms import StructuredTerms
from mixedmodels.engine.watching import memory_left
from mixedmodels.shortening import brief

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class StructuredProblem(StructuredTerms):
    """One data set, ready to be evaluated at any theta."""

    __repr__ = brief

    @cached_property
    def native(self) -> _native.StructuredProblem:
        """The native handle."""
        m = self.matrices
        with engine_errors(m):
            return _native.StructuredProblem(
                in_rows(without_offset(m, m.y)),
                columns(m.X),
                [term_arrays(term, m.groupings[term.group]) for term in m.terms],
                residual_arrays(m),
                spread_columns(m),
                None if m.weights is None else in_rows(m.weights),
                self.values,
                self.sigma,
                memory_left(),
            )

    @cached_property
    def structures(self) -> _native.StructuredProblem:
        """The same handle, or one on rows that stand in for those that are not kept."""
        if self.matrices.has_rows:
            return self.native
        return structures_without_rows(self.matrices, self.values, self.sigma)

    def __getstate__(self) -> dict[str, object]:
        """The matrices alone: the native handle is rebuilt from them when needed."""
        return {"matrices": self.matrices, "values": self.values}

    @property
    def sigma(self) -> float | None:
        """The residual standard deviation where it is known."""
        return self.matrices.known_sigma

    def deviance(self, theta: Sequence[float] | Vector, *, reml: bool) -> float:
        """The criterion at `theta`."""
        with engine_errors(self.matrices):
            return self.native.deviance(self.checked(theta), reml, self.sigma)

    def gradient(self, theta: Sequence[float] | Vector, *, reml: bool) -> tuple[float, Vector]:
        """The criterion at `theta` and its exact gradient (m,)."""
        with engine_errors(self.matrices):
            deviance, gradient, _ = self.native.gradient(self.checked(theta), reml, self.sigma)
        return deviance, gradient

    def at(self, theta: Vector, sigma: float) -> tuple[float, Vector, float]:
        """Minus twice the log-likelihood (ML) at (theta, sigma), with its derivatives in theta (m,)
        and in log sigma.
        """
        with engine_errors(self.matrices):
            deviance, gradient, pwrss = self.native.gradient(self.checked(theta), False, sigma)
        return deviance, gradient, 2 * (len(self.matrices.y) - pwrss / sigma**2)

    def estimates_at(self, theta: Vector, sigma: float) -> _native.Solution:
        """What follows from (theta, sigma), by ML."""
        with engine_errors(self.matrices):
            return self.native.estimates(self.checked(theta), False, sigma)

    def minimise(self, *, reml: bool, control: Control) -> _native.Solution:
        """Search for the optimum as `control` says."""
        start = None if control.start is None else self.checked(control.start)
        with engine_errors(self.matrices):
            return self.native.minimise(
                reml, self.sigma, start, control.max_evaluations, control.tolerance
            )

    def estimates(self, theta: Sequence[float] | Vector, *, reml: bool) -> _native.Solution:
        """Everything that follows from a given `theta`, without a search."""
        with engine_errors(self.matrices):
            return self.native.estimates(self.checked(theta), reml, self.sigma)

    def conditional_covariance(self, theta: Vector, *, term: int) -> Vector:
        """cov(b_k | y) / sigma^2 at known beta, (levels, q_k, q_k)."""
        with engine_errors(self.matrices):
            return self.native.conditional_covariance(self.checked(theta), term)

    def row_scale(self, theta: Vector) -> Vector:
        """What `row_sd` (n,) is beside the standard deviations that the structure of the residuals
        has: weights, and the function of the standard deviation.
        """
        return self.native.row_sd(self.checked(theta))

    def row_sd(self, theta: Vector) -> Vector:
        """Standard deviations (n,) of the residuals of the rows, relative to sigma."""
        theta, scale = self.checked(theta), self.row_scale(theta)
        residual = self.matrices.residual
        if residual is None or residual.structure is None:
            return scale
        own = row_variances(self, theta, residual.part, residual.positions)
        return scale * np.sqrt(own)

    def residual_covariance(self, theta: Vector, part: int, positions: Vector) -> Vector:
        """Covariance (r, r) of residuals of one block at positions (r, d), relative to sigma^2,
        without what differs between rows (weights, the function of the standard deviation).
        """
        at = np.ascontiguousarray(positions, dtype=np.float64)
        return self.structures.residual_covariance(self.checked(theta), part, at)

    def whitened(self, theta: Vector, columns: Vector) -> Vector:
        """R^{-1/2} times columns over the rows (n,) or (n, r), R being relative to sigma^2: by the
        lower Cholesky factor of every block, in the order of its positions.
        """
        given = np.asfortranarray(columns.reshape(len(columns), -1), dtype=np.float64)
        with engine_errors(self.matrices):
            found: Vector = self.native.whitened(self.checked(theta), given).T
        return found.reshape(columns.shape)

    def information(self, theta: Vector, *, reml: bool) -> _native.Information:
        """Hessian in (theta, sigma), and derivatives of (X'V^-1 X)^-1, at the optimum `theta`."""
        with engine_errors(self.matrices):
            return self.native.information(self.checked(theta), reml, self.sigma)

    def kenward_roger(self, theta: Vector) -> _native.KenwardRoger:
        """The pieces of Kenward and Roger's method at `theta`."""
        with engine_errors(self.matrices):
            return self.native.kenward_roger(self.checked(theta), self.sigma)

    def draw(
        self, draws: Draws, first: int, count: int, *, matrices: ModelMatrices | None = None
    ) -> Vector:
        """Responses (n, count) of the replicates from `first` on, of these or of other rows.

        Those of these rows with the covariances of ``draws.theta`` are drawn natively, unless the
        residual standard deviation is a function of the replicate's own mean.
        """
        residual = self.matrices.residual
        scale = None if residual is None else residual.scale
        own_mean = scale is not None and scale.depends_on_fitted
        if matrices is None and not own_mean and self._has_roots(draws):
            return self._drawn(draws, first, count)
        theta = self._theta_of(draws)
        return draw_structured(
            self.matrices if matrices is None else matrices,
            draws,
            first,
            count,
            correlation=partial(self.residual_covariance, theta),
            coefficients=self.scale_coefficients(theta),
        )

    def _drawn(self, draws: Draws, first: int, count: int) -> Vector:
        """Responses of these rows with the covariances of ``draws.theta``."""
        effects = draws.effects if draws.roots or not self.matrices.terms else None
        with engine_errors(self.matrices):
            rows = self.native.draw(
                self._theta_of(draws),
                draws.sigma,
                in_rows(draws.mean),
                in_rows(draws.key),
                effects,
                draws.residuals,
                first,
                count,
            )
        return rows.T

    def refit(self, Y: Vector, plan: RefitPlan) -> Refits:
        """Fit every column of `Y` (n, r): kept rows, offset not yet subtracted."""
        if plan.pieces is not None or plan.start is None:
            raise ValueError(
                "replicates bring the pieces of a test, and need no start, in plain models alone"
            )
        start = self.inside(self.checked(plan.start))
        with engine_errors(self.matrices):
            found = self.native.refit(
                columns(without_offset(self.matrices, Y)),
                start,
                plan.reml,
                self.sigma,
                plan.max_evaluations,
                plan.tolerance,
            )
        return named(found, plan, self.n_theta)

    def refit_drawn(self, draws: Draws, first: int, count: int, plan: RefitPlan) -> Refits:
        """Fit the replicates `first` to `first + count - 1` of a distribution.

        Where the residual standard deviation is a power of the fitted values, these are the fitted
        values of this problem, in what is drawn and in what is fitted.
        """
        own = self._drawn if self._has_roots(draws) else self.draw
        return self.refit(own(draws, first, count), plan)

    def _theta_of(self, draws: Draws) -> Vector:
        if draws.theta is None:
            raise ValueError("draws from a model with structure need its theta")
        return self.checked(draws.theta)

    def _has_roots(self, draws: Draws) -> bool:
        """Whether random effects are drawn as theta says, or not at all."""
        pairs = zip(self.templates(self._theta_of(draws)), draws.roots, strict=False)
        return all(np.array_equal(draws.sigma * T, root) for T, root in pairs)

    def marginal_inverse(self, theta: Vector) -> MarginalInverse:
        """V^-1 at `theta`, V being relative to sigma^2."""
        return marginal_inverse(self, self.checked(theta))

    def scale_coefficients(self, theta: Vector) -> list[float]:
        """Of the function of the residual standard deviation; see `row_scale.row_scale`."""
        report = self.report(theta)
        pairs = zip(report.entries, report.values.tolist(), strict=True)
        return [value for entry, value in pairs if entry.owner == "spread"]

    def typical_scale(self, theta: Vector) -> float:
        """Geometric mean of the functions of the residual standard deviation, beside weights.

        Where sigma is multiplied by a power of a covariate, its size says nothing by itself.
        """
        residual = self.matrices.residual
        if residual is None or residual.scale is None:
            return 1.0
        log_scale = np.log(self.row_scale(theta))
        if self.matrices.weights is not None:
            log_scale = log_scale + np.log(self.matrices.weights) / 2
        return float(np.exp(np.mean(log_scale)))

    def with_response(self, y: Vector) -> "StructuredProblem":
        """The same problem with another response (kept rows, offset not yet subtracted)."""
        problem = replace(self, matrices=replace(self.matrices, y=y))
        with engine_errors(self.matrices):
            handle = self.native.with_response(in_rows(without_offset(problem.matrices, y)))
        problem.__dict__["native"] = handle
        return problem
