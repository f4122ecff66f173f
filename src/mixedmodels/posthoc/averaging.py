"""Rows of the fixed part's columns, averaged over cells: the L of marginal means.

A term sees only its own columns, so that the mean of its columns needs only the weights of its own
cells. The grid over all factors is never built: twelve factors of five levels without interaction
need sixty rows, not 244 million.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from formulaic.parser.types import Term
from numpy.typing import NDArray

from mixedmodels.data import Column
from mixedmodels.design import columns_of
from mixedmodels.design.expand import expand
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.once import once
from mixedmodels.posthoc.cells import MOST_CELLS, Cells, Grid
from mixedmodels.posthoc.grid_variables import fixed_variables

MOST_KEPT = 1_000_000
"""Numbers of the columns at all combinations up to which they are kept with the fit."""

Vector = NDArray[np.float64]
Codes = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows whose weighted sums are rows of L, for the terms within one set of columns.

    Attributes
    ----------
    codes
        Per column of the data the index (r,) of its value on the grid.
    weight
        (r,), summing to one per group; nan where a group has no cells.
    start
        First row of each group; rows of a group are together.
    group
        (k,): the group of every mean.
    """

    codes: Mapping[str, Codes]
    weight: Vector
    start: Codes
    group: Codes


def averaged(
    fit: Fit, grid: Grid, targets: Mapping[str, Codes], cells: Sequence[Cells], *, k: int
) -> Vector:
    """All columns of the fixed part (k, columns), averaged at `k` points.

    Parameters
    ----------
    fit
        The model.
    grid
        Every column of the fixed part.
    targets
        Per target column the index (k,) of its value on the grid.
    cells
        Blocks that hold every other column with more than one value.
    k
        Number of means.

    Returns
    -------
    array
        nan in a row whose block has no cells at its targets.
    """
    spec = fit.spec
    sets = largest_sets(fit)
    made = [_rows(columns, grid, targets, cells, k) for columns in sets]
    n = [len(rows.weight) for rows in made]
    X = _columns(fit, grid, sets, [rows.codes for rows in made], n)
    L = np.empty((k, len(spec.fixed.column_names)))
    first = 0
    for columns, rows, m in zip(sets, made, n, strict=True):
        own = [t for t in _terms(fit) if _home(sets, columns_of([t], spec)) == columns]
        block = X[first : first + m] * rows.weight[:, None]
        sums = np.add.reduceat(block, rows.start, axis=0)
        for term in own:
            part = spec.fixed.term_slices[term]
            L[:, part] = sums[rows.group][:, part]
        first += m
    return L


def largest_sets(fit: Fit) -> list[tuple[str, ...]]:
    """The sets of columns that terms see, without those within another; formula order."""
    found = list(dict.fromkeys(frozenset(columns_of([t], fit.spec)) for t in _terms(fit)))
    largest = [s for s in found if not any(s < other for other in found)]
    return [tuple(name for name in fit.spec.variables if name in s) for s in largest] or [()]


def _terms(fit: Fit) -> list[Term]:
    return list(fit.spec.fixed.term_slices)


def _home(sets: Sequence[tuple[str, ...]], columns: set[str]) -> tuple[str, ...]:
    return next(s for s in sets if columns <= set(s))


def _rows(
    columns: Sequence[str], grid: Grid, targets: Mapping[str, Codes], cells: Sequence[Cells], k: int
) -> _Rows:
    """Every group of means that differ for these columns, with the cells it averages over."""
    free = [c for c in columns if c not in targets]
    used = [block for block in cells if set(block.names).intersection(free)]
    at = {n for n in columns if n in targets}.union(
        *({n for n in block.names if n in targets} for block in used)
    )
    given = [name for name in targets if name in at]
    keys = np.column_stack([np.zeros(k, np.intp), *(targets[name] for name in given)])
    points, group = np.unique(keys, axis=0, return_inverse=True)
    codes = {name: points[:, 1 + j] for j, name in enumerate(given)}
    owner, weight = np.arange(len(points)), np.ones(len(points))
    for block in used:
        owner, weight, codes = _joined(owner, weight, codes, block, free)
    start = np.flatnonzero(np.diff(owner, prepend=-1))
    return _Rows({n: codes[n] for n in columns if n in codes}, weight, start, group.ravel())


