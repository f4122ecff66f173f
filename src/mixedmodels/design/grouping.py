"""Grouping factors: the levels of one column, or the combinations of several."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixedmodels.data import (
    Codes,
    Column,
    encode,
    interaction,
    joined_labels,
    label,
    match_levels,
    require_distinct_labels,
)
from mixedmodels.design.known import KnownMatrix, further_levels
from mixedmodels.design.matrices import Grouping, Int32
from mixedmodels.design.members import MemberMap, first_codes, member_map, members_of
from mixedmodels.errors import DataError
from mixedmodels.formula import RandomTerm
from mixedmodels.formula.tokens import tokenize
from mixedmodels.shortening import brief

Int64 = NDArray[np.int64]

MAKERS = ("C", "factor", "hashed")
"""Functions of formulas that make a factor."""

RESIDUAL = "Residual"
"""What tables of variances call the residual."""


@dataclass(frozen=True, slots=True)
class LevelMap:
    """How a fit numbers the levels of a grouping factor: by values, never by labels.

    Attributes
    ----------
    name
        Name of the grouping factor.
    columns
        The columns it is made of.
    parts
        Per column, its values.
    members
        int32, shape (levels, columns), in the order of the codes: which value of each column.
    """

    name: str
    columns: tuple[str, ...]
    parts: tuple[tuple[Any, ...], ...]
    members: Int32

    def labels_without(self, outer: Collection[str]) -> tuple[str, ...]:
        """The levels as text, without the parts that are columns of `outer`."""
        kept = [j for j, column in enumerate(self.columns) if column not in outer]
        if not kept:
            return ("",) * len(self.members)
        return joined_labels([self._texts(j) for j in kept])

    def levels(self) -> tuple[Any, ...]:
        """The user's own values for one column, labels such as ``"a1:b1"`` for several."""
        return self.parts[0] if len(self.columns) == 1 else self.labels_without(())

    def _texts(self, column: int) -> list[str]:
        texts = [label(value) for value in self.parts[column]]
        return [texts[member] for member in self.members[:, column].tolist()]

    __repr__ = brief


def groupings_of(
    terms: Sequence[RandomTerm],
    columns: Mapping[str, Column],
    known: Sequence[KnownMatrix | None] = (),
) -> tuple[list[Grouping], list[LevelMap | MemberMap]]:
    """The distinct grouping factors of the terms, in order of first appearance.

    Parameters
    ----------
    terms
        Random terms.
    columns
        The columns of the data.
    known
        Per term its known matrix, if any: levels that a matrix has and the data do not come last.

    Raises
    ------
    DataError
        If one has levels that read the same, or the name of the residual.
    """
    encoded: dict[str, Codes] = {}
    groupings: dict[str, Grouping] = {}
    level_maps: list[LevelMap | MemberMap] = []
    for term in terms:
        if term.name in groupings:
            continue
        check_group_name(term)
        own = [m for t, m in zip(terms, known, strict=False) if m and t.name == term.name]
        if term.is_membership:
            grouping, members = _of_members(term, columns, own)
            groupings[term.name] = grouping
            level_maps.append(members)
            continue
        for name in term.group:
            if name not in encoded:
                encoded[name] = encode(columns[name])
                require_distinct_labels(name, encoded[name].values)
        found = interaction(*(encoded[name] for name in term.group))
        level_map = LevelMap(term.name, term.group, found.parts, found.members)
        if own:
            level_map = _extended(level_map, own, term)
        grouping = Grouping(term.name, term.group, found.codes, level_map.levels())
        groupings[term.name] = grouping
        level_maps.append(level_map)
    return list(groupings.values()), level_maps


def _of_members(
    term: RandomTerm, columns: Mapping[str, Column], known: Sequence[KnownMatrix]
) -> tuple[Grouping, MemberMap]:
    """The levels that several columns share, and the first one of each row."""
    found = member_map(term, columns)
    found = replace(found, values=_with_further(known, term, found.values))
    members = members_of(found.codes(columns), None, len(found.values))
    return Grouping(term.name, term.group, first_codes(members), found.values), found


