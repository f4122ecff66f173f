"""Smaller and larger studies made from a plan: how power depends on the sample."""

import numpy as np
from numpy.typing import NDArray

from mixedmodels.data import Frame, encode
from mixedmodels.errors import DataError
from mixedmodels.planning.checks import check_confounding, check_size, require_unit
from mixedmodels.planning.design import with_size
from mixedmodels.planning.layout import Design
from mixedmodels.planning.plan import Plan
from mixedmodels.planning.replan import replan

Index = NDArray[np.int64]
Codes = NDArray[np.int32] | Index


def extended(old: Plan, along: str, size: int) -> Plan:
    """The plan with `size` levels of the unit or grouping column `along`.

    A design is laid out anew. Other rows are taken level by level: the first `size` levels of
    `along`, or, where more are asked for, copies of its levels under new names: of all as often as
    it goes, and of the rest evenly over the groups that they belong to. Grouping columns nested in
    `along` get new names in the copies, too.

    Raises
    ------
    DataError
        If there is no such unit, the size is not a positive whole number, or with so few a
        coefficient cannot be estimated.
    """
    require_along(old, along)
    if old.design is not None:
        design = with_size(old.design, along, size)
        made = _replanned(old, along, size, Frame.of(design.frame()), design)
        check_confounding(design)
        return made
    check_size(along, size, {})
    return _replanned(old, along, size, _copies(old, along, size))


def require_along(old: Plan, along: str) -> None:
    """Refuse what is neither a unit of the design nor a grouping column of the model."""
    if old.design is not None:
        require_unit(along, old.design.units, "along")
        return
    columns = _grouping_columns(old)
    if not (isinstance(along, str) and along in columns):
        raise DataError(
            f"along = {along!r} is no grouping column of the model.\n"
            f"Do:   name one of {', '.join(sorted(columns)) or 'none: the model has no groups'}."
        )


def _replanned(
    old: Plan, along: str, size: int, frame: Frame, design: Design | None = None
) -> Plan:
    """The model on these rows, or an error that says at which size which levels are missing."""
    try:
        return replan(old, frame, design)
    except DataError as error:
        missing = [
            f"{name} = {', '.join(map(repr, lost))}"
            for name, variable in old.spec.variables.items()
            if variable.kind == "category"
            for lost in [_lost(old.request.frame, frame, name)]
            if lost
        ]
        absent = f" no row has {' or '.join(missing)}." if missing else ""
        number = f"{size:,} level" if size == 1 else f"{size:,} levels"
        raise DataError(f"With {number} of {along}:{absent} {error}") from error


def _lost(old: Frame, new: Frame, name: str) -> list[object]:
    """Levels of a column that the new rows do not have."""
    left = {*encode(new.column(name)).levels}
    return [level for level in encode(old.column(name)).levels if level not in left]


def _grouping_columns(old: Plan) -> set[str]:
    return {name for level_map in old.spec.level_maps for name in level_map.columns}


def _copies(old: Plan, along: str, size: int) -> Frame:
    frame, columns = old.request.frame, _grouping_columns(old)
    codes = encode(frame.column(along)).codes.astype(np.int64)
    n_levels = int(codes.max()) + 1
    order = np.argsort(codes, kind="stable")
    order = order[codes[order] >= 0]
    starts = np.searchsorted(codes[order], np.arange(n_levels + 1))
    levels = np.arange(size) % n_levels
    if size > n_levels:
        rest = size % n_levels
        levels[size - rest :] = _evenly(old, codes, n_levels)[:rest]
    rows = np.concatenate([order[starts[j] : starts[j + 1]] for j in levels])
    copy = np.repeat(np.arange(size) // n_levels, np.diff(starts)[levels])
    taken = frame.rows(rows)
    for name in sorted(columns):
        own = encode(frame.column(name))
        if name == along or _is_nested(own.codes, codes):
            labels = np.array([*own.levels, None], dtype=object)[own.codes[rows]]
            taken = taken.with_column(name, _named(labels, copy))
    return taken


def _evenly(old: Plan, codes: Index, n_levels: int) -> Index:
    """The levels in an order whose beginnings hold every group of them in proportion.

    Groups are made by the categorical columns of the fixed part that do not vary within a level.
    """
    group = np.zeros(n_levels, dtype=np.int64)
    for name, variable in old.spec.variables.items():
        own = encode(old.request.frame.column(name)).codes
        if variable.kind == "category" and _is_nested(codes, own):
            of_level = np.zeros(n_levels, dtype=np.int64)
            of_level[codes[codes >= 0]] = own[codes >= 0]
            group = np.unique(group * (int(own.max()) + 2) + of_level, return_inverse=True)[1]
    order = np.argsort(group, kind="stable")
    counts = np.bincount(group)
    rank = np.arange(n_levels) - np.repeat(np.cumsum(counts) - counts, counts)
    place = np.empty(n_levels)
    place[order] = (rank + 0.5) / np.repeat(counts, counts)
    return np.argsort(place, kind="stable")


def _named(labels: NDArray[np.object_], copy: Index) -> list[str | None]:
    """Names of copies that no level has already; a missing level stays missing."""
    mark = ".copy"
    while any(mark in label for label in set(labels.tolist()) if label is not None):
        mark = f".{mark}"
    pairs = zip(labels.tolist(), copy.tolist(), strict=True)
    return [f"{label}{mark}{c}" if c and label is not None else label for label, c in pairs]


def _is_nested(inner: Codes, outer: Codes) -> bool:
    """Whether every level of `inner` occurs within one level of `outer`."""
    pairs = np.unique(np.column_stack([inner, outer]), axis=0)
    return len(pairs) == len(np.unique(inner))
