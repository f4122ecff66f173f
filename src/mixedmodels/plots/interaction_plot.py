"""Means along one column, apart for the values of others, with the data behind them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mixedmodels.fit.fitted import observed_array
from mixedmodels.options import require_flag
from mixedmodels.plots import lettering, style
from mixedmodels.plots.arrange import arranged
from mixedmodels.plots.mean_intervals import intervals_data
from mixedmodels.plots.mean_panels import (
    GAPS,
    Panel,
    heading,
    in_words,
    measure,
    neutral,
    panels_of,
    require_means,
    several,
    side_by_side,
    varying,
)
from mixedmodels.posthoc.grid_variables import codes_on, fixed_variables, rows_of
from mixedmodels.posthoc.linear_functions import LinearFunctions
from mixedmodels.posthoc.results import Results, results
from mixedmodels.posthoc.specs import require_column

Vector = NDArray[np.float64]
Rows = NDArray[np.intp]
Data = dict[str, NDArray[np.generic]]

WIDE = 28
"""Characters of the labels in a legend."""

LEVEL = 200.0
"""Points of the names of levels that stand beside each other; more are upright."""

SPREAD = 0.7
"""Room of a level along which series stand side by side."""

MARKED = 12
"""Places up to which they are marked on a line."""


@dataclass(frozen=True, slots=True)
class Course:
    """How means are laid out.

    Attributes
    ----------
    x : str
        The column along which they run.
    is_number : bool
        Whether it is a covariate, whose values stand at their distances.
    places : list
        Its values, in order.
    names : list of str
        What they are called.
    line : str
        The column whose values have lines; "" for none.
    series : list
        Its values.
    series_names : list of str
        What they are called.
    panels : tuple of str
        The columns whose values have panels.
    """

    x: str
    is_number: bool
    places: list[Any]
    names: list[str]
    line: str
    series: list[Any]
    series_names: list[str]
    panels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Observed:
    """The rows of the data behind the means.

    Attributes
    ----------
    x, y : array (n,)
        Place along x, without the room between series, and response.
    series : array (n,)
        Position of the series.
    panel : array (n,)
        Position of the panel.
    note : str
        What the points are.
    """

    x: Vector
    y: Vector
    series: Rows
    panel: Rows
    note: str


def interaction(
    functions: LinearFunctions,
    x: str | None = None,
    *,
    observed: bool = True,
    columns: int | None = None,
    ax: Axes | None = None,
) -> Axes | Figure:
    """A line for each value of one column along another, in panels for the rest."""
    require_flag("observed", observed)
    course = _course(functions, x)
    panels = panels_of(functions, course.panels)
    found = results(functions)
    points = _observed(functions, course, panels) if observed else None
    limits = _range(found, points)
    beside = _legend_width(course)
    note = _note(functions, points)
    if len(panels) == 1:
        crowded = 0.17 * len(course.places) * len(course.series)
        ax = style.axes(ax, width=float(np.clip(crowded, 6.4, 13.0)) + beside)
        _draw(ax, functions, course, found, panels, 0, points, keyed=True)
        ax.set_ylim(*limits)
        title = heading(functions) + (f", {panels[0].title}" if panels[0].title else "")
        style.finish(ax, title=title, x=lettering.name(course.x), y=measure(functions), note=note)
        return arranged(ax)
    side = side_by_side(len(panels), columns)

    def draw(panel: Panel, axes: Axes) -> None:
        i = next(i for i, own in enumerate(panels) if own is panel)
        _draw(axes, functions, course, found, panels, i, points, keyed=i == side - 1)
        axes.set_ylim(*limits)

    return several(
        panels,
        draw,
        title=f"{heading(functions)}\n{note}",
        x=lettering.name(course.x),
        y=measure(functions),
        size=(3.4 + beside / side, 3.2 + _below(course)),
        columns=side,
        ax=ax,
    )


def interaction_data(functions: LinearFunctions, x: str | None = None) -> Data:
    """The columns that name rows, then `estimate, conf_low, conf_high`."""
    _course(functions, x)
    return intervals_data(functions)


def _course(functions: LinearFunctions, x: str | None) -> Course:
    require_means(functions, "Lines join means or trends", "draw contrasts with plot()")
    if x is not None:
        require_column(x, functions.labels)
    names = varying(functions, functions.names)
    along = x or (*names, *functions.by)[0]
    left = [name for name in names if name != along]
    by = [name for name in functions.by if name != along]
    line = left[0] if left else ""
    series = _values(functions, line) if line else {"": ""}
    if len(series) > len(style.SERIES):
        line, series, left = "", {"": ""}, ["", *left]
    panels = (*left[1:], *by)
    known = fixed_variables(functions.fit).get(along)
    is_number = known is not None and not known.is_factor
    found = _values(functions, along)
    places = sorted(found) if is_number else list(found)
    names = [found[place] for place in places]
    lines = list(series), list(series.values())
    return Course(along, is_number, places, names, line, *lines, panels)


def _values(functions: LinearFunctions, name: str) -> dict[Any, str]:
    """The values of a column, in order of appearance, with what they are called."""
    values, texts = functions.labels[name].tolist(), in_words(functions, name).tolist()
    return dict(zip(values, texts, strict=True))


def _note(functions: LinearFunctions, points: Observed | None) -> str:
    note = f"{100 * functions.testing.level:.4g}% intervals"
    if not functions.estimable.all():
        note += f". {GAPS}"
    return note if points is None else f"{note}. {points.note}"


def _legend_width(course: Course) -> float:
    """Inches that the legend needs."""
    if not course.line:
        return 0.0
    labels = _labels(course)
    return (max(lettering.width_of(text, style.SMALL) for text in labels) + 50) / 72


def _below(course: Course) -> float:
    """Inches that the names of levels need below a panel."""
    if course.is_number:
        return 0.0
    widths = [lettering.width_of(text, style.SMALL) for text in lettering.names(course.names, WIDE)]
    return max(widths) / 72 if sum(widths) > LEVEL else 0.0


def _labels(course: Course) -> list[str]:
    return lettering.names(course.series_names, WIDE)


def _range(found: Results, points: Observed | None) -> tuple[float, float]:
    """Limits of the y axis that all panels share."""
    parts = [found.estimate, found.conf_low, found.conf_high]
    every = np.concatenate(parts if points is None else [*parts, points.y])
    every = every[np.isfinite(every)]
    if not every.size:
        return -1.0, 1.0
    margin = 0.05 * float(np.ptp(every)) or 0.05 * abs(float(every[0])) or 0.5
    return float(every.min()) - margin, float(every.max()) + margin


def _draw(
    ax: Axes,
    functions: LinearFunctions,
    course: Course,
    found: Results,
    panels: Sequence[Panel],
    i: int,
    points: Observed | None,
    *,
    keyed: bool,
) -> None:
    at = neutral(functions)
    if at is not None:
        style.level(ax, at)
    rows = panels[i].rows
    for k, text in enumerate(_labels(course)):
        own = rows
        if course.line:
            same = [v == course.series[k] for v in functions.labels[course.line][rows].tolist()]
            own = rows[np.array(same, dtype=np.bool_)]
        if points is not None:
            chosen = (points.panel == i) & (points.series == k)
            _draw_points(ax, points.x[chosen], points.y[chosen], course, k, points)
        _draw_line(ax, functions, course, found, own, k, text)
    if not course.is_number:
        style.name_columns(ax, course.names)
        ax.set_xlim(-0.6, len(course.places) - 0.4)
    if course.line and keyed:
        style.legend(ax, lettering.wrapped(lettering.name(course.line), 150, style.SMALL))


def _shift(course: Course, k: int) -> float:
    """Of series k from the place of a level."""
    apart = min(0.14, SPREAD / len(course.series))
    return apart * (k - (len(course.series) - 1) / 2)


def _draw_line(
    ax: Axes,
    functions: LinearFunctions,
    course: Course,
    found: Results,
    rows: Rows,
    k: int,
    text: str,
) -> None:
    colour, line, marker = style.SERIES[k]
    values = functions.labels[course.x][rows].tolist()
    order = np.argsort([course.places.index(value) for value in values], kind="stable")
    rows, values = rows[order], [values[o] for o in order]
    mean, low, high = (a[rows] for a in (found.estimate, found.conf_low, found.conf_high))
    if course.is_number and len(course.places) > 1:
        x = np.array(values, dtype=np.float64)
        ax.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
        mark = marker if len(x) <= MARKED else ""
        ax.plot(x, mean, ls=line, marker=mark, ms=4, color=colour, lw=2, label=text)
        return
    x = np.array([course.places.index(value) for value in values]) + _shift(course, k)
    if course.is_number:
        x = np.array(values, dtype=np.float64)
    size = float(np.clip(250 / len(course.places) / len(course.series), 3.5, 6))
    ax.vlines(x, low, high, color=colour, linewidth=size / 3)
    ax.plot(x, mean, ls=line, marker=marker, ms=size, lw=1, color=colour, label=text)


def _draw_points(ax: Axes, x: Vector, y: Vector, course: Course, k: int, points: Observed) -> None:
    """Faint points, spread at random beside the place of a level."""
    n = len(points.y)
    if not course.is_number:
        half = 0.4 * min(0.14, SPREAD / len(course.series))
        x = x + _shift(course, k) + np.random.default_rng(k).uniform(-half, half, len(x))
    alpha = float(np.clip(8 / np.sqrt(max(n / len(course.places), 1)), 0.06, 0.35))
    ax.scatter(
        x, y, s=9 if n < 3000 else 4, color=style.SERIES[k][0], alpha=alpha, linewidths=0,
        zorder=1, rasterized=n > 3000,
    )  # fmt: skip


def _observed(
    functions: LinearFunctions, course: Course, panels: Sequence[Panel]
) -> Observed | None:
    """The rows of the data at the values of the means, None where they have none."""
    variables = fixed_variables(functions.fit)
    used = [name for name in (course.x, course.line, *course.panels) if name]
    if functions.kind != "mean" or any(name not in variables for name in used):
        return None
    y = _response(functions)
    if y is None:
        return None
    series = _codes(functions, course.line, course.series, len(y))
    panel = _panel_of(functions, course, panels, len(y))
    if course.is_number:
        x = rows_of(functions.fit, course.x).astype(np.float64)
    else:
        x = _codes(functions, course.x, course.places, len(y)).astype(np.float64)
        x[x < 0] = np.nan
    there = np.flatnonzero((series >= 0) & (panel >= 0) & np.isfinite(x) & np.isfinite(y))
    if not len(there):
        return None
    chosen = there[style.some(len(there), extreme=y[there])]
    some = "" if len(chosen) == len(y) else f", {len(chosen):,} of {len(y):,} rows"
    return Observed(x[chosen], y[chosen], series[chosen], panel[chosen], f"Points: data{some}")


def _response(functions: LinearFunctions) -> Vector | None:
    """The response (n,) on the scale of the means, each row at the mean offset."""
    m = functions.fit.matrices
    if functions.fit.generalised is not None:
        return _generalised_response(functions)
    y = m.y if m.offset is None else m.y - m.offset + np.mean(m.offset)
    if functions.back is None or functions.transform is None:
        return np.asarray(y)
    return functions.transform.inverse(np.asarray(y))


def _generalised_response(functions: LinearFunctions) -> Vector | None:
    """The same of a generalised model: shares of successes, and counts; None where the response
    has no place on the scale of the means.
    """
    fit, m = functions.fit, functions.fit.matrices
    is_identity = fit.family.link == "identity"
    if fit.family.response == "ordered" or (functions.back is None and not is_identity):
        return None
    y = observed_array(fit)
    if m.offset is None:
        return np.asarray(y)
    away = m.offset - np.mean(m.offset)
    if is_identity:
        return np.asarray(y - away)
    return np.asarray(y * np.exp(-away)) if fit.family.link == "log" else None


def _codes(functions: LinearFunctions, name: str, values: Sequence[Any], n: int) -> Rows:
    """Per row of the data the position of its value, -1 where it has another."""
    if not name:
        return np.zeros(n, dtype=np.intp)
    variable = fixed_variables(functions.fit)[name].at(tuple(values))
    return codes_on(functions.fit, variable).astype(np.intp)


def _panel_of(functions: LinearFunctions, course: Course, panels: Sequence[Panel], n: int) -> Rows:
    """Per row of the data the position of its panel, -1 for none."""
    values = {name: list(_values(functions, name)) for name in course.panels}
    codes = [_codes(functions, name, own, n) for name, own in values.items()]
    found = np.full(n, -1 if codes else 0, dtype=np.intp)
    for i, panel in enumerate(panels if codes else ()):
        same = np.ones(n, dtype=np.bool_)
        for (name, own), code in zip(values.items(), codes, strict=True):
            same &= code == own.index(functions.labels[name][panel.rows[0]])
        found[same] = i
    return found