def _joined(
    owner: Codes, weight: Vector, codes: dict[str, Codes], block: Cells, free: Sequence[str]
) -> tuple[Codes, Vector, dict[str, Codes]]:
    """Every row once for each cell of the block that its targets allow."""
    given = [name for name in block.names if name in codes]
    new = [name for name in block.names if name in free]
    table = block.marginal([*given, *new])
    keys = np.column_stack([np.zeros(len(owner), np.intp), *(codes[name] for name in given)])
    known = np.column_stack([np.zeros(len(table.codes), np.intp), table.codes[:, : len(given)]])
    _, number = np.unique(np.vstack([keys, known]), axis=0, return_inverse=True)
    row_key, cell_key = number.ravel()[: len(keys)], number.ravel()[len(keys) :]
    size = int(number.max()) + 1
    total = np.bincount(cell_key, table.weight, minlength=size)
    count = np.bincount(cell_key, minlength=size)
    first = np.concatenate([[0], np.cumsum(count)[:-1]])
    repeats = np.maximum(count[row_key], 1)
    _require_size(int(repeats.sum()), [*given, *new])
    row = np.repeat(np.arange(len(owner)), repeats)
    within = np.arange(len(row)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    empty = (count[row_key] == 0)[row]
    order = np.argsort(cell_key, kind="stable")
    cell = order[np.where(empty, 0, first[row_key[row]] + within)]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(empty, np.nan, table.weight[cell] / total[cell_key[cell]])
    out = {name: values[row] for name, values in codes.items()}
    out |= {name: table.codes[cell, len(given) + j] for j, name in enumerate(new)}
    return owner[row], weight[row] * share, out


def _columns(
    fit: Fit,
    grid: Grid,
    sets: Sequence[tuple[str, ...]],
    codes: Sequence[Mapping[str, Codes]],
    n: Sequence[int],
) -> Vector:
    """All columns of the fixed part at the rows of several sets, below each other."""
    if grid == fixed_variables(fit) and (known := default_columns(fit)) is not None:
        rows = [
            first + _place(grid, s, c, m)
            for first, s, c, m in zip(_firsts(grid, sets), sets, codes, n, strict=True)
        ]
        found: Vector = known[np.concatenate(rows)]
        return found
    return evaluated(fit, grid, codes, n)


@once
def default_columns(fit: Fit) -> Vector | None:
    """The columns at every combination of the values of each set, unless these are many.

    A fit is asked for many means, which share them.
    """
    grid, sets = fixed_variables(fit), largest_sets(fit)
    n = [_size(grid, columns) for columns in sets]
    if sum(n) * len(fit.spec.fixed.column_names) > MOST_KEPT:
        return None
    codes = []
    for columns in sets:
        sizes = [len(grid[name].values) for name in columns]
        at = np.indices(sizes[::-1]).reshape(len(sizes), -1)[::-1]
        codes.append(dict(zip(columns, at, strict=True)))
    return evaluated(fit, grid, codes, n)


def evaluated(
    fit: Fit, grid: Grid, codes: Sequence[Mapping[str, Codes]], n: Sequence[int]
) -> Vector:
    """The columns of the fixed part at rows whose other variables have their first values."""
    columns: dict[str, Column] = {}
    for name, variable in grid.items():
        parts = [
            c[name] if name in c else np.zeros(m, np.intp) for c, m in zip(codes, n, strict=True)
        ]
        columns[name] = variable.column(np.concatenate(parts))
    return expand(fit.spec.fixed, fit.spec.variables_of(columns, sum(n))).matrix


def _place(grid: Grid, columns: Sequence[str], codes: Mapping[str, Codes], n: int) -> Codes:
    """Where rows are among all combinations, the first column fastest."""
    place, step = np.zeros(n, dtype=np.intp), 1
    for name in columns:
        if name in codes:
            place += step * codes[name]
        step *= len(grid[name].values)
    return place


def _firsts(grid: Grid, sets: Sequence[tuple[str, ...]]) -> list[int]:
    """The first row of each set among those of all."""
    return [sum(_size(grid, s) for s in sets[:i]) for i in range(len(sets))]


def _size(grid: Grid, columns: Sequence[str]) -> int:
    return math.prod(len(grid[name].values) for name in columns)


def _require_size(rows: int, columns: Sequence[str]) -> None:
    if rows > MOST_CELLS:
        raise DataError(
            f"The means need a grid of {rows:,} rows over {', '.join(columns)}, more than "
            f"{MOST_CELLS:,}.\n"
            "Do:   give values with at=, name factors of no interest in nuisance=, or ask for "
            "means at fewer columns."
        )
