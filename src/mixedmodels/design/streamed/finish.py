"""From the tally and the cross-products of all rows to the specification of the model.

The same as `mixedmodels.design.build` makes of a table, but that the matrices have no rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import pandas as pd

from mixedmodels.data import Frame, require_distinct_labels
from mixedmodels.data.source import joined
from mixedmodels.data.unkept import UnkeptRows
from mixedmodels.design.checks import (
    check_identification,
    check_sizes,
    like_the_residual,
    zero_column,
)
from mixedmodels.design.coordinates import Coordinates, Step
from mixedmodels.design.estimability import OFF, FixedColumns, Relations
from mixedmodels.design.grouping import LevelMap
from mixedmodels.design.identification import Identification, identify
from mixedmodels.design.magnitude import require_magnitude
from mixedmodels.design.matrices import (
    Grouping,
    Int32,
    Matrix,
    ModelMatrices,
    TermMatrix,
)
from mixedmodels.design.reading import nothing_left
from mixedmodels.design.row_moments import RowMoments
from mixedmodels.design.spec import ModelSpec, rebuild
from mixedmodels.design.streamed.gram import Double, Spanned, spanned
from mixedmodels.design.streamed.recipe import BatchRecipe
from mixedmodels.design.streamed.tally import Tally
from mixedmodels.design.terms import TermSpec
from mixedmodels.errors import DataError


@dataclass(frozen=True, slots=True)
class Finished:
    """What is left to know.

    Attributes
    ----------
    spec
        The recipe of the model's columns.
    matrices
        Names, levels and coordinates, without rows.
    columns
        Which columns of the sums are in X.
    codes
        Per grouping factor, the number of each level of the sums among those of `matrices`.
    """

    spec: ModelSpec
    matrices: ModelMatrices
    columns: list[int]
    codes: list[Int32]


def finished(recipe: BatchRecipe, tally: Tally, gram: tuple[Matrix, Matrix]) -> Finished:
    """Make the specification.

    Parameters
    ----------
    recipe
        By which the batches were made.
    tally
        Of all rows.
    gram
        [X y]'W[X y] (columns + 1, columns + 1) of all columns of the fixed part and of the response
        less any constant, rounded, and what rounding left out.

    Raises
    ------
    DataError
        If no rows are left, or the data cannot identify the model.
    """
    _require_rows(tally)
    _require_values(recipe, tally)
    p = len(recipe.fixed.names)
    found = spanned(Double(*(part[:p, :p] for part in gram)), recipe.constant == 0)
    columns = _fixed_columns(recipe, tally, found)
    maps, codes = _level_maps(tally)
    matrices = _matrices(recipe, tally, found, columns, maps, gram)
    check_sizes(*matrices.X.shape)
    spec = ModelSpec(
        formula=recipe.question.formula,
        fixed=recipe.fixed.recipe,
        terms=tuple(
            TermSpec(part.term, recipe.group_of(part), part.made.recipe, part.made.coordinates)
            for part in recipe.random
        ),
        level_maps=tuple(maps),
        variables=_with_means(recipe, tally),
        codings=recipe.example.codings,
        functions=recipe.example.functions,
        response_columns=recipe.question.roles.response,
        response_state=recipe.learned.state_copy(),
        columns=columns,
        identification=UNKNOWN,
    )
    spec = _identified(spec, matrices, recipe.question.weights)
    return Finished(spec, matrices, found.kept, codes)


UNKNOWN = Identification((), np.empty((1, 0)), np.ones(1), ())
"""Before it is looked for."""


def _require_rows(tally: Tally) -> None:
    if tally.nrows:
        return
    if tally.n_missing:
        raise nothing_left(tally.missing, tally.n_missing)
    raise DataError(
        "The data have 0 rows: nothing to fit.\n"
        "Do:   check the filter or the query that they come from."
    )


def _require_values(recipe: BatchRecipe, tally: Tally) -> None:
    """What `expand` and `check_response` look for in a table."""
    formula = recipe.question.formula
    low, high = float(tally.response.low[0]), float(tally.response.high[0])
    if low == high:
        raise DataError(
            f"The response {formula.response!r} has the same value, {low:g}, in every row.\n"
            "Do:   check the column and the rows that were kept.\n"
            "Why:  without variation there is nothing to explain."
        )
    require_magnitude(f"The response {formula.response!r}", max(abs(low), abs(high)))
    for part, extremes in zip(
        (recipe.fixed, *(r.made for r in recipe.random)), (tally.X, *tally.Z), strict=True
    ):
        for name, size in zip(part.names, extremes.largest.tolist(), strict=True):
            if size:
                require_magnitude(f"The column {name!r}", size)
    for random, extremes in zip(recipe.random, tally.Z, strict=True):
        zero = np.flatnonzero(extremes.largest == 0)
        if len(zero):
            raise zero_column(random.term, random.made.names[int(zero[0])])


def _fixed_columns(recipe: BatchRecipe, tally: Tally, found: Spanned) -> FixedColumns:
    names, coordinates = recipe.fixed.names, recipe.fixed.coordinates
    kept = found.kept
    dropped = np.setdiff1d(np.arange(len(names)), kept).tolist()
    return FixedColumns(
        kept=tuple(kept),
        names=tuple(names[j] for j in kept),
        aliased=tuple(names[j] for j in dropped),
        relations=_relations(recipe, tally, found, dropped) if dropped else None,
        coordinates=_among(coordinates, kept),
    )


def _among(coordinates: Coordinates, kept: Sequence[int]) -> Coordinates:
    """The steps of the columns that are kept, whose sources are kept too."""
    place = {j: k for k, j in enumerate(kept)}
    return Coordinates(
        tuple(
            Step(place[step.column], tuple(place[s] for s in step.sources), step.factors)
            for step in coordinates.steps
            if step.column in place
        )
    )


def _relations(recipe: BatchRecipe, tally: Tally, found: Spanned, dropped: list[int]) -> Relations:
    """As of a table: in the columns of the formula, with their sizes around the mean."""
    coordinates = recipe.fixed.coordinates
    coefficients = coordinates.reported(found.coefficients.T).T
    back = coordinates.original(np.eye(len(recipe.fixed.names)))
    totals, n = tally.totals.X, tally.nrows
    p = len(back)
    squares = totals[:p, :p] / n
    if recipe.constant == 0:
        mean = totals[p, :p] / n
        squares = squares - np.outer(mean, mean)
        about = np.sqrt(np.maximum((back.T @ squares @ back).diagonal(), 0.0))
    else:
        about = np.sqrt((back.T @ squares @ back).diagonal())
    raw = np.sqrt((back.T @ (totals[:p, :p] / n) @ back).diagonal())
    varies = about > ROUNDING * raw
    about = np.where(varies, about, 0.0)
    units = np.where(varies, about, raw)
    slack = OFF * about[dropped]
    return Relations(coefficients, slack, np.where(units > 0, units, np.inf))


ROUNDING = 1e-7
"""Standard deviation relative to the size of a column that is rounding error of its sums."""


def _level_maps(tally: Tally) -> tuple[list[LevelMap], list[Int32]]:
    """The grouping factors, and the new number of every level."""
    ordered = {name: dictionary.order() for name, dictionary in tally.columns.items()}
    for name, (_, values) in ordered.items():
        require_distinct_labels(name, values)
    maps, codes = [], []
    for group, crossing in zip(tally.groups, tally.crossings, strict=True):
        parts = tuple(ordered[name][1] for name in group)
        if crossing is None:
            members = np.arange(len(parts[0]), dtype=np.int32)[:, None]
            new = ordered[group[0]][0]
        else:
            met = crossing.members(len(crossing))
            members = np.column_stack([ordered[n][0][met[:, j]] for j, n in enumerate(group)])
            order = np.lexsort(members.T[::-1])
            new = np.empty(len(order), dtype=np.int32)
            new[order] = np.arange(len(order), dtype=np.int32)
            members = members[order]
        maps.append(LevelMap(":".join(group), group, parts, members))
        codes.append(new)
    return maps, codes


def _matrices(
    recipe: BatchRecipe,
    tally: Tally,
    found: Spanned,
    columns: FixedColumns,
    maps: Sequence[LevelMap],
    gram: tuple[Matrix, Matrix],
) -> ModelMatrices:
    n, question = tally.nrows, recipe.question
    return ModelMatrices(
        y=_unkept(n),
        X=_unkept(n, len(found.kept)),
        x_names=columns.names,
        groupings=tuple(Grouping(m.name, m.columns, _unkept(n), m.levels()) for m in maps),
        terms=tuple(
            TermMatrix(
                group=recipe.group_of(part),
                names=part.made.names,
                Z=_unkept(n, len(part.made.names)),
                structure=part.structure,
                coordinates=part.made.coordinates,
            )
            for part in recipe.random
        ),
        weights=None if question.weights is None else _unkept(n),
        offset=None if question.offset is None else _unkept(n),
        kept=_unkept(n + tally.n_missing),
        index=cast("pd.Index", _unkept(n)),
        n_missing=tally.n_missing,
        coordinates=columns.coordinates,
        moments=_moments(recipe, tally, found.kept, gram),
    )


def _unkept(*shape: int) -> Any:
    return UnkeptRows(*shape)


def _moments(
    recipe: BatchRecipe, tally: Tally, kept: list[int], gram: tuple[Matrix, Matrix]
) -> RowMoments:
    totals, n = tally.totals, tally.nrows
    p = len(recipe.fixed.names)
    weighted = recipe.question.weights is not None
    return RowMoments(
        n=n,
        X=totals.X[np.ix_(kept, kept)],
        mean=totals.X[p, kept] / n,
        Z=tuple(Z / n for Z in totals.Z),
        spread=_spread(tally, gram, recipe.constant),
        offset=totals.offset / n,
        inverse_weight=totals.inverse_weights / n if weighted else 1.0,
        sample=joined(tally.sample.frames),
        counts=tally.sample.row_counts(),
    )


def _spread(tally: Tally, gram: tuple[Matrix, Matrix], constant: int | None) -> float:
    """The standard deviation of the response in the units of sigma."""
    squares = gram[0][-1, -1]
    if constant is not None:
        squares -= gram[0][-1, constant] ** 2 / gram[0][constant, constant]
    return float(np.sqrt(max(squares, 0.0) / tally.nrows))


def _with_means(recipe: BatchRecipe, tally: Tally) -> Mapping[str, Any]:
    return {
        name: variable
        if variable.kind == "category"
        else replace(variable, mean=tally.totals.numbers[name] / tally.nrows)
        for name, variable in recipe.variables.items()
    }


def _identified(spec: ModelSpec, matrices: ModelMatrices, weights: str | None) -> ModelSpec:
    """The specification with what the data can tell of the variance parameters.

    Raises
    ------
    DataError
        If the model makes no sense.
    """
    for term, matrix in zip(spec.terms, matrices.terms, strict=True):
        is_residual = term.term.is_intercept and weights is None
        if is_residual and len(matrices.groupings[matrix.group].levels) == len(matrices.y):
            raise like_the_residual(term.term, matrices)
    some = rows_of_sample(spec, matrices, weights=weights)
    known = identify(some)
    if known.n_lost and not _stands_for(some, matrices):
        nothing = np.empty((len(known.parameters) + 1, 0))
        none = ((),) * len(spec.terms)
        known = Identification(known.parameters, nothing, np.ones(len(nothing)), none)
    check_identification([term.term for term in spec.terms], some, known)
    return replace(spec, identification=known)


def _stands_for(some: ModelMatrices, matrices: ModelMatrices) -> bool:
    """Whether a sample has several levels and several rows of a level where the data have."""
    pairs = zip(some.groupings, matrices.groupings, strict=True)
    return all(
        (len(few.levels) > 1 or len(whole.levels) == 1) and len(few.levels) < len(some.y)
        for few, whole in pairs
    )


def rows_of_sample(
    spec: ModelSpec,
    matrices: ModelMatrices,
    *,
    weights: str | None = None,
    frame: Frame | None = None,
) -> ModelMatrices:
    """The matrices of some rows, with the levels that these have and no response: of those of a
    `frame`, or of the sample of rows that a model without rows has.
    """
    if frame is None:
        assert matrices.moments is not None
        frame = matrices.moments.sample
    made = rebuild(spec, frame)
    n, groupings = frame.nrows, []
    for g, grouping in enumerate(matrices.groupings):
        own = next(term.codes for term in made.terms if term.group == g)
        levels, codes = np.unique(own, return_inverse=True)
        groupings.append(
            replace(
                grouping,
                codes=codes.astype(np.int32),
                levels=tuple(grouping.levels[code] for code in levels),
            )
        )
    return replace(
        matrices,
        y=np.zeros(n),
        X=made.X,
        groupings=tuple(groupings),
        terms=tuple(
            replace(term, Z=new.Z) for term, new in zip(matrices.terms, made.terms, strict=True)
        ),
        weights=None if weights is None else frame.column(weights).floats(),
        offset=None,
        kept=np.ones(n, dtype=np.bool_),
        index=pd.RangeIndex(n),
        moments=None,
    )
