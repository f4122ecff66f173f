"""Estimated means along columns of the data: the numbers of the effects plots."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.data import Frame, as_pandas
from mixedmodels.design import all_fixed_columns, columns_of, is_intercept
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.inference.contrast import TTests, t_tests
from mixedmodels.prediction.rows import warn_of_not_estimable
from mixedmodels.vocabulary import DegreesOfFreedom

Vector = NDArray[np.float64]
Columns = dict[str, Any]

PLACES = 40
"""Places along a covariate with more distinct values."""

SERIES = 8
"""Values of `by` that are told apart by colour, line and marker."""

QUANTILES = (0.1, 0.5, 0.9)
"""Places of a covariate with more values than that."""

ROWS = 100_000
"""Rows whose columns are made at once."""


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
    found : TTests
        Every attribute (series * places,), the places in turn first; nan where the data do not
        determine the mean.
    offset : float
        The mean offset, which belongs to the means.
    """

    places: list[Any]
    is_number: bool
    series: list[tuple[Any, ...]]
    found: TTests
    offset: float


def effect_means(
    fit: Fit, x: str, by: Sequence[str], *, level: float, ddf: DegreesOfFreedom
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
    points = [dict(zip(moved, (p, *s), strict=True)) for s in series for p in places]
    L = _mean_rows(fit, columns, moved, points)
    offset = 0.0 if fit.matrices.offset is None else float(fit.matrices.offset.mean())
    found = t_tests(fit, L, ddf=ddf, level=level)
    return EffectMeans(places, _is_number(columns[x]), series, found, offset)


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


def _mean_rows(
    fit: Fit, columns: Columns, moved: Sequence[str], points: Sequence[dict[str, Any]]
) -> Vector:
    """Rows of L (points, p): the mean row of X at every point, nan where it is not estimable.

    Terms without a moved column have the mean of the fit. The others see, beside the moved columns,
    only those that they share a term with, of which every distinct combination is made once.
    """
    m, spec = fit.matrices, fit.spec
    touched = [term for term in _terms(fit) if columns_of([term], spec) & {*moved}]
    beside = sorted(columns_of(touched, spec) - {*moved})
    rows, weight = _distinct([columns[name] for name in beside], len(m.y))
    moving = np.zeros(len(spec.fixed.column_names), dtype=np.bool_)
    for term in touched:
        moving[spec.fixed.term_slices[term]] = True
    # Terms are those of the formula's columns; working ones may hold parts of other terms.
    L = np.tile(spec.columns.completed(np.asarray(m.X).mean(axis=0)), (len(points), 1))
    at_once = max(1, ROWS // len(rows))
    for first in range(0, len(points), at_once):
        some = points[first : first + at_once]
        made = {
            name: _column(values, rows, [point.get(name, _OWN) for point in some])
            for name, values in columns.items()
        }
        X = all_fixed_columns(spec, Frame.of(pd.DataFrame(made)))
        mean = np.einsum("kuj,u->kj", X.reshape(len(some), len(rows), -1), weight)
        L[first : first + len(some), moving] = mean[:, moving]
    estimable = spec.columns.estimable(L)
    warn_of_not_estimable(
        fit, [_in_words(p) for p, known in zip(points, estimable, strict=True) if not known]
    )
    L[~estimable] = np.nan
    return spec.columns.kept_of(L)


def _in_words(point: dict[str, Any]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in point.items())


_OWN = object()
"""Stands for the rows' own values."""


def _column(values: pd.Series, rows: NDArray[np.int64], at: Sequence[Any]) -> Any:
    """A column of stacked copies of some rows, one copy per point, with the point's value."""
    own = values.iloc[np.tile(rows, len(at))].reset_index(drop=True)
    if at[0] is _OWN:
        return own
    if isinstance(values.dtype, pd.CategoricalDtype):
        codes = values.cat.categories.get_indexer(list(at))
        return pd.Categorical.from_codes(np.repeat(codes, len(rows)), dtype=values.dtype)
    return np.repeat(np.array(at), len(rows))


def _distinct(columns: Sequence[pd.Series], n: int) -> tuple[NDArray[np.int64], Vector]:
    """Rows that stand for all: the first of every combination of values, and its share of rows."""
    code = np.zeros(n, dtype=np.int64)
    for column in columns:
        levels, _ = pd.factorize(column)
        code = np.unique(code * (int(levels.max()) + 1) + levels, return_inverse=True)[1]
    _, first, count = np.unique(code, return_index=True, return_counts=True)
    return first, count / n
