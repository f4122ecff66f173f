"""Some rows of the data, for what no number of a result depends on.

Which variance parameters the data can tell apart: contrasts of some rows are contrasts of all, so
that what can be told apart on a few rows can be told apart. For that levels have to be met again:
the rows of the levels that each grouping factor has first, wherever they stand, those of levels
that a batch has several times, and runs of neighbouring rows. And which cells the factors of the
fixed part have, how many rows are in each, and what columns span which: a few rows of every cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mixedmodels.data import Frame
from mixedmodels.data.dictionary import Crossing, Dictionary
from mixedmodels.design.matrices import Int32
from mixedmodels.design.streamed.batch import BatchRows

LEVELS = 32
"""Levels of each grouping factor whose rows are kept."""

ROWS = 2048
"""Rows kept of these, per grouping factor, and as many of levels that a batch has several times."""

PER_LEVEL = 8
"""Rows kept of one of the latter."""

RUN, RUNS = 32, 64
"""Neighbouring rows kept of a batch, and of how many batches."""

CELLS, PER_CELL = 4096, 4
"""Cells that are told apart at most, and rows kept of each."""


@dataclass
class Sample:
    """Rows in the order in which they were met.

    Attributes
    ----------
    left, repeats
        Rows that may still be kept for each grouping factor: of its first levels, and of levels
        that a batch has several times.
    levels
        Of the factors of the fixed part.
    crossing
        Their combinations, the cells.
    counts
        Rows of the data in each cell.
    runs
        Batches of which a run was kept.
    frames, cells
        The rows, a part per batch, and the cell of each.
    """

    left: list[int]
    repeats: list[int]
    levels: dict[str, Dictionary]
    crossing: Crossing
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    runs: int = 0
    frames: list[Frame] = field(default_factory=list)
    cells: list[Int32] = field(default_factory=list)

    @staticmethod
    def of(groups: int, factors: Sequence[str]) -> Sample:
        """No rows of a model with so many grouping factors."""
        levels = {name: Dictionary(name) for name in factors}
        quota = [ROWS] * groups
        return Sample(quota, [*quota], levels, Crossing.of(max(1, len(factors))))

    @property
    def knows_cells(self) -> bool:
        """Whether there are few enough cells for all of them to be known."""
        return len(self.counts) <= CELLS

    def take(self, rows: BatchRows, codes: Sequence[Int32]) -> None:
        """Choose rows of a batch, whose levels have these codes."""
        n = len(rows.y)
        chosen = np.zeros(n, dtype=np.bool_)
        for g, own in enumerate(codes):
            if self.left[g]:
                found = np.flatnonzero(own < LEVELS)[: self.left[g]]
                self.left[g] -= len(found)
                chosen[found] = True
            if self.repeats[g]:
                found = _repeated(own)[: self.repeats[g]]
                self.repeats[g] -= len(found)
                chosen[found] = True
        if self.runs < RUNS:
            self.runs += 1
            chosen[:RUN] = True
        cells = self._cells_of(rows, n)
        if self.knows_cells:
            chosen |= self._first_of(cells)
        self._count(cells)
        if chosen.any():
            kept = np.flatnonzero(chosen)
            self.frames.append(rows.frame.rows(rows.positions[kept]))
            self.cells.append(cells[kept])

    def _cells_of(self, rows: BatchRows, n: int) -> Int32:
        if not self.levels or not self.knows_cells:
            return np.zeros(n, dtype=np.int32)
        parts = [
            dictionary.codes(rows.factors[name], may_reorder=rows.may_reorder)
            for name, dictionary in self.levels.items()
        ]
        return self.crossing.codes(parts)

    def _count(self, cells: Int32) -> None:
        found = np.bincount(cells, minlength=len(self.counts))
        found[: len(self.counts)] += self.counts
        self.counts = found

    def _first_of(self, cells: Int32) -> NDArray[np.bool_]:
        """The first rows of cells of which there are not enough yet."""
        known = np.concatenate([self.counts, np.zeros(int(cells.max(initial=-1)) + 1, np.int64)])
        open_rows = np.flatnonzero(known[cells] < PER_CELL)
        is_first = np.zeros(len(cells), dtype=np.bool_)
        for _ in range(PER_CELL):
            first = np.unique(cells[open_rows], return_index=True)[1]
            is_first[open_rows[first]] = True
            open_rows = np.delete(open_rows, first)
        return is_first

    def absorb(self, other: Sample, codes: Sequence[Int32]) -> None:
        """Take in the rows of another sample; `codes` are the numbers here of its levels."""
        del codes  # rows are kept as they are
        moved = self._moved(other)
        counts = np.bincount(moved, other.counts, minlength=len(self.counts)).astype(np.int64)
        counts[: len(self.counts)] += self.counts
        self.counts = counts
        for mine, theirs in ((self.left, other.left), (self.repeats, other.repeats)):
            mine[:] = [max(0, a + b - ROWS) for a, b in zip(mine, theirs, strict=True)]
        self.runs += other.runs
        self.frames += other.frames
        self.cells += [moved[part] for part in other.cells]

    def _moved(self, other: Sample) -> Int32:
        """The number here of each cell of another sample."""
        if not self.levels or not (self.knows_cells and other.knows_cells):
            return np.zeros(len(other.counts), dtype=np.int32)
        levels = [mine.absorb(other.levels[name]) for name, mine in self.levels.items()]
        members = other.crossing.members(len(other.counts))
        return self.crossing.codes([own[members[:, j]] for j, own in enumerate(levels)])

    def row_counts(self) -> NDArray[np.float64] | None:
        """How many rows of the data each row stands for, the others of its cell for none; None if
        the cells are too many.
        """
        if not self.knows_cells:
            return None
        cells = np.concatenate([np.zeros(0, dtype=np.int32), *self.cells])
        first = np.unique(cells, return_index=True)[1]
        found = np.zeros(len(cells))
        found[first] = self.counts[cells[first]]
        return found


def _repeated(codes: Int32) -> NDArray[np.intp]:
    """Rows of levels that occur several times, some of each, those of the most frequent first."""
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    counts = np.diff(starts, append=len(codes))
    rank = np.arange(len(codes)) - np.repeat(starts, counts)
    number = np.repeat(np.minimum(counts, PER_LEVEL), counts)
    kept = (rank < PER_LEVEL) & (number > 1)
    return order[kept][np.argsort(-number[kept], kind="stable")]
