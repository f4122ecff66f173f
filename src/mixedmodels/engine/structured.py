"""`StructuredProblem`: the criterion of a model whose covariances have structure.

It answers the same questions as `Problem`. Theta holds the free coordinates of the structures: of
the random terms in formula order, of the residual's parts, of the function of its standard
deviation. They are unbounded; `report` gives the parameters on their natural scale.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mixedmodels import _native
from mixedmodels.covariance import Quantity, Structure
from mixedmodels.design import Grouping, ModelMatrices, TermMatrix
from mixedmodels.engine.arrays import columns, in_rows, without_offset
from mixedmodels.engine.batch import Draws, RefitPlan, Refits, named
from mixedmodels.engine.failures import engine_errors
from mixedmodels.engine.report import Owner, Report, Reported, joined, report_of_entries
from mixedmodels.engine.settings import Control
from mixedmodels.errors import DataError
from mixedmodels.shortening import brief
from mixedmodels.vocabulary import QuantityKind

Vector = NDArray[np.float64]

Values = list[tuple[float, int | None]]
"""Per structure parameter: a constant, or the index of the element of theta that it equals."""


@dataclass(frozen=True, slots=True)
class _Sparse:
    indptr: NDArray[np.int32]
    indices: NDArray[np.int32]
    data: Vector
    log_det: float


@dataclass(frozen=True, slots=True)
class _Term:
    """A random term as the native constructor reads it."""

    n_levels: int
    pointers: NDArray[np.int64]
    levels: NDArray[np.int32]
    weights: Vector | None
    Z: Vector
    structure: Structure
    distance: float
    positions: Vector
    precision: _Sparse | None


@dataclass(frozen=True, slots=True)
class _Residual:
    """The covariance of the residuals as the native constructor reads it."""

    codes: NDArray[np.int32]
    n_blocks: int
    positions: Vector
    part: NDArray[np.int32]
    n_parts: int
    n_occasions: int
    structure: Structure
    distance: float


@dataclass(frozen=True)
class StructuredProblem:
    """One data set, ready to be evaluated at any theta.

    Parameters
    ----------
    matrices : ModelMatrices
        Response, fixed-effects matrix of full rank, random terms, residual covariance.
    values : list of (float, int or None), optional
        Which structure parameters are held at a constant and which equal an element of theta; None
        for all free but the first standard deviation of the residual, which sigma stands for.
    """

    matrices: ModelMatrices
    values: Values | None = None

    __repr__ = brief

    @cached_property
    def native(self) -> _native.StructuredProblem:
        """The native handle."""
        m = self.matrices
        with engine_errors(m):
            return _native.StructuredProblem(
                in_rows(without_offset(m, m.y)),
                columns(m.X),
                [_term(term, m.groupings[term.group]) for term in m.terms],
                _residual(m),
                _spreads(m),
                None if m.weights is None else in_rows(m.weights),
                self.values,
            )

    def __getstate__(self) -> dict[str, object]:
        """The matrices alone: the native handle is rebuilt from them when needed."""
        return {"matrices": self.matrices, "values": self.values}

    @property
    def sigma(self) -> float | None:
        """The residual standard deviation where it is known."""
        return self.matrices.known_sigma

    @property
    def n_theta(self) -> int:
        """The number of free covariance parameters m."""
        return self.native.n_theta

    @property
    def owners(self) -> list[int | None]:
        """Per element of theta the first term that it belongs to, or None for the residual."""
        ends = self.native.term_ends
        owners: dict[int, int | None] = {}
        for place, (_, j) in enumerate(self.native.values):
            if j is not None and j not in owners:
                owner = next((k for k, end in enumerate(ends) if place < end), None)
                owners[j] = owner
        return [owners[j] for j in range(self.n_theta)]

    @property
    def units(self) -> Vector:
        """The size (m,) of every element of theta in the units of the data."""
        return self.native.units

    @property
    def column_scales(self) -> list[Vector]:
        """Per term: root-mean-square of each column of Z_k."""
        return [np.sqrt(np.mean(term.Z**2, axis=0)) for term in self.matrices.terms]

    def templates(self, theta: Sequence[float] | Vector) -> tuple[Vector, ...]:
        """T_k (q_k, r_k) of every term for the columns of Z_k; Sigma_k = sigma^2 T_k T_k'."""
        with engine_errors(self.matrices):
            return tuple(self.native.templates(self.checked(theta)))

    def deviance(self, theta: Sequence[float] | Vector, *, reml: bool) -> float:
        """The criterion at `theta`."""
        with engine_errors(self.matrices):
            return self.native.deviance(self.checked(theta), reml, self.sigma)

    def gradient(self, theta: Sequence[float] | Vector, *, reml: bool) -> tuple[float, Vector]:
        """The criterion at `theta` and its exact gradient (m,)."""
        with engine_errors(self.matrices):
            deviance, gradient, _ = self.native.gradient(self.checked(theta), reml, self.sigma)
        return deviance, gradient

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

    def report(self, theta: Sequence[float] | Vector) -> Report:
        """Every variance parameter on its natural scale, relative to sigma."""
        theta = self.checked(theta)
        names, values, jacobian = self.native.report(theta)
        entries = _entries(names)
        whole = Report(entries, values, jacobian)
        T = None
        parts, start = [], 0
        terms = self.matrices.terms
        for k, term in enumerate(terms):
            count = sum(e.owner == "term" and e.index == k for e in entries)
            own = Report(
                entries[start : start + count],
                values[start : start + count],
                jacobian[start : start + count],
            )
            if term.structure.is_plain and term.coordinates.steps:
                T = self.templates(theta) if T is None else T
                own = report_of_entries(
                    k,
                    T[k],
                    self._places(k),
                    term.coordinates,
                    len(theta),
                    is_independent=term.is_independent,
                )
            parts.append(own)
            start += count
        rest = Report(entries[start:], whole.values[start:], whole.jacobian[start:])
        return joined([*parts, rest], len(theta))

    def row_sd(self, theta: Vector) -> Vector:
        """Standard deviations (n,) of the residuals of the rows, relative to sigma."""
        theta = self.checked(theta)
        scale = self.native.row_sd(theta)
        residual = self.matrices.residual
        if residual is None or residual.structure is None:
            return scale
        at, where = np.unique(
            np.column_stack([residual.part, residual.positions]), axis=0, return_inverse=True
        )
        own = [
            self.native.residual_covariance(theta, int(row[0]), row[None, 1:])[0, 0] for row in at
        ]
        return scale * np.sqrt(own)[where.ravel()]

    def residual_covariance(self, theta: Vector, part: int, positions: Vector) -> Vector:
        """Covariance (r, r) of residuals of one block at positions (r, d), relative to sigma^2,
        without what differs between rows (weights, the function of the standard deviation).
        """
        at = np.ascontiguousarray(positions, dtype=np.float64)
        return self.native.residual_covariance(self.checked(theta), part, at)

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
        raise _not_yet("Satterthwaite's method")

    def kenward_roger(self, theta: Vector) -> _native.KenwardRoger:
        """The pieces of Kenward and Roger's method at `theta`."""
        raise _not_yet("Kenward and Roger's method")

    def draw(self, draws: Draws, first: int, count: int) -> Vector:
        """Responses of the replicates `first` to `first + count - 1`, (n, count)."""
        if draws.theta is None:
            raise ValueError("draws from a model with structure need its theta")
        effects = draws.effects if draws.roots or not self.matrices.terms else None
        with engine_errors(self.matrices):
            rows = self.native.draw(
                self.checked(draws.theta),
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
        if plan.pieces is not None:
            raise _not_yet("A test by this method in replicates")
        start = self._inside(self.checked(plan.start))
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
        """Fit the replicates `first` to `first + count - 1` of a distribution."""
        return self.refit(self.draw(draws, first, count), plan)

    def _inside(self, theta: Vector) -> Vector:
        """`theta` without standard deviations of zero: from there no search would start."""
        least = 0.05 * self.units
        report = self.report(theta)
        sds = np.array([entry.is_sd for entry in report.entries], dtype=np.bool_)
        alone = np.abs(report.jacobian[sds & (report.values == 0)]).sum(axis=0) > 0
        return np.where(alone & (np.abs(theta) < least), least, theta)

    def with_response(self, y: Vector) -> "StructuredProblem":
        """The same problem with another response (kept rows, offset not yet subtracted)."""
        problem = replace(self, matrices=replace(self.matrices, y=y))
        with engine_errors(self.matrices):
            handle = self.native.with_response(in_rows(without_offset(problem.matrices, y)))
        problem.__dict__["native"] = handle
        return problem

    def checked(self, theta: Sequence[float] | Vector) -> Vector:
        """`theta` as an array, or a DataError if its length or values do not fit."""
        values = in_rows(np.asarray(theta, dtype=np.float64))
        if values.shape != (self.n_theta,) or not np.isfinite(values).all():
            raise DataError(
                f"theta must be {self.n_theta} finite numbers, but has shape {values.shape}.\n"
                "Do:   give one number per covariance parameter, in the order of `model.theta`."
            )
        return values

    def _places(self, k: int) -> list[tuple[int, int, int]]:
        """Place in theta, row and column of the free entries of T_k of a plain term."""
        first = 0 if k == 0 else self.native.term_ends[k - 1]
        term = self.matrices.terms[k]
        q = len(term.names)
        entries = [
            (row, column)
            for column in range(q)
            for row in range(column, column + 1 if term.is_independent else q)
        ]
        values = self.native.values[first : first + len(entries)]
        pairs = zip(values, entries, strict=True)
        return [(j, row, column) for (_, j), (row, column) in pairs if j is not None]


def _not_yet(what: str) -> DataError:
    return DataError(
        f"{what} is not available for models with structured covariances.\n"
        'Do:   use ddf="normal" or ddf="residual".'
    )


def _entries(
    names: Sequence[tuple[Owner, int, QuantityKind, int, int]],
) -> tuple[Reported, ...]:
    out: list[Reported] = []
    for owner, index, kind, first, second in names:
        if owner == "spread":
            again = bool(out) and (out[-1].owner, out[-1].index) == (owner, index)
            position = out[-1].position + 1 if again else 0
            out.append(Reported(owner, index, None, position))
        else:
            out.append(Reported(owner, index, Quantity(kind, first, second)))
    return tuple(out)


def _term(term: TermMatrix, grouping: Grouping) -> _Term:
    n, q = term.Z.shape
    members, known = term.members, term.precision
    pointers = np.arange(n + 1, dtype=np.int64) if members is None else members.indptr
    positions = np.arange(q, dtype=np.float64)[:, None]
    if term.positions is not None:
        positions = np.ascontiguousarray(term.positions, dtype=np.float64)
    return _Term(
        n_levels=len(grouping.levels),
        pointers=in_rows(pointers),
        levels=in_rows(grouping.codes if members is None else members.codes),
        weights=None if members is None else in_rows(members.weights),
        Z=np.ascontiguousarray(term.Z),
        structure=term.structure,
        distance=_usual_distance(positions),
        positions=positions,
        precision=None
        if known is None
        else _Sparse(
            known.Q.indptr.astype(np.int32),
            known.Q.indices.astype(np.int32),
            in_rows(known.Q.data.astype(np.float64)),
            known.log_det,
        ),
    )


def _residual(m: ModelMatrices) -> _Residual | None:
    found = m.residual
    if found is None or found.structure is None:
        return None
    positions = np.ascontiguousarray(found.positions, dtype=np.float64)
    count = len(found.occasions)
    if not count and not found.structure.by_position:
        count = int(positions.max()) + 1
    return _Residual(
        codes=in_rows(found.codes),
        n_blocks=int(found.codes.max()) + 1,
        positions=positions,
        part=in_rows(found.part),
        n_parts=len(found.parts),
        n_occasions=max(count, 2),
        structure=found.structure,
        distance=_usual_distance(positions, found.codes),
    )


def _usual_distance(positions: Vector, codes: NDArray[np.int32] | None = None) -> float:
    """The median distance of neighbours along the first direction, where a range may start."""
    group = np.zeros(len(positions), dtype=np.int32) if codes is None else codes
    order = np.lexsort((positions[:, 0], group))
    steps = np.diff(positions[order], axis=0)[np.diff(group[order]) == 0]
    lengths = np.sqrt((steps**2).sum(axis=1))
    lengths = lengths[lengths > 0]
    return float(np.median(lengths)) if len(lengths) else 1.0


def _spreads(m: ModelMatrices) -> list[tuple[str, Vector]]:
    scale = None if m.residual is None else m.residual.scale
    if scale is None:
        return []
    found = [("linear", in_rows(scale.S[:, j].copy())) for j in range(scale.S.shape[1])]
    for power in scale.powers:
        if power.values is None:
            raise ValueError("powers of the fitted values are set before the engine sees them")
        values = np.abs(power.values)
        if power.rows is not None:
            values = np.where(power.rows, values, 1.0)
        found.append((power.kind, in_rows(values)))
    return found
