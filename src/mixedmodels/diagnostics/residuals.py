"""Residuals of every kind."""

from typing import get_args

import pandas as pd

from mixedmodels.diagnostics.leverage import (
    leverage,
    structured_leverage,
    studentized,
    studentized_pearson,
)
from mixedmodels.diagnostics.quantile import quantile_residuals
from mixedmodels.diagnostics.scaled import scaled_residuals
from mixedmodels.fit import fitted
from mixedmodels.fit.fit import Fit
from mixedmodels.options import require_option
from mixedmodels.prediction.streams import Seed
from mixedmodels.vocabulary import ResidualKind


def residuals(fit: Fit, kind: ResidualKind = "response", *, seed: Seed = None) -> pd.Series:
    """Residuals of one kind, on the index of the rows used.

    Parameters
    ----------
    fit : Fit
        The fitted model.
    kind : str
        See `LinearMixedModel.residuals`.
    seed : int or Generator, optional
        For ``"scaled"``, and ``"quantile"`` of counts, which are random.

    Raises
    ------
    DataError
        For an unknown kind, or several grouping factors too large for the leverage.
    """
    require_option("kind", kind, get_args(ResidualKind))
    index = fit.matrices.index.view()
    if fit.generalised is not None and kind == "quantile":
        return pd.Series(quantile_residuals(fit, seed=seed), index=index, name="resid")
    if fit.generalised is not None and kind == "studentized":
        return pd.Series(studentized_pearson(fit), index=index, name="resid")
    if kind == "studentized":
        is_plain = fit.matrices.is_plain
        values = studentized(fit, leverage(fit)) if is_plain else structured_leverage(fit)[1]
        return pd.Series(values, index=index, name="resid")
    if kind == "scaled":
        return scaled_residuals(fit, seed=seed).rename("resid")
    return fitted.residuals(fit, kind)
