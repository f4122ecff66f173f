"""Partial pooling: levels of a group with no pooling, complete pooling and the model."""

from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter
from numpy.typing import NDArray

from mixedmodels.data import Frame
from mixedmodels.design import columns_of, rebuild
from mixedmodels.diagnostics.partial_pooling import LevelMeans, PartialPooling, pooled_partially
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.labels import terms_of_group
from mixedmodels.options import require_count, require_probability
from mixedmodels.plots import lettering, style
from mixedmodels.plots.choice import group_index
from mixedmodels.plots.effect_means import fixed_columns
from mixedmodels.plots.numbering import Numbers

Vector = NDArray[np.float64]
Int = NDArray[np.int64]
Data = dict[str, NDArray[np.generic]]

PANELS = 12

PLACES = 15
"""Places along the covariate; of one with no more values, these."""

KINDS = ("none", "complete", "multilevel")

LOOK: dict[str, dict[str, Any]] = {
    "none": {"color": style.BLUE, "linestyle": "-", "linewidth": 1.2},
    "complete": {"color": style.REFERENCE, "linestyle": "--", "linewidth": 1.2},
    "multilevel": {"color": style.ORANGE, "linestyle": "-", "linewidth": 2.2},
}


def partial_pooling(
    fit: Fit, group: str | None = None, x: str | None = None, *, levels: int = PANELS,
    level: float = 0.95,
) -> Figure:  # fmt: skip
    """Lines of some levels along a covariate, or estimates of all against their size."""
    require_count("levels", levels, what="levels")
    require_probability("level", level)
    g = group_index(fit, group)
    along = _covariate(fit, g, x)
    found = pooled_partially(fit, g)
    return _sizes(found, level) if along is None else _lines(found, along, levels)


def partial_pooling_data(
    fit: Fit, group: str | None = None, x: str | None = None, *, level: float = 0.95
) -> Data:
    """Columns `group, level, n, pooling, x, estimate`, or without a covariate `group, level, n,
    pooling, estimate, std_error, conf_low, conf_high`, of all levels; `pooling` is "none",
    "complete" or "multilevel".
    """
    require_probability("level", level)
    g = group_index(fit, group)
    along = _covariate(fit, g, x)
    found = pooled_partially(fit, g)
    grouping = fit.matrices.groupings[g]
    names = np.array([str(label) for label in grouping.levels], dtype=object)
    counts = np.bincount(grouping.codes, minlength=len(names))
    if along is None:
        values = _of_levels(found)
        z = NormalDist().inv_cdf(0.5 + level / 2)
        estimate = np.concatenate([values[kind].estimate for kind in KINDS])
        error = np.concatenate([values[kind].std_error for kind in KINDS])
        numbers: Data = {
            "estimate": estimate, "std_error": error,
            "conf_low": estimate - z * error, "conf_high": estimate + z * error,
        }  # fmt: skip
        order, repeats = np.tile(np.arange(len(names)), len(KINDS)), len(names)
    else:
        chosen = np.arange(len(names))
        places, lines = _along(found, along, chosen)
        numbers = {
            "x": np.tile(places, len(KINDS) * len(names)),
            "estimate": np.concatenate([lines[kind].ravel() for kind in KINDS]),
        }
        order = np.tile(np.repeat(chosen, len(places)), len(KINDS))
        repeats = len(names) * len(places)
    return {
        "group": np.full(len(order), grouping.name, dtype=object),
        "level": names[order],
        "n": counts[order],
        "pooling": np.repeat(np.array(KINDS, dtype=object), repeats),
        **numbers,
    }


def _covariate(fit: Fit, g: int, x: str | None) -> str | None:
    """The column along which there are lines: the one asked for, or a number of the model that
    varies within levels, one with a random slope at best. None if the model has none.
    """
    slopes = {
        name
        for k in terms_of_group(fit.matrices, g)
        for name in columns_of(fit.spec.terms[k].recipe.formula, fit.spec)
    }
    fixed = fixed_columns(fit)
    names = [*(name for name in fixed if name in slopes), *fixed]
    varying = [name for name in names if _varies_within(fit, name, g)]
    if x is None:
        return varying[0] if varying else None
    if x not in varying:
        listed = f"choose from {', '.join(dict.fromkeys(varying))}" if varying else "leave x out"
        raise DataError(
            f"x = {x!r} is no covariate of the fixed part that varies within the levels of "
            f"{fit.matrices.groupings[g].name}.\nDo:   {listed}."
        )
    return x


def _varies_within(fit: Fit, name: str, g: int) -> bool:
    column = fit.frame.column(name)
    if column.numbers is None or column.kind != "number":
        return False
    values, grouping = column.floats()[fit.matrices.kept], fit.matrices.groupings[g]
    spread = np.array([np.ptp(values[rows]) for rows in grouping.rows()])
    return bool((spread > 0).any())


