"""Coefficients without a level when the covariance parameters may move: one Newton step of theta.

At the optimum of all rows the criterion without level j has the gradient g_j, and

    theta_(j) = theta - H^-1 g_j,        H the Hessian with all rows

(Pregibon 1981, *Annals of Statistics* 9, 705, for the one-step idea). The coefficients are then
exact at theta_(j). A diagonal of T that would turn negative becomes zero.
"""

import numpy as np
from numpy.typing import NDArray

from mixedmodels.diagnostics.deletion import LOST, matrices_of
from mixedmodels.engine.problem import Problem
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit

Vector = NDArray[np.float64]

WORK = 2e8
"""Rows times levels that are passed over at most, half a minute."""


def without_levels_one_step(fit: Fit, group: int) -> Vector:
    """Coefficients (levels, p) without each level of a grouping factor, theta moved by one step;
    nan where the other rows do not determine them.
    """
    m = fit.matrices
    grouping = m.groupings[group]
    _require_affordable(len(m.y), len(grouping.levels), grouping.name)
    half = fit.problem.information(fit.theta, reml=fit.reml).covariance / 2
    inverse = half[: len(fit.theta), : len(fit.theta)]
    diagonal = np.array([row == column for _, row, column in fit.problem.theta_index])
    out = np.full((len(grouping.levels), len(fit.beta)), np.nan)
    for level in range(len(out)):
        left = matrices_of(m, grouping.codes != level)
        if _determined(left.X):
            problem = Problem(left)
            _, gradient = problem.gradient(fit.theta, reml=fit.reml)
            theta = fit.theta - inverse @ gradient
            theta = np.where(diagonal, np.maximum(theta, 0.0), theta)
            out[level] = problem.estimates(theta, reml=fit.reml).beta
    return out


def _determined(X: Vector) -> bool:
    """Whether the columns are still independent."""
    scale = np.sqrt((X**2).sum(axis=0))
    if not scale.all():
        return False
    return bool(np.linalg.eigvalsh((X / scale).T @ (X / scale))[0] > LOST)


def _require_affordable(n: int, levels: int, name: str) -> None:
    if n * levels > WORK:
        raise DataError(
            f"One step of theta for each of the {levels} levels of {name} would pass over "
            f"{n} rows as often.\n"
            'Do:   use theta="fixed", which is exact at the estimated variances.'
        )
