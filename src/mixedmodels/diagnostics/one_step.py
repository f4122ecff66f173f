"""Coefficients without a level when the covariance parameters may move: one Newton step of theta.

At the optimum of all rows the criterion without level j has the gradient g_j, and

    step = -H^-1 g_j,        H the Hessian with all rows

(Pregibon 1981, *Annals of Statistics* 9, 705, for the one-step idea). The step is taken in the
covariances T T', to first order: near a variance of zero the criterion is straight in the variance
where it is flat in its root. What would be negative becomes zero. Where covariances have structure
it is taken in their free coordinates. The coefficients are then exact at the new theta.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mixedmodels.diagnostics.deletion import rows_by_level
from mixedmodels.diagnostics.left_out import LOST
from mixedmodels.engine.generalised import GeneralisedProblem
from mixedmodels.engine.problem import Problem
from mixedmodels.engine.route import AnyLinear, exact, linear, problem_like
from mixedmodels.engine.structured import StructuredProblem
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit

Vector = NDArray[np.float64]
Int = NDArray[np.int64]

WORK = 2e8
"""Rows times levels passed over at most, half a minute."""


def without_levels_one_step(fit: Fit, group: int) -> Vector:
    """Coefficients (levels, p) without each level of a grouping factor, theta moved by one step;
    nan where the other rows do not determine them.
    """
    grouping = fit.matrices.groupings[group]
    passes = len(fit.matrices.y) * len(grouping.levels)
    inverse = inverse_hessian(fit, 'Influence with theta="one-step"', passes, grouping.name)
    out = np.full((len(grouping.levels), len(fit.beta)), np.nan)
    for level, rows in enumerate(rows_by_level(fit.matrices, group)):
        found = _stepped(fit, rows, inverse)
        if found is not None:
            problem, theta = found
            out[level] = problem.estimates(theta, reml=fit.reml).beta
    return out


def inverse_hessian(fit: Fit, what: str, passes: int, name: str) -> Vector:
    """H^-1 (m, m) at the optimum of all rows.

    Raises
    ------
    DataError
        If it takes too many `passes` over a row to leave out the levels of `name`, or the model was
        fitted iteratively.
    """
    _require_affordable(passes, name)
    m = len(fit.theta)
    problem = linear(fit.problem, what)
    if not isinstance(problem, StructuredProblem):
        problem = exact(problem, what, instead='use theta="fixed"')
    return np.asarray(problem.information(fit.theta, reml=fit.reml).covariance[:m, :m] / 2)


def theta_without(fit: Fit, rows: Int, inverse: Vector) -> Vector | None:
    """Theta after one step of the criterion without `rows`; None where the other rows do not
    determine the coefficients.
    """
    found = _stepped(fit, rows, inverse)
    return None if found is None else found[1]


def _stepped(fit: Fit, rows: Int, inverse: Vector) -> tuple[AnyLinear, Vector] | None:
    """The problem without some rows, and theta."""
    keeps = np.ones(len(fit.matrices.y), dtype=np.bool_)
    keeps[rows] = False
    left = fit.matrices.take(keeps)
    if not _determined(left.X):
        return None
    problem = linear(problem_like(fit.problem, left), "One step of theta")
    _, gradient = problem.gradient(fit.theta, reml=fit.reml)
    step = -inverse @ gradient
    if isinstance(problem, Problem):
        return problem, moved(problem, fit.theta, step)
    return problem, fit.theta + step


def generalised_one_step(fit: Fit, group: int) -> Vector:
    """The same of a generalised fit: one Newton step of all its parameters, the Hessian that of all
    rows.
    """
    m, covariance, whole = fit.matrices, _covariance(fit), fit.problem
    if not isinstance(whole, GeneralisedProblem):
        raise TypeError("the fit is not that of a generalised model")
    grouping = m.groupings[group]
    _require_affordable(len(m.y) * len(grouping.levels), grouping.name)
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


def _require_affordable(passes: int, name: str) -> None:
    if passes > WORK:
        raise DataError(
            f"One step of theta without each level of {name} would pass over {passes:.1e} rows.\n"
            'Do:   use theta="fixed", which is exact at the estimated variances.'
        )
