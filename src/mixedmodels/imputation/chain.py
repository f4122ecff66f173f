"""Fully conditional specification: columns filled in one after the other, again and again.

van Buuren (2018), Flexible Imputation of Missing Data, sections 4.5 and 7; Enders, Keller & Levy
(2018), Psychological Methods 23, 298-317.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.data import Frame
from mixedmodels.errors import DataError, MixedModelsError
from mixedmodels.imputation.column import draw_column
from mixedmodels.imputation.levels import Codes, codes_of, values_of
from mixedmodels.imputation.question import ColumnModel, Question
from mixedmodels.imputation.working import Hole, hole_of, known_of_level, started, with_means

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Schedule:
    """How many imputations are taken, after how many cycles, and every how many."""

    n: int
    burn_in: int
    thin: int

    @property
    def cycles(self) -> int:
        """Cycles in all."""
        return self.burn_in + (self.n - 1) * self.thin + 1

    def is_taken(self, cycle: int) -> bool:
        """Whether the values after a cycle, counted from 1, are an imputation."""
        after = cycle - self.burn_in - 1
        return after >= 0 and after % self.thin == 0


@dataclass(frozen=True, slots=True)
class Chain:
    """What a chain gave.

    Attributes
    ----------
    draws : sequence of dict
        Per imputation the values of each column's missing rows.
    means, sds : arrays (cycles, columns)
        Of what was filled in, of a factor of the numbers of its levels.
    warned : dict
        Per column how often each kind of warning came.
    """

    draws: Sequence[Mapping[str, pd.Series]]
    means: Vector
    sds: Vector
    warned: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Place:
    """A column with its holes and groups."""

    model: ColumnModel
    known: pd.Series
    hole: Hole
    group: Codes | None


def run(frame: Frame, question: Question, schedule: Schedule, rng: np.random.Generator) -> Chain:
    """The chain over the columns of a table.

    Raises
    ------
    MixedModelsError
        If the model of a column cannot be fitted in some cycle.
    """
    table = started(frame, question.columns, question.models, rng)
    places = [_place(frame, model) for model in question.models]
    means, sds = np.full((2, schedule.cycles, len(places)), np.nan)
    draws, warned = [], {place.model.name: Counter[str]() for place in places}
    for cycle in range(1, schedule.cycles + 1):
        for j, place in enumerate(places):
            name = place.model.name
            table[name] = _updated(place, table, cycle, warned[name], rng)
            filled = _numbers(table[name].iloc[place.hole.rows])
            means[cycle - 1, j], sds[cycle - 1, j] = np.mean(filled), np.std(filled)
        if schedule.is_taken(cycle):
            draws.append({p.model.name: table[p.model.name].iloc[p.hole.rows] for p in places})
    return Chain(draws, means, sds, warned)


def _place(frame: Frame, model: ColumnModel) -> Place:
    hole = hole_of(frame, model)
    known = known_of_level(values_of(frame, model.name), hole)
    return Place(model, known, hole, codes_of(frame, model.means_of) if model.means else None)


def _updated(
    place: Place, table: pd.DataFrame, cycle: int, warned: Counter[str], rng: np.random.Generator
) -> pd.Series:
    """The column with new values where it has none; those of a level are alike in its rows."""
    rows, known = with_means(table, place.model, place.group), place.known
    first, codes = place.hole.first, place.hole.codes
    if not known.isna().any():
        return known
    if first is not None:
        rows, known = rows.iloc[first].reset_index(drop=True), known.iloc[first]
        known = known.reset_index(drop=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            drawn = draw_column(place.model, rows, known, rng)
        except MixedModelsError as error:
            raise _failed(place.model, cycle, error) from error
    warned.update({warning.category.__name__ for warning in caught})
    whole = known.copy()
    whole[known.isna()] = drawn.to_numpy()
    if codes is None or first is None:
        return whole
    return pd.Series(whole.iloc[codes].array, index=table.index, name=place.model.name)


def _numbers(values: pd.Series) -> Vector:
    if isinstance(values.dtype, pd.CategoricalDtype):
        return np.asarray(values.cat.codes, dtype=np.float64)
    return np.asarray(values, dtype=np.float64)


def _failed(model: ColumnModel, cycle: int, error: MixedModelsError) -> DataError:
    return DataError(
        f"The model of {model.name!r} cannot be fitted in cycle {cycle}, {model.formula}:\n{error}"
    )
