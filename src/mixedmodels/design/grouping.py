"""Grouping factors: the levels of one column, or the combinations of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mixedmodels.data import Codes, Column, encode, interaction, renumber_levels
from mixedmodels.design.matrices import Grouping, Int32
from mixedmodels.errors import DataError
from mixedmodels.formula import RandomTerm


@dataclass(frozen=True, slots=True)
class LevelMap:
    """How a fit numbers the levels of a grouping factor.

    Attributes
    ----------
    name
        Name of the grouping factor.
    columns
        The columns it is made of.
    levels
        The levels in the order of their codes.
    """

    name: str
    columns: tuple[str, ...]
    levels: tuple[Any, ...]


def groupings_of(terms: Sequence[RandomTerm], columns: Mapping[str, Column]) -> list[Grouping]:
    """The distinct grouping factors of the terms, in order of first appearance.

    Raises
    ------
    DataError
        If one has a single level.
    """
    encoded: dict[str, Codes] = {}
    groupings: dict[str, Grouping] = {}
    for term in terms:
        if term.name in groupings:
            continue
        for name in term.group:
            if name not in encoded:
                encoded[name] = encode(columns[name])
        codes = _combined([encoded[name] for name in term.group])
        _check_levels(term, codes)
        groupings[term.name] = Grouping(term.name, term.group, codes.codes, codes.values)
    return list(groupings.values())


def codes_for(level_map: LevelMap, columns: Mapping[str, Column]) -> Int32:
    """The codes of other data under the numbers of a fit; -1 for new and missing levels."""
    found = _combined([encode(columns[name]) for name in level_map.columns])
    return renumber_levels(found.values, level_map.levels)[found.codes]


def _combined(factors: Sequence[Codes]) -> Codes:
    return factors[0] if len(factors) == 1 else interaction(*factors)


def _check_levels(term: RandomTerm, codes: Codes) -> None:
    if len(codes.values) < 2:
        raise DataError(
            f"The grouping factor {term.name!r} of {term} has one level, "
            f"{codes.values[0]!r}.\n"
            "Do:   leave the term out, or use data with several levels.\n"
            "Why:  a variance between levels needs at least two of them."
        )
