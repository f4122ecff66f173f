"""From a formula and a table to the matrices of a model and the recipe to make them again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mixedmodels.data import Column, Frame, require_distinct_labels
from mixedmodels.design.asked import Asked, asked_of, check_asked
from mixedmodels.design.auxiliary import AuxiliarySpec, auxiliary_of, thresholds_of
from mixedmodels.design.auxiliary_matrix import AuxiliaryMatrix
from mixedmodels.design.checks import (
    check_columns,
    check_effects_of_rows,
    check_identification,
    check_sizes,
    check_weights_of_trials,
)
from mixedmodels.design.contrasts import codings
from mixedmodels.design.distribution import Distribution
from mixedmodels.design.environment import checked_context
from mixedmodels.design.estimability import FixedColumns, fixed_columns, without_constant
from mixedmodels.design.expand import train
from mixedmodels.design.expansion import Expansion
from mixedmodels.design.grouping import LevelMap, groupings_of, refuse_merged_levels
from mixedmodels.design.identification import Identification, identify
from mixedmodels.design.known import known_matrix
from mixedmodels.design.magnitude import require_resolved
from mixedmodels.design.matrices import Grouping, ModelMatrices, TermMatrix
from mixedmodels.design.members import MemberMap
from mixedmodels.design.names import check_names, used_columns
from mixedmodels.design.reading import KeptData, Roles, read_data, roles_of
from mixedmodels.design.reduce import is_intercept
from mixedmodels.design.residual import ResidualSpec, independent, residual_of
from mixedmodels.design.residual_checks import check_contained, check_scale
from mixedmodels.design.residual_matrix import ResidualMatrix
from mixedmodels.design.response import Response, response_of
from mixedmodels.design.scale import scale_of
from mixedmodels.design.spec import ModelSpec
from mixedmodels.design.terms import TermSpec, Written, matrices_of_term, written_term
from mixedmodels.design.variables import Variables
from mixedmodels.errors import DataError, FormulaError
from mixedmodels.formula import Formula, RandomTerm
from mixedmodels.formula.terms import read_sum
from mixedmodels.formula.tokens import tokenize
from mixedmodels.vocabulary import Context, Contrasts, KnownMatrices, Missing


@dataclass(frozen=True, slots=True)
class Parts:
    """The evaluated parts of a formula, before columns are dropped."""

    response: Response
    fixed: Expansion
    groupings: Sequence[Grouping]
    level_maps: Sequence[LevelMap | MemberMap]
    random: Sequence[Written]
    auxiliary: Sequence[tuple[AuxiliarySpec, AuxiliaryMatrix]] = ()


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
    known: KnownMatrices | None = None,
    distribution: Distribution | None = None,
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
    known
        The matrices that ``cov=`` and ``precision=`` of the formula name.
    distribution
        That of the response in a generalised model, and its further formulas; None for a linear
        one. `residual` and `sigma` are for linear ones alone.

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
    asked = asked_of(formula, residual, sigma, distribution)
    check_asked(asked, frame.columns, own)
    roles = roles_of(asked, frame.columns)
    data = read_data(asked, roles, frame, weights=weights, offset=offset, missing=missing)
    covariates = covariates_of(roles, data, contrasts, own)
    parts = _parts(asked, roles, data, covariates, own, known or {})
    refuse_merged_levels(formula.text, data.columns)
    check_weights_of_trials(data.weights, parts.response.size, formula.response)
    columns = _fixed_columns(asked, parts)
    terms = _terms(formula, parts, data)
    recipe, covariance = _residual(asked, frame, data, covariates)
    matrices = _matrices(asked, frame, data, parts, columns, covariance, [m for _, m in terms])
    found = _identified(asked, [spec.term for spec, _ in terms], matrices)
    if asked.residual is not None:
        check_contained([spec.term for spec, _ in terms], matrices, asked.residual)
    spec = ModelSpec(
        formula=formula,
        fixed=parts.fixed.recipe,
        terms=tuple(spec for spec, _ in terms),
        level_maps=tuple(parts.level_maps),
        variables=covariates.summary(roles.covariates),
        codings=covariates.codings,
        functions=covariates.functions,
        response_columns=roles.response,
        response_state=parts.response.state,
        columns=columns,
        identification=found,
        residual=recipe,
        auxiliary=tuple(spec for spec, _ in parts.auxiliary),
        response_levels=parts.response.levels,
    )
    return spec, matrices


def _parts(
    asked: Asked,
    roles: Roles,
    data: KeptData,
    covariates: Variables,
    own: Mapping[str, Any],
    known: KnownMatrices,
) -> Parts:
    """Evaluate the parts of a formula."""
    formula = asked.formula
    response = {name: data.columns[name] for name in roles.response}
    matrices = [known_matrix(term, formula.text, known) for term in formula.random]
    groupings, level_maps = groupings_of(formula.random, data.columns, matrices)
    parts = Parts(
        response=response_of(asked, Variables(response, data.nrows, {}, own), data.trials),
        fixed=train(formula.fixed_sum, covariates),
        groupings=groupings,
        level_maps=level_maps,
        random=[
            written_term(term, formula, covariates, data.columns, matrix)
            for term, matrix in zip(formula.random, matrices, strict=True)
        ],
        auxiliary=[auxiliary_of(kind, part, covariates) for kind, part in asked.parts],
    )
    require_different_names(parts.fixed, "The fixed part")
    for written in parts.random:
        require_different_names(written.expansion, str(written.term))
    return parts


def _terms(formula: Formula, parts: Parts, data: KeptData) -> list[tuple[TermSpec, TermMatrix]]:
    """The random terms, one for each level of ``by=``."""
    groups = {grouping.name: index for index, grouping in enumerate(parts.groupings)}
    return [
        made
        for written in parts.random
        for group in [groups[written.term.name]]
        for made in matrices_of_term(
            written,
            formula.text,
            group,
            parts.groupings[group],
            parts.level_maps[group],
            data.columns,
        )
    ]


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
    check_scale(made, "" if asked.scale is None else asked.scale.text)
    return ResidualSpec(blocks, recipe), made


def require_different_names(expansion: Expansion, what: str) -> None:
    """Refuse two columns of one name.

    Raises
    ------
    DataError
        That names them.
    """
    if len(set(expansion.names)) < len(expansion.names):
        twice = [name for name, count in Counter(expansion.names).items() if count > 1]
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
    return train(read_sum(text, tokenize(text)), variables)


def _matrices(
    asked: Asked,
    frame: Frame,
    data: KeptData,
    parts: Parts,
    columns: FixedColumns,
    residual: ResidualMatrix | None,
    terms: Sequence[TermMatrix],
) -> ModelMatrices:
    rows = data.rows.rows
    return ModelMatrices(
        y=parts.response.values,
        X=columns.kept_of(parts.fixed.matrix),
        x_names=columns.names,
        groupings=tuple(parts.groupings),
        terms=tuple(terms),
        weights=data.weights,
        offset=data.offset,
        kept=np.ones(frame.nrows, dtype=np.bool_) if rows is None else rows,
        index=frame.index if rows is None else frame.index[rows],
        n_missing=data.rows.n_missing,
        coordinates=columns.coordinates,
        residual=residual,
        known_sigma=asked.known_sigma,
        size=parts.response.size,
        auxiliary=_auxiliary(asked, parts, data.nrows),
    )


def _auxiliary(asked: Asked, parts: Parts, nrows: int) -> tuple[AuxiliaryMatrix, ...]:
    """The parts beside the mean, in the order of the family."""
    made = tuple(matrix for _, matrix in parts.auxiliary)
    if asked.distribution is None or asked.distribution.family.response != "ordered":
        return made
    kind = asked.distribution.thresholds
    return (thresholds_of(parts.response.levels, kind, nrows), *made)


def _fixed_columns(asked: Asked, parts: Parts) -> FixedColumns:
    """The columns of the fixed part that are in X; thresholds stand for the constant."""
    columns = fixed_columns(parts.fixed.matrix, parts.fixed.names)
    if asked.distribution is None or asked.distribution.family.response != "ordered":
        return columns
    if not any(is_intercept(term) for term in asked.formula.fixed_sum):
        message = "The thresholds of an ordinal model are its intercepts: leave '0 +' out."
        raise FormulaError(message, formula=asked.formula.text)
    return without_constant(columns, parts.fixed.matrix)


def _identified(
    asked: Asked, terms: Sequence[RandomTerm], matrices: ModelMatrices
) -> Identification:
    """What the data can tell of the variance parameters.

    In a generalised model, unlike a linear one, the likelihood depends on the variance of effects
    that the fixed part takes up: it is largest at zero. Only what the random terms say twice is not
    told there. In a normal one an effect of every row is the residual's.
    """
    if asked.distribution is None:
        return identified(terms, matrices)
    family = asked.distribution.family
    check_effects_of_rows(terms, matrices, family.response)
    if family.name == "gaussian":
        matrices = replace(matrices, known_sigma=None)
    found = identified(terms, matrices)
    return identify(replace(matrices, X=matrices.X[:, :0])) if found.n_lost else found


def identified(terms: Sequence[RandomTerm], matrices: ModelMatrices) -> Identification:
    """What the data can tell of the variance parameters; models that make no sense are refused."""
    check_sizes(*matrices.X.shape)
    for term, matrix in zip(terms, matrices.terms, strict=True):
        check_columns(term, matrix)
    found = identify(matrices)
    check_identification(terms, matrices, found)
    return found


def covariates_of(
    roles: Roles, data: KeptData, contrasts: Contrasts | None, own: Mapping[str, Any]
) -> Variables:
    """The columns that formulas are evaluated on, with the codings that the caller chose.

    Raises
    ------
    DataError
        If one has a single level, two that read the same, or digits that a double loses.
    """
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
