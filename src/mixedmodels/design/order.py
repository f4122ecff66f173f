"""Structures over columns or occasions in order: which of them are neighbours must be known."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from mixedmodels.covariance import Structure
from mixedmodels.data import Column, encode
from mixedmodels.design.expansion import Expansion
from mixedmodels.design.matrices import Matrix
from mixedmodels.design.names import used_columns
from mixedmodels.design.structures import require_positions
from mixedmodels.errors import DataError, FormulaError
from mixedmodels.formula import RandomTerm

LAGGED = ("ar1", "arma")
"""Kinds whose correlations are functions of a lag in whole steps."""

ORDERED = (*LAGGED, "toep", "ante")
"""Kinds that depend on the order of the occasions."""

_NUMBERED = re.compile(r"(\D*)(\d+)(\D*)")


def check_neighbours(
    term: RandomTerm,
    text: str,
    structure: Structure,
    expansion: Expansion,
    columns: Mapping[str, Column],
) -> None:
    """Refuse columns of a random term over which its structure has no meaning.

    Raises
    ------
    FormulaError
        With a caret, if they are too few, or other than the levels of one factor where their order
        counts.
    DataError
        If the order of the levels is that of the alphabet alone.
    """
    require_positions(structure, len(expansion.names), term.structure, text)
    if structure.kind not in ORDERED:
        return
    word = term.structure.word
    if expansion.is_numeric.any() or len(expansion.recipe.term_slices) != 1:
        raise _at(
            term,
            text,
            f"{word}() is over the levels of one factor, in their order: write "
            f"{word}(0 + visit | {term.name}), with 0 + for a column per level, and "
            "factor(visit) if visit is numeric.",
        )
    for name in used_columns(term.lhs, columns):
        check_text_order(str(term), columns[name])


def check_text_order(what: str, column: Column) -> None:
    """Refuse levels whose order is that of the alphabet alone; numbered ones are well ordered.

    Raises
    ------
    DataError
        If they are text, and not the same words with ascending numbers.
    """
    if not column.is_text or column.codes is None:
        return
    texts = [str(value) for value in column.codes.values]
    parts = [_NUMBERED.fullmatch(text) for text in texts]
    affixes = {(part.group(1), part.group(3)) for part in parts if part}
    if all(parts) and len(affixes) == 1:
        numbers = [int(part.group(2)) for part in parts if part]
        if numbers == sorted(numbers):
            return
    shown = ", ".join(texts[:6]) + (", …" if len(texts) > 6 else "")
    raise DataError(
        f"Column {column.name!r} of {what} is text, whose order is that of the alphabet: {shown}.\n"
        "Do:   make it categorical with its levels in order of time (pandas: "
        f"pd.Categorical(data[{column.name!r}], categories=[…], ordered=True)), or number the "
        "occasions.\n"
        "Why:  the covariance depends on which occasions are neighbours."
    )


def lag_positions(
    term: RandomTerm, structure: Structure, expansion: Expansion, columns: Mapping[str, Column]
) -> Matrix | None:
    """Positions (q, 1) of the levels of a factor, where levels without data lie between them.

    Raises
    ------
    DataError
        If each level has a standard deviation of its own.
    """
    if structure.kind not in LAGGED:
        return None
    names = [name for name in used_columns(term.lhs, columns) if columns[name].codes is not None]
    if len(names) != 1:
        return None
    column = columns[names[0]]
    declared, used = encode(column, drop_unused=False).values, encode(column).values
    places = np.array([declared.index(value) for value in used], dtype=np.float64)
    if len(places) != len(expansion.names) or np.all(np.diff(places) == 1):
        return None
    if not structure.hom:
        raise DataError(
            f"Column {column.name!r} of {term} has levels without data between others.\n"
            "Do:   leave out its unused levels, which makes the others neighbours, or write "
            f"ar1({term.lhs} | {term.name}), which counts them.\n"
            "Why:  a level without data has no standard deviation to estimate."
        )
    found: Matrix = places[:, None] - places[0]
    return found


def _at(term: RandomTerm, text: str, message: str) -> FormulaError:
    length = term.stop - term.start
    return FormulaError(message, formula=text, position=term.start, length=length)
