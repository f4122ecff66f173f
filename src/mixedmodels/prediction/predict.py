"""Predictions at the estimates, and the variances of their errors."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from mixedmodels.data.unkept import rows_needed
from mixedmodels.design import NewTerm
from mixedmodels.engine.structured_terms import StructuredTerms
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.fitted import residuals
from mixedmodels.fit.linear_predictor import add_random_effects, marginal_mean
from mixedmodels.options import require_option
from mixedmodels.prediction.error_variance import ErrorCovariance
from mixedmodels.prediction.level_errors import level_variances
from mixedmodels.prediction.residual_prediction import Borrowed, borrowed
from mixedmodels.prediction.residual_variance import new_scale, residual_variances
from mixedmodels.prediction.rows import (
    Rows,
    fitted_rows,
    group_levels,
    groups_with_own_levels,
    new_rows,
    refuse_new_levels,
)
from mixedmodels.prediction.selection import Mask, chosen_effects, divided
from mixedmodels.prediction.streams import Seed, key_of, stream
from mixedmodels.prediction.structured_errors import effect_variances, has_unseen, known_variances
from mixedmodels.vocabulary import NewLevels

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Predicted:
    """Predicted means of n rows.

    Of a generalised model, the means are those of the linear predictor.

    Attributes
    ----------
    rows : Rows
        The rows.
    included, left_out : tuple of arrays (n, q_k)
        The columns of Z_k in two parts, which add up to it: with the random effects that are
        included, and with those that are not (nan where the data need not have them).
    sampled : bool
        Whether the random effects of unseen levels were drawn, and are taken as given.
    borrows : bool
        Whether the means include what the residuals of a row's block tell of it.
    estimate : array (n,)
        The means.
    """

    rows: Rows
    included: tuple[Vector, ...]
    left_out: tuple[Vector, ...]
    sampled: bool
    borrows: bool
    estimate: Vector

    @property
    def has_known_levels(self) -> bool:
        """Whether random effects that the fit has estimated take part."""
        pairs = zip(self.rows.terms, self.included, strict=True)
        return any(np.any(Z[~has_unseen(term)]) for term, Z in pairs)


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
    auxiliary: bool = False,
) -> Predicted:
    """Predicted means of `newdata` or of the kept rows; see `LinearMixedModel.predict`.

    Without `left_out`, the data need not have the columns of random terms that `re` leaves out,
    and the variances of observations are nan; without `auxiliary`, not those of the parts of a
    generalised model beside its mean.
    """
    chosen = chosen_effects(fit, re)
    groups = _groups_of(fit, chosen)
    borrows = newdata is not None and isinstance(re, str) and re == "all"
    if newdata is None:
        rows = fitted_rows(fit)
    else:
        asked = fit.spec.residual is not None and (borrows or left_out)
        needed = groups | groups_with_own_levels(fit) if left_out else groups
        rows = new_rows(
            fit, newdata, needed, left_out=left_out, residual=asked, auxiliary=auxiliary
        )
    return predicted_rows(fit, rows, chosen, new_levels=new_levels, seed=seed, borrows=borrows)


def predicted_rows(
    fit: Fit,
    rows: Rows,
    chosen: Sequence[Mask],
    *,
    new_levels: NewLevels = "population",
    seed: Seed = None,
    borrows: bool = False,
) -> Predicted:
    """The same of given rows, with the `chosen` random effects per term (see `selection`)."""
    require_option("new_levels", new_levels, get_args(NewLevels))
    groups = _groups_of(fit, chosen)
    if new_levels == "error":
        refuse_new_levels(fit, rows, groups)
    included, others = divided(fit, rows, chosen)
    sampled = new_levels == "sampled"
    draws = unseen_draws(fit, rows, included, seed) if sampled else np.zeros(())
    estimate = _mean(fit, rows, included) + draws
    found = Predicted(rows, included, others, sampled, borrows, estimate)
    known = what_is_borrowed(fit, found, fit.theta)
    if known is None or not known.weights.nnz:
        return found
    return replace(found, estimate=estimate + known.weights @ residuals(fit).to_numpy())


def _groups_of(fit: Fit, chosen: Sequence[Mask]) -> set[int]:
    """The groupings of which some effects are chosen."""
    return {t.group for t, some in zip(fit.matrices.terms, chosen, strict=True) if some.any()}


def relative_errors(fit: Fit, of: Predicted, *, theta: Vector, C: Vector) -> RelativeErrors:
    """Error variances at any `theta` and C = (X'V^-1 X)^-1 there, those of the fit or others."""
    unseen, left_out = unknown_variances(fit, of, theta)
    known = what_is_borrowed(fit, of, theta)
    mean = unseen + _known_variance(fit, of, known, theta=theta, C=C)
    rest_of_it = _residual(fit, of, theta)
    if known is not None:
        rest_of_it = rest_of_it - known.explained
    return RelativeErrors(mean, mean + left_out + rest_of_it)


def unknown_variances(fit: Fit, of: Predicted, theta: Vector) -> tuple[Vector, Vector]:
    """Variances (n,) over sigma^2 of the effects of unseen levels that the rows include, and of
    those that they leave out.
    """
    own, left_out = np.zeros((2, len(of.estimate)))
    T = fit.problem.templates(theta)
    parts = zip(fit.matrices.terms, of.rows.terms, of.included, of.left_out, T, strict=True)
    for old, term, Z, rest, T_k in parts:
        levels = len(fit.matrices.groupings[old.group].levels)
        unseen = np.zeros(len(Z), dtype=np.bool_) if of.sampled else has_unseen(term)
        here = np.where(unseen, effect_variances(old, term, Z, T_k, levels), 0.0)
        own += here
        # One level's effects vary together.
        whole = np.where(unseen[:, None], Z + rest, rest)
        left_out += effect_variances(old, term, whole, T_k, levels) - here
    return own, left_out


def what_is_borrowed(fit: Fit, of: Predicted, theta: Vector) -> Borrowed | None:
    """What the residuals of their blocks tell of new rows, if the prediction is to include it."""
    used, new = fit.matrices.residual, of.rows.residual
    if used is None or used.structure is None or new is None or not of.borrows:
        return None
    return borrowed(fit, new, _scale(fit, of, theta), theta)


def _scale(fit: Fit, of: Predicted, theta: Vector) -> Vector:
    return new_scale(fit, of.rows, theta, _mean(fit, of.rows, of.included))


def _residual(fit: Fit, of: Predicted, theta: Vector) -> Vector:
    """Residual variances over sigma^2."""
    scale = _scale(fit, of, theta) if of.rows.is_new else np.empty(0)
    return residual_variances(fit, of.rows, theta, scale)


def unseen_draws(fit: Fit, rows: Rows, included: Sequence[Vector], seed: Seed) -> Vector:
    """Draws of z'b (n,) for unseen levels, b from N(0, Sigma) and the same b for one level."""
    random = stream(key_of(seed), 0)
    total = np.zeros(len(rows.index))
    for term, Z, T in zip(rows.terms, included, fit.T, strict=True):
        unseen = has_unseen(term)
        if not Z[unseen].any():
            continue
        _refuse_members(term)
        codes = group_levels(fit, rows.frame, term.group).codes[unseen]
        used = np.unique(codes)  # -1, for the missing levels, comes first
        b = fit.sigma * random.standard_normal((len(used), len(T))) @ T.T
        places = np.searchsorted(used, codes)
        total[unseen] += np.einsum("ni,ni->n", Z[unseen], b[places])
    return total


def _mean(fit: Fit, rows: Rows, included: Sequence[Vector]) -> Vector:
    mean = marginal_mean(rows.X, fit.beta, rows.offset)
    for term, Z, b in zip(rows.terms, included, fit.b, strict=True):
        if Z.any():
            add_random_effects(mean, term.codes, Z, b, term.members)
    return mean


def _refuse_members(term: NewTerm) -> None:
    if term.members is not None:
        raise DataError(
            'new_levels="sampled" needs one level per row, and rows of '
            f"{', '.join(term.names)} belong to several.\n"
            'Do:   write new_levels="population".'
        )


def _known_variance(
    fit: Fit, of: Predicted, known: Borrowed | None, *, theta: Vector, C: Vector
) -> Vector:
    """The variance over sigma^2 that beta-hat, the known levels and residuals bring."""
    rows = of.rows
    if not of.has_known_levels and known is None:
        return np.asarray(np.einsum("ni,ni->n", rows.X @ C, rows.X))
    if not fit.matrices.has_rows:
        if known is not None and known.covariance.nnz:
            raise rows_needed()
        return level_variances(fit, with_included(of), theta=theta, C=C)
    if not isinstance(fit.problem, StructuredTerms):
        return ErrorCovariance.of(fit.problem, theta, C).variances(with_included(of))
    Z = [
        np.where(has_unseen(term)[:, None], 0.0, Z)
        for term, Z in zip(rows.terms, of.included, strict=True)
    ]
    return known_variances(fit, rows.X, rows.terms, Z, known, theta=theta, C=C)


def with_included(of: Predicted) -> Rows:
    """The rows with the columns of the included effects alone."""
    pairs = zip(of.rows.terms, of.included, strict=True)
    return replace(of.rows, terms=tuple(replace(term, Z=Z) for term, Z in pairs))
