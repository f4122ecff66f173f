"""Batches of rows summed: the cross-products of a model whose data need not be kept.

`partial` sums some rows; `Partial.absorb` adds what was summed elsewhere. The sums are the same to
the bit however the rows were divided and in whatever order they came.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mixedmodels import _native
from mixedmodels.data import Frame
from mixedmodels.design.matrices import Matrix
from mixedmodels.design.streamed.batch import BatchRows, rows_of
from mixedmodels.design.streamed.recipe import BatchRecipe
from mixedmodels.design.streamed.tally import Tally
from mixedmodels.engine.arrays import in_rows


@dataclass(frozen=True, slots=True)
class Partial:
    """The sums of some rows, to which others are added in place.

    Attributes
    ----------
    tally
        Levels and counts.
    sums
        [Z X y]'W[Z X y], the response less the offset, levels in the order of their appearance.
    words
        Per random term its grouping factor, and the engine's word for its structure.
    """

    tally: Tally
    sums: _native.Sums
    words: tuple[tuple[int, str], ...]

    @staticmethod
    def of(recipe: BatchRecipe) -> Partial:
        """No rows of a model yet."""
        terms = [
            (group, len(part.made.names), word)
            for (group, word), part in zip(_words(recipe), recipe.random, strict=True)
        ]
        sums = _native.Sums(
            len(recipe.fixed.names), len(recipe.groups), terms, recipe.origin, recipe.constant
        )
        return Partial(Tally.of(recipe), sums, _words(recipe))

    def add(self, rows: BatchRows) -> None:
        """Add the rows of a batch."""
        codes = self.tally.take(rows)
        if not len(rows.y):
            return
        groups = list(zip(codes, self.tally.n_levels, strict=True))
        terms = [(group, Z, word) for (group, word), Z in zip(self.words, rows.Z, strict=True)]
        self.sums.push(in_rows(rows.working_y), rows.X, groups, terms, rows.weights)

    def absorb(self, other: Partial) -> None:
        """Add the rows that another one has summed, whose sums are numbered anew."""
        codes = self.tally.absorb(other.tally)
        for group, (moved, n_levels) in enumerate(zip(codes, self.tally.n_levels, strict=True)):
            if len(moved) < n_levels or np.any(moved != np.arange(len(moved))):
                other.sums.relabel(group, moved, n_levels)
        self.sums.merge(other.sums)

    def gram(self) -> tuple[Matrix, Matrix]:
        """[X y]'W[X y], rounded, and what rounding left out."""
        high, low = self.sums.gram()
        return high, low

    def to_bytes(self) -> bytes:
        """For another process."""
        return pickle.dumps((self.tally, self.sums.to_bytes(), self.words))

    @staticmethod
    def from_bytes(data: bytes) -> Partial:
        """What another process summed; never of a stranger's bytes, which pickle would execute."""
        tally, sums, words = pickle.loads(data)
        return Partial(tally, _native.Sums.from_bytes(sums), words)


def _words(recipe: BatchRecipe) -> tuple[tuple[int, str], ...]:
    return tuple(
        (recipe.group_of(part), "diagonal" if part.structure.is_independent else "unstructured")
        for part in recipe.random
    )


def partial(recipe: BatchRecipe, frames: Iterable[Frame]) -> Partial:
    """The sums of the rows of some tables.

    Raises
    ------
    DataError
        If a table cannot be used as the formula asks.
    """
    found = Partial.of(recipe)
    for frame in frames:
        found.add(rows_of(recipe, frame))
    return found