def _extended(level_map: LevelMap, known: Sequence[KnownMatrix], term: RandomTerm) -> LevelMap:
    """The level map with the levels that known matrices have beyond those of the data."""
    levels = _with_further(known, term, level_map.levels())
    if len(levels) == len(level_map.members):
        return level_map
    if len(level_map.columns) > 1:
        raise DataError(
            f"The matrix {known[0].name!r} has levels of {term.name} that the data do not have, "
            f"such as {label(levels[-1])!r}.\n"
            "Do:   leave them out, or make one column of the combinations: levels without data "
            "are kept for a single column alone."
        )
    members = np.arange(len(levels), dtype=np.int32)[:, None]
    return replace(level_map, parts=(levels,), members=members)


def _with_further(
    known: Sequence[KnownMatrix], term: RandomTerm, levels: tuple[Any, ...]
) -> tuple[Any, ...]:
    for matrix in known:
        levels = (*levels, *further_levels(matrix, term.name, levels))
    if known:
        require_distinct_labels(term.name, levels)
    return levels


def refuse_merged_levels(text: str, columns: Mapping[str, Column]) -> None:
    """Refuse ``C(id)`` of numbers that doubles cannot hold apart: formulas calculate in doubles.

    Raises
    ------
    DataError
        If a factor made in the formula `text` would merge levels.
    """
    tokens = tokenize(text)
    for call, opening, argument in zip(tokens, tokens[1:], tokens[2:], strict=False):
        is_factor = call.kind == "name" and call.text in MAKERS and opening.text == "("
        column = columns.get(argument.name) if is_factor and argument.is_name else None
        if column is not None and column.is_rounded:
            raise DataError(
                f"{call.text}({argument.text}) would merge levels: column {column.name!r} holds "
                "numbers of more digits than a double has.\n"
                "Do:   make the column text or categorical before the fit."
            )


def calculated_with(text: str, columns: Collection[str]) -> set[str]:
    """The columns that `text` uses otherwise than as ``C(x)``, whose levels are the data's own."""
    tokens = tokenize(text)
    found = set()
    for i, token in enumerate(tokens):
        before = [t.text for t in tokens[max(0, i - 2) : i]]
        is_factor = len(before) == 2 and before[0] in MAKERS and before[1] == "("
        if token.is_name and token.name in columns and not is_factor:
            found.add(token.name)
    return found


def codes_for(level_map: LevelMap, columns: Mapping[str, Column]) -> Int32:
    """The codes of other data under the numbers of a fit; -1 for new and missing levels.

    Raises
    ------
    DataError
        If the levels of a column have another type than in the fit and cannot be compared.
    """
    codes, members = None, level_map.members[:, 0].astype(np.int64)
    for j, (name, values) in enumerate(zip(level_map.columns, level_map.parts, strict=True)):
        found = encode(columns[name])
        own = match_levels(name, found.values, values)[found.codes].astype(np.int64)
        if codes is None:
            codes = own
            continue
        keys = members * len(values) + level_map.members[:, j]
        mine = np.where((codes < 0) | (own < 0), -1, codes * len(values) + own)
        present = np.unique(keys)
        members = np.searchsorted(present, keys)
        codes = _places(mine, present)
    return np.asarray(codes, dtype=np.int32)


def _places(keys: Int64, present: Int64) -> Int64:
    """Where each key stands in the ascending `present`, -1 where it does not."""
    places = np.minimum(np.searchsorted(present, keys), len(present) - 1)
    return np.where(present[places] == keys, places, -1)


def check_group_name(term: RandomTerm) -> None:
    """Refuse a grouping factor that tables could not tell from the residual."""
    if term.name == RESIDUAL:
        raise DataError(
            f"The grouping factor of {term} is called {RESIDUAL!r}.\n"
            "Do:   rename the column.\n"
            f"Why:  {RESIDUAL!r} is the residual in every table of variances."
        )
