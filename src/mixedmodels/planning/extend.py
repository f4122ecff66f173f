"""Smaller and larger studies made from a plan: how power depends on the sample."""

import numpy as np

from mixedmodels.data import Frame, encode
from mixedmodels.errors import DataError
from mixedmodels.planning.checks import check_confounding, check_size
from mixedmodels.planning.design import with_size
from mixedmodels.planning.plan import Plan, replan


def extended(old: Plan, along: str, size: int) -> Plan:
    """The plan with `size` levels of the unit or grouping column `along`.

    A design is laid out anew. Other rows are taken level by level: the first `size` levels of
    `along`, or, where more are asked for, copies of its levels in turn under new names. Grouping
    columns nested in `along` get new names in the copies, too.

    Raises
    ------
    DataError
        If there is no such unit, the size is not a positive whole number, or with so few a
        coefficient cannot be estimated.
    """
    if old.design is not None:
        design = with_size(old.design, along, size)
        made = replan(old, Frame.of(design.frame()), design)
        check_confounding(design)
        return made
    columns = {name for level_map in old.spec.level_maps for name in level_map.columns}
    if along not in columns:
        raise DataError(
            f"along = {along!r} is no grouping column of the model.\n"
            f"Do:   name one of {', '.join(sorted(columns)) or 'none: the model has no groups'}."
        )
    check_size(along, size, {})
    return replan(old, _copies(old.request.frame, along, size, columns))


def _copies(frame: Frame, along: str, size: int, columns: set[str]) -> Frame:
    codes = encode(frame.column(along)).codes.astype(np.int64)
    n_levels = int(codes.max()) + 1
    order = np.argsort(codes, kind="stable")
    order = order[codes[order] >= 0]
    starts = np.searchsorted(codes[order], np.arange(n_levels + 1))
    levels = np.arange(size)
    rows = np.concatenate([order[starts[j] : starts[j + 1]] for j in levels % n_levels])
    counts = np.diff(starts)[levels % n_levels]
    copy = np.repeat(levels // n_levels, counts)
    taken = frame.rows(rows)
    for name in sorted(columns):
        own = encode(frame.column(name))
        if name == along or _is_nested(own.codes, codes):
            labels = np.array([*own.levels, "missing"], dtype=object)[own.codes[rows]]
            taken = taken.with_column(name, _named(labels, copy))
    return taken


def _named(labels: np.ndarray, copy: np.ndarray) -> list[str]:
    pairs = zip(labels.tolist(), copy.tolist(), strict=True)
    return [f"{label}.copy{c}" if c else label for label, c in pairs]


def _is_nested(inner: np.ndarray, outer: np.ndarray) -> bool:
    """Whether every level of `inner` occurs within one level of `outer`."""
    pairs = np.unique(np.column_stack([inner, outer]), axis=0)
    return len(pairs) == len(np.unique(inner))
