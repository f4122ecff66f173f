"""How many columns a formula stands for, counted before any is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Literal

from formulaic.parser.types import Term

from mixedmodels.data.memory import available_memory
from mixedmodels.design.names import readable
from mixedmodels.errors import DataError

Part = Literal["fixed", "random"]
"""Whether columns are those of the fixed part or of the left side of a bar."""

MOST_COLUMNS: Mapping[Part, int] = {"fixed": 10_000, "random": 1_000}
"""Beyond these, work that grows with the cube of the columns takes hours."""

FEW = 1_000
"""Columns that may outnumber the rows: what empty cells leave of them is counted afterwards."""

LARGE = 200_000_000
"""Bytes of columns from which it is asked what memory is left."""

COPIES = 4
"""Columns in memory at a time while they are made: each factor's, the products, the matrix."""

MOST_FACTORS = 10
"""Factors in one interaction: formulaic codes all 2^10 subsets of them."""


def check_count(part: Part, counts: Mapping[Term, int], nrows: int) -> None:
    """Refuse more columns than a model can have.

    Parameters
    ----------
    part
        What the columns are for.
    counts
        Columns of each term, at least.
    nrows
        Rows of the data.

    Raises
    ------
    DataError
        With the number of columns and the term that has the most of them.
    """
    columns = sum(counts.values())
    size = 8 * columns * nrows
    is_possible = columns <= FEW or (columns <= MOST_COLUMNS[part] and columns < nrows)
    if is_possible and (size < LARGE or COPIES * size < available_memory()):
        return
    largest = max(counts, key=lambda term: counts[term])
    name = ":".join(readable(factor.expr) for factor in largest.factors)
    where = "fixed part" if part == "fixed" else "left side of a bar"
    memory = f", {size / 1e9:.1f} GB" if size >= 1e8 else ""
    raise DataError(
        f"The {where} stands for {columns:,} columns{memory}, with {nrows:,} rows; "
        f"{name} has {counts[largest]:,} of them.\n"
        f"Do:   {_advice(largest, counts[largest], name)}\n"
        f"Why:  {_reason(part, size, is_possible=is_possible)}"
    )


def _reason(part: Part, size: int, *, is_possible: bool) -> str:
    if is_possible:
        return f"making them takes up to {COPIES * size / 1e9:.1f} GB, more than there is."
    most = MOST_COLUMNS[part]
    return f"columns have to be fewer than rows, and at most {most:,}: each is a coefficient."


def least_columns(levels: Sequence[int]) -> int:
    """The columns of a product of factors with these numbers of levels: each may lose one."""
    return prod(max(number - 1, 1) for number in levels)


def check_interaction(term: Term, factors: int) -> None:
    """Refuse interactions of very many factors."""
    if factors > MOST_FACTORS:
        name = ":".join(readable(factor.expr) for factor in term.factors)
        raise DataError(
            f"The interaction {name} is one of {factors} factors.\n"
            f"Do:   leave out interactions of more than {MOST_FACTORS} factors, as (a + b + c)^2 "
            "does, or make one factor of them before the fit."
        )


def _advice(term: Term, columns: int, name: str) -> str:
    if columns == 1:
        return "leave out interactions of high order, as (a + b + c)^2 does, or choose columns."
    if len(term.factors) == 1 and name.isidentifier():
        return (
            f"make it a grouping factor, (1 | {name}), if its levels are a sample of many; join "
            "levels; or make the column numeric if it holds measurements."
        )
    return "leave out the interaction, join levels, or make the term a grouping factor."
