"""The levels of a grouping factor with those of other data beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.data import Column, encode, match_levels
from mixedmodels.design.grouping import LevelMap, codes_for


@dataclass(frozen=True, slots=True)
class MoreLevels:
    """A level map that knows more levels than another one.

    Attributes
    ----------
    level_map
        With the levels of both.
    places
        Shape (levels of the other one,): the number that each of its levels has now.
    """

    level_map: LevelMap
    places: NDArray[np.int64]


def more_levels(level_map: LevelMap, columns: Mapping[str, Column]) -> MoreLevels:
    """The levels of `level_map` and those of some columns; levels of one column come last.

    Raises
    ------
    DataError
        If the levels of a column have another type than in the fit and cannot be compared.
    """
    unseen = codes_for(level_map, columns) < 0
    parts, codes = [], []
    for name, values in zip(level_map.columns, level_map.parts, strict=True):
        found = encode(columns[name])
        own = match_levels(name, found.values, values)
        lacking = np.flatnonzero(own[:-1] < 0)
        own[lacking] = len(values) + np.arange(len(lacking))
        parts.append((*values, *(found.values[i] for i in lacking.tolist())))
        codes.append(own[found.codes].astype(np.int32))
    rows = np.column_stack(codes)[unseen]
    rows = np.unique(rows[(rows >= 0).all(axis=1)], axis=0)
    members = np.vstack([level_map.members, rows]).astype(np.int32)
    order = np.lexsort(members.T[::-1])
    places = np.empty(len(members), dtype=np.int64)
    places[order] = np.arange(len(members))
    made = LevelMap(level_map.name, level_map.columns, tuple(parts), members[order])
    return MoreLevels(made, places[: len(level_map.members)])
