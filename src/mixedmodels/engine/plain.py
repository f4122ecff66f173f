"""`PlainProblem`: what problems share whose variance parameters are the entries of templates."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mixedmodels import _native
from mixedmodels.data.unkept import rows_needed
from mixedmodels.design import ModelMatrices
from mixedmodels.engine.arrays import checked_theta, in_rows, without_offset
from mixedmodels.engine.batch import Draws, draw
from mixedmodels.engine.equations import Equations
from mixedmodels.engine.failures import engine_errors
from mixedmodels.engine.marginal import MarginalInverse, marginal_inverse
from mixedmodels.engine.report import Report, joined, report_of_entries
from mixedmodels.engine.settings import Control
from mixedmodels.engine.templates import templates, working_template

Vector = NDArray[np.float64]


class Native(Protocol):
    """What is asked of the native handle of either kind."""

    @property
    def n_theta(self) -> int: ...
    @cached_property
    def theta_index(self) -> list[tuple[int, int, int]]: ...
    @property
    def column_scales(self) -> list[Vector]: ...
    def gradient(
        self, theta: Vector, reml: bool, sigma: float | None = None
    ) -> tuple[float, Vector]: ...
    def minimise(
        self,
        reml: bool,
        start: Vector | None,
        max_evaluations: int,
        tolerance: float,
        sigma: float | None = None,
    ) -> _native.Solution: ...
    def estimates(
        self, theta: Vector, reml: bool, sigma: float | None = None
    ) -> _native.Solution: ...
    def information(
        self, theta: Vector, reml: bool, sigma: float | None = None
    ) -> _native.Information: ...
    def equations(self, theta: Vector) -> _native.Equations: ...


def sums_from(data: bytes | None) -> _native.Sums | None:
    """The cross-products that `Sums.to_bytes` has written; None of none."""
    return None if data is None else _native.Sums.from_bytes(data)


@dataclass(frozen=True)
class PlainProblem(ABC):
    """A model of unstructured and independent terms whose residuals are independent.

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

    @property
    @abstractmethod
    def native(self) -> Native:
        """The native handle."""

    def __getstate__(self) -> dict[str, object]:
        """What the native handle is rebuilt from when needed."""
        sums = None if self.sums is None else self.sums.to_bytes()
        return {"matrices": self.matrices, "sums": sums}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(matrices=state["matrices"], sums=sums_from(state["sums"]))

    def require_rows(self) -> None:
        """Refuse where the rows are not kept."""
        if not self.matrices.has_rows:
            raise rows_needed()

    def gradient(self, theta: Sequence[float] | Vector, *, reml: bool) -> tuple[float, Vector]:
        """The criterion at `theta` and its gradient (m,), estimated by an iterative problem."""
        with engine_errors(self.matrices):
            return self.native.gradient(self.checked(theta), reml, self.known_sigma)

    def minimise(self, *, reml: bool, control: Control) -> _native.Solution:
        """Search for the optimum as `control` says; its start is for the formula's columns."""
        start = None if control.start is None else self.working(self.checked(control.start))
        with engine_errors(self.matrices):
            return self.native.minimise(
                reml, start, control.max_evaluations, control.tolerance, self.known_sigma
            )

    def estimates(self, theta: Sequence[float] | Vector, *, reml: bool) -> _native.Solution:
        """Everything that follows from a given `theta`, without a search."""
        with engine_errors(self.matrices):
            return self.native.estimates(self.checked(theta), reml, self.known_sigma)

    def information(self, theta: Vector, *, reml: bool) -> _native.Information:
        """Hessian in (theta, sigma), and derivatives of (X'V^-1 X)^-1, at the optimum `theta`.

        An iterative problem has the Hessian by differences of the estimated gradient.
        """
        with engine_errors(self.matrices):
            return self.native.information(self.checked(theta), reml, self.known_sigma)

    def equations(self, theta: Vector) -> Equations:
        """The mixed-model equations at `theta`, factorised or solved by conjugate gradients."""
        with engine_errors(self.matrices):
            native = self.native.equations(self.checked(theta))
        return Equations.of(self.matrices, self.templates(theta), native)

    @property
    def n_theta(self) -> int:
        """The number of covariance parameters m."""
        return len(self.theta_index)

    @property
    def theta_index(self) -> list[tuple[int, int, int]]:
        """Per element of theta: term, row and column of T_k, its lower triangle by columns."""
        return [
            (k, row, column)
            for k, term in enumerate(self.matrices.terms)
            for column in range(len(term.names))
            for row in range(column, column + 1 if term.is_independent else len(term.names))
        ]

    @property
    def column_scales(self) -> list[Vector]:
        """Per term: root-mean-square of each column of Z_k, weights included."""
        moments = self.matrices.moments
        if moments is not None and moments.scales is not None:
            return list(moments.scales)
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

    def places(self, k: int) -> list[tuple[int, int, int]]:
        """Place in theta, row and column of the entries of T_k."""
        index = enumerate(self.theta_index)
        return [(j, row, column) for j, (term, row, column) in index if term == k]

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

    def draw(
        self, draws: Draws, first: int, count: int, *, matrices: ModelMatrices | None = None
    ) -> Vector:
        """Responses (n, count) of the replicates from `first` on, of these or of other rows."""
        return draw(self.matrices if matrices is None else matrices, draws, first, count)

    @property
    def known_sigma(self) -> float | None:
        """The residual standard deviation where it is known; else it is profiled out."""
        return self.matrices.known_sigma

    def working(self, theta: Vector) -> Vector:
        """Theta for the columns of Z_k from theta for those of the formula."""
        pairs = zip(self.matrices.terms, self.templates(theta), strict=True)
        return self.theta_of([working_template(term.coordinates, T_k) for term, T_k in pairs])

    def checked(self, theta: Sequence[float] | Vector) -> Vector:
        """`theta` as an array, or a DataError if its length or values do not fit."""
        return checked_theta(theta, self.n_theta)

    @property
    def working_response(self) -> Vector:
        """The response less the offset, as the engine reads it."""
        return in_rows(without_offset(self.matrices, self.matrices.y))
