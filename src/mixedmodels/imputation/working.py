"""The table that a chain works on: complete, with the values that it has come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.data import Frame
from mixedmodels.imputation.levels import Codes, codes_of, values_of
from mixedmodels.imputation.question import ColumnModel

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Hole:
    """The missing values of a column.

    Attributes
    ----------
    rows : array
        Where they are.
    codes : array (n,) or None
        Of a column of the second level, the level of every row; each is filled in once.
    first : array or None
        Of such a column a row of each level.
    """

    rows: NDArray[np.intp]
    codes: Codes | None
    first: NDArray[np.intp] | None


def missing_rows(frame: Frame, name: str) -> NDArray[np.intp]:
    """Where a column has no value."""
    missing = frame.column(name).missing
    return np.empty(0, dtype=np.intp) if missing is None else np.flatnonzero(missing)


def hole_of(frame: Frame, model: ColumnModel) -> Hole:
    """Where a column has no values."""
    rows = missing_rows(frame, model.name)
    if not model.within:
        return Hole(rows, None, None)
    codes = codes_of(frame, model.within)
    return Hole(rows, codes, np.unique(codes, return_index=True)[1].astype(np.intp))


def started(
    frame: Frame, columns: Sequence[str], models: Sequence[ColumnModel], rng: np.random.Generator
) -> pd.DataFrame:
    """Some columns, their missing values drawn from those that are there; known ones of a level
    are those of its other rows.
    """
    table = pd.DataFrame({name: values_of(frame, name) for name in columns})
    for model in models:
        hole = hole_of(frame, model)
        whole = known_of_level(table[model.name], hole)
        left = np.flatnonzero(whole.isna())
        there = np.flatnonzero(whole.notna())
        if hole.codes is None:
            drawn = rng.choice(there, len(left))
        else:
            levels, place = np.unique(hole.codes[left], return_inverse=True)
            drawn = rng.choice(there, len(levels))[place]
        whole = whole.copy()
        whole.iloc[left] = whole.iloc[drawn].to_numpy()
        table[model.name] = whole
    return table


def known_of_level(values: pd.Series, hole: Hole) -> pd.Series:
    """Values with what other rows of the same level tell."""
    if hole.codes is None:
        return values
    first = values.groupby(hole.codes, observed=True).first()
    whole = first.reindex(hole.codes).set_axis(values.index)
    return whole.astype(values.dtype)


def with_means(table: pd.DataFrame, model: ColumnModel, group: Codes | None) -> pd.DataFrame:
    """The table with the group means that a model's formula names."""
    if group is None or not model.means:
        return table
    means = {mean: table[name].groupby(group).transform("mean") for mean, name in model.means}
    return table.assign(**means)
