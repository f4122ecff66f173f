"""Fitting a generalised linear mixed model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, get_args, overload

import numpy as np
from numpy.typing import ArrayLike

from mixedmodels.api.models import checked_control
from mixedmodels.api.pooling import pooled_over
from mixedmodels.data import Frame
from mixedmodels.data.cluster import Partitions
from mixedmodels.data.imputed import Imputed, imputed_frames
from mixedmodels.data.source import UNREAD, Source
from mixedmodels.design.distribution import Distribution
from mixedmodels.design.environment import checked_context
from mixedmodels.engine.settings import Control
from mixedmodels.errors import DataError
from mixedmodels.families import Family, family_of
from mixedmodels.fit.request import Request
from mixedmodels.fit.requested import fit_generalised_request
from mixedmodels.formula import parse
from mixedmodels.model import GeneralisedMixedModel
from mixedmodels.options import require_option
from mixedmodels.vocabulary import (
    Context,
    Contrasts,
    FamilyName,
    GeneralisedMethod,
    KnownMatrices,
    LinkName,
    Missing,
    Thresholds,
    ZeroKind,
)

if TYPE_CHECKING:
    from mixedmodels.pooling.model import PooledModel

MOST_NODES = 100
"""Nodes of a quadrature: beyond, nothing is gained but rounding errors."""


@overload
def glmm(  # type: ignore[overload-overlap]  # a list is an object, too
    formula: str,
    data: list[Any] | tuple[Any, ...] | Imputed,
    family: FamilyName | Family = ...,
    *,
    link: LinkName | None = ...,
    method: GeneralisedMethod = ...,
    nodes: int = ...,
    trials: str | ArrayLike | None = ...,
    dispersion: str | None = ...,
    zero: str | None = ...,
    hurdle: str | None = ...,
    weights: str | ArrayLike | None = ...,
    offset: str | ArrayLike | None = ...,
    exposure: str | ArrayLike | None = ...,
    thresholds: Thresholds = ...,
    contrasts: Contrasts | None = ...,
    context: Context | None = ...,
    missing: Missing = ...,
    control: Control | None = ...,
    known: KnownMatrices | None = ...,
    fixed: Mapping[str, float] | None = ...,
    tied: Sequence[Sequence[str]] | None = ...,
    imp: None = ...,
) -> PooledModel: ...
@overload
def glmm(
    formula: str,
    data: object,
    family: FamilyName | Family = ...,
    *,
    link: LinkName | None = ...,
    method: GeneralisedMethod = ...,
    nodes: int = ...,
    trials: str | ArrayLike | None = ...,
    dispersion: str | None = ...,
    zero: str | None = ...,
    hurdle: str | None = ...,
    weights: str | ArrayLike | None = ...,
    offset: str | ArrayLike | None = ...,
    exposure: str | ArrayLike | None = ...,
    thresholds: Thresholds = ...,
    contrasts: Contrasts | None = ...,
    context: Context | None = ...,
    missing: Missing = ...,
    control: Control | None = ...,
    known: KnownMatrices | None = ...,
    fixed: Mapping[str, float] | None = ...,
    tied: Sequence[Sequence[str]] | None = ...,
    imp: str,
) -> PooledModel: ...
@overload
def glmm(
    formula: str,
    data: object,
    family: FamilyName | Family = ...,
    *,
    link: LinkName | None = ...,
    method: GeneralisedMethod = ...,
    nodes: int = ...,
    trials: str | ArrayLike | None = ...,
    dispersion: str | None = ...,
    zero: str | None = ...,
    hurdle: str | None = ...,
    weights: str | ArrayLike | None = ...,
    offset: str | ArrayLike | None = ...,
    exposure: str | ArrayLike | None = ...,
    thresholds: Thresholds = ...,
    contrasts: Contrasts | None = ...,
    context: Context | None = ...,
    missing: Missing = ...,
    control: Control | None = ...,
    known: KnownMatrices | None = ...,
    fixed: Mapping[str, float] | None = ...,
    tied: Sequence[Sequence[str]] | None = ...,
    imp: None = ...,
) -> GeneralisedMixedModel: ...
def glmm(
    formula: str,
    data: object,
    family: FamilyName | Family = "binomial",
    *,
    link: LinkName | None = None,
    method: GeneralisedMethod = "laplace",
    nodes: int = 1,
    trials: str | ArrayLike | None = None,
    dispersion: str | None = None,
    zero: str | None = None,
    hurdle: str | None = None,
    weights: str | ArrayLike | None = None,
    offset: str | ArrayLike | None = None,
    exposure: str | ArrayLike | None = None,
    thresholds: Thresholds = "flexible",
    contrasts: Contrasts | None = None,
    context: Context | None = None,
    missing: Missing = "drop",
    control: Control | None = None,
    known: KnownMatrices | None = None,
    fixed: Mapping[str, float] | None = None,
    tied: Sequence[Sequence[str]] | None = None,
    imp: str | None = None,
) -> GeneralisedMixedModel | PooledModel:
    """Fit a generalised linear mixed model by maximum likelihood.

    Parameters
    ----------
    formula : str
        ``response ~ fixed + (columns | group) + ...`` with every term and covariance structure of
        `lmm`. The response of a binomial family is 0 and 1, booleans, a factor of two levels (the
        second is a success), or successes in trials: ``successes / trials``, R's
        ``cbind(successes, failures)``, or a column of successes with `trials`. That of
        ``"ordinal"`` is an ordered categorical, or numbers. ``(1 | row)``, a level for every row,
        is the overdispersion of counts.
    data : frame
        pandas, polars, pyarrow, anything narwhals takes, or a dict of arrays, of which the model
        keeps a copy. A table read in batches must fit in memory. Or a list of completed tables, as
        for `lmm`.
    family : str
        Distribution of the response given the random effects.
    link : str, optional
        What of the mean is linear; by default the family's usual one.
    method : {"laplace", "quadrature"}
        How the random effects are integrated over: Laplace's approximation, or adaptive
        Gauss-Hermite quadrature with `nodes` nodes, which is chosen by ``nodes > 1`` too.
    nodes : int
        Nodes of the quadrature for every random effect of a level. More than one where all random
        effects are of one grouping factor: Laplace's approximation is good where a level has many
        rows or large counts, and 9 or more nodes repair it where it has few single outcomes.
    trials : str or array, optional
        Trials of every row, of which the response counts the successes.
    dispersion : str, optional
        Formula of the logarithm of the dispersion, as ``"~ arm"``, in families that have one; by
        default one number.
    zero, hurdle : str, optional
        Formula of the logit of a probability of zeros: ``zero="~ 1"`` adds zeros to those of the
        family (zero inflation), ``hurdle="~ 1"`` takes all zeros out of it (a hurdle).
    weights : str or array, optional
        Multiples of the log-likelihood of every row: 2 is what two such rows are. Not the
        precisions of `lmm`, and no trials.
    offset : str or array, optional
        A known part of the linear predictor.
    exposure : str or array, optional
        Time, area or persons of which the response is a count; its logarithm is an offset of a
        model with a log link.
    thresholds : {"flexible", "equidistant"}
        Of an ordinal model: any ascending numbers, or evenly spaced.
    contrasts, context, missing, known, fixed, tied
        As of `lmm`; variances and correlations are on the scale of the linear predictor.
    control : Control, optional
        Settings of the search.
    imp : str, optional
        The column that numbers imputations, as of `lmm`.

    Returns
    -------
    GeneralisedMixedModel
        Fitted and immutable. Or a `PooledModel`, of imputed data.

    Raises
    ------
    FormulaError
        If a formula cannot be read.
    DataError
        If the family does not have such a response, link or part, or the data cannot be used as
        the formula asks.
    ConvergenceError
        If the search fails and ``control.on_failure`` is ``"raise"``.

    Notes
    -----
    Standard errors are from the Hessian of the criterion in all parameters, by differences of its
    exact gradient; tests by z.
    There is no REML.

    Examples
    --------
    >>> import mixedmodels as mm
    >>> cbpp = mm.datasets.load("cbpp")
    >>> model = mm.glmm("incidence / size ~ period + (1 | herd)", cbpp)
    >>> model.params.round(2).to_dict()
    {'Intercept': -1.4, 'period[T.2]': -0.99, 'period[T.3]': -1.13, 'period[T.4]': -1.58}
    >>> round(model.llf, 3), round(mm.glmm(model.formula, cbpp, nodes=9).llf, 3)
    (-92.026, -91.983)
    """
    asked = partial(
        request_of,
        formula,
        distribution=distribution_of(
            family_of(family, link, *_zero_kind(zero, hurdle)),
            method=method,
            nodes=nodes,
            trials=trials,
            exposure=exposure,
            dispersion=dispersion,
            zero=hurdle if zero is None else zero,
            thresholds=thresholds,
        ),
        weights=weights,
        offset=offset,
        contrasts=contrasts,
        context=context,
        missing=missing,
        control=control,
        known=known,
        fixed=fixed,
        tied=tied,
    )

    def fit_one(table: object) -> GeneralisedMixedModel:
        return GeneralisedMixedModel(fit_generalised_request(asked(table)))

    imputed = imputed_frames(data, imp)
    if imputed is not None:
        return pooled_over(imputed, fit_one)
    return fit_one(data)


def request_of(
    formula: str,
    data: object,
    *,
    distribution: Distribution,
    weights: str | ArrayLike | None,
    offset: str | ArrayLike | None,
    contrasts: Contrasts | None,
    context: Context | None,
    missing: Missing,
    control: Control | None,
    known: KnownMatrices | None,
    fixed: Mapping[str, float] | None,
    tied: Sequence[Sequence[str]] | None,
) -> Request:
    """The arguments of `glmm`, checked as far as they can be without reading the data."""
    source = Partitions.of(data) or Source.of(data)
    return Request(
        formula=parse(formula),
        frame=Frame.of(data) if source is None else UNREAD,
        reml=False,
        weights=weights,
        offset=offset,
        contrasts=contrasts,
        context=checked_context(context),
        missing=missing,
        control=checked_control(control),
        known=known,
        fixed=fixed,
        tied=tied,
        source=source,
        distribution=distribution,
    )


def distribution_of(
    family: Family,
    *,
    method: GeneralisedMethod,
    nodes: int,
    trials: str | ArrayLike | None,
    exposure: str | ArrayLike | None,
    dispersion: str | None,
    zero: str | None,
    thresholds: Thresholds,
) -> Distribution:
    """The distribution of a request, if its family has what is asked for.

    Raises
    ------
    DataError
        If an option is not known, or has no meaning for the family.
    """
    require_option("method", method, get_args(GeneralisedMethod))
    require_option("thresholds", thresholds, get_args(Thresholds))
    _check_nodes(method, nodes)
    for name, text in (("dispersion", dispersion), ("zero or hurdle", zero)):
        if text is not None and not isinstance(text, str):
            raise DataError(
                f'{name} is of type {type(text).__name__}.\nDo:   pass a formula, as "~ x".'
            )
    if dispersion is not None and "dispersion" not in family.auxiliary:
        raise DataError(
            f"dispersion= is given, and the family {family.name} has no dispersion.\n"
            "Do:   leave it out, or choose a family that has one: negative_binomial for counts, "
            "beta_binomial for trials.\n"
            "Why:  the variance of this family follows from its mean."
        )
    if thresholds != "flexible" and family.response != "ordered":
        raise DataError(
            f'thresholds="{thresholds}" is given, and the family {family.name} has none.\n'
            'Do:   leave it out; family="ordinal" has thresholds.'
        )
    if exposure is not None and family.link != "log":
        raise DataError(
            f"exposure= is given, and the link is {family.link}.\n"
            'Do:   use a log link, as that of family="poisson"; or give a known part of the '
            "linear predictor as offset=.\n"
            "Why:  an exposure multiplies the mean, which adds its logarithm where the link is one."
        )
    return Distribution(family, int(nodes), trials, exposure, dispersion, zero, thresholds)


def _zero_kind(zero: object, hurdle: object) -> tuple[ZeroKind, ...]:
    if zero is not None and hurdle is not None:
        raise DataError(
            "zero= and hurdle= are both given.\n"
            "Do:   give one: zero= adds zeros to those of the family, hurdle= has all of them.\n"
            "Why:  with a hurdle no zeros are left to be told from others."
        )
    if zero is not None:
        return ("inflated",)
    return () if hurdle is None else ("hurdle",)


def _check_nodes(method: GeneralisedMethod, nodes: object) -> None:
    is_whole = isinstance(nodes, (int, np.integer)) and not isinstance(nodes, bool)
    if not is_whole or not 1 <= int(nodes) <= MOST_NODES:  # type: ignore[call-overload]
        raise DataError(
            f"nodes = {nodes!r} is no number of nodes.\n"
            f"Do:   give a whole number from 1, Laplace's approximation, to {MOST_NODES}; 9 or 25 "
            "are common."
        )
    if method == "quadrature" and nodes == 1:
        raise DataError(
            'method="quadrature" has one node, which is Laplace\'s approximation.\n'
            "Do:   give nodes=9 or more, or leave method out."
        )
