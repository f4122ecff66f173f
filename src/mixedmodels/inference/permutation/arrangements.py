"""The ways of arranging units within blocks: all of them where they are few, else random ones."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mixedmodels.shortening import brief

Int = NDArray[np.int64]

ROUNDING = 1e-6
"""Of the logarithm of a number of arrangements."""


class Arrangements(Protocol):
    """Ways of arranging, each an array over the units."""

    @property
    def log_count(self) -> float:
        """Logarithm of how many there are, that of the data included."""

    def all(self) -> Int:
        """All of them (count, units)."""

    def drawn(self, random: np.random.Generator, count: int) -> Int:
        """Some of them (count, units), each as likely as any other."""


@dataclass(frozen=True, slots=True)
class Permutations:
    """Units change places within blocks; the array says whose value each has.

    Attributes
    ----------
    labels
        int, shape (units,): units with the same label are alike, and arrangements that differ in
        nothing else are one.
    blocks
        int, shape (units,).
    """

    labels: Int
    blocks: Int

    __repr__ = brief

    @property
    def log_count(self) -> float:
        """Logarithm of the product of the blocks' multinomial coefficients."""
        sizes = np.bincount(self.blocks)
        alike = np.unique(np.column_stack([self.blocks, self.labels]), axis=0, return_counts=True)
        return float(special.gammaln(sizes + 1).sum() - special.gammaln(alike[1] + 1).sum())

    def all(self) -> Int:
        """Every distinct arrangement of the labels."""
        members = [np.flatnonzero(self.blocks == block) for block in np.unique(self.blocks)]
        ways = [self._of_block(rows) for rows in members]
        found = np.empty((int(np.prod([len(way) for way in ways])), len(self.labels)), np.int64)
        for i, chosen in enumerate(product(*ways)):
            for rows, sources in zip(members, chosen, strict=True):
                found[i, rows] = sources
        return found

    def drawn(self, random: np.random.Generator, count: int) -> Int:
        """Uniform permutations of every block."""
        home = np.argsort(self.blocks, kind="stable")
        keys = random.random((count, len(self.blocks)))
        found = np.empty(keys.shape, dtype=np.int64)
        found[:, home] = np.argsort(self.blocks + keys, axis=1)
        return found

    def _of_block(self, rows: Int) -> list[Int]:
        own = self.labels[rows].tolist()
        places = {label: rows[self.labels[rows] == label].tolist() for label in set(own)}
        found = []
        for way in _distinct(Counter(own), len(own)):
            left = {label: iter(at) for label, at in places.items()}
            found.append(np.array([next(left[label]) for label in way], dtype=np.int64))
        return found


@dataclass(frozen=True, slots=True)
class Flips:
    """Signs of units change; the array has 1 and -1."""

    units: int

    @property
    def log_count(self) -> float:
        """Logarithm of 2^units."""
        return float(self.units * np.log(2))

    def all(self) -> Int:
        """Every combination of signs."""
        ways = np.arange(2**self.units)[:, None] >> np.arange(self.units)
        return np.asarray(1 - 2 * (ways & 1), dtype=np.int64)

    def drawn(self, random: np.random.Generator, count: int) -> Int:
        """Fair signs."""
        return np.asarray(1 - 2 * random.integers(0, 2, size=(count, self.units)), dtype=np.int64)


def are_few(arrangements: Arrangements, n: int) -> bool:
    """Whether there are not more than `n` beside that of the data."""
    return bool(arrangements.log_count <= np.log(n + 1) + ROUNDING)


def _distinct(left: Counter[int], size: int) -> Iterator[tuple[int, ...]]:
    """The distinct arrangements of labels of which so many are left."""
    if not size:
        yield ()
        return
    for label in sorted(left):
        if left[label]:
            left[label] -= 1
            for rest in _distinct(left, size - 1):
                yield (label, *rest)
            left[label] += 1
