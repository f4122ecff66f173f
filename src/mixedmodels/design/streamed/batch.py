"""The numbers of one batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixedmodels.data import Column, Frame
from mixedmodels.data.dictionary import kind_of, kinds_differ
from mixedmodels.design.expand import evaluate
from mixedmodels.design.grouping import refuse_merged_levels
from mixedmodels.design.matrices import Matrix, Vector
from mixedmodels.design.streamed.recipe import BatchRecipe
from mixedmodels.design.variables import Variables
from mixedmodels.errors import DataError


@dataclass(frozen=True, slots=True)
class BatchRows:
    """The complete rows of a batch, n of them.

    Attributes
    ----------
    y
        Response (n,); the offset is not subtracted.
    X
        All columns of the fixed part (n, columns), in working coordinates, Fortran order.
    Z
        The columns (n, q_k) of every random term, likewise.
    groups
        The columns that grouping factors are made of, by name.
    factors
        Those whose combinations are the cells of the fixed part.
    numbers
        The covariates that are numbers, by name.
    weights, offset
        Shape (n,), or None.
    missing
        How many values each column lacks, for those that lack any.
    n_missing
        Incomplete rows of the batch.
    may_reorder
        Whether the library numbers the levels of each batch anew.
    frame, positions
        The batch, and where its complete rows are.
    """

    y: Vector
    X: Matrix
    Z: tuple[Matrix, ...]
    groups: Mapping[str, Column]
    factors: Mapping[str, Column]
    numbers: Mapping[str, NDArray[Any]]
    weights: Vector | None
    offset: Vector | None
    missing: Mapping[str, int]
    n_missing: int
    may_reorder: bool
    frame: Frame
    positions: NDArray[np.intp]

    @property
    def working_y(self) -> Vector:
        """The response less the offset (n,)."""
        return self.y if self.offset is None else self.y - self.offset


def rows_of(recipe: BatchRecipe, frame: Frame) -> BatchRows:
    """Make the numbers of a batch.

    Raises
    ------
    DataError
        If a column has another type than before, a level that the first pass has not seen, or a
        value that is not finite.
    """
    question = recipe.question
    data = question.read(frame)
    covariates = {name: data.columns[name] for name in question.roles.covariates}
    n = data.nrows
    if n:
        refuse_merged_levels(question.formula.text, data.columns)
        covariates = {name: _known(recipe, c, frame) for name, c in covariates.items()}
    variables = Variables(covariates, n, recipe.example.codings, recipe.example.functions)
    response = {name: data.columns[name] for name in question.roles.response}
    parts = [recipe.fixed, *(part.made for part in recipe.random)]
    X, *Z = (
        part.columns(variables) if n else np.empty((0, len(part.names)), order="F")
        for part in parts
    )
    return BatchRows(
        y=_response(recipe, response, n),
        X=X,
        Z=tuple(Z),
        groups={name: data.columns[name] for name in question.roles.groups},
        factors={name: data.columns[name] for name in recipe.cell_columns},
        numbers={name: c.numbers for name, c in covariates.items() if c.numbers is not None},
        weights=data.weights,
        offset=data.offset,
        missing=data.rows.counts,
        n_missing=data.rows.n_missing,
        may_reorder=frame.backend.is_pyarrow(),
        frame=frame,
        positions=np.arange(n) if data.rows.rows is None else np.flatnonzero(data.rows.rows),
    )


def _response(recipe: BatchRecipe, columns: Mapping[str, Column], n: int) -> Vector:
    if not n:
        return np.empty(0)
    variables = Variables(columns, n, {}, recipe.example.functions)
    formula = recipe.question.formula
    y = evaluate(formula.response_factor, variables, recipe.learned.state_copy())
    finite = np.isfinite(y)
    if not finite.all():
        raise DataError(
            f"The response {formula.response!r} is infinite or not a number in "
            f"{np.count_nonzero(~finite)} rows of a batch.\n"
            "Do:   correct these rows or leave them out; a logarithm needs positive values."
        )
    return y


def _known(recipe: BatchRecipe, column: Column, frame: Frame) -> Column:
    """A covariate in the form that it has in all batches."""
    name, kind = column.name, kind_of(column)
    if kind != recipe.kinds[name]:
        raise kinds_differ(name, recipe.kinds[name], kind)
    survey = recipe.learned.survey
    if name in survey.levels:
        dictionary = survey.levels[name]
        before = len(dictionary)
        codes = dictionary.codes(column, may_reorder=frame.backend.is_pyarrow())
        if len(dictionary) > before:
            raise DataError(
                f"Column {name!r} has levels that it did not have when the data were read first.\n"
                "Do:   give a source that has the same rows whenever it is read."
            )
        return survey.in_order(name, codes)
    numbers = column.numbers
    assert numbers is not None
    dtype = np.promote_types(numbers.dtype, survey.rows[name].dtype)  # levels read 2.0, not 2
    return column if numbers.dtype == dtype else Column.of_numbers(name, numbers.astype(dtype))
