"""The estimated mean along one column of the data, with intervals."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from mixedmodels.data import Frame, as_pandas
from mixedmodels.design import columns_of, is_intercept, rebuild
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.inference.contrast import t_tests
from mixedmodels.plots import style
from mixedmodels.vocabulary import DegreesOfFreedom

Vector = NDArray[np.float64]
Data = dict[str, NDArray[np.generic]]

PLACES = 40
"""Places along a covariate with more distinct values."""

ROWS = 400
"""Rows of the data over which the mean is taken; of more, every so many-th."""


def effects(
    fit: Fit,
    x: str,
    *,
    by: str | None = None,
    level: float = 0.95,
    ddf: DegreesOfFreedom = "satterthwaite",
    ax: Axes | None = None,
) -> Axes:
    """The population mean along `x`, a line or a set of points per value of `by`."""
    data = effects_data(fit, x, by=by, level=level, ddf=ddf)
    ax = style.axes(ax)
    groups = list(dict.fromkeys(data["by"].tolist()))
    if data["x"].dtype.kind == "f":
        _draw_lines(data, groups, ax)
    else:
        _draw_points(data, groups, ax)
    if by is not None:
        ax.legend(title=by, frameon=False)
    along = x if by is None else f"{x} by {by}"
    return style.finish(
        ax,
        title=f"Estimated mean of {fit.spec.formula.response} along {along}",
        x=x,
        y=f"Mean {fit.spec.formula.response}",
        note=f"{level:.0%} intervals; other columns as in the data, random effects zero",
    )


def effects_data(
    fit: Fit,
    x: str,
    *,
    by: str | None = None,
    level: float = 0.95,
    ddf: DegreesOfFreedom = "satterthwaite",
) -> Data:
    """Columns `x, by, estimate, std_error, df, conf_low, conf_high`.

    The estimate is the mean, over the rows of the data, of the population mean at that value of
    `x` (and `by`) and the row's own values of everything else; the offset is left as it is.

    Raises
    ------
    DataError
        If the fixed part does not use `x` or `by`, or `by` has more than four values.
    """
    columns = _columns(fit)
    places = _places(columns, x, most=PLACES)
    series = [None] if by is None else _series(columns, by)
    size = len(columns)
    blocks = []
    for value in series:
        for place in places:
            block = columns.assign(**{x: _constant(columns[x], place, size)})
            if by is not None:
                block = block.assign(**{by: _constant(columns[by], value, size)})
            blocks.append(block)
    stacked = {name: _joined([block[name] for block in blocks]) for name in columns.columns}
    X = rebuild(fit.spec, Frame.of(pd.DataFrame(stacked)), groups=[]).X
    L = X.reshape(len(blocks), size, -1).mean(axis=1)
    found = t_tests(fit, L, ddf=ddf, level=level)
    offset = 0.0 if fit.matrices.offset is None else float(fit.matrices.offset.mean())
    number = columns[x].dtype.kind in "fiu"
    return {
        "x": np.tile(np.array(places, dtype=np.float64 if number else object), len(series)),
        "by": np.repeat(np.array([_label(v) for v in series], dtype=object), len(places)),
        "estimate": found.estimate + offset,
        "std_error": found.std_error,
        "df": found.df,
        "conf_low": found.conf_low + offset,
        "conf_high": found.conf_high + offset,
    }


def _columns(fit: Fit) -> pd.DataFrame:
    """The columns of the fixed part on some of the rows used."""
    terms = [term for term in fit.spec.fixed.term_slices if not is_intercept(term)]
    kept = np.flatnonzero(fit.matrices.kept)
    rows = kept[:: max(1, -(-len(kept) // ROWS))]
    found: dict[str, Any] = {}
    for name in fit.spec.variables:
        if name in columns_of(terms, fit.spec):
            found[name] = as_pandas(fit.frame.column(name))[rows]
    if not found:
        raise DataError(
            "The fixed part has no columns beside the intercept, so no effect can be drawn.\n"
            "Do:   use plot.caterpillar() for the random effects."
        )
    return pd.DataFrame(found)


def _places(columns: pd.DataFrame, name: str, *, most: int) -> list[Any]:
    if name not in columns:
        raise DataError(
            f"{name!r} is not a column that the fixed part uses.\n"
            f"Do:   choose from {', '.join(columns.columns)}."
        )
    values = columns[name]
    if isinstance(values.dtype, pd.CategoricalDtype):
        return list(values.cat.categories)
    distinct = np.unique(values.to_numpy())
    if len(distinct) <= most:
        return list(distinct.tolist())
    return list(np.linspace(float(distinct[0]), float(distinct[-1]), most).tolist())


def _series(columns: pd.DataFrame, by: str) -> list[Any]:
    values = _places(columns, by, most=PLACES)
    if len(values) <= len(style.SERIES):
        return values
    if columns[by].dtype.kind in "fiu":
        return list(np.quantile(columns[by], [0.1, 0.5, 0.9], method="nearest").tolist())
    raise DataError(
        f"by = {by!r} has {len(values)} levels, too many for one picture.\n"
        f"Do:   put it on the x axis, or draw with x and by exchanged."
    )


def _constant(values: pd.Series, value: Any, size: int) -> Any:
    if isinstance(values.dtype, pd.CategoricalDtype):
        return pd.Categorical([value] * size, categories=values.cat.categories)
    return np.full(size, value)


def _joined(parts: list[pd.Series]) -> Any:
    if isinstance(parts[0].dtype, pd.CategoricalDtype):
        codes = np.concatenate([part.cat.codes for part in parts])
        return pd.Categorical.from_codes(codes, categories=parts[0].cat.categories)
    return np.concatenate([part.to_numpy() for part in parts])


def _label(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _draw_lines(data: Data, groups: list[str], ax: Axes) -> None:
    for group, (colour, line, _) in zip(groups, style.SERIES, strict=False):
        rows = data["by"] == group
        x = data["x"][rows].astype(np.float64)
        low, high, mean = (_numbers(data, n, rows) for n in ("conf_low", "conf_high", "estimate"))
        ax.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)
        ax.plot(x, mean, line, color=colour, linewidth=2, label=group)


def _draw_points(data: Data, groups: list[str], ax: Axes) -> None:
    places = list(dict.fromkeys(data["x"].tolist()))
    for i, (group, (colour, _, marker)) in enumerate(zip(groups, style.SERIES, strict=False)):
        rows = data["by"] == group
        at = np.arange(len(places)) + 0.12 * (i - (len(groups) - 1) / 2)
        low, high, mean = (_numbers(data, n, rows) for n in ("conf_low", "conf_high", "estimate"))
        ax.vlines(at, low, high, color=colour, linewidth=2)
        ax.plot(at, mean, marker, color=colour, markersize=6, label=group)
    ax.set_xticks(range(len(places)), labels=[style.short(place, 14) for place in places])
    if len(places) > 6:
        ax.tick_params(axis="x", rotation=90, labelsize=style.SMALL)
    ax.margins(x=0.1)


def _numbers(data: Data, name: str, rows: NDArray[np.bool_]) -> Vector:
    return data[name][rows].astype(np.float64)
