"""From the scale of the model back to that of the response.

`response` shows rows there and leaves tests where they are; `regrid` makes rows of their own, by
the linear approximation h(eta) + h'(eta) (L beta - eta) at the estimates.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixedmodels.errors import DataError
from mixedmodels.options import require_flag, require_positive
from mixedmodels.posthoc.joint import divided
from mixedmodels.posthoc.linear_functions import LinearFunctions
from mixedmodels.posthoc.results import mean_over_normal
from mixedmodels.posthoc.spread import (
    around_the_mean,
    random_variance,
    random_variance_differs,
    random_variance_slopes,
)
from mixedmodels.posthoc.transforms import Transform
from mixedmodels.prediction.parameters import finite

MINUS = re.compile(r" - (?![^(]*\))")
"""A minus that is in no brackets."""

SLOPES = (
    "with the mean variance of the random effects over the rows; predictions(marginal=True) takes "
    "each row's own"
)
"""What means over random slopes are not."""


def response(
    functions: LinearFunctions,
    bias_adjust: bool = False,
    *,
    marginal: bool = False,
    sigma: float | None = None,
) -> LinearFunctions:
    """The rows, shown on the scale of the response, as `Means.response` explains it."""
    require_flag("bias_adjust", bias_adjust)
    require_flag("marginal", marginal)
    _required(functions)
    _require_one(functions, bias_adjust, marginal, sigma)
    fit, variance, integral = functions.fit, 0.0, None
    if marginal:
        variance, integral = random_variance(fit), random_variance_slopes(fit)
    elif bias_adjust:
        known = None if sigma is None else require_positive("sigma", finite("sigma", sigma))
        variance = around_the_mean(fit) if known is None else known**2
    labels = functions.labels
    if functions.is_ratio:
        labels = as_ratios(labels, fit.frame.columns)
    notes = (*functions.notes, *_notes(functions, bias_adjust))
    if (
        functions.kind == "mean"
        and fit.generalised is not None
        and (marginal or (bias_adjust and sigma is None))
        and random_variance_differs(fit)
    ):
        notes = (*notes, SLOPES)
    return replace(functions, labels=labels, back=variance, integral=integral, notes=notes)


def _require_one(
    functions: LinearFunctions, bias_adjust: bool, marginal: bool, sigma: float | None
) -> None:
    if sigma is not None and not bias_adjust:
        raise DataError(
            "sigma is for the adjustment of bias, which is not asked for.\n"
            "Do:   write bias_adjust=True, or leave sigma out."
        )
    if marginal and (bias_adjust or functions.fit.generalised is None):
        raise DataError(
            "marginal=True integrates over the random effects of a generalised model; "
            "bias_adjust=True\nis the second-order approximation to it, for linear models of a "
            "transformed response too.\nDo:   give one of the two."
        )


def _notes(functions: LinearFunctions, bias_adjust: bool) -> list[str]:
    """What a reader must know of means on the scale of the response."""
    if functions.kind != "mean":  # ratios have no bias
        return []
    found = ["freed of the bias of the transform"] if bias_adjust else []
    if functions.fit.generalised is not None and functions.fit.family.zero != "none":
        found.append("means without the zeros of the zero part; predictions() includes them")
    return found


def as_ratios(
    labels: Mapping[str, NDArray[Any]], columns: Collection[str]
) -> dict[str, NDArray[Any]]:
    """Names of differences as those of ratios, ``a - b`` as ``a / b``, but within brackets.

    What is in `columns` of the data are levels, whose names stay.
    """
    out = dict(labels)
    for name, values in labels.items():
        if name not in (*columns, "term"):
            out[name] = values.copy()
            out[name][:] = [MINUS.sub(" / ", text) for text in values.tolist()]
    return out


def regrid(functions: LinearFunctions) -> LinearFunctions:
    """Means of the response as rows, as `Means.regrid` explains it."""
    transform = _required(functions)
    if functions.kind != "mean":
        raise DataError(
            "Only means can be taken to the scale of the response row by row.\n"
            "Do:   write means.regrid().contrast(...)."
        )
    eta = functions.rows @ functions.fit.beta + functions.constant
    beside = functions.beside
    if functions.integral is not None and functions.back is not None:
        value, slope, bend = mean_over_normal(transform, eta, functions.back)
        gradient = np.zeros((functions.size, len(functions.fit.psi)))
        gradient[:, : len(functions.integral)] = bend[:, None] * functions.integral
        beside = divided(functions.fit, gradient)[1]
    else:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            value, slope = transform.inverse(eta), transform.slope(eta)
        beside = None if beside is None else beside.scaled(slope)
    L = functions.L * slope[:, None]
    return replace(
        functions,
        L=L,
        constant=value - slope * (eta - functions.constant),
        beside=beside,
        transform=None,
        back=None,
        integral=None,
        is_approximate=True,
        notes=(*functions.notes, "on the scale of the response, by linear approximation"),
    )


def _required(functions: LinearFunctions) -> Transform:
    """The transform, or a DataError if the response has none."""
    if functions.fit.family.response == "ordered" and functions.kind != "contrast":
        raise DataError(
            "Means of an ordered response are those of the latent variable: it has no mean on the "
            "scale of the response.\n"
            "Do:   write model.predictions(at={...}) for the probability of each category, or "
            'type="expected"\n      for the mean category; contrasts can be shown as odds ratios.'
        )
    if functions.transform is None:
        raise DataError(
            f"The response {functions.fit.spec.formula.response} has no transform that could be "
            "undone here.\n"
            'Do:   give emmeans(..., transform="log") (or log2, log10, log1p, sqrt, inverse) if '
            "the column holds transformed values; else rows are on the scale of the response "
            "already."
        )
    return functions.transform
