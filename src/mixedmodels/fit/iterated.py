"""Residual standard deviations that are a power of the fitted values.

Such a model has no one likelihood: the covariance of the response depends on its mean. The fitted
values of one fit are the covariate of the next, until they stay (Pinheiro & Bates 2000,
*Mixed-Effects Models in S and S-PLUS*, section 5.2): a fixed point, not a maximum.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mixedmodels._native import Solution
from mixedmodels.design import ModelMatrices
from mixedmodels.engine.arrays import without_offset
from mixedmodels.engine.convergence import Convergence
from mixedmodels.engine.route import AnyLinear
from mixedmodels.errors import DataError, TimeLimitError
from mixedmodels.fit.linear_predictor import linear_predictor, marginal_mean

Vector = NDArray[np.float64]

ROUNDS = 100
"""Fits at most."""

STAYS = 1e-9
"""Change of the fitted values, relative to the largest, that ends the iteration."""

Found = tuple[AnyLinear, Solution, Convergence]


def depends_on_fitted(matrices: ModelMatrices) -> bool:
    """Whether the residual standard deviation is a function of the fitted values."""
    scale = None if matrices.residual is None else matrices.residual.scale
    return scale is not None and scale.depends_on_fitted


def with_fitted(matrices: ModelMatrices, fitted: Vector) -> ModelMatrices:
    """The matrices with `fitted` (n,) as the covariate of these powers.

    Raises
    ------
    DataError
        If one of them is zero, whose power is no standard deviation.
    """
    residual = matrices.residual
    if residual is None or residual.scale is None:
        return matrices
    if not np.all(np.abs(fitted) > 0):
        raise DataError(
            "A fitted value is zero, so that its power is no standard deviation.\n"
            'Do:   use sigma="constpower(fitted)", or a power of a positive covariate.'
        )
    powers = tuple(
        replace(power, values=np.abs(fitted)) if power.of_fitted else power
        for power in residual.scale.powers
    )
    scale = replace(residual.scale, powers=powers)
    return replace(matrices, residual=replace(residual, scale=scale))


def fixed_point(
    start: AnyLinear,
    search: Callable[[AnyLinear, Vector | None], tuple[Solution, Convergence]],
) -> Found:
    """Fit again and again, each time with the fitted values of the last fit."""
    matrices = start.matrices
    fitted = _least_squares(matrices)
    theta: Vector | None = None
    found: Found | None = None
    for _ in range(ROUNDS):
        problem = replace(start, matrices=with_fitted(matrices, fitted))
        try:
            solution, convergence = search(problem, theta)
        except TimeLimitError:
            if found is None:
                raise
            return _stopped(found)
        found = problem, solution, convergence
        if convergence.status == "time_limit":
            return found
        theta, before = solution.theta, fitted
        fitted = linear_predictor(matrices, solution.beta, solution.b)
        if np.max(np.abs(fitted - before)) <= STAYS * np.max(np.abs(fitted)):
            return problem, solution, convergence
    message = (
        f"Not converged: the fitted values, on which the residual sd depends, still change after "
        f"{ROUNDS} fits.\n"
        "Do:   use a power of a covariate instead."
    )
    return problem, solution, replace(convergence, converged=False, search=message)


def _stopped(found: Found) -> Found:
    """The last fit, after which the time allowed was over."""
    problem, solution, convergence = found
    message = (
        "Not converged: the time allowed was over while the fitted values, on which the residual "
        "sd depends, still changed.\n"
        "Do:   raise Control(time_limit=...)."
    )
    changed = replace(convergence, converged=False, status="time_limit", search=message)
    return problem, solution, changed


def _least_squares(m: ModelMatrices) -> Vector:
    beta = np.linalg.lstsq(m.X, without_offset(m, m.y), rcond=None)[0]
    return marginal_mean(m.X, np.asarray(beta, dtype=np.float64), m.offset)
