"""From a formula and a table to the matrices of a model and the recipe to make them again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mixedmodels.covariance import UNSTRUCTURED, Structure
from mixedmodels.data import Column, Frame, require_distinct_labels
from mixedmodels.design.asked import Asked, asked_of, check_asked
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
from mixedmodels.design.grouping import LevelMap, groupings_of, refuse_merged_levels
from mixedmodels.design.identification import Identification, identify
from mixedmodels.design.magnitude import require_resolved
from mixedmodels.design.matrices import Grouping, ModelMatrices, TermMatrix, Vector
from mixedmodels.design.names import check_names, used_columns
from mixedmodels.design.rank import independent_columns
from mixedmodels.design.reading import KeptData, Roles, read_data, roles_of
from mixedmodels.design.residual import ResidualSpec, independent, residual_of
from mixedmodels.design.residual_matrix import ResidualMatrix
from mixedmodels.design.scale import scale_of
from mixedmodels.design.spec import ModelSpec, TermSpec
from mixedmodels.design.structures import require_positions, structure_of_term
from mixedmodels.design.variables import Variables
from mixedmodels.errors import DataError, FormulaError
from mixedmodels.formula import Formula, RandomTerm
from mixedmodels.formula.terms import read_sum
from mixedmodels.formula.tokens import tokenize
from mixedmodels.vocabulary import Context, Contrasts, Missing


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
    residual: str | None = None,
    sigma: str | float | None = None,
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
    residual
        Covariance of the residuals, as ``"ar1(visit | subject)"``; None if they are independent.
    sigma
        What the residual standard deviation is a function of, as ``"~ arm"``, or its known value.

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
    asked = asked_of(formula, residual, sigma)
    check_asked(asked, frame.columns, own)
    roles = roles_of(asked, frame.columns)
    data = read_data(roles, frame, weights=weights, offset=offset, missing=missing)
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
    recipe, covariance = _residual(asked, frame, data, covariates)
    matrices = _matrices(asked, frame, data, parts, columns, covariance)
    found = _identified(formula.random, matrices)
    spec = _specification(formula, roles, covariates, parts, columns, matrices, found, recipe)
    return spec, matrices


def _residual(
    asked: Asked, frame: Frame, data: KeptData, covariates: Variables
) -> tuple[ResidualSpec | None, ResidualMatrix | None]:
    """The covariance of the residuals; None if they are independent with one variance."""
    if not asked.has_residual:
        return None, None
    recipe, scale = None, None
    if asked.scale is not None:
        recipe, scale = scale_of(asked.scale, covariates, data.columns)
    if asked.residual is None:
        return ResidualSpec(None, recipe), independent(data.nrows, scale)
    blocks, made = residual_of(asked.residual, data.columns, frame, data.rows.rows, scale)
    return ResidualSpec(blocks, recipe), made


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
    residual: ResidualSpec | None,
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
        variables=covariates.summary(roles.covariates),
        codings=covariates.codings,
        functions=covariates.functions,
        response_columns=roles.response,
        response_state=parts.response.state,
        columns=columns,
        identification=found,
        residual=residual,
    )


def _term_matrix(term: RandomTerm, text: str, expansion: Expansion, group: int) -> TermMatrix:
    structure = structure_of_term(term.structure, text)
    named = [n for n in ("by", "cov", "precision", "weights") if term.structure.option(n)]
    if named or term.is_membership or term.structure.word == "known" or structure.by_position:
        message = f"The term {term} cannot be fitted yet."
        length = term.stop - term.start
        raise FormulaError(message, formula=text, position=term.start, length=length)
    require_positions(structure, len(expansion.names), term.structure, text)
    coordinates = _coordinates(term, structure, expansion)
    Z = np.asfortranarray(coordinates.columns(expansion.matrix))
    return TermMatrix(group, expansion.names, Z, structure, coordinates)


def _coordinates(term: RandomTerm, structure: Structure, expansion: Expansion) -> Coordinates:
    """Those of a random term; independent effects would not be independent in others.

    Raises
    ------
    DataError
        If a column far from zero is lost among the others.
    """
    if structure != UNSTRUCTURED:
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
    asked: Asked,
    frame: Frame,
    data: KeptData,
    parts: Parts,
    columns: FixedColumns,
    residual: ResidualMatrix | None,
) -> ModelMatrices:
    rows, groups, formula = data.rows.rows, _group_index(parts), asked.formula
    return ModelMatrices(
        y=parts.response.values,
        X=columns.kept_of(parts.fixed.matrix),
        x_names=columns.names,
        groupings=tuple(parts.groupings),
        terms=tuple(
            _term_matrix(term, formula.text, expansion, groups[term.name])
            for term, expansion in zip(formula.random, parts.random, strict=True)
        ),
        weights=data.weights,
        offset=data.offset,
        kept=np.ones(frame.nrows, dtype=np.bool_) if rows is None else rows,
        index=frame.index if rows is None else frame.index[rows],
        n_missing=data.rows.n_missing,
        coordinates=columns.coordinates,
        residual=residual,
        known_sigma=asked.known_sigma,
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


def _covariates(
    roles: Roles, data: KeptData, contrasts: Contrasts | None, own: Mapping[str, Any]
) -> Variables:
    names = dict.fromkeys((*roles.covariates, *roles.scale))
    columns = {name: _as_covariate(data.columns[name]) for name in names}
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
