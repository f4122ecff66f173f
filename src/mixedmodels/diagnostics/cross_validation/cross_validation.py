"""Cross-validation in closed form: rows, levels or folds predicted from the other rows.

At fixed theta nothing is refitted; see `left_out` for the mathematics. The prediction of the rows
that are left out is normal, with the uncertainty of the coefficients and at the sigma of the other
rows. What the others say of random effects is used: a row is predicted with its level's other
rows, and of a level that is left out whole the other factors' effects are known.
"""

import warnings
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixedmodels.data.unkept import rows_needed
from mixedmodels.diagnostics.cross_validation.folds import Folds, folds_of
from mixedmodels.diagnostics.cross_validation.result import CrossValidation
from mixedmodels.diagnostics.left_out import each_left_out, left_out, whole_at, whole_fit
from mixedmodels.diagnostics.one_step import inverse_hessian, theta_without
from mixedmodels.engine.iterative import IterativeProblem, refuse
from mixedmodels.engine.route import linear
from mixedmodels.engine.threads import one_thread
from mixedmodels.errors import DataError, NotEstimableWarning
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.fitted import LOG_2PI
from mixedmodels.fit.notices import user_level
from mixedmodels.options import require_option, require_probability
from mixedmodels.vocabulary import LeftOutSigma, ThetaStep

Vector = NDArray[np.float64]

WHAT = "Cross-validation in closed form"


@dataclass(frozen=True, slots=True)
class _Predicted:
    """Per fold (folds,) sums, and per row (n,) errors with their variances."""

    log_det: Vector
    squares: Vector
    sigma: Vector
    freedom: Vector
    error: Vector
    variance: Vector


def cross_validate(
    fit: Fit,
    by: str | ArrayLike | None = None,
    *,
    theta: ThetaStep = "fixed",
    sigma: LeftOutSigma = "estimated",
    level: float = 0.95,
) -> CrossValidation:
    """Predict rows, levels or folds from the others; see `MixedModel.cross_validate`.

    Raises
    ------
    DataError
        For a generalised or iterative fit, an unknown option or group, folds that are too large, or
        a step of theta for single rows or too many folds.
    """
    require_option("theta", theta, get_args(ThetaStep))
    require_option("sigma", sigma, get_args(LeftOutSigma))
    require_probability("level", level)
    problem = linear(fit.problem, WHAT, instead="compare models by aic, or look at check()")
    if isinstance(problem, IterativeProblem):
        refuse(WHAT, "leave out levels of a group by hand, in a few refits")
    if not fit.matrices.has_rows:
        raise rows_needed()
    folds = folds_of(fit, by)
    found = _by_row(fit, theta) if folds.by is None else _by_fold(fit, folds, theta)
    counts = folds.counts
    if fit.matrices.known_sigma is not None:
        sigma = "held"
    held = np.full(len(counts), fit.sigma)
    scale = _of_others(found, counts) if sigma == "estimated" else held
    with np.errstate(divide="ignore", invalid="ignore"):
        density = counts * (LOG_2PI + 2 * np.log(scale)) - found.log_det + found.squares / scale**2
    lost = int(np.isnan(density).sum())
    if lost:
        _warn(folds, density, lost)
    return CrossValidation(
        fit=fit,
        folds=folds,
        theta=theta,
        residual_sd=sigma,
        level=level,
        log_densities=-density / 2,
        predictions=fit.matrices.y - np.where(np.isnan(density)[folds.codes], np.nan, found.error),
        sds=scale[folds.codes] * np.sqrt(found.variance),
    )


def _of_others(found: _Predicted, counts: NDArray[np.int64]) -> Vector:
    """Sigma without each fold; nan where no residual is left to estimate it from."""
    freedom = found.freedom - counts
    rest = found.freedom * found.sigma**2 - found.squares
    possible = (freedom > 0) & (rest > 0)
    return np.sqrt(np.where(possible, rest, np.nan) / np.where(possible, freedom, 1))


def _by_row(fit: Fit, theta: ThetaStep) -> _Predicted:
    if theta != "fixed":
        raise DataError(
            'theta="one-step" is for levels or folds, not for single rows.\n'
            "Do:   name a group in `by`, or leave `theta` out."
        )
    n = len(fit.matrices.y)
    at = whole_fit(fit)
    left = each_left_out(at)
    sigma, freedom = np.full(n, at.sigma), np.full(n, float(at.freedom))
    return _Predicted(left.log_det, left.squares, sigma, freedom, left.error, left.variance)


def _by_fold(fit: Fit, folds: Folds, theta: ThetaStep) -> _Predicted:
    n, sets = len(fit.matrices.y), folds.rows()
    found = _Predicted(*np.full((4, len(sets)), np.nan), *np.full((2, n), np.nan))
    one = theta == "one-step"
    fixed = None if one else whole_fit(fit)
    inverse = inverse_hessian(fit, WHAT, n * len(sets), folds.by or "") if one else None
    with one_thread():
        for j, rows in enumerate(sets):
            at = fixed
            if inverse is not None:
                values = theta_without(fit, rows, inverse)
                at = None if values is None else whole_at(fit, values)
            if at is None:
                continue
            left = left_out(at, rows)
            found.error[rows], found.variance[rows] = left.error, left.variance
            found.log_det[j], found.squares[j] = left.log_det, left.squares
            found.sigma[j], found.freedom[j] = at.sigma, at.freedom
    return found


def _warn(folds: Folds, density: Vector, lost: int) -> None:
    first = folds.labels[int(np.argmax(np.isnan(density)))]
    what = "rows" if folds.by is None else f"levels of {folds.by}"
    warnings.warn(
        f"{lost} of {len(density)} {what} cannot be predicted from the others; the first is "
        f"{first!r}. They are nan, and no part of the totals.\n"
        "Do:   leave out larger or other sets, or simplify the fixed part.\n"
        "Why:  a coefficient is determined by these rows alone, or no residual variance is left "
        "without them.",
        NotEstimableWarning,
        stacklevel=user_level(),
    )
