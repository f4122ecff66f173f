"""Coefficients without a level when the covariance parameters may move: one Newton step of theta.

At the optimum of all rows the criterion without level j has the gradient g_j, and

    step = -H^-1 g_j,        H the Hessian with all rows

(Pregibon 1981, *Annals of Statistics* 9, 705, for the one-step idea). The step is taken in the
covariances T T', to first order: near a variance of zero the criterion is straight in the variance
where it is flat in its root. What would be negative becomes zero. The coefficients are then exact
at the new theta.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mixedmodels.diagnostics.deletion import LOST
from mixedmodels.engine.generalised import GeneralisedProblem
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


def generalised_one_step(fit: Fit, group: int) -> Vector:
    """The same of a generalised fit: one Newton step of all its parameters, the Hessian that of all
    rows.
    """
    m, covariance, whole = fit.matrices, _covariance(fit), fit.problem
    if not isinstance(whole, GeneralisedProblem):
        raise TypeError("the fit is not that of a generalised model")
    grouping = m.groupings[group]
    _require_affordable(len(m.y), len(grouping.levels), grouping.name)
    own = slice(len(fit.theta), len(fit.theta) + len(fit.beta))
    out = np.full((len(grouping.levels), len(fit.beta)), np.nan)
    for level in range(len(out)):
        left = m.take(grouping.codes != level)
        if _determined(left.X):
            _, gradient = replace(whole, matrices=left).gradient(fit.psi)
            out[level] = fit.beta - covariance[own] @ gradient / 2
    return out


def _covariance(fit: Fit) -> Vector:
    """Of the estimates of psi.

    Raises
    ------
    DataError
        Where the Hessian is not positive definite.
    """
    found = fit.generalised
    if found is None or np.isnan(found.covariance).any():
        raise DataError(
            "The parameters cannot move by a Newton step: the Hessian is not positive definite.\n"
            'Do:   use theta="fixed", or look at model.convergence.message.'
        )
    return found.covariance


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
