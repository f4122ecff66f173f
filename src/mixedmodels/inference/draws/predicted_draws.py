"""What every draw predicts of some rows."""

from collections.abc import Sequence
from typing import get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.engine.batch import Draws as Distribution
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.options import require_option
from mixedmodels.prediction.auxiliary import auxiliary_of
from mixedmodels.prediction.new_design import new_design
from mixedmodels.prediction.predict import predicted, predicted_rows
from mixedmodels.prediction.quantities import quantities
from mixedmodels.prediction.rows import Rows
from mixedmodels.prediction.selection import chosen_effects
from mixedmodels.prediction.streams import Seed, key_of, stream
from mixedmodels.vocabulary import DrawKind, NewLevels

Vector = NDArray[np.float64]


def predicted_draws(
    fit: Fit,
    at: Sequence[Fit],
    newdata: object = None,
    *,
    kind: DrawKind,
    re: str | Sequence[str],
    new_levels: NewLevels,
    seed: Seed,
) -> pd.DataFrame:
    """Predictions (rows, draws) at every draw; see `Draws.predict`."""
    require_option("kind", kind, get_args(DrawKind))
    rows = predicted(fit, newdata, re=re, auxiliary=fit.generalised is not None).rows
    chosen, key = chosen_effects(fit, re), key_of(seed)
    borrows = newdata is not None and isinstance(re, str) and re == "all" and kind != "response"
    eta = np.empty((len(rows.index), len(at)))
    for i, own in enumerate(at):
        random = stream(key, i)
        eta[:, i] = predicted_rows(
            own, rows, chosen, new_levels=new_levels, seed=random, borrows=borrows
        ).estimate
    if kind == "response":
        values = _responses(fit, at, eta, newdata, key)
    elif kind == "mean" and fit.generalised is not None:
        values = np.column_stack([_mean(own, rows, eta[:, i]) for i, own in enumerate(at)])
    else:
        values = eta
    return pd.DataFrame(values, index=rows.index, columns=pd.RangeIndex(len(at), name="draw"))


def _mean(at: Fit, rows: Rows, eta: Vector) -> Vector:
    if at.family.response == "ordered":
        raise DataError(
            "An ordered response has probabilities of categories, and no mean.\n"
            'Do:   write kind="link", or kind="response" for categories that are drawn.'
        )
    [found] = quantities(at, auxiliary_of(at, rows), "response", categories=())
    return np.asarray(found.curve(eta)[0])


def _responses(
    fit: Fit, at: Sequence[Fit], eta: Vector, newdata: object, key: NDArray[np.uint64]
) -> Vector:
    """New responses around the linear predictors, each with a stream of its own."""
    design = None if newdata is None else new_design(fit, newdata, seen=False)
    values = np.full(eta.shape, np.nan)
    complete = np.ones(len(eta), dtype=np.bool_) if design is None else design.complete
    for i, own in enumerate(at):
        drawn = Distribution(
            mean=np.ascontiguousarray(eta[complete, i]),
            roots=(),
            sigma=own.sigma,
            key=key ^ np.uint64(1),
            theta=own.theta,
            auxiliary=own.delta,
        )
        m = None if design is None else design.matrices
        values[complete, i] = fit.problem.draw(drawn, i, 1, matrices=m)[:, 0]
    return values
