"""From a formula and a table to the matrices of a model and the recipe to make them again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import ArrayLike

from mixedmodels.data import (
    Column,
    Completeness,
    Frame,
    completeness,
    require_distinct_labels,
)
from mixedmodels.design.arguments import checked_offset, checked_weights, read_argument
from mixedmodels.design.checks import (
    check_columns,
    check_identification,
    check_response,
    check_sizes,
)
from mixedmodels.design.contrasts import codings
from mixedmodels.design.coordinates import ORIGINAL, Coordinates, coordinates_of
from mixedmodels.design.environment import checked_context
from mixedmodels.design.estimability import FixedColumns, fixed_columns
from mixedmodels.design.expand import Expansion, evaluate, expand, recipe_of
from mixedmodels.design.grouping import (
    LevelMap,
    calculated_with,
    groupings_of,
    refuse_merged_levels,
)
from mixedmodels.design.identification import Identification, identify
from mixedmodels.design.magnitude import require_resolved
from mixedmodels.design.matrices import Grouping, ModelMatrices, TermMatrix, Vector
from mixedmodels.design.names import check_names, used_columns
from mixedmodels.design.rank import independent_columns
from mixedmodels.design.spec import ModelSpec, TermSpec
from mixedmodels.design.variables import Variables
from mixedmodels.errors import DataError, FormulaError
from mixedmodels.formula import Formula, RandomTerm
from mixedmodels.formula.terms import read_sum
from mixedmodels.formula.tokens import tokenize
from mixedmodels.options import require_option
from mixedmodels.vocabulary import Context, Contrasts, Missing


@dataclass(frozen=True, slots=True)
class Roles:
    """The columns that each part of a formula uses, by name.

    Of the covariates, those `calculated` with are not only made into factors.
    """

    response: tuple[str, ...]
    covariates: tuple[str, ...]
    groups: tuple[str, ...]
    calculated: frozenset[str]

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


@dataclass(frozen=True, slots=True)
class Response:
    """The response and the state of the transforms in it."""

    values: Vector
    state: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Parts:
    """The evaluated parts of a formula, before columns are dropped."""

    response: Response
    fixed: Expansion
    groupings: Sequence[Grouping]
    level_maps: Sequence[LevelMap]
    random: Sequence[Expansion]


def build(
    formula: Formula,
    frame: Frame,
    *,
    weights: str | ArrayLike | None = None,
    offset: str | ArrayLike | None = None,
    contrasts: Contrasts | None = None,
    context: Context | None = None,
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
    context
        Functions and numbers of the caller's that the formula may use.
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
    own = checked_context(context)
    check_names(formula.text, frame.columns, own)
    roles = _roles(formula, frame.columns)
    data = _read(roles, frame, weights=weights, offset=offset, missing=missing)
    covariates = _covariates(roles, data, contrasts, own)
    groupings, level_maps = groupings_of(formula.random, data.columns)
    parts = Parts(
        response=_response(formula, roles, data, own),
        fixed=expand(recipe_of(formula.fixed_sum), covariates),
        groupings=groupings,
        level_maps=level_maps,
        random=[_expand_term(term, formula, covariates) for term in formula.random],
    )
    for what, expansion in zip(
        ("The fixed part", *formula.random), (parts.fixed, *parts.random), strict=True
    ):
        _require_different_names(expansion, str(what))
    refuse_merged_levels(formula.text, data.columns)
    columns = fixed_columns(parts.fixed.matrix, parts.fixed.names)
    matrices = _matrices(formula, frame, data, parts, columns)
    found = _identified(formula.random, matrices)
    return _specification(formula, roles, covariates, parts, columns, matrices, found), matrices


def _require_different_names(expansion: Expansion, what: str) -> None:
    twice = [name for name, count in Counter(expansion.names).items() if count > 1]
    if twice:
        raise DataError(
            f"{what} has two columns called {twice[0]!r}.\n"
            "Do:   rename the column of the data, or leave out the term, that makes one of them.\n"
            "Why:  results are found by these names; 'Intercept' is the constant, and f[T.b] level "
            "b of f."
        )


def columns_of_text(text: str, frame: Frame, *, context: Context | None = None) -> Expansion:
    """The columns of the sum of terms `text`, on rows without missing values.

    Raises
    ------
    FormulaError, DataError
        As `build`.
    """
    own = checked_context(context)
    check_names(text, frame.columns, own)
    columns = {name: frame.column(name) for name in used_columns(text, frozenset(frame.columns))}
    variables = Variables(columns, frame.nrows, {}, own)
    return expand(recipe_of(read_sum(text, tokenize(text))), variables)


def _specification(
    formula: Formula,
    roles: Roles,
    covariates: Variables,
    parts: Parts,
    columns: FixedColumns,
    matrices: ModelMatrices,
    found: Identification,
) -> ModelSpec:
    return ModelSpec(
        formula=formula,
        fixed=parts.fixed.recipe,
        terms=tuple(
            TermSpec(term, matrix.group, expansion.recipe, matrix.coordinates)
            for term, expansion, matrix in zip(
                formula.random, parts.random, matrices.terms, strict=True
            )
        ),
        level_maps=tuple(parts.level_maps),
        variables=covariates.summary(),
        codings=covariates.codings,
        functions=covariates.functions,
        response_columns=roles.response,
        response_state=parts.response.state,
        columns=columns,
        identification=found,
    )


def _term_matrix(term: RandomTerm, expansion: Expansion, group: int) -> TermMatrix:
    coordinates = _coordinates(term, expansion)
    Z = np.asfortranarray(coordinates.columns(expansion.matrix))
    return TermMatrix(group, expansion.names, Z, term.structure, coordinates)


def _coordinates(term: RandomTerm, expansion: Expansion) -> Coordinates:
    """Those of a random term; independent effects would not be independent in others.

    Raises
    ------
    DataError
        If a column far from zero is lost among the others.
    """
    if term.structure != "unstructured":
        return ORIGINAL
    found = coordinates_of(expansion.matrix)
    lost = set(range(len(expansion.names)))
    lost -= set(independent_columns(expansion.matrix).tolist()) if found.steps else lost
    if lost:
        raise DataError(
            f"The column {expansion.names[min(lost)]!r} of {term} is, to the precision of "
            "floating-point numbers, a combination of the columns before it.\n"
            "Do:   leave it out, or centre the covariate before its powers and products are taken."
        )
    return found


def _matrices(
    formula: Formula, frame: Frame, data: KeptData, parts: Parts, columns: FixedColumns
) -> ModelMatrices:
    rows, groups = data.rows.rows, _group_index(parts)
    return ModelMatrices(
        y=parts.response.values,
        X=columns.kept_of(parts.fixed.matrix),
        x_names=columns.names,
        groupings=tuple(parts.groupings),
        terms=tuple(
            _term_matrix(term, expansion, groups[term.name])
            for term, expansion in zip(formula.random, parts.random, strict=True)
        ),
        weights=data.weights,
        offset=data.offset,
        kept=np.ones(frame.nrows, dtype=np.bool_) if rows is None else rows,
        index=frame.index if rows is None else frame.index[rows],
        n_missing=data.rows.n_missing,
        coordinates=columns.coordinates,
    )


def _group_index(parts: Parts) -> dict[str, int]:
    return {grouping.name: index for index, grouping in enumerate(parts.groupings)}


def _identified(terms: Sequence[RandomTerm], matrices: ModelMatrices) -> Identification:
    """What the data can tell of the variance parameters; models that make no sense are refused."""
    check_sizes(*matrices.X.shape)
    for term, matrix in zip(terms, matrices.terms, strict=True):
        check_columns(term, matrix)
    found = identify(matrices)
    check_identification(terms, matrices, found)
    return found


def _roles(formula: Formula, columns: Sequence[str]) -> Roles:
    known = frozenset(columns)
    texts = [formula.fixed, *(term.lhs for term in formula.random)]
    return Roles(
        response=used_columns(formula.response, known),
        covariates=_distinct(name for text in texts for name in used_columns(text, known)),
        groups=_distinct(name for term in formula.random for name in term.group),
        calculated=frozenset(name for text in texts for name in calculated_with(text, known)),
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
    require_option("missing", missing, get_args(Missing))
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


def _covariates(
    roles: Roles, data: KeptData, contrasts: Contrasts | None, own: Mapping[str, Any]
) -> Variables:
    columns = {name: _as_covariate(data.columns[name]) for name in roles.covariates}
    for column in columns.values():
        if column.name in roles.calculated:
            require_resolved(column)
        if column.numbers is not None or column.codes is None:
            continue
        require_distinct_labels(column.name, column.codes.values)
        if len(column.codes.values) < 2:
            raise DataError(
                f"Column {column.name!r} of the fixed part has one level, "
                f"{column.codes.values[0]!r}.\n"
                "Do:   leave it out of the formula, or check the rows that were kept."
            )
    factors = {name: c.codes if c.numbers is None else None for name, c in columns.items()}
    chosen = codings(contrasts, factors)
    return Variables(columns, data.nrows, chosen, own)


def _as_covariate(column: Column) -> Column:
    """A column as formulas see it: numbers, or a factor without unused levels."""
    if column.numbers is not None or column.codes is None:
        return column
    return Column.of_codes(
        column.name, column.codes.without_unused(), is_time=column.kind == "time"
    )


def _response(formula: Formula, roles: Roles, data: KeptData, own: Mapping[str, Any]) -> Response:
    if not roles.response:
        message = "The response names no column of the data."
        raise FormulaError(message, formula=formula.text, position=0)
    columns = {name: data.columns[name] for name in roles.response}
    state: dict[str, Any] = {}
    y = evaluate(formula.response_factor, Variables(columns, data.nrows, {}, own), state)
    check_response(y, formula.response)
    return Response(y, state)


def _expand_term(term: RandomTerm, formula: Formula, covariates: Variables) -> Expansion:
    expansion = expand(recipe_of(term.sum), covariates, "random")
    if not expansion.names:
        message = f"The term {term} has no columns: write (1 | {term.name}) or name a covariate."
        length = term.stop - term.start
        raise FormulaError(message, formula=formula.text, position=term.start, length=length)
    return expansion


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
