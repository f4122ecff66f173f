"""Who gets what: cells dealt to the levels of units, every part as even as the numbers allow.

Cells are dealt in turn along an order in which everything that they must be balanced in is
contiguous: a run of consecutive numbers modulo k holds each of the k remainders equally often, give
or take one. Dealing by the number of a level alone would run in step with every other assignment
that rotates by it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import lcm, prod

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Assignment:
    """What the levels of one unit get.

    Attributes
    ----------
    positions : array (levels, factors)
        Positions of the levels of the unit's between factors.
    part : array (levels,)
        Its part in the rotation of the counterbalanced factors: the list of a subject, the set of
        an item; zero where the unit has other units nested in it.
    """

    positions: Index
    part: Index


def assigned(
    rows: Mapping[str, Index],
    nested: Mapping[str, str],
    between: Mapping[str, Sequence[int]],
    rotated: int,
) -> dict[str, Assignment]:
    """What every level of every unit gets.

    Between factors: evenly within every combination of the between factors of the units around
    it, there evenly over levels with equally many rows, and within every parent. Parts of the
    rotation: evenly within every combination of all these.

    Parameters
    ----------
    rows
        Per unit, outermost first, the number of its level in every combination of units.
    nested
        Unit to its parent.
    between
        Per unit the numbers of levels of its between factors.
    rotated
        Cells of the counterbalanced factors.
    """
    made: dict[str, Assignment] = {}
    strata: dict[str, Index] = {}
    for unit, index in rows.items():
        around = np.zeros(int(index.max()) + 1, dtype=np.int64)
        if unit in nested:
            around[index] = strata[nested[unit]][rows[nested[unit]]]
        cells = diagonal(between.get(unit, ()))
        cell = dealt([around, _ranks(np.bincount(index))], len(cells))
        positions = cells[cell]
        strata[unit] = _ranks(serpentine([around, *positions.T]))
        is_leaf = unit not in nested.values()
        part = dealt([strata[unit]], rotated if is_leaf else 1)
        made[unit] = Assignment(positions, part)
    return made


def dealt(strata: Sequence[Index], k: int) -> Index:
    """Numbers 0 to k - 1 in turn along the order of `strata`, the first the slowest."""
    order = np.lexsort(strata[::-1])
    cell = np.empty(len(order), dtype=np.int64)
    cell[order] = np.arange(len(order)) % k
    return cell


def diagonal(sizes: Sequence[int]) -> Index:
    """All cells of crossed factors (cells, factors), each factor turning with every cell.

    So the first cells, where there are no more units, are balanced in each factor, which the usual
    order, the last factor the fastest, is not. Cells t and t + lcm differ by a shift of the last
    factor, so that each cell comes once.
    """
    cells = np.zeros((1, 0), dtype=np.int64)
    for k in sizes:
        t = np.arange(prod([len(cells), k]))
        last = (t + t // lcm(len(cells), k)) % k
        cells = np.column_stack([cells[t % len(cells)], last])
    return cells


def serpentine(codes: Sequence[Index]) -> Index:
    """Ranks of combinations, in an order in which neighbours differ in one code by one.

    The reflected Gray code: what is dealt along it goes on evenly from one combination to the
    next, whichever factor is looked at.
    """
    rank = np.zeros(len(codes[0]), dtype=np.int64)
    for code in codes:
        k = int(code.max(initial=0)) + 1
        rank = rank * k + np.where(rank % 2 == 1, k - 1 - code, code)
    return rank


def _ranks(values: Index) -> Index:
    return np.unique(values, return_inverse=True)[1].astype(np.int64)
