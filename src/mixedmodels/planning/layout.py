"""`Design`: who is observed when and how often, and the data frame without a response."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.prediction.streams import stream

Index = NDArray[np.int64]
Sizes = int | tuple[int, ...]
Levels = tuple[Any, ...]

ROW = "row"
"""The name under which a covariate varies from row to row."""

_DROPOUT, _MISSING, _COVARIATE = 0, 1, 2  # streams of the key


@dataclass(frozen=True, slots=True)
class Design:
    """A design, as `mixedmodels.planning.design` makes it. It never changes.

    Attributes
    ----------
    units
        Sizes by name: how many, or how many per parent, taken in turn.
    nested
        Unit to its parent.
    within
        Factors of which every unit sees every level.
    counterbalanced
        Factors whose levels rotate over the units.
    between
        Per unit the factors that differ between its levels.
    covariates
        Standard normal covariates: name to the unit that has them, or ``"row"``.
    dropout
        Unit to (factor, probability of leaving before each of its later levels).
    repeats
        Rows per cell.
    missing
        Fraction of rows lost at random.
    key
        The randomness of covariates, dropout and lost rows.
    """

    units: Mapping[str, Sizes]
    nested: Mapping[str, str]
    within: Mapping[str, Levels]
    counterbalanced: Mapping[str, Levels]
    between: Mapping[str, Mapping[str, Levels]]
    covariates: Mapping[str, str]
    dropout: Mapping[str, tuple[str, float]]
    repeats: int
    missing: float
    key: tuple[int, int] = field(repr=False)

    def frame(self) -> pd.DataFrame:
        """The rows: a column per unit, factor and covariate, slowest first.

        Units and factors of text are categorical with their levels in the order given, so that
        the first level is the reference of treatment coding; factors of numbers are numbers.
        """
        units = self._unit_indices()
        steps, columns = self._factors(units)
        columns |= self._between(units)
        columns |= self._covariates(units)
        named = {name: _labelled(name, index) for name, index in units.items()}
        return pd.DataFrame(named | columns)[self._kept(units, steps)].reset_index(drop=True)

    def _unit_indices(self) -> dict[str, Index]:
        """Per unit the number of its level in every row, before within factors are crossed in."""
        rows: dict[str, Index] = {}
        n = 1
        for name, sizes in self.units.items():
            parent = self.nested.get(name)
            if parent is None:
                counts = np.full(n, int(np.sum(sizes)))
                offset = np.zeros(n, dtype=np.int64)
            else:
                per_parent = np.resize(np.atleast_1d(sizes), int(rows[parent].max()) + 1)
                counts = per_parent[rows[parent]]
                offset = (np.cumsum(per_parent) - per_parent)[rows[parent]]
            inner = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
            rows = {other: np.repeat(index, counts) for other, index in rows.items()}
            rows[name] = np.repeat(offset, counts) + inner
            n = len(inner)
        cells = int(np.prod([len(levels) for levels in self.within.values()])) * self.repeats
        return {name: np.repeat(index, cells) for name, index in rows.items()}

    def _factors(self, units: Mapping[str, Index]) -> tuple[dict[str, Index], dict[str, Any]]:
        """The within and counterbalanced factors: positions of their levels, and columns."""
        n = len(next(iter(units.values())))
        steps: dict[str, Index] = {}
        inner = self.repeats
        for name, levels in reversed(list(self.within.items())):
            steps[name] = np.arange(n) // inner % len(levels)
            inner *= len(levels)
        rotation = np.sum(list(units.values()), axis=0)
        for name, levels in self.counterbalanced.items():
            steps[name] = rotation % len(levels)
            rotation = rotation // len(levels)
        given = {**self.within, **self.counterbalanced}
        return steps, {name: _column(levels, steps[name]) for name, levels in given.items()}

    def _between(self, units: Mapping[str, Index]) -> dict[str, Any]:
        columns = {}
        for unit, factors in self.between.items():
            cells = list(product(*(range(len(levels)) for levels in factors.values())))
            assigned = np.array(cells)[units[unit] % len(cells)]
            for j, (name, levels) in enumerate(factors.items()):
                columns[name] = _column(levels, assigned[:, j])
        return columns

    def _covariates(self, units: Mapping[str, Index]) -> dict[str, Any]:
        columns = {}
        for j, (name, unit) in enumerate(self.covariates.items()):
            random = self._stream(_COVARIATE + j)
            if unit == ROW:
                columns[name] = random.standard_normal(len(next(iter(units.values()))))
            else:
                columns[name] = random.standard_normal(units[unit].max() + 1)[units[unit]]
        return columns

    def _kept(self, units: Mapping[str, Index], steps: Mapping[str, Index]) -> NDArray[np.bool_]:
        n = len(next(iter(units.values())))
        kept = np.ones(n, dtype=np.bool_)
        random = self._stream(_DROPOUT)
        for unit, (factor, rate) in self.dropout.items():
            stays = random.geometric(rate, units[unit].max() + 1) if rate > 0 else np.array([n])
            kept &= steps[factor] < np.resize(stays, units[unit].max() + 1)[units[unit]]
        lost = round(self.missing * np.count_nonzero(kept))
        rows = self._stream(_MISSING).permutation(np.flatnonzero(kept))
        kept[rows[:lost]] = False
        return kept

    def _stream(self, number: int) -> np.random.Generator:
        return stream(np.array(self.key, dtype=np.uint64), number)


def _labelled(unit: str, index: Index) -> pd.Categorical:
    n = int(index.max()) + 1
    width = len(str(n))
    return pd.Categorical.from_codes(index, [f"{unit}{i + 1:0{width}d}" for i in range(n)])


def _column(levels: Levels, positions: Index) -> Any:
    """The level of each row: numbers as they are, anything else as categories."""
    if all(isinstance(v, (int, float, np.number)) and not isinstance(v, bool) for v in levels):
        return np.array(levels)[positions]
    names = [str(level) for level in levels]
    distinct = list(dict.fromkeys(names))
    return pd.Categorical.from_codes(
        np.array([distinct.index(x) for x in names])[positions], distinct
    )
