"""Cells that a mean averages over, with their weights.

A mean at some values of its factors averages over the others. Their weights are a product of
independent blocks, each a table of cells: one block per factor where every level counts alike, one
for all factors where the rows of the data count, and one for factors that are nested.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixedmodels.data import renumber
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.options import require_option
from mixedmodels.posthoc.grid_variables import GridVariable, codes_on, row_counts
from mixedmodels.vocabulary import MeanWeights

Vector = NDArray[np.float64]
Codes = NDArray[np.intp]
Grid = Mapping[str, GridVariable]
Nesting = Mapping[str, tuple[str, ...]]

MOST_CELLS = 1_000_000
"""Rows of a grid beyond which it is refused."""


@dataclass(frozen=True, slots=True)
class Cells:
    """A block of weighted cells, independent of other blocks.

    Attributes
    ----------
    names : tuple of str
        Columns.
    codes : array (m, columns)
        Per cell the index of each column's value on the grid; no cell is there twice.
    weight : array (m,)
        Not negative, on any scale.
    is_factor : bool
        Whether cells are summed with their weights as they are, which may have any sign, rather
        than averaged.
    """

    names: tuple[str, ...]
    codes: Codes
    weight: Vector
    is_factor: bool = False

    def marginal(self, names: Sequence[str]) -> "Cells":
        """The block of some of its columns."""
        if tuple(names) == self.names:
            return self
        columns = [self.names.index(name) for name in names]
        found = collected(tuple(names), self.codes[:, columns], self.weight)
        return replace(found, is_factor=self.is_factor)


def collected(names: tuple[str, ...], codes: Codes, weight: Vector) -> Cells:
    """Rows (n, columns) with weights (n,) as cells, in ascending order."""
    found, number = numbered(codes)
    total = np.bincount(number, weight, minlength=len(found)).astype(np.float64)
    return Cells(names, found, total)


def numbered(codes: Codes) -> tuple[Codes, Codes]:
    """The distinct rows (m, columns) of codes (n, columns) in ascending order, and which each is.

    Without columns, every row is the same.
    """
    number = np.zeros(len(codes), dtype=np.int64)
    members = np.zeros((1, 0), dtype=np.intp)
    for column in codes.T:
        size = int(column.max(initial=0)) + 1
        found, present = renumber(number * size + column, None)
        number = found.astype(np.int64)
        before, own = np.divmod(present, size)
        members = np.column_stack([members[before], own])
    return members, number.astype(np.intp)


def crossed(sizes: Sequence[int]) -> Codes:
    """Indices (columns, rows) of every combination of columns of these sizes, the first fastest."""
    return np.indices(sizes[::-1]).reshape(len(sizes), math.prod(sizes))[::-1]


def observed(fit: Fit, grid: Grid, names: Sequence[str]) -> Cells:
    """Cells of factors that the data have, with their numbers of rows."""
    codes = np.column_stack([codes_on(fit, grid[name]) for name in names]).astype(np.intp)
    there = (codes >= 0).all(axis=1)
    counts = row_counts(fit)
    weight = np.ones(len(codes)) if counts is None else counts
    return collected(tuple(names), codes[there], weight[there])


def blocks(
    fit: Fit,
    grid: Grid,
    targets: Sequence[str],
    weights: MeanWeights | ArrayLike | Mapping[str, ArrayLike],
    *,
    nuisance: Sequence[str] = (),
    nesting: Nesting,
) -> list[Cells]:
    """The blocks that means at values of `targets` average over.

    Parameters
    ----------
    fit
        The model.
    grid
        Every column of the fixed part.
    targets
        The columns whose values are given.
    weights
        ``"equal"``: every level alike. ``"proportional"``: the cells of the other factors by their
        rows. ``"outer"``: the product of each factor's own shares of rows. ``"cells"``: the cells
        by their rows at the very values of the targets. ``"flat"``: like it, every cell that has
        rows alike. A vector: one weight per combination of the other factors, the first factor
        fastest. A mapping: weights of the levels of single factors, the others equal.
    nuisance
        Factors whose levels count alike whatever `weights` is.
    nesting
        Per nested factor those that it is nested in.
    """
    tied = {*nesting, *(parent for parents in nesting.values() for parent in parents)}
    averaged = [n for n in grid if n not in targets]
    alike = [n for n in averaged if not grid[n].is_factor or (n in nuisance and n not in tied)]
    others = [n for n in averaged if n not in alike]
    single = [_equal(grid[n]) for n in alike]
    if isinstance(weights, Mapping):
        return single + _given_by_level(grid, others, weights)
    if not isinstance(weights, str):
        return single + _given(grid, others, weights)
    require_option("weights", weights, ("equal", "proportional", "outer", "cells", "flat"))
    if not others:
        return single
    if weights in ("equal", "outer"):
        sets = tied_sets([n for n in (*targets, *others) if grid[n].is_factor], nesting)
        if weights == "outer":
            return single + [observed(fit, grid, names) for names in sets]
        return single + [_equal_block(fit, grid, names, nesting) for names in sets]
    within = [n for n in targets if grid[n].is_factor]
    if weights == "proportional":
        within = [n for n in within if any(n in tie for tie in _ties(others, nesting))]
    found = observed(fit, grid, [*within, *others])
    return [*single, _flat(found) if weights == "flat" else found]


def hierarchical(cells: Cells, nesting: Nesting) -> Cells:
    """The same cells, every level alike within the levels that it is nested in."""
    weight = np.ones(len(cells.codes))
    for j, name in enumerate(cells.names):
        above = [cells.names.index(parent) for parent in nesting.get(name, ())]
        pairs = np.unique(cells.codes[:, [*above, j]], axis=0)
        if above:
            count = np.unique(pairs[:, :-1], axis=0, return_counts=True)[1]
            own = np.unique(cells.codes[:, above], axis=0, return_inverse=True)[1]
            weight /= count[own.ravel()]
    return Cells(cells.names, cells.codes, weight)


def _equal(variable: GridVariable) -> Cells:
    n = len(variable.values)
    return Cells((variable.name,), np.arange(n)[:, None], np.ones(n))


def _flat(cells: Cells) -> Cells:
    return Cells(cells.names, cells.codes, (cells.weight > 0).astype(np.float64))


def _equal_block(fit: Fit, grid: Grid, names: Sequence[str], nesting: Nesting) -> Cells:
    if len(names) == 1:
        return _equal(grid[names[0]])
    return hierarchical(observed(fit, grid, names), nesting)


def tied_sets(names: Sequence[str], nesting: Nesting) -> list[list[str]]:
    """The names in sets that nesting ties together; most are alone."""
    left, found = list(names), []
    while left:
        tied = {left[0]}
        while more := {n for n in left if n not in tied and _is_tied(n, tied, nesting)}:
            tied |= more
        found.append([name for name in left if name in tied])
        left = [name for name in left if name not in tied]
    return found


def _ties(names: Sequence[str], nesting: Nesting) -> list[set[str]]:
    """Per nested factor of some names, or one that such a factor is nested in, all of its tie."""
    ties = [{inner, *parents} for inner, parents in nesting.items()]
    return [tie for tie in ties if tie.intersection(names)]


def _is_tied(name: str, others: set[str], nesting: Nesting) -> bool:
    below = any(name in nesting.get(other, ()) for other in others)
    return below or bool(others.intersection(nesting.get(name, ())))


def _given(grid: Grid, others: Sequence[str], weights: ArrayLike) -> list[Cells]:
    sizes = [len(grid[name].values) for name in others]
    count = math.prod(sizes)
    what = " x ".join(f"{n} ({s})" for n, s in zip(others, sizes, strict=True)) or "no factor"
    value = _weights("weights", weights, count, f"the combinations of {what}, the first fastest")
    if not others:
        return []
    return [Cells(tuple(others), crossed(sizes).T, value)]


def _given_by_level(
    grid: Grid, others: Sequence[str], weights: Mapping[str, ArrayLike]
) -> list[Cells]:
    for name in weights:
        if name not in others:
            listed = ", ".join(others) or "none"
            raise DataError(
                f"weights names {name!r}, which is no factor that is averaged over.\n"
                f"Do:   give weights of the levels of these: {listed}."
            )
    found = []
    for name in others:
        cells = _equal(grid[name])
        if name in weights:
            what = f"the levels of {name}: {', '.join(grid[name].labels[:12])}"
            value = _weights(f"weights[{name!r}]", weights[name], len(cells.weight), what)
            cells = Cells(cells.names, cells.codes, value)
        found.append(cells)
    return found


def _weights(name: str, weights: ArrayLike, count: int, what: str) -> Vector:
    try:
        value = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{name} = {weights!r} is neither a kind of weights nor numbers.\n"
            'Do:   give "equal", "proportional", "outer", "cells", "flat", or numbers.'
        ) from error
    if value.shape != (count,):
        raise DataError(
            f"{name} has shape {value.shape}, and {count} numbers are needed.\n"
            f"Do:   give one for each of {what}."
        )
    if not np.isfinite(value).all() or (value < 0).any() or not value.any():
        raise DataError(
            f"{name} has values that are negative or not finite, or none above zero.\n"
            "Do:   give weights of zero or more, at least one above zero."
        )
    return value
