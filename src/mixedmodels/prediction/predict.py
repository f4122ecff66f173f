"""Predictions at the estimates, with their standard errors and intervals."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from mixedmodels.engine.templates import templates
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.fitted import add_random_effects, marginal_mean
from mixedmodels.fit.labels import group_names
from mixedmodels.options import require_flag, require_option, require_probability
from mixedmodels.prediction.error_variance import ErrorCovariance
from mixedmodels.prediction.rows import (
    Rows,
    fitted_rows,
    group_levels,
    new_rows,
    refuse_new_levels,
)
from mixedmodels.prediction.streams import Seed, key_of, stream
from mixedmodels.vocabulary import Interval, NewLevels

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Prediction:
    """Predictions of n rows; every attribute is an array (n,).

    Attributes
    ----------
    estimate
        The predicted mean.
    std_error
        Of the estimate as a prediction of the mean with the random effects that it includes.
    spread
        The standard deviation of the error of the estimate as a prediction of one new
        observation: `std_error`, the random effects left out and the residual.
    """

    estimate: Vector
    std_error: Vector
    spread: Vector


def predict(
    fit: Fit,
    newdata: object = None,
    *,
    re: str | Sequence[str] = "all",
    new_levels: NewLevels = "population",
    se: bool = False,
    interval: Interval | None = None,
    level: float = 0.95,
    seed: Seed = None,
) -> Any:
    """Predicted means, on the index of `newdata` or of the kept rows.

    Parameters
    ----------
    fit : Fit
        The fitted model.
    newdata : frame, optional
        Rows to predict, with the columns that the formula uses except the response; by default
        the rows of the fit.
    re : {"all", "none"} or sequence of str
        Which random effects to include: those of every group, of no group (the population
        mean), or of the groups named.
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
        one new observation. The latter adds the residual variance sigma^2 / w (w is 1 for new
        rows without a column of weights) and z'Sigma z of the groups that `re` leaves out, whose
        effects vary as those of an unseen level. The covariance of the errors of an observation
        that the fit has used is not subtracted: the limits are those of a repetition.
    level : float
        Coverage of the limits, by quantiles of Student's t with n - p degrees of freedom. That
        is exact without random effects. With them no one number is right, as a prediction mixes
        directions in which the data say much and little; n - p is where the residual, which
        rules most prediction intervals, comes from. The uncertainty of the estimated variances
        of the random effects is left out, as everywhere in this field: with few groups,
        intervals for new ones are too narrow.
    seed : int or Generator, optional
        For sampled levels.

    Returns
    -------
    Series or table
        nan where a value of a covariate is missing, and, with a `NotEstimableWarning`, where the
        mean is not estimable: the row is of a kind (an empty cell, off the line of two aliased
        covariates) at which the mean would depend on which columns the fit dropped. The table
        has `estimate, std_error` and with an interval `conf_low, conf_high`, in the frame library
        of `newdata` or of the fit's data.

    Raises
    ------
    DataError
        For an unknown group, column or option, a new level of a *fixed* factor, a new level of a
        group if so asked, or new data for a model whose offset was an array.
    """
    groups = chosen_groups(fit, re)
    require_option("new_levels", new_levels, get_args(NewLevels))
    require_flag("se", se)
    require_option("interval", interval, (None, *get_args(Interval)))
    rows = fitted_rows(fit) if newdata is None else new_rows(fit, newdata, groups)
    if new_levels == "error":
        refuse_new_levels(fit, rows, groups)
    draws = unseen_draws(fit, rows, groups, seed) if new_levels == "sampled" else np.zeros(())
    estimate = _mean(fit, rows, groups) + draws
    if not se and interval is None:
        return pd.Series(estimate, index=rows.index, name="predicted")
    found = _with_errors(fit, rows, groups, estimate, sampled=new_levels == "sampled")
    return _table(fit, rows, found, interval=interval, level=level)


def chosen_groups(fit: Fit, re: str | Iterable[str]) -> frozenset[int]:
    """The groupings, by position, that `re` selects."""
    names = group_names(fit.matrices)
    if isinstance(re, str):
        if re == "none":
            return frozenset()
        if re == "all":
            return frozenset(range(len(names)))
        raise DataError(
            f"re = {re!r} is not known.\n"
            f'Do:   write "all", "none" or a list of groups, as {list(names)}.'
        )
    if not isinstance(re, Iterable) or (isinstance(re, np.ndarray) and re.ndim == 0):
        raise DataError(
            f"re is of type {type(re).__name__}.\n"
            f'Do:   write "all", "none" or a list of groups, as {list(names)}.'
        )
    chosen = [name if isinstance(name, str) else repr(name) for name in re]
    for name in chosen:
        if name not in names:
            near = get_close_matches(str(name), names, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise DataError(
                f"re names the group {name!r}, which the model does not have.{hint}\n"
                f"Do:   choose from {', '.join(names) or 'none: the model has no random effects'}."
            )
    return frozenset(names.index(name) for name in chosen)


def unseen_draws(fit: Fit, rows: Rows, groups: frozenset[int], seed: Seed) -> Vector:
    """Draws of z'b (n,) for unseen levels, b from N(0, Sigma) and the same b for one level."""
    random = stream(key_of(seed), 0)
    total = np.zeros(len(rows.index))
    for term, T in zip(rows.terms, term_templates(fit), strict=True):
        unseen = term.codes < 0
        if term.group not in groups or not unseen.any():
            continue
        codes = group_levels(fit, rows.frame, term.group).codes[unseen]
        used = np.unique(codes)  # -1, for the missing levels, comes first
        b = fit.sigma * random.standard_normal((len(used), len(T))) @ T.T
        places = np.searchsorted(used, codes)
        total[unseen] += np.einsum("ni,ni->n", term.Z[unseen], b[places])
    return total