def _along(found: PartialPooling, x: str, chosen: Int) -> tuple[Vector, dict[str, Vector]]:
    """Places (s,), and per kind the mean lines (levels, s) of some levels.

    A line is the mean over the rows of its level, each with its other columns, its offset and the
    random effects of other groups.
    """
    fit, g = found.fit, found.group
    m = fit.matrices
    values = fit.frame.column(x).floats()[m.kept]
    unique = np.unique(values)
    places = unique if len(unique) <= PLACES else np.linspace(unique[0], unique[-1], PLACES)
    by_level = [m.groupings[g].rows()[j] for j in chosen]
    lines = {kind: np.empty((len(chosen), len(places))) for kind in KINDS}
    kept = np.flatnonzero(m.kept)
    for i, (j, rows) in enumerate(zip(chosen, by_level, strict=True)):
        frame = fit.frame.rows(np.repeat(kept[rows], len(places)))
        X, Z = _mean_rows(fit, g, frame.with_column(x, np.tile(places, len(rows))), len(rows))
        rest = float(found.rest[rows].mean())
        model = found.with_the_model(X, Z, np.full(len(places), j)).estimate
        lines["none"][i] = found.without_pooling(X, Z, int(j)).estimate + rest
        lines["complete"][i] = found.with_complete_pooling(X).estimate + rest
        lines["multilevel"][i] = model + rest
    return places, lines


def _mean_rows(fit: Fit, g: int, frame: Frame, n: int) -> tuple[Vector, Vector]:
    """X and Z of rows that change fastest along the places, averaged over the n rows."""
    made = rebuild(fit.spec, frame, groups=[], left_out=True)
    Z = np.hstack([made.terms[k].Z for k in terms_of_group(fit.matrices, g)])
    return made.X.reshape(n, -1, made.X.shape[1]).mean(0), Z.reshape(n, -1, Z.shape[1]).mean(0)


def _of_levels(found: PartialPooling) -> dict[str, LevelMeans]:
    """Per kind the mean (levels,) of every level at the average row of the data.

    What does not vary within levels keeps the value of the level: only without pooling would it
    not be told from the levels, and no estimate is of levels that are other than they are.
    """
    fit = found.fit
    m = fit.matrices
    rows = m.groupings[found.group].rows()
    own = np.array([m.X[some].mean(axis=0) for some in rows])
    Z = np.array([found.Z[some].mean(axis=0) for some in rows])
    X = own + (m.X.mean(axis=0) - own) @ found.space
    none = [found.without_pooling(X[[j]], Z[[j]], j) for j in range(len(rows))]
    parts = {
        "none": LevelMeans(
            np.concatenate([part.estimate for part in none]),
            np.concatenate([part.std_error for part in none]),
        ),
        "complete": found.with_complete_pooling(X),
        "multilevel": found.with_the_model(X, Z, np.arange(len(rows))),
    }
    shift = 0.0 if m.offset is None else float(m.offset.mean())
    return {kind: LevelMeans(part.estimate + shift, part.std_error) for kind, part in parts.items()}


def _lines(found: PartialPooling, x: str, levels: int) -> Figure:
    """A panel per level: its rows and the three lines."""
    fit = found.fit
    m = fit.matrices
    grouping = m.groupings[found.group]
    chosen = _spread_out(np.bincount(grouping.codes, minlength=len(grouping.levels)), levels)
    places, lines = _along(found, x, chosen)
    columns = min(4, len(chosen))
    height = 2.1 if len(chosen) > columns else 3.0
    figure, grid = style.panels(len(chosen), columns=columns, width=2.4, height=height)
    titles = lettering.fitting([grouping.levels[j] for j in chosen], 2.4 * 72 - 30, 9)
    values = fit.frame.column(x).floats()[m.kept]
    shown = [grouping.rows()[j] for j in chosen]
    limits = _limits(values), _limits(m.y[np.concatenate(shown)], lines["multilevel"])
    for i, (ax, title) in enumerate(zip(grid, titles, strict=True)):
        ax.plot(values[shown[i]], m.y[shown[i]], "o", color=style.POINT, markersize=3, alpha=0.7)
        for kind in KINDS:
            ax.plot(places, lines[kind][i], **LOOK[kind])
        lettering.literal(ax.set_title(title, fontsize=9))
        ax.set_xlim(*limits[0])
        ax.set_ylim(*limits[1])
        ax.spines[["top", "right"]].set_visible(False)
        style.plain_numbers(ax)
        ax.tick_params(labelleft=i % columns == 0, labelbottom=i + columns >= len(grid))
    response = lettering.term(fit.spec.formula.response)
    shared = style.across(figure, x=lettering.name(x), y=response)
    return style.title_of(figure, _heading(found, response, len(chosen)), shared=shared)


