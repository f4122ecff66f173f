"""What is known of each data set: where it comes from, its columns and the order of its levels."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from mixedmodels.errors import DataError

ColumnType = Literal["numeric", "integer", "logical", "factor", "ordered"]

LevelsRule = Literal["numeric", "appearance", "lexical"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a data set.

    Attributes
    ----------
    name
        The name in the file.
    type
        ``"factor"`` and ``"ordered"`` are categorical; the latter's levels have a rank.
    levels
        The levels of a categorical column in order; empty if `levels_rule` gives them.
    levels_rule
        Order of a column of many levels: ``"numeric"`` ascending as numbers, ``"lexical"`` by
        code point, ``"appearance"`` as they first occur.
    """

    name: str
    type: ColumnType
    levels: tuple[str, ...] = ()
    levels_rule: LevelsRule | None = None

    @property
    def categorical(self) -> bool:
        """Whether the column has levels."""
        return self.type in ("factor", "ordered")

    def __str__(self) -> str:
        if self.levels_rule is not None:
            return f"{self.name}: {self.type}, many levels"
        if not self.categorical:
            return f"{self.name}: {self.type}"
        shown = self.levels if len(self.levels) <= 8 else (*self.levels[:3], "…", self.levels[-1])
        return f"{self.name}: {self.type}, {len(self.levels)} levels: {' < '.join(shown)}"


@dataclass(frozen=True, slots=True)
class Dataset:
    """What is known of one data set. ``print`` shows it all.

    Attributes
    ----------
    name
        What `load` takes.
    file
        The file with the values.
    rows
        Number of rows.
    source
        The collection that the values were taken from.
    reference
        The publication that they come from originally.
    columns
        The columns in order.
    """

    name: str
    file: str
    rows: int
    source: str
    reference: str
    columns: tuple[Column, ...]

    def __str__(self) -> str:
        head = (
            f"{self.name}: {self.rows} rows, {len(self.columns)} columns",
            f"    source: {self.source}",
            f"    reference: {self.reference}",
        )
        return "\n".join((*head, *(f"    {column}" for column in self.columns)))


def names() -> list[str]:
    """The names of all bundled data sets, sorted.

    Examples
    --------
    >>> import mixedmodels as mm
    >>> mm.datasets.names()[:4]
    ['alfalfa', 'arabidopsis', 'beets', 'blackmore']
    """
    return sorted(bundled())


def describe(name: str) -> Dataset:
    """Source, original publication, rows and columns of one data set.

    Parameters
    ----------
    name
        One of `names`.

    Raises
    ------
    DataError
        If there is no data set of this name.

    Examples
    --------
    >>> import mixedmodels as mm
    >>> print(mm.datasets.describe("rail"))
    rail: 18 rows, 2 columns
        source: R package nlme 3.1.162, Rail
        reference: Devore (2000) Probability and Statistics; Pinheiro & Bates (2000)
        Rail: ordered, 6 levels: 2 < 5 < 1 < 6 < 3 < 4
        travel: numeric
    """
    catalogue = bundled()
    if name not in catalogue:
        near = get_close_matches(str(name).lower(), catalogue, n=3)
        advice = f"did you mean {' or '.join(near)}?" if near else "choose one of the names below."
        raise DataError(
            f"There is no data set named {name!r}.\n"
            f"Do:   {advice}\n"
            f"Why:  these are bundled: {', '.join(sorted(catalogue))}."
        )
    return catalogue[name]


@cache
def bundled() -> Mapping[str, Dataset]:
    """The catalogue of the package, read once."""
    return parse_catalogue(files(__package__).joinpath("catalogue.json").read_text("utf-8"))


def parse_catalogue(text: str) -> dict[str, Dataset]:
    """The data sets that a catalogue file (JSON, see ``catalogue.json``) describes."""
    entries: dict[str, dict[str, Any]] = json.loads(text)
    return {name: _dataset(name, entry) for name, entry in entries.items()}


def _dataset(name: str, entry: Mapping[str, Any]) -> Dataset:
    columns = tuple(
        Column(
            name=column["name"],
            type=column["type"],
            levels=tuple(column.get("levels", ())),
            levels_rule=column.get("levels_rule"),
        )
        for column in entry["columns"]
    )
    return Dataset(
        name=name,
        file=entry["file"],
        rows=entry["rows"],
        source=entry["source"],
        reference=entry["reference"],
        columns=columns,
    )