def term_templates(fit: Fit) -> tuple[Vector, ...]:
    """T_k of every random term, formula order."""
    sizes = [len(term.names) for term in fit.matrices.terms]
    return templates(fit.theta, fit.problem.theta_index, sizes)


def _mean(fit: Fit, rows: Rows, groups: frozenset[int]) -> Vector:
    mean = marginal_mean(rows.X, fit.beta, rows.offset)
    for term, b in zip(rows.terms, fit.b, strict=True):
        if term.group in groups:
            add_random_effects(mean, term.codes, term.Z, b)
    return mean


def _with_errors(
    fit: Fit, rows: Rows, groups: frozenset[int], estimate: Vector, *, sampled: bool
) -> Prediction:
    T = term_templates(fit)
    seen, left_out = np.zeros((2, len(estimate)))
    for term, T_k in zip(rows.terms, T, strict=True):
        own = np.square(term.Z @ T_k).sum(axis=1)
        if term.group not in groups:
            left_out += own
        elif not sampled:
            seen += np.where(term.codes < 0, own, 0.0)
    known = seen + _known_variance(fit, rows, groups, T)
    residual = 1.0 if rows.weights is None else 1 / rows.weights
    return Prediction(
        estimate=estimate,
        std_error=fit.sigma * np.sqrt(known),
        spread=fit.sigma * np.sqrt(known + left_out + residual),
    )


def _known_variance(fit: Fit, rows: Rows, groups: frozenset[int], T: Sequence[Vector]) -> Vector:
    """The variance over sigma^2 that beta-hat and the known levels bring."""
    if not groups:
        return np.asarray(np.einsum("ni,ni->n", rows.X @ fit.cov_beta_unscaled, rows.X))
    nowhere = np.full(len(rows.X), -1, dtype=np.int32)
    terms = tuple(t if t.group in groups else replace(t, codes=nowhere) for t in rows.terms)
    errors = ErrorCovariance.of(fit.matrices, T, fit.cov_beta_unscaled)
    return errors.variances(replace(rows, terms=terms))


def _table(
    fit: Fit, rows: Rows, found: Prediction, *, interval: Interval | None, level: float
) -> Any:
    columns = {"estimate": found.estimate, "std_error": found.std_error}
    if interval is not None:
        spread = found.std_error if interval == "confidence" else found.spread
        half = _quantile(fit, level) * spread
        columns |= {"conf_low": found.estimate - half, "conf_high": found.estimate + half}
    made = rows.frame.table(columns)
    return made.set_axis(rows.index) if isinstance(made, pd.DataFrame) else made


def _quantile(fit: Fit, level: float) -> float:
    require_probability("level", level)
    return float(special.stdtrit(len(fit.matrices.y) - len(fit.beta), 0.5 + level / 2))
