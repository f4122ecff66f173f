"""`Problem`: the native criterion of one data set, with names for what comes back.

The criterion is a function of theta alone, minus twice the log-likelihood profiled over beta and
sigma (ML), or the REML criterion; a known sigma stays at its value. Every method is pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mixedmodels import _native
from mixedmodels._native import Information as Information
from mixedmodels._native import KenwardRoger as KenwardRoger
from mixedmodels._native import Slopes as Slopes
from mixedmodels.engine.arrays import arrays_of, in_rows
from mixedmodels.engine.batch import INSIDE, Draws, RefitPlan, Refits, refit, refit_drawn
from mixedmodels.engine.failures import engine_errors
from mixedmodels.engine.plain import PlainProblem
from mixedmodels.engine.watching import memory_left
from mixedmodels.shortening import brief

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Problem(PlainProblem):
    """One data set, ready to be evaluated at any theta.

    Holds the matrices; the native cross-products are formed when they are first asked for, so
    that a problem can be pickled and a result that is only read never pays for them.
    """

    __repr__ = brief

    @cached_property
    def native(self) -> _native.Problem:
        """The native handle."""
        m = self.matrices
        if self.sums is not None:
            with engine_errors(m):
                return _native.Problem.of_sums(self.sums, memory_left())
        a = arrays_of(m)
        with engine_errors(m):
            y = self.working_response
            return _native.Problem(y, a.X, a.groups, a.terms, a.weights, memory_left())

    def deviance(self, theta: Sequence[float] | Vector, *, reml: bool) -> float:
        """The criterion at `theta`."""
        with engine_errors(self.matrices):
            return self.native.deviance(self.checked(theta), reml, self.known_sigma)

    def conditional_covariance(self, theta: Vector, *, term: int) -> Vector:
        """cov(b_k | y) / sigma^2 at known beta, (levels, q_k, q_k)."""
        with engine_errors(self.matrices):
            return self.native.conditional_covariance(self.checked(theta), term)

    def kenward_roger(self, theta: Vector) -> _native.KenwardRoger:
        """The pieces of Kenward and Roger's method at `theta`."""
        with engine_errors(self.matrices):
            return self.native.kenward_roger(self.checked(theta), self.known_sigma)

    def slopes(self, theta: Vector) -> _native.Slopes:
        """The parts of the ML criterion at `theta` with their derivatives in T_k T_k'."""
        with engine_errors(self.matrices):
            return self.native.slopes(self.checked(theta))

    def refit(self, Y: Vector, plan: RefitPlan) -> Refits:
        """Fit every column of `Y` (n, r): kept rows, offset not yet subtracted."""
        self.require_rows()
        with engine_errors(self.matrices):
            return refit(self.native, self.matrices, Y, self._checked_plan(plan))

    def refit_drawn(self, draws: Draws, first: int, count: int, plan: RefitPlan) -> Refits:
        """Fit the replicates `first` to `first + count - 1` of a distribution."""
        self.require_rows()
        with engine_errors(self.matrices):
            return refit_drawn(
                self.native, self.matrices, draws, first, count, self._checked_plan(plan)
            )

    def with_response(self, y: Vector) -> "Problem":
        """The same problem with another response (kept rows, offset not yet subtracted)."""
        self.require_rows()
        problem = Problem(replace(self.matrices, y=y))
        with engine_errors(self.matrices):
            handle = self.native.with_response(problem.working_response)
        problem.__dict__["native"] = handle
        return problem

    def _checked_plan(self, plan: RefitPlan) -> RefitPlan:
        L = None if plan.L is None else in_rows(np.asarray(plan.L, dtype=np.float64))
        start = None if plan.start is None else self._inside(self.checked(plan.start))
        return replace(plan, start=start, L=L, known_sigma=self.known_sigma)

    def _inside(self, theta: Vector) -> Vector:
        """`theta` with small variances where it has none: from zero, where the criterion is even,
        no search would start.
        """
        moved = theta.copy()
        for i, (term, row, column) in enumerate(self.theta_index):
            if row == column:
                moved[i] = max(moved[i], INSIDE / self.column_scales[term][row])
        return moved
