"""Variance parameters of a problem on their natural scale, relative to sigma, with derivatives."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mixedmodels.covariance import Quantity
from mixedmodels.design import Coordinates

Vector = NDArray[np.float64]

Owner = Literal["term", "part", "spread", "auxiliary"]


@dataclass(frozen=True, slots=True)
class Reported:
    """Whose number it is, and what.

    Attributes
    ----------
    owner
        A random term, a part of the residual's correlations, a part of the function of its
        standard deviation, or the auxiliary parameters of a generalised model.
    index
        Which of them.
    quantity
        What the number is; None for a coefficient of the standard deviation's function.
    position
        Which coefficient, where a part of that function has several.
    """

    owner: Owner
    index: int
    quantity: Quantity | None
    position: int = 0

    @property
    def is_sd(self) -> bool:
        """Whether the number has the units of sigma, to which it is relative."""
        return self.quantity is not None and (
            self.quantity.is_sd or self.quantity.kind == "loading"
        )


@dataclass(frozen=True, slots=True)
class Report:
    """The numbers.

    Attributes
    ----------
    entries
        What each is, r of them.
    values
        Shape (r,).
    jacobian
        Shape (r, m): derivatives in theta.
    """

    entries: tuple[Reported, ...]
    values: Vector
    jacobian: Vector


def report_of_entries(
    term: int,
    T: Vector,
    places: Sequence[tuple[int, int, int]],
    coordinates: Coordinates,
    m: int,
    *,
    is_independent: bool,
) -> Report:
    """The standard deviations and correlations of a term whose parameters are entries of T.

    `places` holds, per parameter of the term, its place in theta and the row and column of T (q, q)
    for the working columns.
    """
    q = len(T)
    root = coordinates.reported_root(T) if coordinates.steps else T
    S = root @ root.T
    slopes = np.zeros((q, q, m))
    for position, row, column in places:
        unit = np.zeros((q, q))
        unit[row, column] = 1.0
        moved = coordinates.reported_root(unit) if coordinates.steps else unit
        half = moved @ root.T
        slopes[:, :, position] = half + half.T
    sd = np.sqrt(np.diag(S))
    with np.errstate(divide="ignore", invalid="ignore"):
        d_sd = np.array([slopes[i, i] / (2 * sd[i]) for i in range(q)]).reshape(q, m)
    entries = [Reported("term", term, Quantity("sd", i)) for i in range(q)]
    values, rows = list(sd), list(d_sd)
    pairs = [] if is_independent else [(i, j) for i in range(q) for j in range(i + 1, q)]
    for i, j in pairs:
        with np.errstate(divide="ignore", invalid="ignore"):
            r = S[i, j] / (sd[i] * sd[j])
            row = slopes[i, j] / (sd[i] * sd[j]) - r * (d_sd[i] / sd[i] + d_sd[j] / sd[j])
        entries.append(Reported("term", term, Quantity("correlation", i, j)))
        values.append(r)
        rows.append(row)
    return Report(tuple(entries), np.array(values), np.array(rows).reshape(len(values), m))


def joined(reports: Sequence[Report], m: int) -> Report:
    """One report after the other."""
    return Report(
        tuple(entry for report in reports for entry in report.entries),
        np.concatenate([np.zeros(0), *(report.values for report in reports)]),
        np.vstack([np.zeros((0, m)), *(report.jacobian for report in reports)]),
    )
