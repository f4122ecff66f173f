"""Rows of the fixed part's columns, averaged over cells: the L of marginal means.

A term sees only its own columns, so that the mean of its columns needs only the weights of its own
cells. The grid over all factors is never built: twelve factors of five levels without interaction
need sixty rows, not 244 million.
"""

import math
from collections.abc import Callable, Mapping, Sequence
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
from mixedmodels.posthoc.cells import MOST_CELLS, Cells, Grid, crossed, numbered
from mixedmodels.posthoc.grid_variables import fixed_variables

MOST_KEPT = 1_000_000
"""Numbers of the columns at all combinations up to which they are kept with the fit."""

Vector = NDArray[np.float64]
Codes = NDArray[np.intp]

NUMBERS = 4_000_000
"""Entries of the matrix of the fixed part that are made at once."""


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
    fit: Fit,
    grid: Grid,
    targets: Mapping[str, Codes],
    cells: Sequence[Cells],
    *,
    k: int,
    touching: str | None = None,
) -> Vector:
    """All columns of the fixed part (k, columns), averaged at `k` points.

    Parameters
    ----------
    fit
        The model.
    grid
        Every column of the fixed part.
    targets
        Per target column the index (k,) of its value on the grid. A column that no term uses can be
        a target too: of the cells of blocks that have it, those at its values count.
    cells
        Blocks that hold every other column with more than one value.
    k
        Number of means.
    touching
        Only terms that use this column; the columns of the others are zero.

    Returns
    -------
    array
        nan in a row whose block has no cells at its targets.
    """
    spec = fit.spec
    terms = {t: columns_of([t], spec) for t in _terms(fit)}
    if touching is not None:
        terms = {t: columns for t, columns in terms.items() if touching in columns}
    sets = largest_sets(fit)
    homes = {t: _home(sets, columns) for t, columns in terms.items()}
    sets = [own for own in sets if own in homes.values()]
    made = [_rows(columns, grid, targets, cells, k) for columns in sets]
    sums = _sums(fit, grid, sets, made)
    L = np.zeros((k, len(spec.fixed.column_names)))
    for columns, rows, block in zip(sets, made, sums, strict=True):
        for term in terms:
            if homes[term] == columns:
                part = spec.fixed.term_slices[term]
                L[:, part] = block[rows.group, part]
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
    keys = _stacked([targets[name] for name in given], k)
    points, group = numbered(keys)
    codes = {name: points[:, j] for j, name in enumerate(given)}
    owner, weight = np.arange(len(points)), np.ones(len(points))
    for block in used:
        owner, weight, codes = _joined(owner, weight, codes, block, free)
    start = np.flatnonzero(np.diff(owner, prepend=-1))
    return _Rows({n: codes[n] for n in columns if n in codes}, weight, start, group)


