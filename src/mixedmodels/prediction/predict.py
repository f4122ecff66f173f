"""Predictions at the estimates, and the variances of their errors."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from mixedmodels.fit.fit import Fit
from mixedmodels.fit.fitted import add_random_effects, marginal_mean
from mixedmodels.options import require_option
from mixedmodels.prediction.error_variance import ErrorCovariance
from mixedmodels.prediction.rows import (
    Rows,
    fitted_rows,
    group_levels,
    new_rows,
    refuse_new_levels,
)
from mixedmodels.prediction.selection import chosen_effects, divided
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
    included, left_out : tuple of arrays (n, q_k)
        The columns of Z_k in two parts, which add up to it: with the random effects that are
        included, and with those that are not (nan where the data need not have them).
    sampled : bool
        Whether the random effects of unseen levels were drawn, and are taken as given.
    estimate : array (n,)
        The means.
    """

    rows: Rows
    included: tuple[Vector, ...]
    left_out: tuple[Vector, ...]
    sampled: bool
    estimate: Vector

    @property
    def has_known_levels(self) -> bool:
        """Whether random effects that the fit has estimated take part."""
        pairs = zip(self.rows.terms, self.included, strict=True)
        return any(np.any(Z[term.codes >= 0]) for term, Z in pairs)


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
    chosen = chosen_effects(fit, re)
    groups = {t.group for t, some in zip(fit.matrices.terms, chosen, strict=True) if some.any()}
    require_option("new_levels", new_levels, get_args(NewLevels))
    rows = (
        fitted_rows(fit) if newdata is None else new_rows(fit, newdata, groups, left_out=left_out)
    )
    if new_levels == "error":
        refuse_new_levels(fit, rows, groups)
    included, others = divided(fit, rows, chosen)
    sampled = new_levels == "sampled"
    draws = unseen_draws(fit, rows, included, seed) if sampled else np.zeros(())
    estimate = _mean(fit, rows, included) + draws
    return Predicted(rows, included, others, sampled, estimate)


def relative_errors(fit: Fit, of: Predicted, *, T: Sequence[Vector], C: Vector) -> RelativeErrors:
    """Error variances at any templates `T` and C = (X'V^-1 X)^-1, those of the fit or others."""
    seen, left_out = np.zeros((2, len(of.estimate)))
    for term, Z, rest, T_k in zip(of.rows.terms, of.included, of.left_out, T, strict=True):
        unseen = np.zeros(len(Z), dtype=np.bool_) if of.sampled else term.codes < 0
        own = np.where(unseen, _spread(Z, T_k), 0.0)
        seen += own
        # One level's effects vary together.
        left_out += np.where(unseen, _spread(Z + rest, T_k) - own, _spread(rest, T_k))
    mean = seen + _known_variance(fit, of, T, C)
    typical = fit.matrices.mean_inverse_weight
    residual = typical if of.rows.weights is None else 1 / of.rows.weights
    return RelativeErrors(mean, mean + left_out + residual)


def unseen_draws(fit: Fit, rows: Rows, included: Sequence[Vector], seed: Seed) -> Vector:
    """Draws of z'b (n,) for unseen levels, b from N(0, Sigma) and the same b for one level."""
    random = stream(key_of(seed), 0)
    total = np.zeros(len(rows.index))
    for term, Z, T in zip(rows.terms, included, fit.T, strict=True):
        unseen = term.codes < 0
        if not Z[unseen].any():
            continue
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
            add_random_effects(mean, term.codes, Z, b)
    return mean


def _spread(Z: Vector, T: Vector) -> Vector:
    """Z'TT'z of every row."""
    spread: Vector = np.square(Z @ T).sum(axis=1)
    return spread


def _known_variance(fit: Fit, of: Predicted, T: Sequence[Vector], C: Vector) -> Vector:
    """The variance over sigma^2 that beta-hat and the known levels bring."""
    rows = of.rows
    if not of.has_known_levels:
        return np.asarray(np.einsum("ni,ni->n", rows.X @ C, rows.X))
    return ErrorCovariance.of(fit.matrices, T, C).variances(with_included(of))


def with_included(of: Predicted) -> Rows:
    """The rows with the columns of the included effects alone."""
    pairs = zip(of.rows.terms, of.included, strict=True)
    return replace(of.rows, terms=tuple(replace(term, Z=Z) for term, Z in pairs))
