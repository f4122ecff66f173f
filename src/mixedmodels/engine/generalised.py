"""`GeneralisedProblem`: the criterion of a generalised model.

Minus twice the log-likelihood with the random effects integrated over, by Laplace's approximation
or adaptive Gauss-Hermite quadrature, as a function of psi = (theta | beta | delta): theta holds the
free coordinates of the covariance structures, as in `StructuredProblem` with a sigma of one; beta
belongs to the columns of X; delta to those of the parts beside the mean. All of them are unbounded.

It answers the questions of the other problems as far as they have a meaning: where those take
theta, it takes psi. What belongs to the residuals of a linear model raises one error.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from mixedmodels import _native
from mixedmodels.design import ModelMatrices
from mixedmodels.engine.arrays import checked_psi, columns, in_rows
from mixedmodels.engine.batch import Draws, RefitPlan, Refits
from mixedmodels.engine.failures import engine_errors
from mixedmodels.engine.generalised_batch import (
    draw_from_family,
    is_singular,
    named_generalised,
    possible,
    require_distribution,
)
from mixedmodels.engine.marginal import MarginalInverse
from mixedmodels.engine.settings import Control
from mixedmodels.engine.stand_in import structures_without_rows
from mixedmodels.engine.structured_arrays import term_arrays
from mixedmodels.engine.structured_terms import StructuredTerms
from mixedmodels.engine.watching import memory_left
from mixedmodels.errors import DataError
from mixedmodels.families import Family
from mixedmodels.shortening import brief

Vector = NDArray[np.float64]

OF_FAMILY = "ask for what has a meaning with this family, or fit a linear model by `lmm`"
"""What a generalised model has, in words."""


@dataclass(frozen=True, kw_only=True)
class GeneralisedProblem(StructuredTerms):
    """One data set with a family, ready to be evaluated at any psi.

    Parameters
    ----------
    family : Family
        Of the response.
    nodes : int
        Nodes of the quadrature in each direction; 1 is Laplace's approximation.
    """

    family: Family
    nodes: int = 1

    __repr__ = brief

    @cached_property
    def native(self) -> _native.GeneralisedProblem:
        """The native handle."""
        m = self.matrices
        with engine_errors(m):
            return _native.GeneralisedProblem(
                in_rows(m.y),
                None if m.size is None else in_rows(m.size),
                columns(m.X),
                [term_arrays(term, m.groupings[term.group]) for term in m.terms],
                None if m.weights is None else in_rows(m.weights),
                None if m.offset is None else in_rows(m.offset),
                self.family.native,
                sources(m),
                self.values,
                self.nodes,
                memory_left(),
            )

    def __getstate__(self) -> dict[str, object]:
        """All but the native handle, which is rebuilt when needed."""
        return {
            "matrices": self.matrices,
            "values": self.values,
            "family": self.family,
            "nodes": self.nodes,
        }

    @cached_property
    def structures(self) -> _native.StructuredProblem:
        """The native handle that knows what theta means; it needs no rows."""
        if self.matrices.has_rows:
            return self.native.covariances
        return structures_without_rows(self.matrices, self.values, 1.0)

    @property
    def n_beta(self) -> int:
        """The number of fixed effects p."""
        return int(self.matrices.X.shape[1])

    @property
    def n_psi(self) -> int:
        """The number of all parameters."""
        return self.n_theta + self.n_beta + self.matrices.n_auxiliary

    @property
    def psi_units(self) -> Vector:
        """The size (n_psi,) of every element of psi in the units of the data."""
        m = self.matrices
        parts = [np.ones((1, len(a.names))) if not a.D.shape[1] else a.D for a in m.auxiliary]
        sizes = [np.sqrt(np.mean(matrix**2, axis=0)) for matrix in (m.X, *parts)]
        return np.concatenate([self.units, *(1 / size for size in sizes)])

    def deviance(self, psi: Sequence[float] | Vector, *, reml: bool = False) -> float:
        """Minus twice the log-likelihood at `psi`."""
        _require_ml(reml)
        with engine_errors(self.matrices):
            return self.native.deviance(self.checked_psi(psi))

    def gradient(
        self, psi: Sequence[float] | Vector, *, reml: bool = False
    ) -> tuple[float, Vector]:
        """The criterion at `psi` and its exact gradient (n_psi,)."""
        _require_ml(reml)
        with engine_errors(self.matrices):
            return self.native.gradient(self.checked_psi(psi))

    def search(self, *, control: Control, hessian: bool = True) -> _native.GeneralisedSolution:
        """Search for the optimum as `control` says, whose start may be of theta alone."""
        start = None if control.start is None else self._start(control.start)
        with engine_errors(self.matrices):
            return self.native.minimise(start, control.max_evaluations, control.tolerance, hessian)

    def solution(
        self, psi: Sequence[float] | Vector, *, hessian: bool = True
    ) -> _native.GeneralisedSolution:
        """Everything that follows from a given `psi`, without a search."""
        with engine_errors(self.matrices):
            return self.native.estimates(self.checked_psi(psi), hessian)

    def hessian(self, psi: Sequence[float] | Vector) -> Vector:
        """The Hessian (n_psi, n_psi) of the criterion at `psi`: differences of exact gradients."""
        found = self.solution(psi).hessian
        if found is None:
            raise ValueError("the Hessian was asked for and not given")
        return found

    def conditional_covariance(self, psi: Vector, *, term: int) -> Vector:
        """cov(b_k | y) at known psi by Laplace's approximation, (levels, q_k, q_k)."""
        with engine_errors(self.matrices):
            return self.native.conditional_covariance(self.checked_psi(psi), term)

    def solve(self, psi: Vector, right: Vector) -> Vector:
        """Lambda M^-1 Lambda' times columns (effects, r): levels term by term in formula order, the
        columns of a level together.
        """
        with engine_errors(self.matrices):
            return self.native.solve(self.checked_psi(psi), in_rows(right))

    def row_variance(self, psi: Vector) -> Vector:
        """Variances (n,) of Z b given the data, z_i' Lambda M^-1 Lambda' z_i, at known psi."""
        with engine_errors(self.matrices):
            return self.native.row_variance(self.checked_psi(psi))

    def mode_slopes(self, psi: Vector) -> Vector:
        """Derivatives (effects, n_psi) of the conditional modes, ordered as in `solve`."""
        with engine_errors(self.matrices):
            return self.native.mode_slopes(self.checked_psi(psi))

    def working(self, psi: Vector) -> tuple[Vector, Vector]:
        """Observed information -l'' (n,) and score l' (n,) of the rows at the modes, weights in."""
        with engine_errors(self.matrices):
            return self.native.working(self.checked_psi(psi))

    def with_response(self, y: Vector) -> "GeneralisedProblem":
        """The same problem with another response (kept rows)."""
        problem = replace(self, matrices=replace(self.matrices, y=y))
        with engine_errors(self.matrices):
            handle = self.native.with_response(in_rows(y))
        problem.__dict__["native"] = handle
        return problem

    def checked_psi(self, psi: Sequence[float] | Vector) -> Vector:
        """`psi` as an array, or a DataError if its length or values do not fit."""
        return checked_psi(psi, self.n_psi)

    def typical_scale(self, psi: Vector) -> float:
        """What stands for the residual standard deviation of a row on the scale of the linear
        predictor: the root of one over the mean information of a row.
        """
        information = float(np.mean(np.maximum(self.working(psi)[0], 0.0)))
        return information**-0.5 if information > 0 else 1.0

    def scale_coefficients(self, theta: Vector) -> list[float]:
        """None: there is no residual standard deviation."""
        return []

    def minimise(self, *, reml: bool, control: Control) -> NoReturn:
        """Refused: a search over theta alone."""
        _refuse("Profiling the fixed effects out")

    def estimates(self, theta: Sequence[float] | Vector, *, reml: bool) -> NoReturn:
        """Refused: fixed effects do not follow from theta."""
        _refuse("Profiling the fixed effects out")

    def row_scale(self, theta: Vector) -> NoReturn:
        """Refused."""
        _refuse("A residual standard deviation")

    def row_sd(self, theta: Vector) -> NoReturn:
        """Refused."""
        _refuse("A residual standard deviation")

    def residual_covariance(self, theta: Vector, part: int, positions: Vector) -> NoReturn:
        """Refused."""
        _refuse("A covariance of residuals")

    def whitened(self, theta: Vector, columns: Vector) -> NoReturn:
        """Refused."""
        _refuse("Whitening residuals")

    def information(self, theta: Vector, *, reml: bool) -> NoReturn:
        """Refused: the Hessian in all parameters is that of `solution`."""
        _refuse("Information about (theta, sigma)")

    def kenward_roger(self, theta: Vector) -> NoReturn:
        """Refused."""
        _refuse("Kenward and Roger's method")

    def marginal_inverse(self, theta: Vector) -> MarginalInverse:
        """Refused."""
        _refuse("A marginal covariance of the response")

    def draw(
        self, draws: Draws, first: int, count: int, *, matrices: ModelMatrices | None = None
    ) -> Vector:
        """Responses (n, count) of the replicates from `first` on, of these or of other rows.

        Raises
        ------
        DataError
            If the model has weights, which no distribution has, or other rows lack their trials.
        """
        m = self.matrices if matrices is None else matrices
        require_distribution(draws, self.matrices, m)
        psi = self._psi_of(draws)
        if matrices is not None or not self._has_roots(draws):
            return draw_from_family(self.family, m, draws, first, count)
        effects = draws.effects if draws.roots or not m.terms else None
        eta, key = in_rows(draws.mean), in_rows(draws.key)
        with engine_errors(self.matrices):
            return self.native.draw(psi, eta, key, effects, first, count).T

    def refit(self, Y: Vector, plan: RefitPlan) -> Refits:
        """Fit every column of `Y` (n, r): kept rows, successes, or the places of categories."""
        _require_ml(plan.reml)
        if plan.start is None or plan.pieces is not None:
            raise ValueError("refits of generalised models need a start, and bring no pieces")
        start = self.checked_psi(plan.start)
        start = np.concatenate([self.inside(start[: self.n_theta]), start[self.n_theta :]])
        there = possible(self.family, self.matrices, Y)
        with engine_errors(self.matrices):
            found = self.native.refit(
                columns(Y[:, there]), start, plan.max_evaluations, plan.tolerance
            )
        refits = named_generalised(found, there, m=self.n_theta, p=self.n_beta)
        return replace(refits, singular=self.singular(refits, start))

    def refit_drawn(self, draws: Draws, first: int, count: int, plan: RefitPlan) -> Refits:
        """Fit the replicates `first` to `first + count - 1` of a distribution."""
        return self.refit(self.draw(draws, first, count), plan)

    def singular(self, refits: Refits, start: Vector) -> NDArray[np.bool_]:
        """Which fits are singular, by the information of a row at the start of them all."""
        out = np.zeros(len(refits), dtype=np.bool_)
        if self.n_theta:
            scales = [scale / self.typical_scale(start) for scale in self.column_scales]
            for i in np.flatnonzero(~refits.failed).tolist():
                out[i] = is_singular(self.templates(refits.theta[i]), scales)
        return out

    def _psi_of(self, draws: Draws) -> Vector:
        """Psi with a beta of zero, which `mean` stands for."""
        if draws.theta is None or draws.auxiliary is None:
            raise ValueError("draws from a generalised model need its theta and delta")
        return self.checked_psi(
            np.concatenate([draws.theta, np.zeros(self.n_beta), draws.auxiliary])
        )

    def _has_roots(self, draws: Draws) -> bool:
        """Whether random effects are drawn as theta says, or not at all."""
        if draws.theta is None:
            return False
        pairs = zip(self.templates(draws.theta), draws.roots, strict=False)
        return all(np.array_equal(T, root) for T, root in pairs)

    def _start(self, start: Sequence[float]) -> Vector:
        """Psi from a start of psi, or of theta alone."""
        values = np.asarray(start, dtype=np.float64)
        if values.shape == (self.n_theta,) and self.n_psi > self.n_theta:
            return np.concatenate([self.checked(values), self.native.start[self.n_theta :]])
        return self.checked_psi(values)


def sources(m: ModelMatrices) -> list[Vector | tuple[str, int]]:
    """Where the auxiliary parameters of the rows come from, in the order of the family: the columns
    of a part, or the number of categories whose thresholds are spaced in some way.
    """
    return [
        columns(part.D) if part.thresholds is None else (part.thresholds, part.n_thresholds + 1)
        for part in m.auxiliary
    ]


def _require_ml(reml: bool) -> None:
    if reml:
        _refuse("Restricted maximum likelihood")


def of_linear_models(what: str, *, instead: str = OF_FAMILY) -> DataError:
    """That `what` has no meaning in a generalised model, and what to do instead."""
    return DataError(
        f"{what} is not available for generalised models.\n"
        f"Do:   {instead}.\n"
        "Why:  it rests on residuals that are normal with a variance of their own."
    )


def _refuse(what: str) -> NoReturn:
    raise of_linear_models(what)
