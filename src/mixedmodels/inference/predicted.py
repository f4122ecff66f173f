"""Predictions with standard errors and limits, by one rule of degrees of freedom.

The variance f of an error of prediction is a function of the variance parameters psi = (theta,
sigma), whose estimates have the covariance A. Satterthwaite's approximation takes f-hat as a
multiple of a chi-square with

    df = 2 f^2 / (g'A g),    g = df/dpsi        (Giesbrecht & Burns 1985, Biometrics 41, 477-486),

which for a population mean, f = sigma^2 x'Cx, is the degrees of freedom of its t test, and where
there are no random effects n - p for every row. With f = sigma^2 k(theta), df/dsigma = 2f/sigma.
dk/dtheta is exact; only for very many rows with known levels, and where covariances have structure,
it is differenced instead.
"""

from collections.abc import Callable, Sequence
from typing import Any, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.engine.route import plain
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.level_information import has_been_updated
from mixedmodels.inference.contrast import student_quantile, t_tests
from mixedmodels.inference.degrees_of_freedom import (
    OtherCovariance,
    TestMethod,
    require_test_method,
)
from mixedmodels.inference.information import information
from mixedmodels.options import require_flag, require_option, require_probability
from mixedmodels.prediction.error_slopes import error_slopes
from mixedmodels.prediction.error_variance import ErrorCovariance
from mixedmodels.prediction.level_errors import level_slopes
from mixedmodels.prediction.predict import (
    Predicted,
    RelativeErrors,
    predicted,
    relative_errors,
    with_included,
)
from mixedmodels.prediction.streams import Seed
from mixedmodels.vocabulary import DegreesOfFreedom, Interval, NewLevels

Vector = NDArray[np.float64]

OF_MEANS: frozenset[DegreesOfFreedom] = frozenset(
    {
        "kenward-roger",
        "kenward-roger-linear",
        "between-within",
        "containment",
        "knapp-hartung",
        "clusters",
    }
)
"""Methods that know nothing of the variance of a random effect; ``"clusters"`` comes with a
covariance alone, which `t_tests` says.
"""

MOST = 30_000_000
"""Rows to predict times rows of the fit from which differences are cheaper than derivatives."""

STEP = 1e-3
"""Step of central differences in standard errors of a parameter: their error is of the order of its
square.
"""


