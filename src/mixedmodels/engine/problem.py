"""`Problem`: the native criterion of one data set, with names for what comes back.

The criterion is a function of theta alone, minus twice the log-likelihood profiled over beta and
sigma (ML), or the REML criterion; a known sigma stays at its value. Every method is pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixedmodels import _native
from mixedmodels._native import Information as Information
from mixedmodels._native import KenwardRoger as KenwardRoger
from mixedmodels._native import Slopes as Slopes
from mixedmodels.data.memory import available_memory
from mixedmodels.data.unkept import rows_needed
from mixedmodels.design import ModelMatrices
from mixedmodels.engine.arrays import arrays_of, checked_theta, in_rows, without_offset
from mixedmodels.engine.batch import INSIDE, Draws, RefitPlan, Refits, draw, refit, refit_drawn
from mixedmodels.engine.equations import Equations
from mixedmodels.engine.failures import engine_errors
from mixedmodels.engine.marginal import MarginalInverse, marginal_inverse
from mixedmodels.engine.report import Report, joined, report_of_entries
from mixedmodels.engine.settings import Control
from mixedmodels.engine.templates import templates, working_template
from mixedmodels.shortening import brief

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Problem:
    """One data set, ready to be evaluated at any theta.

    Holds the matrices; the native cross-products are formed when they are first asked for, so
    that a problem can be pickled and a result that is only read never pays for them.

    Parameters
    ----------
    matrices : ModelMatrices
        Response, fixed-effects matrix of full rank, random terms, weights and offset.
    sums : Sums, optional
        The cross-products, where the rows are not kept.

    Every `theta` but that of a `Control` belongs to the columns of Z_k, in working coordinates.
    """

    matrices: ModelMatrices
    sums: _native.Sums | None = None

    __repr__ = brief

    @cached_property
    def native(self) -> _native.Problem:
        """The native handle."""
        m = self.matrices
        if self.sums is not None:
            with engine_errors(m):
                return _native.Problem.of_sums(self.sums, available_memory)
        a = arrays_of(m)
        with engine_errors(m):
            y = _working_response(m)
            return _native.Problem(y, a.X, a.groups, a.terms, a.weights, available_memory)

    def __getstate__(self) -> dict[str, object]:
        """What the native handle is rebuilt from when needed."""
        sums = None if self.sums is None else self.sums.to_bytes()
        return {"matrices": self.matrices, "sums": sums}

    def __setstate__(self, state: dict[str, Any]) -> None:
        sums = state["sums"]
        made = None if sums is None else _native.Sums.from_bytes(sums)
        self.__dict__.update(matrices=state["matrices"], sums=made)

    @property
    def n_theta(self) -> int:
        """The number of covariance parameters m."""
        return self.native.n_theta

    @property
    def theta_index(self) -> list[tuple[int, int, int]]:
        """Per element of theta: term, row and column of T_k."""
        return self.native.theta_index

    @property
    def column_scales(self) -> list[Vector]:
        """Per term: root-mean-square of each column of Z_k."""
        return self.native.column_scales

    @property
    def units(self) -> Vector:
        """The size (m,) of every element of theta in the units of the data."""
        scales = self.column_scales
        return np.array([1 / scales[k][row] for k, row, _ in self.theta_index])

    def report(self, theta: Sequence[float] | Vector) -> Report:
        """Every variance parameter on its natural scale, relative to sigma."""
        theta = self.checked(theta)
        index = list(enumerate(self.theta_index))
        reports = [
            report_of_entries(
                k,
                T_k,
                [(j, row, column) for j, (term, row, column) in index if term == k],
                self.matrices.terms[k].coordinates,
                len(theta),
                is_independent=self.matrices.terms[k].is_independent,
            )
            for k, T_k in enumerate(self.templates(theta))
        ]
        return joined(reports, len(theta))

    def templates(self, theta: Sequence[float] | Vector) -> tuple[Vector, ...]:
        """T_k of every term for the columns of Z_k; Sigma_k = sigma^2 T_k T_k'."""
        sizes = [len(term.names) for term in self.matrices.terms]
        return templates(np.asarray(theta), self.theta_index, sizes)

    def theta_of(self, T: Sequence[Vector]) -> Vector:
        """The parameters (m,) that give lower-triangular templates."""
        return np.array([T[k][row, column] for k, row, column in self.theta_index])

    def row_scale(self, theta: Vector) -> Vector:
        """The same as `row_sd`: the residuals have no structure."""
        return self.row_sd(theta)

    def scale_coefficients(self, theta: Vector) -> list[float]:
        """None: the residual standard deviation is no function of anything but weights."""
        return []

    def typical_scale(self, theta: Vector) -> float:
        """One: sigma is the residual standard deviation of a row of weight one."""
        return 1.0

    def residual_covariance(self, theta: Vector, part: int, positions: Vector) -> Vector:
        """The identity: residuals are independent."""
        return np.eye(len(positions))

    def marginal_inverse(self, theta: Vector) -> MarginalInverse:
        """V^-1 at `theta`, V being relative to sigma^2."""
        return marginal_inverse(self, self.checked(theta))

    def row_sd(self, theta: Vector) -> Vector:
        """Standard deviations (n,) of the residuals of the rows, relative to sigma."""
        weights = self.matrices.weights
        return np.ones(len(self.matrices.y)) if weights is None else 1 / np.sqrt(weights)

    def whitened(self, theta: Vector, columns: Vector) -> Vector:
        """R^{-1/2} times columns over the rows (n,) or (n, r), R being relative to sigma^2."""
        weights = self.matrices.weights
        return columns if weights is None else (columns.T * np.sqrt(weights)).T

    def deviance(self, theta: Sequence[float] | Vector, *, reml: bool) -> float:
        """The criterion at `theta`."""
        with engine_errors(self.matrices):
            return self.native.deviance(self.checked(theta), reml, self._sigma)

    def gradient(self, theta: Sequence[float] | Vector, *, reml: bool) -> tuple[float, Vector]:
        """The criterion at `theta` and its exact gradient (m,)."""
        with engine_errors(self.matrices):
            return self.native.gradient(self.checked(theta), reml, self._sigma)

    def minimise(self, *, reml: bool, control: Control) -> _native.Solution:
        """Search for the optimum as `control` says; its start is for the formula's columns."""
        start = None if control.start is None else self.working(self.checked(control.start))
        with engine_errors(self.matrices):
            return self.native.minimise(
                reml, start, control.max_evaluations, control.tolerance, self._sigma
            )

    def estimates(self, theta: Sequence[float] | Vector, *, reml: bool) -> _native.Solution:
        """Everything that follows from a given `theta`, without a search."""
        with engine_errors(self.matrices):
            return self.native.estimates(self.checked(theta), reml, self._sigma)

    def conditional_covariance(self, theta: Vector, *, term: int) -> Vector:
        """cov(b_k | y) / sigma^2 at known beta, (levels, q_k, q_k)."""
        with engine_errors(self.matrices):
            return self.native.conditional_covariance(self.checked(theta), term)

    def information(self, theta: Vector, *, reml: bool) -> _native.Information:
        """Hessian in (theta, sigma), and derivatives of (X'V^-1 X)^-1, at the optimum `theta`."""
        with engine_errors(self.matrices):
            return self.native.information(self.checked(theta), reml, self._sigma)

    def kenward_roger(self, theta: Vector) -> _native.KenwardRoger:
        """The pieces of Kenward and Roger's method at `theta`."""
        with engine_errors(self.matrices):
            return self.native.kenward_roger(self.checked(theta), self._sigma)

    def slopes(self, theta: Vector) -> _native.Slopes:
        """The parts of the ML criterion at `theta` with their derivatives in T_k T_k'."""
        with engine_errors(self.matrices):
            return self.native.slopes(self.checked(theta))

    def equations(self, theta: Vector) -> Equations:
        """The mixed-model equations at `theta`, factorised."""
        with engine_errors(self.matrices):
            native = self.native.equations(self.checked(theta))
        return Equations.of(self.matrices, self.templates(theta), native)

    def refit(self, Y: Vector, plan: RefitPlan) -> Refits:
        """Fit every column of `Y` (n, r): kept rows, offset not yet subtracted."""
        self._require_rows()
        with engine_errors(self.matrices):
            return refit(self.native, self.matrices, Y, self._checked_plan(plan))

    def refit_drawn(self, draws: Draws, first: int, count: int, plan: RefitPlan) -> Refits:
        """Fit the replicates `first` to `first + count - 1` of a distribution."""
        self._require_rows()
        with engine_errors(self.matrices):
            return refit_drawn(
                self.native, self.matrices, draws, first, count, self._checked_plan(plan)
            )

    def draw(
        self, draws: Draws, first: int, count: int, *, matrices: ModelMatrices | None = None
    ) -> Vector:
        """Responses (n, count) of the replicates from `first` on, of these or of other rows."""
        return draw(self.matrices if matrices is None else matrices, draws, first, count)

    def with_response(self, y: Vector) -> "Problem":
        """The same problem with another response (kept rows, offset not yet subtracted)."""
        self._require_rows()
        problem = Problem(replace(self.matrices, y=y))
        with engine_errors(self.matrices):
            handle = self.native.with_response(_working_response(problem.matrices))
        problem.__dict__["native"] = handle
        return problem

    def _require_rows(self) -> None:
        if not self.matrices.has_rows:
            raise rows_needed()

    @property
    def _sigma(self) -> float | None:
        """The residual standard deviation where it is known; else it is profiled out."""
        return self.matrices.known_sigma

    def _checked_plan(self, plan: RefitPlan) -> RefitPlan:
        L = None if plan.L is None else in_rows(np.asarray(plan.L, dtype=np.float64))
        start = None if plan.start is None else self._inside(self.checked(plan.start))
        return replace(plan, start=start, L=L, known_sigma=self._sigma)

    def _inside(self, theta: Vector) -> Vector:
        """`theta` with small variances where it has none: from zero, where the criterion is even,
        no search would start.
        """
        moved = theta.copy()
        for i, (term, row, column) in enumerate(self.theta_index):
            if row == column:
                moved[i] = max(moved[i], INSIDE / self.column_scales[term][row])
        return moved

    def working(self, theta: Vector) -> Vector:
        """Theta for the columns of Z_k from theta for those of the formula."""
        pairs = zip(self.matrices.terms, self.templates(theta), strict=True)
        return self.theta_of([working_template(term.coordinates, T_k) for term, T_k in pairs])

    def checked(self, theta: Sequence[float] | Vector) -> Vector:
        """`theta` as an array, or a DataError if its length or values do not fit."""
        return checked_theta(theta, self.n_theta)


def _working_response(m: ModelMatrices) -> Vector:
    return in_rows(without_offset(m, m.y))
