"""`StructuredTerms`: the covariance structures of random terms and their free coordinates.

What problems share whose theta holds the free coordinates of structures, whatever the distribution
of the response.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels import _native
from mixedmodels.covariance import Quantity
from mixedmodels.data.unkept import rows_needed
from mixedmodels.design import ModelMatrices
from mixedmodels.engine.arrays import checked_theta
from mixedmodels.engine.batch import INSIDE
from mixedmodels.engine.failures import engine_errors
from mixedmodels.engine.report import Owner, Report, Reported, joined, report_of_entries
from mixedmodels.errors import DataError
from mixedmodels.vocabulary import QuantityKind

Vector = NDArray[np.float64]

Values = list[tuple[float, int | None]]
"""Per structure parameter: a constant, or the index of the element of theta that it equals."""


@dataclass(frozen=True)
class StructuredTerms(ABC):
    """Random terms with structures, and which of their parameters are held.

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

    @property
    @abstractmethod
    def structures(self) -> _native.StructuredProblem:
        """The native handle that knows what theta means."""

    @property
    def n_theta(self) -> int:
        """The number of free covariance parameters m."""
        return self.structures.n_theta

    @property
    def owners(self) -> list[int | None]:
        """Per element of theta the first term that it belongs to, or None for the residual."""
        ends = self.structures.term_ends
        owners: dict[int, int | None] = {}
        for place, (_, j) in enumerate(self.structures.values):
            if j is not None and j not in owners:
                owner = next((k for k, end in enumerate(ends) if place < end), None)
                owners[j] = owner
        return [owners[j] for j in range(self.n_theta)]

    @property
    def units(self) -> Vector:
        """The size (m,) of every element of theta in the units of the data."""
        if not self.matrices.has_rows:
            raise rows_needed()
        return self.structures.units

    @property
    def column_scales(self) -> list[Vector]:
        """Per term: root-mean-square of each column of Z_k."""
        moments = self.matrices.moments
        if moments is not None and moments.scales is not None:
            return list(moments.scales)
        return [np.sqrt(np.mean(term.Z**2, axis=0)) for term in self.matrices.terms]

    def templates(self, theta: Sequence[float] | Vector) -> tuple[Vector, ...]:
        """T_k (q_k, r_k) of every term for the columns of Z_k; Sigma_k = sigma^2 T_k T_k'."""
        with engine_errors(self.matrices):
            return tuple(self.structures.templates(self.checked(theta)))

    def report(self, theta: Sequence[float] | Vector) -> Report:
        """Every variance parameter on its natural scale, relative to sigma."""
        theta = self.checked(theta)
        names, values, jacobian = self.structures.report(theta)
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
                    self.places(k),
                    term.coordinates,
                    len(theta),
                    is_independent=term.is_independent,
                )
            parts.append(own)
            start += count
        rest = Report(entries[start:], whole.values[start:], whole.jacobian[start:])
        return joined([*parts, rest], len(theta))

    def theta_of(self, T: Sequence[Vector]) -> Vector:
        """The free parameters (m,) that give lower-triangular templates of plain terms.

        Raises
        ------
        DataError
            If a term has a structure, of which a template is no free choice.
        """
        theta = np.zeros(self.n_theta)
        for k, term in enumerate(self.matrices.terms):
            if not term.structure.is_plain:
                raise DataError(
                    "Standard deviations and correlations do not say the covariance of a term "
                    "with a structure.\nDo:   use terms such as (x | g) and (x || g)."
                )
            for j, row, column in self.places(k):
                theta[j] = T[k][row, column]
        return theta

    def inside(self, theta: Vector) -> Vector:
        """`theta` without standard deviations of zero and correlations of one: from there no search
        would start.
        """
        least = INSIDE * self.units
        report = self.report(theta)
        sds = np.array([entry.is_sd for entry in report.entries], dtype=np.bool_)
        small = sds & (np.abs(report.values) <= np.abs(report.jacobian) @ least)
        alone = np.abs(report.jacobian[small]).sum(axis=0) > 0
        for k, term in enumerate(self.matrices.terms):
            if term.structure.is_plain:
                alone[[j for j, row, column in self.places(k) if row == column]] = True
        return np.where(alone & (np.abs(theta) < least), least, theta)

    def checked(self, theta: Sequence[float] | Vector) -> Vector:
        """`theta` as an array, or a DataError if its length or values do not fit."""
        return checked_theta(theta, self.n_theta)

    def places(self, k: int) -> list[tuple[int, int, int]]:
        """Place in theta, row and column of the free entries of T_k of a plain term; none of a term
        with a structure of its own.
        """
        if not self.matrices.terms[k].structure.is_plain:
            return []
        first = 0 if k == 0 else self.structures.term_ends[k - 1]
        term = self.matrices.terms[k]
        q = len(term.names)
        entries = [
            (row, column)
            for column in range(q)
            for row in range(column, column + 1 if term.is_independent else q)
        ]
        values = self.structures.values[first : first + len(entries)]
        pairs = zip(values, entries, strict=True)
        return [(j, row, column) for (_, j), (row, column) in pairs if j is not None]


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