def predict(
    fit: Fit,
    newdata: object = None,
    *,
    re: str | Sequence[str] = "all",
    new_levels: NewLevels = "population",
    se: bool = False,
    interval: Interval | None = None,
    level: float = 0.95,
    ddf: TestMethod = "satterthwaite",
    seed: Seed = None,
) -> Any:
    """Predicted means, on the index of `newdata` or of the kept rows.

    Parameters
    ----------
    fit : Fit
        The fitted model.
    newdata : frame, optional
        Rows to predict, with the columns of the fixed part and of the random effects that are
        included (those of the others too for ``interval="prediction"``); by default the rows of
        the fit.
    re : {"all", "none"} or sequence of str
        Which random effects to include: those of every group, of no group (the population
        mean), of the groups named, or single ones by a term, ``"(0 + x | g)"``. With ``"all"``
        correlated residuals tell of new occasions of a block, and the standard errors are those of
        the mean given its residuals.
    new_levels : {"population", "error", "sampled"}
        A level of a group that the fit has not seen, or a missing one, has random effects of
        zero, is an error, or gets random effects drawn from their estimated distribution: one
        draw per level, and one for the rows whose level is missing.
    se : bool
        Give a table with standard errors: the square root of Var(x'beta-hat + z'(b-hat - b)) at
        the estimated variances, the covariance of the two included. The random effects of an
        unseen level add their variance z'Sigma z, unless they are sampled, which takes them as
        given.
    interval : {"confidence", "prediction"}, optional
        Give a table with limits: of the mean with the random effects that `re` includes, or of
        one new observation. The latter adds the residual variance sigma^2 / w (its mean over the
        rows of the fit where new rows have no column of weights) and z'Sigma z of the groups that
        `re` leaves out, whose effects vary as those of an unseen level. The covariance of the
        errors of an observation that the fit has used is not subtracted: the limits are those of a
        repetition.
    level : float
        Coverage of the limits.
    ddf : mixedmodels.vocabulary.DegreesOfFreedom
        Degrees of freedom of the limits. Satterthwaite's, of the variance of the row's own error
        of prediction, are the default: those of the tests, where the mean is the population's.
        Kenward and Roger's method, with its standard errors, is for means with `re="none"`.
        ``"residual"`` are n - p, and ``"normal"`` infinitely many.
    seed : int or Generator, optional
        For sampled levels.

    Returns
    -------
    Series or table
        nan where a value of a covariate is missing, and, with a `NotEstimableWarning`, where the
        mean is not estimable: the row is of a kind (an empty cell, off the line of two aliased
        covariates) at which the mean would depend on which columns the fit dropped. The table
        has `estimate, std_error` and with an interval `df, conf_low, conf_high`, in the frame
        library of `newdata` or of the fit's data.

    Raises
    ------
    DataError
        For an unknown group, column or option, a new level of a *fixed* factor, a new level of a
        group if so asked, new data for a model whose offset was an array, or Kenward and Roger's
        method for anything but means with ``re="none"``.
    """
    require_flag("se", se)
    require_option("interval", interval, (None, *get_args(Interval)))
    require_test_method(ddf)
    require_probability("level", level)
    observation = interval == "prediction"
    found = predicted(fit, newdata, re=re, new_levels=new_levels, seed=seed, left_out=observation)
    if not se and interval is None:
        return pd.Series(found.estimate, index=found.rows.index, name="predicted")
    columns = _columns(fit, found, interval=interval, level=level, ddf=ddf)
    made = found.rows.frame.table(columns)
    return made.set_axis(found.rows.index) if isinstance(made, pd.DataFrame) else made


def _columns(
    fit: Fit, found: Predicted, *, interval: Interval | None, level: float, ddf: TestMethod
) -> dict[str, Vector]:
    columns = {"estimate": found.estimate}
    if isinstance(ddf, OtherCovariance) or ddf in OF_MEANS:
        _require_means(found, interval, ddf)
        tests = t_tests(fit, found.rows.X, ddf=ddf)
        spread, df = tests.std_error, tests.df
        columns["std_error"] = spread
    else:
        errors = relative_errors(fit, found, theta=fit.theta, C=fit.cov_beta_unscaled)
        spread = fit.sigma * np.sqrt(_chosen(errors, interval))
        columns["std_error"] = fit.sigma * np.sqrt(errors.mean)
        if interval is not None:
            df = _degrees_of_freedom(fit, found, interval, ddf)
    if interval is None:
        return columns
    half = student_quantile(df, 0.5 + level / 2) * spread
    limits = {"conf_low": found.estimate - half, "conf_high": found.estimate + half}
    return columns | {"df": df} | limits


def _chosen(errors: RelativeErrors, interval: Interval | None) -> Vector:
    return errors.observation if interval == "prediction" else errors.mean


def _degrees_of_freedom(fit: Fit, found: Predicted, interval: Interval, ddf: TestMethod) -> Vector:
    n = len(found.estimate)
    if ddf == "normal":
        return np.full(n, np.inf)
    is_plain = fit.matrices.is_plain
    if ddf == "residual" or (is_plain and not fit.matrices.terms):
        return np.full(n, float(len(fit.matrices.y) - len(fit.beta)))
    slopes = _exact if is_plain and not has_been_updated(fit) else _differenced
    if fit.matrices.has_rows and found.has_known_levels and n * len(fit.matrices.y) > MOST:
        slopes = _differenced
    return _satterthwaite(fit, *slopes(fit, found, interval))


