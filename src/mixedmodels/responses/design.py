"""The design that the responses share, and the same on the rows that some of them have."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design import ModelMatrices, ModelSpec, build, restricted
from mixedmodels.engine.problem import Problem
from mixedmodels.engine.route import AnyProblem, problem_of
from mixedmodels.fit.labels import theta_names
from mixedmodels.fit.notices import announce_dropped
from mixedmodels.fit.start import ordered_control
from mixedmodels.inference.hypothesis import read_hypothesis
from mixedmodels.responses.request import ManyRequest
from mixedmodels.shortening import brief

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Design:
    """A model without its response.

    Attributes
    ----------
    asked : ManyRequest
        What was asked for; the start of its search is in the order of theta.
    spec : ModelSpec
        The recipe.
    problem : Problem or StructuredProblem
        The criterion, with a response that means nothing.
    labels : tuple of str
        What is tested: the coefficients, then the hypotheses.
    rows : array (k, p)
        The same over the coefficients of the formula.
    rhs : array (k,)
        What they are compared with.
    """

    asked: ManyRequest
    spec: ModelSpec
    problem: AnyProblem
    labels: tuple[str, ...]
    rows: Vector
    rhs: Vector

    __repr__ = brief

    @property
    def matrices(self) -> ModelMatrices:
        """The columns."""
        return self.problem.matrices

    @property
    def is_plain(self) -> bool:
        """Whether the engine can fit all responses in one call: plain terms whose variances the
        data can tell.
        """
        return isinstance(self.problem, Problem) and not self.spec.identification.n_lost

    @cached_property
    def theta_names(self) -> tuple[str, ...]:
        """The names of theta."""
        return theta_names(self.problem)

    def on(self, rows: Mask) -> "Design":
        """The same on some of its rows.

        Raises
        ------
        DataError
            If these do not tell the coefficients or the variances.
        """
        spec, matrices = restricted(self.spec, self.matrices, rows)
        return replace(self, spec=spec, problem=problem_of(matrices))


@dataclass(frozen=True, slots=True)
class _Columns:
    """Columns with names, for who reads hypotheses."""

    spec: ModelSpec
    matrices: ModelMatrices


def design_of(asked: ManyRequest) -> Design:
    """Build the design of all responses.

    Raises
    ------
    FormulaError, DataError
        If the formula or the data cannot be used, or a hypothesis cannot be read.
    """
    request = asked.request
    spec, matrices = build(
        request.formula,
        request.frame,
        weights=request.weights,
        offset=request.offset,
        contrasts=request.contrasts,
        context=request.context,
        missing=request.missing,
        residual=request.residual,
        sigma=request.sigma,
        known=request.known,
    )
    announce_dropped(spec.aliased)
    problem = problem_of(matrices)
    control = replace(ordered_control(request, problem), on_failure="warn")
    labels, rows = list(matrices.x_names), np.eye(len(matrices.x_names))
    rhs = np.zeros(len(rows))
    if asked.hypotheses is not None:
        found = read_hypothesis(_Columns(spec, matrices), asked.hypotheses)
        labels += found.labels
        rows = np.vstack([rows, matrices.coordinates.original(found.L)])
        rhs = np.concatenate([rhs, found.rhs])
    asked = replace(asked, request=replace(request, control=control))
    return Design(asked, spec, problem, tuple(labels), rows, rhs)


def by_missingness(missing: Mask) -> Iterator[tuple[Mask, NDArray[np.intp]]]:
    """The rows (n,) that are there, with the columns (n, r) of which they are: together those in
    which the same rows are missing.
    """
    columns: dict[bytes, list[int]] = {}
    packed = np.packbits(missing, axis=0)
    for j in range(missing.shape[1]):
        columns.setdefault(packed[:, j].tobytes(), []).append(j)
    for places in columns.values():
        yield ~missing[:, places[0]], np.array(places, dtype=np.intp)
