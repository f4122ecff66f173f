"""The estimated mean along a column of the data, with intervals: lines, points, panels."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mixedmodels.design import columns_of, droppable_terms
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.inference.degrees_of_freedom import TestMethod
from mixedmodels.options import require_count
from mixedmodels.plots import lettering, style
from mixedmodels.plots.arrange import arranged
from mixedmodels.plots.effect_means import (
    SERIES,
    effect_means,
    fixed_columns,
    is_covariate,
    is_on_response_scale,
    values_of,
)

Vector = NDArray[np.float64]
Data = dict[str, NDArray[np.generic]]

PANELS = 20
"""Most panels of a figure."""

WIDE = 28
"""Characters of the labels in a legend."""


def effects(
    fit: Fit,
    x: str,
    *,
    by: str | Sequence[str] | None = None,
    level: float = 0.95,
    ddf: TestMethod | None = None,
    ax: Axes | None = None,
) -> Axes | Figure:
    """The population mean along `x`, apart for values of the first `by`, in panels for the others.

    One `by` with more than eight levels also has a panel per level.
    """
    names = _several(by)
    data = effects_data(fit, x, by=by, level=level, ddf=ddf)
    in_panels = len(names) > 1 or len(dict.fromkeys(data["by"].tolist())) > SERIES
    if in_panels:
        if ax is not None:
            raise DataError(
                "These effects are drawn in several panels, which do not fit on one ax.\n"
                "Do:   leave ax out, or give one by of at most eight levels."
            )
        return _in_panels(fit, data, x, names, level)
    ax = style.axes(ax, width=6.4 + (_legend_width(data) if names else 0.0))
    _draw(data, ax, names[0] if names else "")
    response, *named = lettering.terms([fit.spec.formula.response, x, *names], 40)
    style.finish(
        ax,
        title=f"Estimated mean of {response} along {' by '.join(named)}",
        x=lettering.name(x),
        y=_mean_label(fit),
        note=_note(data, level),
    )
    return arranged(ax)


def all_effects(
    fit: Fit,
    *,
    columns: int = 2,
    level: float = 0.95,
    ddf: TestMethod | None = None,
) -> Figure:
    """The effects of every term that is in no higher one, a panel each: `x`, or `x` by another.

    Raises
    ------
    DataError
        If the fixed part has no columns, or `columns` is not a positive whole number.
    """
    require_count("columns", columns, what="columns")
    pairs = _pairs(fit)
    if not pairs:
        raise DataError(
            "The fixed part has no columns beside the intercept, so no effect can be drawn.\n"
            "Do:   use plot.caterpillar() for the random effects."
        )
    shown = [effects_data(fit, x, by=by, level=level, ddf=ddf) for x, by in pairs]
    beside = max(
        _legend_width(data) if by else 0.0 for data, (_, by) in zip(shown, pairs, strict=True)
    )
    figure, grid = style.panels(len(pairs), columns=columns, width=4.4 + beside, height=3.8)
    for ax, data, (x, by) in zip(grid, shown, pairs, strict=True):
        _draw(data, ax, by or "")
        named = lettering.terms([x] if by is None else [x, by], 40)
        style.finish(
            ax,
            title=" by ".join(named),
            x=lettering.name(x),
            y=_mean_label(fit),
            note="" if np.isfinite(_numbers(data, "estimate")).all() else GAPS,
        )
    response = lettering.term(fit.spec.formula.response, 60)
    return style.title_of(figure, f"Estimated means of {response}\n{_note(None, level)}")


def effects_data(
    fit: Fit,
    x: str,
    *,
    by: str | Sequence[str] | None = None,
    level: float = 0.95,
    ddf: TestMethod | None = None,
) -> Data:
    """Columns `x, by, estimate, std_error, df, conf_low, conf_high`; with several `by`s `panel`.

    The estimate is the mean, over all rows used, of the population mean at that value of `x` (and
    of every `by`) and the row's own values of everything else; the offset is left as it is. nan
    where one of these means is not estimable (an empty cell), with a `NotEstimableWarning`.

    Raises
    ------
    DataError
        If the fixed part does not use a column, or there would be more than 20 panels.
    """
    names = _several(by)
    means = effect_means(fit, x, names, level=level, ddf=ddf)
    panels = len({values[1:] if len(names) > 1 else values for values in means.series})
    if panels > (PANELS if len(names) > 1 or len(means.series) > SERIES else SERIES):
        raise DataError(
            f"by = {by!r} has {panels} levels, too many for one picture.\n"
            "Do:   put it on the x axis, or draw with x and by exchanged."
        )
    found, places = means.found, means.places
    labels = {"by": [_label(values[0]) if values else "" for values in means.series]}
    if len(names) > 1:
        labels["panel"] = [
            ", ".join(f"{n} = {_label(v)}" for n, v in zip(names[1:], values[1:], strict=True))
            for values in means.series
        ]
    numbers = np.array(places, dtype=np.float64 if means.is_number else object)
    return {
        "x": np.tile(numbers, len(means.series)),
        **{k: np.repeat(np.array(v, dtype=object), len(places)) for k, v in labels.items()},
        "estimate": found.estimate,
        "std_error": found.std_error,
        "df": found.df,
        "conf_low": found.conf_low,
        "conf_high": found.conf_high,
    }


def _mean_label(fit: Fit) -> str:
    """What stands beside the means."""
    what = "Mean" if is_on_response_scale(fit) else "Mean linear predictor of"
    return f"{what} {lettering.term(fit.spec.formula.response)}"


GAPS = "Gaps: means that the data do not determine"


def _several(by: str | Sequence[str] | None) -> tuple[str, ...]:
    """The names in `by`."""
    if by is None:
        return ()
    names = (by,) if isinstance(by, str) else tuple(by) if isinstance(by, (list, tuple)) else None
    if not names or not all(isinstance(name, str) for name in names):
        raise DataError(f"by = {by!r} names no columns.\nDo:   give a name, or a list of names.")
    return names


def _pairs(fit: Fit) -> list[tuple[str, str | None]]:
    """Of every highest term a column to draw along, a covariate first, and one to draw by."""
    order = fixed_columns(fit)
    terms = droppable_terms(list(fit.spec.fixed.term_slices))
    sets = list(dict.fromkeys(frozenset(columns_of([term], fit.spec)) for term in terms))
    pairs: list[tuple[str, str | None]] = []
    for columns in sets:
        if not columns or any(columns < other for other in sets):
            continue
        found = sorted(columns, key=lambda name: (not is_covariate(fit, name), order.index(name)))
        few = [name for name in found[1:] if len(values_of(fit, name)) <= SERIES]
        pairs.append((found[0], few[0] if few else None))
    return pairs[:PANELS]


def _in_panels(fit: Fit, data: Data, x: str, names: Sequence[str], level: float) -> Figure:
    by = "panel" if len(names) > 1 else "by"
    panels = list(dict.fromkeys(data[by].tolist()))
    columns = min(4, int(np.ceil(np.sqrt(len(panels)))))
    beside = _legend_width(data) if len(names) > 1 else 0.0
    figure, grid = style.panels(
        len(panels),
        columns=columns,
        width=3.4 + beside / columns,
        height=3.8 if len(panels) <= columns else 2.9,
    )
    inner = {name: values for name, values in data.items() if name != by}
    inner.setdefault("by", np.full(len(data["x"]), "", dtype=object))
    titles = lettering.terms(panels, 60)
    for i, (ax, panel, title) in enumerate(zip(grid, panels, titles, strict=True)):
        rows = data[by] == panel
        is_last = i == min(columns, len(panels)) - 1
        part = {name: values[rows] for name, values in inner.items()}
        _draw(part, ax, names[0] if len(names) > 1 and is_last else "", keyed=is_last)
        style.finish(ax, title=title, x="", y="")
        ax.set_ylim(*_range(data))
    response = lettering.term(fit.spec.formula.response)
    shared = style.across(figure, x=lettering.name(x), y=f"Mean {response}")
    response, *named = lettering.terms([fit.spec.formula.response, x, *names], 40)
    along = " by ".join(named)
    title = f"Estimated mean of {response} along {along}\n{_note(data, level)}"
    return style.title_of(figure, title, shared=shared)


def _note(data: Data | None, level: float) -> str:
    note = f"{level:.0%} intervals; mean over all rows used, random effects zero"
    if data is not None and not np.isfinite(_numbers(data, "estimate")).all():
        note += f". {GAPS}"
    return note


def _legend_width(data: Data) -> float:
    """Inches that the legend needs."""
    labels = lettering.names(list(dict.fromkeys(data["by"].tolist())), WIDE)
    return (max(lettering.width_of(label, style.SMALL) for label in labels) + 50) / 72


def _range(data: Data) -> tuple[float, float]:
    """Limits of the y axis that all panels share."""
    found = np.concatenate([_numbers(data, "conf_low"), _numbers(data, "conf_high")])
    found = found[np.isfinite(found)]
    if not found.size:
        return 0.0, 1.0
    margin = 0.05 * float(np.ptp(found)) or 1.0
    return float(found.min()) - margin, float(found.max()) + margin


def _label(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _draw(data: Data, ax: Axes, by: str, *, keyed: bool = True) -> None:
    """Lines along a covariate, else points, and a legend under the name of `by`, if any."""
    groups = list(dict.fromkeys(data["by"].tolist()))
    labels = lettering.names(groups, WIDE)
    draw = _draw_lines if data["x"].dtype.kind == "f" else _draw_points
    draw(data, dict(zip(groups, labels, strict=True)), ax)
    if by and keyed:
        style.legend(ax, lettering.wrapped(lettering.name(by), 150, style.SMALL))


def _draw_lines(data: Data, groups: dict[str, str], ax: Axes) -> None:
    faint = 0.18 if len(groups) <= 4 else 0.08
    for (group, label), (colour, line, marker) in zip(groups.items(), style.SERIES, strict=False):
        rows = data["by"] == group
        x = data["x"][rows].astype(np.float64)
        low, high, mean = (_numbers(data, n)[rows] for n in ("conf_low", "conf_high", "estimate"))
        ax.fill_between(x, low, high, color=colour, alpha=faint, linewidth=0)
        mark = marker if len(x) <= MARKED else ""
        ax.plot(x, mean, linestyle=line, marker=mark, ms=4, color=colour, lw=2, label=label)


MARKED = 10
"""Places up to which they are marked on a line."""


def _draw_points(data: Data, groups: dict[str, str], ax: Axes) -> None:
    places = list(dict.fromkeys(data["x"].tolist()))
    apart = min(0.12, 0.7 / len(groups))
    series = zip(groups.items(), style.SERIES, strict=False)
    for i, ((group, label), (colour, _, marker)) in enumerate(series):
        rows = data["by"] == group
        at = np.arange(len(places)) + apart * (i - (len(groups) - 1) / 2)
        low, high, mean = (_numbers(data, n)[rows] for n in ("conf_low", "conf_high", "estimate"))
        ax.vlines(at, low, high, color=colour, linewidth=2)
        ax.plot(at, mean, marker, color=colour, markersize=6, label=label)
    style.name_columns(ax, places)
    ax.set_xlim(-0.6, len(places) - 0.4)


def _numbers(data: Data, name: str) -> Vector:
    return data[name].astype(np.float64)