def _joined(
    owner: Codes, weight: Vector, codes: dict[str, Codes], block: Cells, free: Sequence[str]
) -> tuple[Codes, Vector, dict[str, Codes]]:
    """Every row once for each cell of the block that its targets allow."""
    given = [name for name in block.names if name in codes]
    new = [name for name in block.names if name in free]
    table = block.marginal([*given, *new])
    keys = _stacked([codes[name] for name in given], len(owner))
    _, number = numbered(np.vstack([keys, table.codes[:, : len(given)]]))
    row_key, cell_key = number[: len(keys)], number[len(keys) :]
    size = int(number.max()) + 1
    total = np.bincount(cell_key, table.weight, minlength=size)
    count = np.bincount(cell_key, minlength=size)
    first = np.concatenate([[0], np.cumsum(count)[:-1]])
    repeats = np.maximum(count[row_key], 1)
    _require_size(int(repeats.sum()), [*given, *new], there=len(table.codes))
    row = np.repeat(np.arange(len(owner)), repeats)
    within = np.arange(len(row)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    empty = (count[row_key] == 0)[row]
    order = np.argsort(cell_key, kind="stable")
    cell = order[np.where(empty, 0, first[row_key[row]] + within)]
    with np.errstate(divide="ignore", invalid="ignore"):
        whole = 1.0 if table.is_factor else total[cell_key[cell]]
        share = np.where(empty, np.nan, table.weight[cell] / whole)
    out = {name: values[row] for name, values in codes.items()}
    out |= {name: table.codes[cell, len(given) + j] for j, name in enumerate(new)}
    return owner[row], weight[row] * share, out


def _stacked(columns: Sequence[Codes], n: int) -> Codes:
    return np.column_stack(columns) if columns else np.zeros((n, 0), dtype=np.intp)


def _sums(
    fit: Fit, grid: Grid, sets: Sequence[tuple[str, ...]], parts: Sequence[_Rows]
) -> list[Vector]:
    """Per set of rows the weighted sums (groups, columns) of their columns, some rows at a time."""
    weight = np.concatenate([rows.weight for rows in parts])
    firsts = np.cumsum([0, *(len(rows.weight) for rows in parts)])
    start = np.concatenate([f + rows.start for f, rows in zip(firsts, parts, strict=False)])
    owner = np.repeat(np.arange(len(start)), np.diff(start, append=len(weight)))
    sums = np.zeros((len(start), len(fit.spec.fixed.column_names)))
    at_once = max(1, NUMBERS // sums.shape[1])
    columns_of_rows = _column_maker(fit, grid, sets, parts)
    for first in range(0, len(weight), at_once):
        part = slice(first, min(first + at_once, len(weight)))
        X = columns_of_rows(part) * weight[part, None]
        begins = np.flatnonzero(np.diff(owner[part], prepend=-1))
        sums[owner[part][begins]] += np.add.reduceat(X, begins, axis=0)
    return np.split(sums, np.cumsum([len(rows.start) for rows in parts])[:-1])


def _column_maker(
    fit: Fit, grid: Grid, sets: Sequence[tuple[str, ...]], parts: Sequence[_Rows]
) -> Callable[[slice], Vector]:
    """What gives all columns of the fixed part at some of the rows of several sets, as they are
    below each other.
    """
    if grid == fixed_variables(fit) and (known := default_columns(fit)) is not None:
        first = _firsts(grid, largest_sets(fit))
        place = np.concatenate(
            [first[s] + _place(grid, s, p) for s, p in zip(sets, parts, strict=True)]
        )
        return lambda part: known[place[part]]
    columns = at_rows(grid, [(rows.codes, len(rows.weight)) for rows in parts])
    return lambda part: _evaluated(fit, {n: c.take(part) for n, c in columns.items()}, part)


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
        codes.append(dict(zip(columns, crossed(sizes), strict=True)))
    return _evaluated(fit, at_rows(grid, list(zip(codes, n, strict=True))), slice(0, sum(n)))


def at_rows(grid: Grid, parts: Sequence[tuple[Mapping[str, Codes], int]]) -> dict[str, Column]:
    """The columns of the data at sets of rows, below each other.

    A column that a set has no codes of has its first value there.
    """
    columns = {}
    for name, variable in grid.items():
        codes = [c[name] if name in c else np.zeros(n, dtype=np.intp) for c, n in parts]
        columns[name] = variable.column(np.concatenate(codes))
    return columns


def _evaluated(fit: Fit, columns: Mapping[str, Column], part: slice) -> Vector:
    made = fit.spec.variables_of(columns, part.stop - part.start)
    return expand(fit.spec.fixed, made).matrix


def _place(grid: Grid, columns: Sequence[str], rows: _Rows) -> Codes:
    """Where rows are among all combinations, the first column fastest."""
    place, step = np.zeros(len(rows.weight), dtype=np.intp), 1
    for name in columns:
        if name in rows.codes:
            place += step * rows.codes[name]
        step *= len(grid[name].values)
    return place


def _firsts(grid: Grid, sets: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], int]:
    """The first row of each set among those of all."""
    ends = np.cumsum([_size(grid, s) for s in sets]).tolist()
    return dict(zip(sets, [0, *ends], strict=False))


def _size(grid: Grid, columns: Sequence[str]) -> int:
    return math.prod(len(grid[name].values) for name in columns)


def _require_size(rows: int, columns: Sequence[str], *, there: int) -> None:
    """Refuse a grid that is larger than is sensible, and than the block that it is made of."""
    if rows > max(MOST_CELLS, there):
        raise DataError(
            f"The means need a grid of {rows:,} rows over {', '.join(columns)}, more than "
            f"{MOST_CELLS:,}.\n"
            "Do:   give values with at=, name factors of no interest in nuisance=, or ask for "
            "means at fewer columns."
        )
