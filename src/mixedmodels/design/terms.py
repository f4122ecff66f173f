"""Random terms as matrices: columns, structure, levels, and what each needs of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from formulaic import ModelSpec as Recipe

from mixedmodels.covariance import UNSTRUCTURED, Structure
from mixedmodels.data import Column, encode, label, match_levels, require_distinct_labels
from mixedmodels.design.coordinates import ORIGINAL, Coordinates, coordinates_of
from mixedmodels.design.expand import train
from mixedmodels.design.expansion import Expansion
from mixedmodels.design.known import KnownMatrix, precision_of
from mixedmodels.design.matrices import Grouping, Mask, Matrix, Members, TermMatrix
from mixedmodels.design.members import MemberMap, members_of, weight_columns, weights_of
from mixedmodels.design.names import readable
from mixedmodels.design.order import check_neighbours, lag_positions
from mixedmodels.design.rank import independent_columns
from mixedmodels.design.sites import Sites, sites_of, without_intercept
from mixedmodels.design.structures import structure_of_term
from mixedmodels.design.variables import Variables
from mixedmodels.errors import DataError, FormulaError
from mixedmodels.formula import Formula, RandomTerm
from mixedmodels.formula.tokens import unquote
from mixedmodels.shortening import brief


@dataclass(frozen=True, slots=True)
class Part:
    """The rows in which one of several like terms has its columns, by a level of ``by=``.

    Attributes
    ----------
    column
        The column of the data.
    levels
        Its levels in the fit.
    level
        Which of them it is.
    """

    column: str
    levels: tuple[Any, ...]
    level: int

    __repr__ = brief

    @property
    def label(self) -> str:
        """The level as text."""
        return label(self.levels[self.level])

    def name(self, column: str) -> str:
        """The name of a column in this part."""
        return f"{column}[{self.column}={self.label}]"

    def rows(self, column: Column) -> Mask:
        """The rows (n,) of this part.

        Raises
        ------
        DataError
            If a row has a level that the fit has not seen.
        """
        found = encode(column)
        codes = match_levels(self.column, found.values, self.levels)
        if (codes[:-1] < 0).any():
            unknown = label(found.values[int(np.argmin(codes[:-1]))])
            raise DataError(
                f"Column {self.column!r} has the level {unknown!r}, which the model does not "
                "know.\n"
                "Do:   use the levels of the fit: its effects have a covariance by level."
            )
        mask: Mask = codes[found.codes] == self.level
        return mask

    def masked(self, Z: Matrix, column: Column) -> Matrix:
        """The columns (n, q) with zeros outside of this part, NaN where the level is missing."""
        made = Z * self.rows(column)[:, None]
        if column.missing is not None:
            made[column.missing] = np.nan
        return np.asfortranarray(made)


@dataclass(frozen=True, slots=True)
class TermSpec:
    """Recipe of one random term.

    Attributes
    ----------
    term
        As in the formula; with ``by=`` several recipes share one.
    group
        Index of the grouping factor.
    recipe
        formulaic's recipe of the left side.
    coordinates
        The working coordinates of its columns.
    sites
        The places of the columns, for a structure by position.
    part
        The rows that it is for; None for all.
    weights
        The columns of weights of a multi-membership term.
    """

    term: RandomTerm
    group: int
    recipe: Recipe
    coordinates: Coordinates
    sites: Sites | None = None
    part: Part | None = None
    weights: tuple[str, ...] = ()

    __repr__ = brief

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its columns."""
        names = [readable(name) for name in self.recipe.column_names]
        if self.sites is not None:
            names = list(self.sites.names)
        return tuple(names if self.part is None else map(self.part.name, names))


@dataclass(frozen=True, slots=True)
class Written:
    """A random term of the formula with what its data give.

    Attributes
    ----------
    term, structure
        As asked for.
    expansion
        What the left side gives.
    sites, positions
        The sites of its columns, for a structure by position, and where they stand.
    known
        The covariance of the levels, where it is known.
    """

    term: RandomTerm
    structure: Structure
    expansion: Expansion
    sites: Sites | None
    positions: Matrix | None
    known: KnownMatrix | None