def _heading(found: PartialPooling, response: str, shown: int) -> str:
    grouping = found.fit.matrices.groupings[found.group]
    some = f" ({shown} of {len(grouping.levels)})" if shown < len(grouping.levels) else ""
    short, by = lettering.names([response, grouping.name], 60)
    return (
        f"{short} by {by}{some}\n"
        "thin: no pooling; dashed: complete pooling; thick: multilevel model"
    )


def _sizes(found: PartialPooling, level: float) -> Figure:
    """Two panels: estimates with intervals against the size of the level."""
    fit = found.fit
    grouping = fit.matrices.groupings[found.group]
    values = _of_levels(found)
    counts = np.bincount(grouping.codes, minlength=len(grouping.levels)).astype(np.float64)
    place, label, is_log = _places(counts, values["none"].estimate)
    z = NormalDist().inv_cdf(0.5 + level / 2)
    figure, grid = style.panels(2, columns=2, width=4.0, height=3.8)
    name = lettering.name(grouping.name, 40)
    for ax, kind, title in zip(
        grid, ("none", "multilevel"), ("No pooling", "Multilevel model"), strict=True
    ):
        _dots(ax, place, values[kind], z, LOOK[kind]["color"])
        _reference(ax, place, values["complete"].estimate)
        style.finish(ax, title=title, x=f"{label} of {name}", y="")
        if is_log:
            ax.set_xscale("log")
            ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=6))
            ax.xaxis.set_major_formatter(Numbers())
            ax.xaxis.set_minor_formatter(NullFormatter())
        ax.set_ylim(*_limits(*(_ends(values[k], z) for k in ("none", "multilevel"))))
    y = lettering.term(fit.spec.formula.response)
    lettering.literal(grid[0].yaxis.set_label_text(f"mean of {y}"))
    grid[1].tick_params(labelleft=False)
    return style.title_of(
        figure,
        f"{lettering.term(y, 60)} by {lettering.name(grouping.name, 60)} "
        f"({len(counts):,} levels)\ndashed: complete pooling; bars: {level:.0%} intervals",
    )


def _dots(ax: Axes, place: Vector, values: LevelMeans, z: float, colour: object) -> None:
    low, high = values.estimate - z * values.std_error, values.estimate + z * values.std_error
    many = len(place) > 100
    ax.vlines(place, low, high, color=colour, linewidth=0.4 if many else 1.0, alpha=0.7)
    ax.plot(place, values.estimate, "o", color=colour, markersize=2 if many else 4)


def _reference(ax: Axes, place: Vector, complete: Vector) -> None:
    """One line where complete pooling gives one mean, else a dash at every level."""
    if np.ptp(complete) <= 1e-9 * max(float(np.abs(complete).max()), 1e-300):
        style.level(ax, float(complete[0]))
        return
    ax.plot(place, complete, "_", color=style.REFERENCE, markersize=7)


def _places(counts: Vector, estimate: Vector) -> tuple[Vector, str, bool]:
    """Where the levels stand: by size, apart where several have one; by rank if all have one."""
    if np.ptp(counts) == 0:
        rank = np.argsort(np.argsort(estimate, kind="stable"), kind="stable")
        return rank.astype(np.float64) + 1.0, "levels, in order,", False
    place = counts.copy()
    is_log = counts.max() > 10 * counts.min()
    for size in np.unique(counts):
        same = np.flatnonzero(counts == size)
        shift = np.linspace(-1, 1, len(same)) if len(same) > 1 else np.zeros(1)
        place[same] = size * np.exp(0.12 * shift) if is_log else size + 0.3 * shift
    return place, "rows per level", bool(is_log)


def _ends(values: LevelMeans, z: float) -> Vector:
    half = z * values.std_error
    return np.concatenate([values.estimate - half, values.estimate + half, values.estimate])


def _spread_out(counts: Int, most: int) -> Int:
    """Levels from the smallest to the largest, in their own order."""
    order = np.argsort(counts, kind="stable")
    places = np.unique(np.linspace(0, len(order) - 1, min(most, len(order))).round().astype(int))
    return np.sort(order[places])


def _limits(*values: Vector) -> tuple[float, float]:
    known: Sequence[Vector] = [v.ravel()[np.isfinite(v.ravel())] for v in values]
    whole = np.concatenate(known)
    low, high = float(whole.min(initial=np.inf)), float(whole.max(initial=-np.inf))
    margin = 0.05 * (high - low) or 0.5
    return low - margin, high + margin
