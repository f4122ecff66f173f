"""Where in its block a row stands: the order of rows, an occasion, or a position.

What a column means depends on what the structure does with it. Structures with lags
need a distance in whole steps: whole numbers count as they are, a factor by the order of all of
its levels, observed or not. Structures with parameters of their own for each occasion take the
distinct values in order. Structures by position take numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from mixedmodels.covariance import Structure
from mixedmodels.data import Column, encode, label, match_levels
from mixedmodels.design.matrices import Int32, Mask, Matrix
from mixedmodels.design.order import LAGGED, ORDERED, check_text_order
from mixedmodels.errors import DataError
from mixedmodels.formula.residual import ResidualTerm
from mixedmodels.shortening import brief

Reading = Literal["order", "count", "level", "number"]


@dataclass(frozen=True, slots=True)
class Occasions:
    """How a fit reads the place of a row in its block.

    Attributes
    ----------
    columns
        The columns that tell it; none for the order of rows.
    reading
        ``"order"`` of the rows of a block in the data; ``"count"`` of steps from `origin`;
        ``"level"``, the number among `levels`; ``"number"``, the values themselves.
    levels
        The occasions as the user's own values, for ``"level"``.
    origin
        The first step, for ``"count"``.
    """

    columns: tuple[str, ...]
    reading: Reading
    levels: tuple[Any, ...] = ()
    origin: int = 0

    __repr__ = brief

    def positions(self, columns: Mapping[str, Column], nrows: int) -> Matrix:
        """Positions (n, d) of rows of any data; NaN where they are missing or unknown."""
        if self.reading == "order":
            return np.full((nrows, 1), np.nan)
        found = [columns[name] for name in self.columns]
        if self.reading == "level":
            own = encode(found[0])
            codes = match_levels(self.columns[0], own.values, self.levels)[own.codes]
            return np.where(codes < 0, np.nan, codes.astype(np.float64))[:, None]
        values = np.column_stack([_floats(column, self.reading) for column in found])
        return values - self.origin if self.reading == "count" else values


def occasions_of(
    term: ResidualTerm, structure: Structure, columns: Mapping[str, Column]
) -> Occasions:
    """How the places of rows are read for a structure.

    Raises
    ------
    DataError
        If a column does not suit the structure: several columns for occasions, numbers that are
        not whole or no numbers where steps or distances are needed, text without an order.
    """
    if not term.positions:
        if structure.by_position:
            raise _needs_numbers(term, structure)
        return Occasions((), "order")
    if structure.by_position:
        for name in term.positions:
            _floats(columns[name], "number")
        if structure.kind in ("car1", "ou") and len(term.positions) > 1:
            raise DataError(
                f"{term} has {len(term.positions)} columns for the time of a row.\n"
                f"Do:   name one, or write expo({' + '.join(term.positions)} | …) for distances in "
                "space."
            )
        return Occasions(term.positions, "number")
    if len(term.positions) > 1:
        raise DataError(
            f"{term} has {len(term.positions)} columns for the occasion of a row.\n"
            "Do:   name one; make a factor of their combinations before the fit if they tell the "
            "occasion together."
        )
    column = columns[term.positions[0]]
    if structure.kind in LAGGED and column.numbers is not None:
        return _counted(term, structure, column)
    if structure.kind in ORDERED:
        check_text_order(str(term), column)
    keeps_gaps = structure.kind in LAGGED and structure.hom
    return Occasions(term.positions, "level", encode(column, drop_unused=not keeps_gaps).values)


def labels_of(occasions: Occasions, positions: Matrix, structure: Structure) -> tuple[str, ...]:
    """The names of the occasions; none where they have no parameters of their own to name."""
    if occasions.reading == "level":
        return tuple(label(value) for value in occasions.levels)
    if occasions.reading == "number" or (occasions.reading == "count" and structure.hom):
        return ()
    first = occasions.origin if occasions.reading == "count" else 1
    return tuple(str(first + step) for step in range(int(positions.max()) + 1))


def order_of_rows(codes: Int32) -> Matrix:
    """The number (n, 1) of each row among those of its block, from 0; nan without a block."""
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    lengths = np.diff(np.r_[starts, len(codes)])
    numbers = np.empty(len(codes))
    numbers[order] = np.arange(len(codes)) - np.repeat(starts, lengths)
    numbers[codes < 0] = np.nan
    return numbers[:, None]


def refuse_repeats(
    term: ResidualTerm, codes: Int32, positions: Matrix, names: Sequence[str], levels: Sequence[Any]
) -> None:
    """Refuse two rows of a block at one place.

    Raises
    ------
    DataError
        That names the first block and place.
    """
    keys = np.column_stack([codes.astype(np.float64), positions])
    order = np.lexsort(keys.T[::-1])
    same = np.flatnonzero((keys[order[1:]] == keys[order[:-1]]).all(axis=1))
    if not len(same):
        return
    row = int(order[same[0]])
    place = positions[row]
    shown = names[int(place[0])] if names else ", ".join(f"{value:g}" for value in place)
    where = f" of {term.name} {label(levels[codes[row]])!r}" if term.group else ""
    raise DataError(
        f"Two rows{where} have the same {' and '.join(term.positions)}, {shown}, in {term}.\n"
        "Do:   name a group within which every occasion comes once, such as "
        f"{term.structure.word}({' + '.join(term.positions)} | {term.name or 'g'}:item), or leave "
        "out repeated rows"
        + ("; nugget=True allows them.\n" if len(positions.T) > 1 else ".\n")
        + "Why:  rows at one place have a correlation of 1 in this structure."
    )


def _counted(term: ResidualTerm, structure: Structure, column: Column) -> Occasions:
    values = _floats(column, "number")
    known: Mask = np.isfinite(values)
    whole = np.floor(values[known]) == values[known]
    if not whole.all():
        first = values[known][np.argmin(whole)]
        raise DataError(
            f"Column {column.name!r} of {term} has values that are not whole, as {first:g}.\n"
            f"Do:   write car1({column.name} | {term.name or '1'}), whose correlation falls with "
            "time, or number the occasions.\n"
            f"Why:  {structure.kind} counts lags in whole steps."
        )
    low, high = int(values[known].min()), int(values[known].max())
    if not structure.hom and len(np.unique(values[known])) <= high - low:
        raise DataError(
            f"{term} has a standard deviation for each occasion, but column {column.name!r} "
            f"has gaps between {low} and {high}.\n"
            f"Do:   write {structure.kind}(…, hom=True) and "
            f'sigma="~ factor({column.name})", which counts the gaps; or make the column '
            "categorical, in which the next occasion is one step away."
        )
    return Occasions(term.positions, "count", (), low)


def _needs_numbers(term: ResidualTerm, structure: Structure) -> DataError:
    return DataError(
        f"{term} has no column of positions.\n"
        f"Do:   name numeric columns, as {term.structure.word}(time | subject).\n"
        f"Why:  the correlation of {structure.kind} is a function of distances."
    )


def _floats(column: Column, reading: Reading) -> Any:
    if column.numbers is None:
        raise DataError(
            f"Column {column.name!r} tells positions or steps in the residual covariance and is "
            "not numeric.\n"
            "Do:   make numbers of it, such as days since the first date."
        )
    return column.floats()
