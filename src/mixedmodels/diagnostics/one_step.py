"""Coefficients without a level when the covariance parameters may move: one Newton step of theta.

At the optimum of all rows the criterion without level j has the gradient g_j, and

    step = -H^-1 g_j,        H the Hessian with all rows

(Pregibon 1981, *Annals of Statistics* 9, 705, for the one-step idea). The step is taken in the
covariances T T', to first order: near a variance of zero the criterion is straight in the variance
where it is flat in its root. What would be negative becomes zero. The coefficients are then exact
at the new theta.
"""

import numpy as np
from numpy.typing import NDArray

from mixedmodels.diagnostics.deletion import LOST
from mixedmodels.engine.problem import Problem
from mixedmodels.engine.route import exact
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
    whole = exact(fit.problem, 'Influence with theta="one-step"', instead='use theta="fixed"')
    half = whole.information(fit.theta, reml=fit.reml).covariance / 2
    inverse = half[: len(fit.theta), : len(fit.theta)]
    out = np.full((len(grouping.levels), len(fit.beta)), np.nan)
    for level in range(len(out)):
        left = m.take(grouping.codes != level)
        if _determined(left.X):
            problem = Problem(left)
            _, gradient = problem.gradient(fit.theta, reml=fit.reml)
            theta = moved(problem, fit.theta, -inverse @ gradient)
            out[level] = problem.estimates(theta, reml=fit.reml).beta
    return out


def moved(problem: Problem, theta: Vector, step: Vector) -> Vector:
    """The parameters (m,) after `step`, taken to first order in every T T'."""
    pairs = zip(problem.templates(theta), problem.templates(step), strict=True)
    return problem.theta_of([_root(T_k @ T_k.T + D_k @ T_k.T + T_k @ D_k.T) for T_k, D_k in pairs])


def _root(G: Vector) -> Vector:
    """The lower triangle T with T T' the nearest matrix to `G` without negative directions."""
    values, vectors = np.linalg.eigh(G)
    upper = np.asarray(np.linalg.qr((vectors * np.sqrt(np.maximum(values, 0.0))).T, mode="r"))
    signs = np.where(np.diag(upper) < 0, -1.0, 1.0)
    return np.asarray((upper * signs[:, None]).T)


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
