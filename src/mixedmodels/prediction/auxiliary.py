"""The auxiliary parameters of rows, with their derivatives in delta: dispersion, shape, logit of
excess zeros, thresholds.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.engine.auxiliary import thresholds
from mixedmodels.fit.fit import Fit
from mixedmodels.prediction.rows import Rows

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Auxiliary:
    """Auxiliary parameters of n rows.

    Attributes
    ----------
    values : array (k, n)
        Of an ordered response all its thresholds, the same in every row.
    slopes : array (k, n, a)
        Their derivatives in delta.
    """

    values: Vector
    slopes: Vector


def auxiliary_of(fit: Fit, rows: Rows) -> Auxiliary:
    """The auxiliary parameters of rows; zeros for parts whose columns the rows do not have."""
    delta = fit.delta
    parts, n, first = fit.matrices.auxiliary, len(rows.X), 0
    values, slopes = [], []
    for part, D in zip(parts, rows.auxiliary, strict=True):
        own = slice(first, first + len(part.names))
        first = own.stop
        if part.thresholds is not None:
            tau, jacobian = thresholds_of(fit)
            values.append(np.repeat(tau[:, None], n, axis=1))
            slopes.append(np.repeat(jacobian[:, None, :], n, axis=1))
            continue
        jacobian = np.zeros((1, n, len(delta)))
        if D is not None:
            jacobian[0, :, own] = D
        values.append(jacobian @ delta)
        slopes.append(jacobian)
    if not values:
        return Auxiliary(np.zeros((0, n)), np.zeros((0, n, len(delta))))
    return Auxiliary(np.concatenate(values), np.concatenate(slopes))


def thresholds_of(fit: Fit) -> tuple[Vector, Vector]:
    """The thresholds tau (C - 1,) of an ordinal model, and their derivatives (C - 1, a)."""
    [part] = fit.matrices.auxiliary
    return thresholds(part, fit.delta)