def written_term(
    term: RandomTerm,
    formula: Formula,
    covariates: Variables,
    columns: Mapping[str, Column],
    known: KnownMatrix | None,
) -> Written:
    """Expand the left side of a term.

    Raises
    ------
    FormulaError
        With a caret, if it has no columns, or none that suit the structure.
    DataError
        If a column cannot be made or used.
    """
    structure = structure_of_term(term.structure, formula.text)
    terms = without_intercept(term.sum) if structure.by_position else term.sum
    if not len(terms):
        raise no_columns(term, formula.text)
    expansion = train(terms, covariates, "random")
    if not expansion.names:
        raise no_columns(term, formula.text)
    if structure.by_position:
        sites = sites_of(term, formula.text, expansion)
        return Written(term, structure, expansion, sites, sites.positions, known)
    check_neighbours(term, formula.text, structure, expansion, columns)
    positions = lag_positions(term, structure, expansion, columns)
    return Written(term, structure, expansion, None, positions, known)


def matrices_of_term(
    written: Written,
    text: str,
    group: int,
    grouping: Grouping,
    level_map: object,
    columns: Mapping[str, Column],
) -> list[tuple[TermSpec, TermMatrix]]:
    """The recipe and the columns of a term, for each level of its ``by=``.

    Parameters
    ----------
    written
        The expanded term of the formula `text`.
    group
        Index of its grouping factor.
    grouping, level_map
        The grouping factor, and how its levels are numbered.
    columns
        The columns of the data on the kept rows.

    Raises
    ------
    FormulaError, DataError
        If weights, parts or a known matrix do not suit the data.
    """
    term, expansion, sites = written.term, written.expansion, written.sites
    names, Z = expansion.names, expansion.matrix
    if sites is not None:
        names, Z = sites.names, sites.columns(Z, term)
    precision = None
    if written.known is not None:
        precision = precision_of(written.known, term.name, grouping.levels)
    weights = weight_columns(term, text) if term.is_membership else ()
    members = _members(term, level_map, weights, columns)
    made = []
    for part in _parts(term, columns):
        own, own_Z = names, Z
        if part is not None:
            own, own_Z = tuple(map(part.name, names)), part.masked(Z, columns[part.column])
        coordinates = _coordinates(term, written.structure, own, own_Z)
        spec = TermSpec(term, group, expansion.recipe, coordinates, sites, part, weights)
        matrix = TermMatrix(
            group=group,
            names=own,
            Z=np.asfortranarray(coordinates.columns(own_Z)),
            structure=written.structure,
            coordinates=coordinates,
            positions=written.positions,
            members=members,
            precision=precision,
            part="" if part is None else part.label,
        )
        made.append((spec, matrix))
    return made


def _parts(term: RandomTerm, columns: Mapping[str, Column]) -> list[Part | None]:
    by = term.structure.text("by")
    if by is None:
        return [None]
    name = unquote(by)
    levels = encode(columns[name]).values
    require_distinct_labels(name, levels)
    return [Part(name, levels, level) for level in range(len(levels))]


def _members(
    term: RandomTerm, level_map: object, weights: Sequence[str], columns: Mapping[str, Column]
) -> Members | None:
    if not isinstance(level_map, MemberMap):
        return None
    found = weights_of(weights, columns, term)
    return members_of(level_map.codes(columns), found, len(level_map.values))


def _coordinates(
    term: RandomTerm, structure: Structure, names: Sequence[str], Z: Matrix
) -> Coordinates:
    """Those of a random term; other structures would be other ones in other coordinates.

    Raises
    ------
    DataError
        If a column far from zero is lost among the others.
    """
    if structure != UNSTRUCTURED:
        return ORIGINAL
    found = coordinates_of(Z)
    lost = set(range(len(names)))
    lost -= set(independent_columns(Z).tolist()) if found.steps else lost
    if lost:
        raise DataError(
            f"The column {names[min(lost)]!r} of {term} is, to the precision of "
            "floating-point numbers, a combination of the columns before it.\n"
            "Do:   leave it out, or centre the covariate before its powers and products are taken."
        )
    return found


def no_columns(term: RandomTerm, text: str) -> FormulaError:
    """That nothing stands on the left of the bar."""
    message = f"The term {term} has no columns: write (1 | {term.name}) or name a covariate."
    length = term.stop - term.start
    return FormulaError(message, formula=text, position=term.start, length=length)
