"""The parts of a generalised model beside the mean, at given parameters: plain arrays.

The engine has the same formulas with their derivatives; here they serve rows that are not its own,
and reports.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design import AuxiliaryMatrix

Vector = NDArray[np.float64]


def split(parts: Sequence[AuxiliaryMatrix], delta: Vector) -> list[Vector]:
    """The parameters of every part."""
    ends = np.cumsum([len(part.names) for part in parts])
    return np.split(delta, ends[:-1]) if len(ends) else []


def thresholds(part: AuxiliaryMatrix, delta: Vector) -> tuple[Vector, Vector]:
    """Thresholds (t,) in ascending order, and their derivatives (t, parameters).

    Flexible: tau_1 = delta_1, tau_k = tau_{k-1} + exp(delta_k); equidistant: tau_k = delta_1 +
    (k - 1) exp(delta_2).
    """
    count = part.n_thresholds
    slopes = np.zeros((count, len(delta)))
    slopes[:, 0] = 1.0
    steps = np.exp(delta[1:])
    if part.thresholds == "flexible":
        slopes[:, 1:] = np.tril(np.ones((count, count)), -1)[:, :-1] * steps
    elif len(delta) > 1:
        slopes[:, 1] = np.arange(count) * steps[0]
    return delta[0] + slopes[:, 1:].sum(axis=1), slopes


def of_thresholds(tau: Vector) -> Vector:
    """The delta (t,) of ascending thresholds (t,) of a flexible part: `thresholds` backwards."""
    return np.concatenate([tau[:1], np.log(np.diff(tau))])


def row_values(
    parts: Sequence[AuxiliaryMatrix],
    delta: Vector,
    n: int,
    *,
    y: Vector | None = None,
    matrices: Sequence[Vector] | None = None,
) -> Vector:
    """The auxiliary parameters (n, k) of rows, as a family takes them.

    Parameters
    ----------
    parts
        Of the fit.
    delta
        Shape (a,): their parameters.
    n
        The number of rows.
    y
        Shape (n,): the categories of an ordinal response, for what is asked of them, which takes
        the thresholds below and above; without it every row has all thresholds.
    matrices
        The columns D of other rows, in place of those of the fit, of the parts that have columns.
    """
    rows = iter(matrices if matrices is not None else [p.D for p in parts if not p.thresholds])
    columns: list[Vector] = []
    for part, own in zip(parts, split(parts, delta), strict=True):
        if part.thresholds is None:
            columns.append(next(rows) @ own)
            continue
        tau, _ = thresholds(part, own)
        if y is None:
            columns += [np.full(n, value) for value in tau]
            continue
        ends = np.concatenate([[-np.inf], tau, [np.inf]])
        category = y.astype(np.int64)
        columns += [ends[category], ends[category + 1]]
    return np.ascontiguousarray(np.column_stack(columns)) if columns else np.empty((n, 0))
