"""From a formula and a table to the matrices of a model and the recipe to make them again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import ArrayLike

from mixedmodels.data import Column, Completeness, Frame, completeness
from mixedmodels.design.arguments import checked_offset, checked_weights, read_argument
from mixedmodels.design.checks import check_response, check_sizes, check_term
from mixedmodels.design.contrasts import codings
from mixedmodels.design.expand import Expansion, evaluate, expand, recipe_of
from mixedmodels.design.grouping import LevelMap, groupings_of
from mixedmodels.design.matrices import Grouping, ModelMatrices, TermMatrix, Vector
from mixedmodels.design.names import check_names, evaluable, used_columns
from mixedmodels.design.rank import independent_columns
from mixedmodels.design.spec import ModelSpec, TermSpec
from mixedmodels.design.variables import Variables
from mixedmodels.errors import DataError, FormulaError
from mixedmodels.formula import Formula, RandomTerm
from mixedmodels.vocabulary import Contrasts, Missing


@dataclass(frozen=True, slots=True)
class Roles:
    """The columns that each part of a formula uses, by name."""

    response: tuple[str, ...]
    covariates: tuple[str, ...]
    groups: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """Every column in use."""
        return tuple(dict.fromkeys((*self.response, *self.covariates, *self.groups)))


@dataclass(frozen=True, slots=True)
class KeptData:
    """The columns of a model on the rows that are in use."""

    columns: Mapping[str, Column]
    weights: Vector | None
    offset: Vector | None
    rows: Completeness
    nrows: int


def build(
    formula: Formula,
    frame: Frame,
    *,
    weights: str | ArrayLike | None = None,
    offset: str | ArrayLike | None = None,
    contrasts: Contrasts | None = None,
    missing: Missing = "drop",
) -> tuple[ModelSpec, ModelMatrices]:
    """Make the matrices of a model.

    Parameters
    ----------
    formula
        From `mixedmodels.formula.parse`.
    frame
        The data.
    weights
        Precision weights: the residual variance of a row is sigma^2 / weight. A column name or
        an array with one value per row of the data.
    offset
        A part of the response that is known; a column name or an array.
    contrasts
        Coding of categorical columns. Without it every factor, also an ordered one, gets
        treatment coding, formulaic's default: its coefficients are differences from the first
        level.
    missing
        ``"drop"`` leaves out the rows with a missing value in a column in use (the default, as
        in R); ``"error"`` refuses them.

    Returns
    -------
    ModelSpec, ModelMatrices
        The recipe and the matrices. Columns of the fixed part that earlier ones span are in
        ``spec.aliased`` and not in ``X``.

    Raises
    ------
    FormulaError, DataError
        If the model cannot be built or the data cannot identify it.
    """
    check_names(formula, frame.columns)
    roles = _roles(formula, frame.columns)
    data = _read(roles, frame, weights=weights, offset=offset, missing=missing)
    covariates = _covariates(roles, data, contrasts)
    y, response_state = _response(formula, roles, frame, data)
    fixed = expand(recipe_of(evaluable(formula.fixed, frame.columns), formula.text), covariates)
    x_columns = independent_columns(fixed.matrix)
    check_sizes(data.nrows, len(x_columns))
    groupings = groupings_of(formula.random, data.columns)
    expansions = [_expand_term(term, formula, frame, covariates) for term in formula.random]
    terms = _term_matrices(formula.random, expansions, groupings)
    for term, matrix, expansion in zip(formula.random, terms, expansions, strict=True):
        check_term(
            term,
            matrix,
            groupings[matrix.group],
            is_numeric=expansion.is_numeric,
            weights=data.weights,
        )
    kept_names = tuple(fixed.names[index] for index in x_columns)
    spec = ModelSpec(
        formula=formula,
        fixed=fixed.recipe,
        terms=tuple(
            TermSpec(term, matrix.group, expansion.recipe)
            for term, matrix, expansion in zip(formula.random, terms, expansions, strict=True)
        ),
        level_maps=tuple(LevelMap(g.name, g.columns, g.levels) for g in groupings),
        variables=covariates.summary(),
        codings=covariates.codings,
        response_columns=roles.response,
        response_state=response_state,
        x_columns=tuple(x_columns.tolist()),
        x_names=kept_names,
        aliased=tuple(name for name in fixed.names if name not in kept_names),
    )
    kept = np.ones(frame.nrows, dtype=np.bool_) if data.rows.rows is None else data.rows.rows
    matrices = ModelMatrices(
        y=y,
        X=_columns_of(fixed, x_columns.tolist()),
        x_names=kept_names,
        groupings=tuple(groupings),
        terms=terms,
        weights=data.weights,
        offset=data.offset,
        kept=kept,
        index=frame.index if data.rows.rows is None else frame.index[kept],
        n_missing=data.rows.n_missing,
    )
    return spec, matrices


def _roles(formula: Formula, columns: Sequence[str]) -> Roles:
    known = frozenset(columns)
    texts = [formula.fixed, *(term.lhs for term in formula.random)]
    return Roles(
        response=used_columns(formula.response, known),
        covariates=_distinct(name for text in texts for name in used_columns(text, known)),
        groups=_distinct(name for term in formula.random for name in term.group),
    )


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _read(
    roles: Roles,
    frame: Frame,
    *,
    weights: str | ArrayLike | None,
    offset: str | ArrayLike | None,
    missing: Missing,
) -> KeptData:
    """Read the columns in use and leave out the incomplete rows."""
    if missing not in get_args(Missing):
        raise DataError(f"missing={missing!r} is not known.\nDo:   use 'drop' or 'error'.")
    columns = {name: frame.column(name) for name in roles.all}
    weight_column = read_argument("weights", weights, frame)
    offset_column = read_argument("offset", offset, frame)
    extra = [] if offset_column is None else [offset_column]
    found = completeness([*columns.values(), *extra])
    if missing == "error" and found.counts:
        raise _has_missing(found)
    if found.rows is not None:
        if found.n_missing == frame.nrows:
            raise _nothing_left(found, frame.nrows)
        columns = {name: column.take(found.rows) for name, column in columns.items()}
        weight_column = None if weight_column is None else weight_column.take(found.rows)
        offset_column = None if offset_column is None else offset_column.take(found.rows)
    return KeptData(
        columns=columns,
        weights=None if weight_column is None else checked_weights(weight_column),
        offset=None if offset_column is None else checked_offset(offset_column),
        rows=found,
        nrows=frame.nrows - found.n_missing,
    )


def _covariates(roles: Roles, data: KeptData, contrasts: Contrasts | None) -> Variables:
    columns = {name: _without_unused(data.columns[name]) for name in roles.covariates}
    for column in columns.values():
        if column.codes is not None and len(column.codes.values) < 2:
            raise DataError(
                f"Column {column.name!r} of the fixed part has one level, "
                f"{column.codes.values[0]!r}.\n"
                "Do:   leave it out of the formula, or check the rows that were kept."
            )
    chosen = codings(contrasts, {name: column.codes for name, column in columns.items()})
    return Variables(columns, data.nrows, chosen)


def _without_unused(column: Column) -> Column:
    if column.codes is None:
        return column
    return Column.of_codes(
        column.name, column.codes.without_unused(), is_time=column.kind == "time"
    )


def _response(
    formula: Formula, roles: Roles, frame: Frame, data: KeptData
) -> tuple[Vector, dict[str, Any]]:
    if not roles.response:
        message = "The response names no column of the data."
        raise FormulaError(message, formula=formula.text, position=0)
    columns = {name: data.columns[name] for name in roles.response}
    state: dict[str, Any] = {}
    text = evaluable(formula.response, frame.columns, is_python=True)
    y = evaluate(text, Variables(columns, data.nrows, {}), state)
    check_response(y, formula.response)
    return y, state


def _expand_term(
    term: RandomTerm, formula: Formula, frame: Frame, covariates: Variables
) -> Expansion:
    recipe = recipe_of(evaluable(term.lhs, frame.columns), formula.text)
    expansion = expand(recipe, covariates)
    if not expansion.names:
        message = f"The term {term} has no columns: write (1 | {term.name}) or name a covariate."
        length = term.stop - term.start
        raise FormulaError(message, formula=formula.text, position=term.start, length=length)
    return expansion


def _term_matrices(
    terms: Sequence[RandomTerm], expansions: Sequence[Expansion], groupings: Sequence[Grouping]
) -> tuple[TermMatrix, ...]:
    index = {grouping.name: number for number, grouping in enumerate(groupings)}
    return tuple(
        TermMatrix(index[term.name], expansion.names, expansion.matrix, term.structure)
        for term, expansion in zip(terms, expansions, strict=True)
    )


def _columns_of(expansion: Expansion, columns: Sequence[int]) -> Any:
    if len(columns) == len(expansion.names):
        return expansion.matrix
    return np.asfortranarray(expansion.matrix[:, columns])


def _has_missing(found: Completeness) -> DataError:
    listed = ", ".join(f"{name} ({count})" for name, count in found.counts.items())
    return DataError(
        f"{found.n_missing} rows have a missing value: {listed}.\n"
        "Do:   fill or remove them, or use missing='drop' to leave these rows out."
    )


def _nothing_left(found: Completeness, nrows: int) -> DataError:
    listed = ", ".join(f"{name} ({count})" for name, count in found.counts.items())
    return DataError(
        f"No rows are left: each of the {nrows} rows has a missing value in {listed}.\n"
        "Do:   leave out the columns that are mostly missing."
    )
