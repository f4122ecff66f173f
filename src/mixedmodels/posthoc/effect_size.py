"""Standardised differences: contrasts over a standard deviation that is estimated itself."""

from dataclasses import replace
from typing import Literal

import numpy as np

from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.options import require_option, require_positive
from mixedmodels.posthoc.contrasts import contrast
from mixedmodels.posthoc.linear_functions import Beside, LinearFunctions
from mixedmodels.posthoc.spread import spread
from mixedmodels.prediction.parameters import finite

Divisor = float | Literal["residual", "total"]


def effect_size(
    functions: LinearFunctions, sigma: Divisor = "total", *, edf: float | None = None
) -> LinearFunctions:
    """Effect sizes, as `Means.effect_size` explains them."""
    if functions.kind == "effect size":
        raise DataError("These are effect sizes already.\nDo:   use them as they are.")
    if functions.kind != "contrast":
        functions = contrast(functions, adjust="none")
    divisor, df = _divisor(functions.fit, sigma, edf)
    d = (functions.rows @ functions.fit.beta + functions.constant) / divisor
    return replace(
        functions,
        kind="effect size",
        L=functions.L / divisor,
        constant=functions.constant / divisor,
        beside=_divided(functions, divisor),
        added=d**2 / (2 * df),
        most_df=df,
        back=None,
        is_approximate=True,
        notes=(*functions.notes, f"differences over {divisor:.6g}, with {df:.4g} df"),
    )


def _divided(functions: LinearFunctions, divisor: float) -> Beside | None:
    if functions.beside is None:
        return None
    return functions.beside.scaled(np.full(functions.size, 1 / divisor))


def _divisor(fit: Fit, sigma: Divisor, edf: float | None) -> tuple[float, float]:
    """The divisor and its degrees of freedom."""
    if isinstance(sigma, str):
        require_option("sigma", sigma, ("residual", "total"))
        found = spread(fit, sigma)
        divisor, df = float(np.sqrt(found.variance)), found.df
    else:
        divisor, df = require_positive("sigma", finite("sigma", sigma)), np.inf
    return divisor, df if edf is None else require_positive("edf", edf)
