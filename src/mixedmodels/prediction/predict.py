"""Predictions at the estimates, and the variances of their errors."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.fitted import add_random_effects, marginal_mean
from mixedmodels.fit.labels import group_names
from mixedmodels.fit.variance_components import term_templates
from mixedmodels.options import require_option
from mixedmodels.prediction.error_variance import ErrorCovariance
from mixedmodels.prediction.rows import (
    Rows,
    fitted_rows,
    group_levels,
    new_rows,
    refuse_new_levels,
)
from mixedmodels.prediction.streams import Seed, key_of, stream
from mixedmodels.vocabulary import NewLevels

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Predicted:
    """Predicted means of n rows.

    Attributes
    ----------
    rows : Rows
        The rows.
    groups : frozenset of int
        The groupings, by position, whose random effects are included.
    sampled : bool
        Whether the random effects of unseen levels were drawn, and are taken as given.
    estimate : array (n,)
        The means.
    """

    rows: Rows
    groups: frozenset[int]
    sampled: bool
    estimate: Vector


@dataclass(frozen=True, slots=True)
class RelativeErrors:
    """Variances of the errors of predictions over sigma^2; every attribute is an array (n,).

    Attributes
    ----------
    mean
        Of the estimate as a prediction of the mean with the random effects that it includes.
    observation
        Of the estimate as a prediction of one new observation: `mean`, the random effects left
        out and the residual.
    """

    mean: Vector
    observation: Vector


def predicted(
    fit: Fit,
    newdata: object = None,
    *,
    re: str | Sequence[str] = "all",
    new_levels: NewLevels = "population",
    seed: Seed = None,
    left_out: bool = True,
) -> Predicted:
    """Predicted means of `newdata` or of the kept rows; see `LinearMixedModel.predict`.

    Without `left_out`, the data need not have the columns of random terms that `re` leaves out,
    and the variances of observations are nan.
    """
    groups = chosen_groups(fit, re)
    require_option("new_levels", new_levels, get_args(NewLevels))
    rows = (
        fitted_rows(fit) if newdata is None else new_rows(fit, newdata, groups, left_out=left_out)
    )
    if new_levels == "error":
        refuse_new_levels(fit, rows, groups)
    sampled = new_levels == "sampled"
    draws = unseen_draws(fit, rows, groups, seed) if sampled else np.zeros(())
    return Predicted(rows, groups, sampled, _mean(fit, rows, groups) + draws)


def relative_errors(fit: Fit, of: Predicted, *, T: Sequence[Vector], C: Vector) -> RelativeErrors:
    """Error variances at any templates `T` and C = (X'V^-1 X)^-1, those of the fit or others."""
    rows, groups = of.rows, of.groups
    seen, left_out = np.zeros((2, len(of.estimate)))
    for term, T_k in zip(rows.terms, T, strict=True):
        own = np.square(term.Z @ T_k).sum(axis=1)
        if term.group not in groups:
            left_out += own
        elif not of.sampled:
            seen += np.where(term.codes < 0, own, 0.0)
    mean = seen + _known_variance(fit, rows, groups, T, C)
    typical = fit.matrices.mean_inverse_weight
    residual = typical if rows.weights is None else 1 / rows.weights
    return RelativeErrors(mean, mean + left_out + residual)


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


def _mean(fit: Fit, rows: Rows, groups: frozenset[int]) -> Vector:
    mean = marginal_mean(rows.X, fit.beta, rows.offset)
    for term, b in zip(rows.terms, fit.b, strict=True):
        if term.group in groups:
            add_random_effects(mean, term.codes, term.Z, b)
    return mean


def _known_variance(
    fit: Fit, rows: Rows, groups: frozenset[int], T: Sequence[Vector], C: Vector
) -> Vector:
    """The variance over sigma^2 that beta-hat and the known levels bring."""
    if not any(np.any(t.codes >= 0) for t in rows.terms if t.group in groups):
        return np.asarray(np.einsum("ni,ni->n", rows.X @ C, rows.X))
    nowhere = np.full(len(rows.X), -1, dtype=np.int32)
    terms = tuple(t if t.group in groups else replace(t, codes=nowhere) for t in rows.terms)
    return ErrorCovariance.of(fit.matrices, T, C).variances(replace(rows, terms=terms))
