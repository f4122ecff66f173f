"""Estimated means along columns of the data: the numbers of the effects plots."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from mixedmodels.data import as_pandas
from mixedmodels.design import columns_of, is_intercept
from mixedmodels.errors import DataError
from mixedmodels.fit.degrees_of_freedom import ddf_of
from mixedmodels.fit.fit import Fit
from mixedmodels.inference.degrees_of_freedom import TestMethod
from mixedmodels.posthoc.linear_functions import LinearFunctions
from mixedmodels.posthoc.response_rows import response_predictions
from mixedmodels.posthoc.results import Results, results
from mixedmodels.posthoc.row_averages import predictions

PLACES = 40
"""Places along a covariate with more distinct values."""

SERIES = 8
"""Values of `by` that are told apart by colour, line and marker."""

QUANTILES = (0.1, 0.5, 0.9)
"""Places of a covariate with more values than that."""


@dataclass(frozen=True, slots=True)
class EffectMeans:
    """Means over all rows used, at every combination of values.

    Attributes
    ----------
    places : list
        Values of `x`.
    is_number : bool
        Whether `x` is a covariate.
    series : list of tuples
        Values of the `by`s; one empty tuple without any.
    found : Results
        Every array (series * places,), the places in turn first; nan where the data do not
        determine the mean.
    """

    places: list[Any]
    is_number: bool
    series: list[tuple[Any, ...]]
    found: Results


def effect_means(
    fit: Fit, x: str, by: Sequence[str], *, level: float, ddf: TestMethod | None
) -> EffectMeans:
    """The mean, over all rows used, of the population mean at values of `x` and of every `by`.

    Each row keeps its own values of the other columns of the fixed part, and counts once.

    Raises
    ------
    DataError
        If the fixed part does not use a column, or one is named twice.
    """
    moved = [x, *by]
    used = fixed_columns(fit)
    for name in moved:
        _require_column(name, used)
    if len(set(moved)) < len(moved):
        raise DataError(
            f"x and by name a column twice: {', '.join(moved)}.\nDo:   name each column once."
        )
    columns = {name: _values(fit, name) for name in fit.spec.variables}
    places = _places(columns[x], most=PLACES)
    series = list(product(*(_few(columns[name]) for name in by)))
    at = {x: places, **{name: _few(columns[name]) for name in reversed(by)}}
    found = results(_predictions(fit, at, level=level, ddf=ddf_of(fit) if ddf is None else ddf))
    return EffectMeans(places, _is_number(columns[x]), series, found)


def _predictions(
    fit: Fit, at: dict[str, list[Any]], *, level: float, ddf: TestMethod
) -> LinearFunctions:
    """On the scale of the response; of ordered categories, which have no mean, on that of the
    linear predictor.
    """
    if is_on_response_scale(fit) and fit.generalised is not None:
        return response_predictions(fit, at=at, ddf=ddf, level=level)
    return predictions(fit, at=at, ddf=ddf, level=level)


def is_on_response_scale(fit: Fit) -> bool:
    """Whether the means of `effect_means` are means of the response."""
    return fit.family.response != "ordered"


def fixed_columns(fit: Fit) -> list[str]:
    """The columns of the data that the fixed part uses, in the order of the formula."""
    used = columns_of(_terms(fit), fit.spec)
    return [name for name in fit.spec.variables if name in used]


def values_of(fit: Fit, name: str) -> list[Any]:
    """The values of a column that a series or panel stands for: levels, or a few quantiles."""
    return _few(_values(fit, name))


def is_covariate(fit: Fit, name: str) -> bool:
    """Whether a column is drawn as a line rather than as points."""
    return _is_number(_values(fit, name))


def _terms(fit: Fit) -> list[Any]:
    return [term for term in fit.spec.fixed.term_slices if not is_intercept(term)]


def _require_column(name: object, used: Sequence[str]) -> None:
    if not used:
        raise DataError(
            "The fixed part has no columns beside the intercept, so no effect can be drawn.\n"
            "Do:   use plot.caterpillar() for the random effects."
        )
    if not isinstance(name, str) or name not in used:
        raise DataError(
            f"{name!r} is not a column that the fixed part uses.\n"
            f"Do:   choose from {', '.join(used)}."
        )


def _values(fit: Fit, name: str) -> pd.Series:
    """A column on the rows used."""
    values = as_pandas(fit.frame.column(name))[np.flatnonzero(fit.matrices.kept)]
    found = pd.Series(values).reset_index(drop=True)
    is_category = isinstance(found.dtype, pd.CategoricalDtype)
    return found.cat.remove_unused_categories() if is_category else found


def _is_number(values: pd.Series) -> bool:
    return not isinstance(values.dtype, pd.CategoricalDtype) and values.dtype.kind in "fiu"


def _places(values: pd.Series, *, most: int) -> list[Any]:
    if isinstance(values.dtype, pd.CategoricalDtype):
        return list(values.cat.categories)
    distinct = np.unique(values.to_numpy())
    if len(distinct) <= most:
        return list(distinct.tolist())
    return list(np.linspace(float(distinct[0]), float(distinct[-1]), most).tolist())


def _few(values: pd.Series) -> list[Any]:
    found = _places(values, most=PLACES)
    if len(found) <= SERIES or not _is_number(values):
        return found
    return list(np.unique(np.quantile(values, QUANTILES, method="nearest")).tolist())