def _satterthwaite(fit: Fit, k: Vector, slopes: Vector) -> Vector:
    """Df (n,) of the variance sigma^2 k, from k (n,) and its slopes in theta (n, m)."""
    A = information(fit).covariance
    g = np.column_stack([slopes, 2 * k / fit.sigma])
    spread = np.einsum("ni,ij,nj->n", g, A, g)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(spread > 0, 2 * k**2 / spread, np.where(np.isnan(k), np.nan, np.inf))


def _exact(fit: Fit, found: Predicted, interval: Interval) -> tuple[Vector, Vector]:
    """Of every row, k and dk/dtheta: of what is known of it, and of effects as of new levels."""
    rows, T = found.rows, fit.T
    k = _chosen(relative_errors(fit, found, theta=fit.theta, C=fit.cov_beta_unscaled), interval)
    if found.has_known_levels and not fit.matrices.has_rows:
        slopes = level_slopes(fit, with_included(found))
    elif found.has_known_levels:
        problem = plain(fit.problem, "This interval")
        errors = ErrorCovariance.of(problem, fit.theta, fit.cov_beta_unscaled)
        index = problem.theta_index
        slopes = error_slopes(errors, fit.matrices, with_included(found), T, index)
    else:
        half = np.tensordot(rows.X, information(fit).jacobian, axes=(1, 1))
        slopes = np.einsum("nmj,nj->nm", half, rows.X)
    Z = _unknown(found, interval)
    inner = [Z_k @ T_k for Z_k, T_k in zip(Z, T, strict=True)]
    for i, (term, row, column) in enumerate(plain(fit.problem, "This interval").theta_index):
        slopes[:, i] += 2 * Z[term][:, row] * inner[term][:, column]
    return k, slopes


def _unknown(found: Predicted, interval: Interval) -> list[Vector]:
    """The columns (n, q_k) of effects that vary as those of a new level."""
    Z = []
    for term, one, rest in zip(found.rows.terms, found.included, found.left_out, strict=True):
        new = (term.codes < 0) & (not found.sampled)
        Z.append(np.where(new[:, None], one, 0.0) + (rest if interval == "prediction" else 0.0))
    return Z


def _differenced(fit: Fit, found: Predicted, interval: Interval) -> tuple[Vector, Vector]:
    """The same by central differences, the equations solved anew at each end where they matter."""
    is_told = not found.has_known_levels or not fit.matrices.has_rows

    def at(theta: Vector) -> Vector:
        if is_told:
            change = np.tensordot(theta - fit.theta, information(fit).jacobian, axes=1)
            C = fit.cov_beta_unscaled + change
        else:
            C = fit.problem.estimates(theta, reml=fit.reml).cov_beta_unscaled
        return _chosen(relative_errors(fit, found, theta=theta, C=C), interval)

    deviations = np.sqrt(np.diag(information(fit).covariance)[:-1])
    slopes = [_slope(at, fit.theta, i, STEP * sd) for i, sd in enumerate(deviations)]
    return at(fit.theta), np.column_stack(slopes)


def _slope(f: Callable[[Vector], Vector], theta: Vector, i: int, step: float) -> Vector:
    """df/dtheta_i; zero where the parameter is known, as one at the boundary is."""
    if not step > 0:
        return np.zeros(len(f(theta)))
    shift = step * np.eye(len(theta))[i]
    return (f(theta + shift) - f(theta - shift)) / (2 * step)


def _require_means(found: Predicted, interval: Interval | None, ddf: TestMethod) -> None:
    what = "cov=" if isinstance(ddf, OtherCovariance) else f"ddf={ddf!r}"
    if any(Z.any() for Z in found.included) or interval == "prediction":
        raise DataError(
            f"{what} is for means of the population, not for random effects and single "
            "observations.\n"
            'Do:   write re="none" with interval="confidence", or leave it out.'
        )
