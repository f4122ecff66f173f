"""`ModelSpec`: the recipe of a model's matrices, and the same matrices for other data."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from formulaic import ModelSpec as Recipe
from formulaic.parser.types import Factor, Term
from formulaic.transforms.contrasts import Contrasts as Coding

from mixedmodels.data import Codes, Column, Frame, completeness, encode, label, match_levels
from mixedmodels.design.auxiliary import AuxiliarySpec
from mixedmodels.design.coordinates import Coordinates
from mixedmodels.design.estimability import FixedColumns
from mixedmodels.design.expand import evaluate, expand
from mixedmodels.design.grouping import LevelMap, codes_for
from mixedmodels.design.identification import Identification
from mixedmodels.design.matrices import Mask, Matrix, NewMatrices, NewTerm, Vector
from mixedmodels.design.members import MemberMap, first_codes, members_of, weights_of
from mixedmodels.design.names import near_matches, readable, used_columns
from mixedmodels.design.residual import ResidualSpec, new_residual
from mixedmodels.design.residual_matrix import NewResidual, ScaleModel
from mixedmodels.design.scale import ScaleSpec, columns_of_scale, powers_of
from mixedmodels.design.terms import TermSpec
from mixedmodels.design.variables import Variable, Variables
from mixedmodels.errors import DataError
from mixedmodels.formula import Formula
from mixedmodels.shortening import brief

_LISTED_LEVELS = 12


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """All that is needed to make a model's matrices again.

    Attributes
    ----------
    formula
        The formula.
    fixed
        formulaic's recipe of the fixed part, aliased columns included; its `term_slices` tell
        which columns belong to which term.
    terms
        The random terms in formula order, one for each level of ``by=``: those of the matrices.
    level_maps
        The grouping factors, in the order of the groupings.
    variables
        The columns of the fixed part and the left sides of the bars: kind, levels, mean.
    codings
        The codings that the caller chose, by column.
    functions
        The functions and numbers of the caller's that the formula may use.
    response_columns
        The columns of the response.
    response_state
        State of stateful transforms in the response.
    columns
        Which columns of `fixed` are in X, the relations of the others to them, and the working
        coordinates of X.
    identification
        What the data can tell of the variance parameters.
    residual
        Recipe of the covariance of the residuals; None if they are independent with one variance.
    auxiliary
        Recipes of the parts of a generalised model beside the mean that have columns, in the order
        of its family.
    response_levels
        The categories of a response that is no number, in order: of two the second is a success.
    """

    formula: Formula
    fixed: Recipe
    terms: tuple[TermSpec, ...]
    level_maps: tuple[LevelMap | MemberMap, ...]
    variables: Mapping[str, Variable]
    codings: Mapping[str, Coding]
    functions: Mapping[str, Any]
    response_columns: tuple[str, ...]
    response_state: Mapping[str, Any]
    columns: FixedColumns
    identification: Identification
    residual: ResidualSpec | None = None
    auxiliary: tuple[AuxiliarySpec, ...] = ()
    response_levels: tuple[Any, ...] = ()

    @property
    def x_columns(self) -> tuple[int, ...]:
        """Indices of the columns of `fixed` that are in X."""
        return self.columns.kept

    @property
    def x_names(self) -> tuple[str, ...]:
        """Names of the columns of `fixed` that are in X."""
        return self.columns.names

    @property
    def aliased(self) -> tuple[str, ...]:
        """Names of the columns that were dropped because earlier ones span them."""
        return self.columns.aliased

    @property
    def coordinates(self) -> Coordinates:
        """The working coordinates of X."""
        return self.columns.coordinates

    __repr__ = brief

    def variables_of(self, columns: Mapping[str, Column], nrows: int) -> Variables:
        """Columns of some rows, with the codings and functions of the fit."""
        return Variables(columns, nrows, self.codings, self.functions)


def rebuild(
    spec: ModelSpec,
    frame: Frame,
    *,
    need_response: bool = False,
    groups: Collection[str] | None = None,
    left_out: bool = True,
    need_residual: bool = False,
    need_auxiliary: bool = False,
) -> NewMatrices:
    """The columns of a model for other data: same transforms, codings and level numbers.

    Parameters
    ----------
    spec
        From `build`.
    frame
        The new data. Rows with missing values stay and give NaN.
    need_response
        Also evaluate the response.
    groups
        Names of the grouping factors whose levels are wanted; None for all. The data need not
        have the columns of the others, whose terms get the code -1 in every row.
    left_out
        Also give the columns of the terms of the other groups. Without them the data need only
        have what the fixed part and the groups wanted use, and those columns are NaN.
    need_residual
        Also find the places of the rows in the covariance of the residuals, for which the data
        need its columns.
    need_auxiliary
        Also make the columns of the parts beside the mean, for which the data need theirs.

    Raises
    ------
    DataError
        If a column is missing from the data, has another type, or a categorical column of the
        fixed part has a level that the fit has not seen.
    """
    absent = set() if groups is None or left_out else {t.term.name for t in spec.terms} - {*groups}
    columns = matched_columns(spec, frame, names=_needed(spec, absent) if absent else None)
    complete, variables = _complete(spec, columns, frame.nrows)
    fixed = _filled(spec.fixed, variables, complete)
    estimable = spec.columns.estimable(fixed)
    X = spec.columns.kept_of(fixed)
    if not estimable.all():
        X = np.array(X, order="F")
        X[~estimable] = np.nan
    return NewMatrices(
        X=X,
        terms=tuple(
            _new_term(spec, term, frame, variables, complete)
            if groups is None or term.term.name in groups
            else _unneeded(term, frame.nrows)
            if term.term.name in absent
            else _term_without_levels(term, frame, variables, complete)
            for term in spec.terms
        ),
        y=_response(spec, frame) if need_response else None,
        index=frame.index,
        complete=complete,
        estimable=estimable,
        residual=_new_residual(spec, frame) if need_residual else None,
        auxiliary=new_auxiliary(spec, frame) if need_auxiliary else (),
    )


def new_auxiliary(spec: ModelSpec, frame: Frame) -> tuple[Matrix, ...]:
    """The columns of the parts of a generalised model beside the mean, for other data.

    Raises
    ------
    DataError
        As `rebuild`.
    """
    return tuple(_new_part(spec, part, frame) for part in spec.auxiliary)


def _new_part(spec: ModelSpec, part: AuxiliarySpec, frame: Frame) -> Matrix:
    complete, variables = _read(spec, part.variables, frame)
    D = _filled(part.recipe, variables, complete)
    estimable = part.columns.estimable(D)
    D = np.array(part.columns.kept_of(D), order="F")
    D[~estimable] = np.nan
    return D


def _read(spec: ModelSpec, known: Mapping[str, Variable], frame: Frame) -> tuple[Mask, Variables]:
    """Some columns of new data, as they were in the fit: the complete rows, and these."""
    read = {name: read_column(name, frame) for name in known}
    columns = {name: _matched(known[name], column) for name, column in read.items()}
    return _complete(spec, columns, frame.nrows)


def _new_residual(spec: ModelSpec, frame: Frame) -> NewResidual | None:
    """The places of the rows in the covariance of the residuals, if the fit has one."""
    if spec.residual is None:
        return None
    columns = {name: read_column(name, frame) for name in spec.residual.columns}
    scale = None if spec.residual.scale is None else _new_scale(spec, spec.residual.scale, frame)
    return new_residual(spec.residual, columns, frame.nrows, scale)


def _new_scale(spec: ModelSpec, scale: ScaleSpec, frame: Frame) -> ScaleModel:
    complete, variables = _read(spec, scale.variables, frame)
    S = _filled(scale.recipe, variables, complete)[:, 1:]
    names = tuple(readable(name) for name in scale.recipe.column_names[1:])
    powers = {name: read_column(name, frame) for name in columns_of_scale(scale.formula)}
    return ScaleModel(np.asfortranarray(S), names, powers_of(scale, powers, is_new=True))


def matched_columns(
    spec: ModelSpec,
    frame: Frame,
    *,
    rows: Mask | None = None,
    names: Collection[str] | None = None,
) -> dict[str, Column]:
    """The columns of the fixed part and of the left sides of the bars, with the fit's levels.

    Parameters
    ----------
    spec
        From `build`.
    frame
        The data.
    rows
        The rows wanted; None for all.
    names
        The columns wanted; None for all.

    Raises
    ------
    DataError
        If one is not there, has another type, or has a level that the fit has not seen.
    """
    wanted = spec.variables if names is None else names
    columns = {name: read_column(name, frame) for name in wanted}
    if rows is not None:
        columns = {name: column.take(rows) for name, column in columns.items()}
    return {name: _matched(spec.variables[name], column) for name, column in columns.items()}


def read_column(name: str, frame: Frame) -> Column:
    """A column of new data, or a DataError that says it is needed."""
    if name not in frame.columns:
        raise DataError(
            f"The data have no column {name!r}, which the model needs."
            f"{near_matches(name, frame.columns)}"
        )
    return frame.column(name)


def _new_term(
    spec: ModelSpec, term: TermSpec, frame: Frame, variables: Variables, complete: Mask
) -> NewTerm:
    levels = spec.level_maps[term.group]
    columns = {name: read_column(name, frame) for name in (*levels.columns, *term.weights)}
    new = _term_without_levels(term, frame, variables, complete)
    if isinstance(levels, LevelMap):
        return replace(new, codes=codes_for(levels, columns))
    weights = weights_of(term.weights, columns, term.term)
    members = members_of(levels.codes(columns), weights, len(levels.values))
    return replace(new, codes=first_codes(members), members=members)


def _term_without_levels(
    term: TermSpec, frame: Frame, variables: Variables, complete: Mask
) -> NewTerm:
    Z = _filled(term.recipe, variables, complete)
    if term.sites is not None:
        Z = term.sites.columns(Z, term.term)
    if term.part is not None:
        Z = term.part.masked(Z, read_column(term.part.column, frame))
    codes = np.full(frame.nrows, -1, dtype=np.int32)
    return NewTerm(term.group, codes, term.names, term.coordinates.columns(Z))


def _needed(spec: ModelSpec, absent: Collection[str]) -> list[str]:
    """The columns that the fixed part and all but some groups use."""
    recipes = [spec.fixed, *(t.recipe for t in spec.terms if t.term.name not in absent)]
    used = set().union(*(columns_of(recipe.term_slices, spec) for recipe in recipes))
    return [name for name in spec.variables if name in used]


def columns_of(terms: Iterable[Term], spec: ModelSpec) -> set[str]:
    """The columns of the data that some terms of a fit use."""
    factors = [factor for term in terms for factor in term.factors]
    plain = {f.expr for f in factors if f.eval_method is Factor.EvalMethod.LOOKUP}
    texts = [f.expr for f in factors if f.eval_method is Factor.EvalMethod.PYTHON]
    return plain.union(*(used_columns(text, spec.variables) for text in texts))


def _unneeded(term: TermSpec, nrows: int) -> NewTerm:
    codes = np.full(nrows, -1, dtype=np.int32)
    return NewTerm(term.group, codes, term.names, np.full((nrows, len(term.names)), np.nan))


def _complete(spec: ModelSpec, columns: Mapping[str, Column], nrows: int) -> tuple[Mask, Variables]:
    """Which rows are complete, and the columns on these rows."""
    found = completeness(columns.values())
    if found.rows is None:
        return np.ones(nrows, dtype=np.bool_), spec.variables_of(columns, nrows)
    kept = {name: column.take(found.rows) for name, column in columns.items()}
    return found.rows, spec.variables_of(kept, int(np.count_nonzero(found.rows)))


def _filled(recipe: Recipe, variables: Variables, complete: Mask) -> Matrix:
    """The columns of a recipe, with NaN in the incomplete rows."""
    if 0 < variables.nrows == complete.size:
        return expand(recipe, variables).matrix
    matrix = np.full((complete.size, len(recipe.column_names)), np.nan, order="F")
    if variables.nrows:
        matrix[complete] = expand(recipe, variables).matrix
    return matrix


def _response(spec: ModelSpec, frame: Frame) -> Vector:
    columns = {name: read_column(name, frame) for name in spec.response_columns}
    complete, variables = _complete(spec, columns, frame.nrows)
    y = np.full(frame.nrows, np.nan)
    if variables.nrows:
        y[complete] = evaluate(spec.formula.response_factor, variables, dict(spec.response_state))
    return y


def _matched(variable: Variable, column: Column) -> Column:
    """A column of new data in the form that it had in the fit."""
    if variable.kind == "category":
        return _with_levels(variable, column)
    if column.codes is not None and not column.codes.values:
        return Column.of_numbers(variable.name, np.full(column.codes.codes.shape, np.nan))
    if column.numbers is None:
        raise DataError(
            f"Column {variable.name!r} was numeric in the fit and is not in these data.\n"
            "Do:   convert it to numbers."
        )
    return column


def _with_levels(variable: Variable, column: Column) -> Column:
    """The column as codes of the levels of the fit."""
    codes = encode(column)
    renumber = match_levels(variable.name, codes.values, variable.levels)
    unknown = [label(codes.values[index]) for index in np.flatnonzero(renumber[:-1] < 0)]
    if unknown:
        more = ", …" if len(variable.levels) > _LISTED_LEVELS else ""
        listed = ", ".join(map(label, variable.levels[:_LISTED_LEVELS])) + more
        raise DataError(
            f"Column {variable.name!r} has levels that the model does not know: "
            f"{', '.join(unknown[:_LISTED_LEVELS])}.\n"
            f"Do:   use the levels of the fit: {listed}.\n"
            "Why:  a level without data has no coefficient."
        )
    return Column.of_codes(variable.name, Codes(renumber[codes.codes], variable.levels))
