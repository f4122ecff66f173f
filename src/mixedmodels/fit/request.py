"""`Request`: everything a user said about a fit, so that it can be said again with a change."""

from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixedmodels.data import Frame
from mixedmodels.data.cluster import Partitions
from mixedmodels.data.source import Source
from mixedmodels.design.arguments import owned_argument
from mixedmodels.design.distribution import Distribution
from mixedmodels.design.known import checked_known
from mixedmodels.design.names import used_columns
from mixedmodels.engine.settings import Control
from mixedmodels.fit.held import checked_fixed, checked_tied
from mixedmodels.formula import Formula
from mixedmodels.shortening import brief
from mixedmodels.vocabulary import Context, Contrasts, FitMethod, KnownMatrices, Missing


@dataclass(frozen=True, slots=True)
class Request:
    """A model and its data, before anything is computed.

    `response` replaces the formula's response after a refit to an array: one number per row of
    the data, nan where that fit used no row. The other fields are the arguments of
    `mixedmodels.lmm`; those of `mixedmodels.glmm` alone are in its `distribution`. Where the data
    are read in batches they are a `source`, and the frame has no rows.
    """

    formula: Formula
    frame: Frame
    reml: bool = True
    weights: str | ArrayLike | None = None
    offset: str | ArrayLike | None = None
    contrasts: Contrasts | None = None
    context: Context | None = None
    missing: Missing = "drop"
    control: Control = field(default_factory=Control)
    response: NDArray[np.float64] | None = None
    residual: str | None = None
    sigma: str | float | None = None
    known: KnownMatrices | None = None
    fixed: Mapping[str, float] | None = None
    tied: Sequence[Sequence[str]] | None = None
    source: Source | Partitions | None = None
    method: FitMethod = "auto"
    distribution: Distribution | None = None

    __repr__ = brief


def owned(request: Request) -> Request:
    """The request with copies of all that the caller could change later.

    A fit answers from its request for as long as it lives, so that nothing that happens to the
    caller's table, arrays, contrasts or start may change it.

    Raises
    ------
    DataError
        If the weights or the offset are neither text nor numbers, or parameters are fixed or tied
        by what is no name and number.
    """
    control = request.control
    if control.start is not None:
        control = replace(control, start=deepcopy(control.start))
    return replace(
        request,
        frame=request.frame.owned(_columns_in_use(request)),
        weights=owned_argument("weights", request.weights),
        offset=owned_argument("offset", request.offset),
        contrasts=deepcopy(request.contrasts),
        control=control,
        known=deepcopy(checked_known(request.known, request.formula)),
        fixed=checked_fixed(request.fixed),
        tied=checked_tied(request.tied),
        distribution=None if request.distribution is None else request.distribution.owned(),
    )


def _columns_in_use(request: Request) -> Collection[str]:
    """The columns that the model uses; all where looking for them would cost more than copies."""
    columns = request.frame.columns
    return columns if request.frame.is_small else columns_in_use(request, columns)


def columns_in_use(request: Request, columns: Collection[str]) -> Collection[str]:
    """Those among some columns that a request names."""
    named = [name for name in (request.weights, request.offset) if isinstance(name, str)]
    texts = [text for text in (request.residual, request.sigma) if isinstance(text, str)]
    if request.distribution is not None:
        named += request.distribution.columns
        texts += request.distribution.texts
    used = {name for text in (request.formula.text, *texts) for name in used_columns(text, columns)}
    return used.union(named).intersection(columns)
