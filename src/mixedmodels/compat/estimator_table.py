"""What an estimator is given, X, y and groups, as one table and one formula."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.data import Frame
from mixedmodels.errors import EstimatorError, FormulaError
from mixedmodels.formula import parse
from mixedmodels.formula.syntax import split_sides
from mixedmodels.formula.tokens import quote, tokenize

GROUP = "group"
"""The column of one grouping factor that is given as an array."""

RESPONSE = "y"
"""The response where no formula names it; underscores follow if a column is called so."""

Grouping = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Asked:
    """The model that an estimator's settings and columns ask for.

    Attributes
    ----------
    formula
        With a response.
    response
        Its column.
    """

    formula: str
    response: str


def is_table(X: object) -> bool:
    """Whether X has columns with names."""
    return isinstance(X, Mapping) or hasattr(X, "columns") or hasattr(X, "column_names")


def named_table(X: object, *, may_be_empty: bool) -> Frame:
    """A table whose columns all have names that a formula can write.

    Raises
    ------
    EstimatorError
        If a name is no text: nothing else would say that its column plays no part.
    """
    frame = Frame.of(X, may_be_empty=may_be_empty)
    names = X.columns.tolist() if isinstance(X, pd.DataFrame) else []
    other = [name for name in names if not isinstance(name, str)]
    if other:
        raise EstimatorError(
            f"X has columns whose names are no text: {', '.join(map(repr, other[:6]))}.\n"
            "Do:   name them, or drop them.\n"
            "Why:  formulas go by names."
        )
    return frame


def table_of(X: NDArray[np.float64], names: Sequence[str]) -> Frame:
    """The table of an array (n, p)."""
    return Frame.of(pd.DataFrame(X, columns=list(names)))


def groups_of(groups: object, n: int) -> Grouping:
    """Grouping factors by name: those of a table's columns, or one array (n,) as `GROUP`.

    Raises
    ------
    EstimatorError
        If they are no such thing, or have another number of rows.
    """
    if groups is None:
        return {}
    if is_table(groups):
        frame = Frame.of(groups)
        data = frame.native
        found = {name: np.asarray(data[name]) for name in frame.columns}
    else:
        found = {GROUP: np.asarray(groups)}
    for name, values in found.items():
        if values.ndim != 1 or len(values) != n:
            raise EstimatorError(
                f"groups has the shape {values.shape}{_of(name)}, and X has {n} rows.\n"
                "Do:   give one value per row; several grouping factors as a table with a column "
                "for each."
            )
    return found


def with_groups(frame: Frame, groups: Grouping) -> Frame:
    """The table with the columns of the grouping factors.

    Raises
    ------
    EstimatorError
        If X has a column of the same name.
    """
    for name, values in groups.items():
        if name in frame.columns:
            raise EstimatorError(
                f"groups brings the column {name!r}, and X has one of that name.\n"
                "Do:   name it in the formula and leave groups out, or rename the column."
            )
        is_number = values.dtype.kind in "biuf"
        frame = frame.with_column(name, values if is_number else [*map(_text, values)])
    return frame


def with_response(frame: Frame, name: str, y: NDArray[np.float64]) -> Frame:
    """The table with the response, in place of a column of its name."""
    return frame.with_column(name, y)


def asked_of(
    formula: object, random: object, columns: Sequence[str], groups: Sequence[str]
) -> Asked:
    """The formula of a model of X with these columns and those of `groups`.

    Without a formula every column of X that is no grouping factor has an effect, and each of
    `groups` a random intercept, or what `random` says.

    Raises
    ------
    FormulaError, EstimatorError
        If the settings contradict each other, or are no formulas.
    """
    free = RESPONSE
    while free in (*columns, *groups):
        free += "_"
    if formula is not None:
        if random is not None:
            raise EstimatorError(
                "formula and random are both given.\n"
                "Do:   write the random terms into the formula, and leave random out."
            )
        return _completed(formula, free)
    terms = _random(random, groups)
    within = _grouping_columns(free, terms)
    fixed = [_quoted(name) for name in columns if name not in within]
    return Asked(" + ".join([f"{quote(free)} ~ 1", *fixed, *terms]), free)


def _completed(formula: object, free: str) -> Asked:
    """A formula with its response, or with `free` as one where its left side is empty."""
    if not isinstance(formula, str):
        message = f"A formula is a string such as 'y ~ x + (1 | g)', not {type(formula).__name__}."
        raise FormulaError(message, formula=str(formula))
    tokens = tokenize(formula)
    left, _ = split_sides(formula, tokens)
    if not left:
        return Asked(f"{quote(free)} {formula.strip()}", free)
    if len(left) > 1 or not left[0].is_name:
        message = (
            "The left side is the name of y, and nothing can be done with it here: write one "
            "name, and transform y by TransformedTargetRegressor."
        )
        raise FormulaError(message, formula=formula, position=left[0].start)
    return Asked(formula, left[0].name)


def _random(random: object, groups: Sequence[str]) -> list[str]:
    if random is None:
        return [f"(1 | {_quoted(name)})" for name in groups]
    if not isinstance(random, str):
        raise EstimatorError(
            f"random is of type {type(random).__name__}.\n"
            f'Do:   write the random terms as in a formula: "(1 | {GROUP})".'
        )
    return [random]


def _grouping_columns(response: str, terms: Sequence[str]) -> set[str]:
    if not terms:
        return set()
    parsed = parse(f"{quote(response)} ~ 1 + {' + '.join(terms)}")
    if parsed.fixed not in ("1",):
        raise EstimatorError(
            f"random = {terms[0]!r} has terms without a bar.\n"
            "Do:   write random terms alone, (1 | group); or everything as formula.\n"
            "Why:  the columns of X are the fixed part."
        )
    return {name for term in parsed.random for name in term.group}


def _quoted(name: str) -> str:
    if "`" in name:
        raise EstimatorError(
            f"The column {name!r} has a backtick in its name, which no formula can write.\n"
            "Do:   rename it."
        )
    return quote(name)


def _text(value: object) -> str | None:
    return None if value is None or value != value else str(value)


def _of(name: str) -> str:
    return "" if name == GROUP else f" in {name!r}"


def missing_groups(columns: Sequence[Sequence[str]], there: Sequence[str]) -> Iterator[int]:
    """The places of the grouping factors of which a column is not there."""
    return (i for i, names in enumerate(columns) if not set(names) <= set(there))
