"""From the text of a residual covariance and the data to the places of the rows, and back again
for new data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mixedmodels.covariance import Structure
from mixedmodels.data import (
    Column,
    Frame,
    encode,
    interaction,
    label,
    match_levels,
    require_distinct_labels,
)
from mixedmodels.design.grouping import LevelMap, codes_for
from mixedmodels.design.matrices import Int32, Mask, Matrix
from mixedmodels.design.occasions import (
    Occasions,
    labels_of,
    occasions_of,
    order_of_rows,
    refuse_repeats,
)
from mixedmodels.design.residual_checks import check_residual
from mixedmodels.design.residual_matrix import NewResidual, ResidualMatrix, ScaleModel
from mixedmodels.design.scale import ScaleSpec
from mixedmodels.design.structures import require_positions, structure_of_residual
from mixedmodels.errors import DataError
from mixedmodels.formula.residual import ResidualTerm
from mixedmodels.formula.tokens import unquote
from mixedmodels.shortening import brief


@dataclass(frozen=True, slots=True)
class BlockSpec:
    """Recipe of the blocks of a residual covariance and of the places within them.

    Attributes
    ----------
    term
        What was asked for.
    structure
        The covariance within a block.
    blocks
        How the levels of the group are numbered; None if all rows are one block.
    occasions
        How places are read.
    by
        The column with the parts, if any.
    parts
        Its levels.
    """

    term: ResidualTerm
    structure: Structure
    blocks: LevelMap | None
    occasions: Occasions
    by: str | None
    parts: tuple[Any, ...]

    __repr__ = brief


@dataclass(frozen=True, slots=True)
class ResidualSpec:
    """Recipe of a residual covariance: blocks (None: independent rows) and standard deviation."""

    blocks: BlockSpec | None
    scale: ScaleSpec | None

    __repr__ = brief

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the data that say where a row stands."""
        return () if self.blocks is None else columns_of_residual(self.blocks.term)


def columns_of_residual(term: ResidualTerm | None) -> tuple[str, ...]:
    """The columns that say where a row stands: its group, positions, and part."""
    if term is None:
        return ()
    by = term.structure.text("by")
    return tuple(
        dict.fromkeys((*term.group, *term.positions, *(() if by is None else (unquote(by),))))
    )


def residual_of(
    term: ResidualTerm,
    columns: Mapping[str, Column],
    frame: Frame,
    rows: Mask | None,
    scale: ScaleModel | None,
) -> tuple[BlockSpec, ResidualMatrix]:
    """The residual covariance of the kept rows.

    Parameters
    ----------
    term
        What was asked for.
    columns
        Its columns on the kept rows.
    frame, rows
        The data and the rows that are kept; the order of rows counts those that are not.
    scale
        How the standard deviation differs between rows.

    Raises
    ------
    FormulaError, DataError
        If residuals have no such structure, or the columns do not suit it.
    """
    structure = structure_of_residual(term.structure, term.text)
    nrows = frame.nrows if rows is None else int(np.count_nonzero(rows))
    blocks, codes = _blocks(term, columns, nrows)
    occasions = occasions_of(term, structure, columns)
    if occasions.reading == "order":
        positions = _in_order(term, frame, rows)
    else:
        positions = occasions.positions(columns, nrows)
    by = term.structure.text("by")
    part, parts = _parts(by, columns, nrows)
    spec = BlockSpec(term, structure, blocks, occasions, by and unquote(by), parts)
    levels = ("",) if blocks is None else blocks.levels()
    names = labels_of(occasions, positions, structure)
    if not structure.by_position:
        count = len(names) or int(positions.max()) + 1
        require_positions(structure, count, term.structure, term.text)
    made = ResidualMatrix(
        structure=structure,
        group=term.name,
        codes=codes,
        levels=levels,
        positions=positions,
        occasions=names,
        part=part,
        parts=tuple(map(label, parts)) if parts else ("",),
        scale=scale,
    )
    if not structure.nugget:
        refuse_repeats(term, codes, positions, names, levels)
    _refuse_divided(term, made)
    check_residual(term, made, structure)
    return spec, made


def independent(nrows: int, scale: ScaleModel | None) -> ResidualMatrix:
    """Independent residuals whose standard deviation differs."""
    codes = np.arange(nrows, dtype=np.int32)
    nowhere = np.empty((nrows, 0))
    part = np.zeros(nrows, dtype=np.int32)
    return ResidualMatrix(None, "", codes, (), nowhere, (), part, ("",), scale)


def new_residual(
    spec: ResidualSpec, columns: Mapping[str, Column], nrows: int, scale: ScaleModel | None
) -> NewResidual:
    """Where rows of new data stand in the residual covariance of a fit.

    Raises
    ------
    DataError
        If a column has another type than in the fit.
    """
    zeros = np.zeros(nrows, dtype=np.int32)
    blocks = spec.blocks
    if blocks is None:
        own = np.arange(nrows, dtype=np.int32)
        return NewResidual(own * 0 - 1, own, np.empty((nrows, 0)), zeros, scale)
    part = zeros
    if blocks.by is not None:
        found = encode(columns[blocks.by])
        part = match_levels(blocks.by, found.values, blocks.parts)[found.codes]
    codes, together = zeros, zeros
    if blocks.blocks is not None:
        codes = codes_for(blocks.blocks, columns)
        together = interaction(*(encode(columns[name]) for name in blocks.blocks.columns)).codes
    positions = blocks.occasions.positions(columns, nrows)
    return NewResidual(codes, together, positions, part, scale)


def _blocks(
    term: ResidualTerm, columns: Mapping[str, Column], nrows: int
) -> tuple[LevelMap | None, Int32]:
    if not term.group:
        return None, np.zeros(nrows, dtype=np.int32)
    encoded = [encode(columns[name]) for name in term.group]
    for name, codes in zip(term.group, encoded, strict=True):
        require_distinct_labels(name, codes.values)
    found = interaction(*encoded)
    return LevelMap(term.name, term.group, found.parts, found.members), found.codes


def _in_order(term: ResidualTerm, frame: Frame, rows: Mask | None) -> Matrix:
    """The number of each kept row among all rows of its block in the data."""
    codes = np.zeros(frame.nrows, dtype=np.int32)
    if term.group:
        codes = interaction(*(encode(frame.column(name)) for name in term.group)).codes
    numbers = order_of_rows(codes)
    return numbers if rows is None else numbers[rows]


def _parts(
    by: str | None, columns: Mapping[str, Column], nrows: int
) -> tuple[Int32, tuple[Any, ...]]:
    if by is None:
        return np.zeros(nrows, dtype=np.int32), ()
    found = encode(columns[unquote(by)])
    require_distinct_labels(unquote(by), found.values)
    return found.codes, found.values


def _refuse_divided(term: ResidualTerm, made: ResidualMatrix) -> None:
    """Refuse blocks with rows in several parts, whose covariance would be no part's."""
    first = np.empty(max(len(made.levels), 1), dtype=np.int32)
    first[made.codes[::-1]] = made.part[::-1]
    other = np.flatnonzero(first[made.codes] != made.part)
    if len(other):
        by = term.structure.text("by")
        block = label(made.levels[made.codes[other[0]]])
        where = f"{term.name} {block!r}" if term.group else "the data"
        raise DataError(
            f"Within {where} the column {by} of {term} has several values.\n"
            f"Do:   name a group within {by}, as (… | {term.name or 'g'}:{by}), or another "
            "column.\n"
            "Why:  by= gives whole groups a covariance of their own."
        )
