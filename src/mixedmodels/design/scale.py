"""From the text of a residual standard deviation and the data to its columns and powers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from formulaic import ModelSpec as Recipe

from mixedmodels.data import Column, encode, label, match_levels
from mixedmodels.design.expand import train
from mixedmodels.design.matrices import Vector
from mixedmodels.design.names import used_columns
from mixedmodels.design.rank import independent_columns
from mixedmodels.design.residual_matrix import Power, ScaleModel
from mixedmodels.design.variables import Variable, Variables
from mixedmodels.errors import DataError
from mixedmodels.formula.scale import FITTED, PowerTerm, ScaleFormula
from mixedmodels.shortening import brief


@dataclass(frozen=True, slots=True)
class ScaleSpec:
    """Recipe of the residual standard deviation.

    Attributes
    ----------
    formula
        What was asked for.
    recipe
        formulaic's recipe of the columns, the constant (which is sigma) first.
    variables
        The columns of the linear part: kind, levels, mean.
    parts
        Per power function, the levels of its ``by=``; empty without.
    """

    formula: ScaleFormula
    recipe: Recipe
    variables: Mapping[str, Variable]
    parts: tuple[tuple[Any, ...], ...]

    __repr__ = brief


def columns_of_scale(formula: ScaleFormula | None) -> tuple[str, ...]:
    """The columns of the power functions; those of the linear part are in its text."""
    if formula is None:
        return ()
    named = (name for power in formula.powers for name in (power.column, power.by))
    return tuple(dict.fromkeys(name for name in named if name is not None))


def scale_of(
    formula: ScaleFormula, variables: Variables, columns: Mapping[str, Column]
) -> tuple[ScaleSpec, ScaleModel]:
    """The columns of the residual standard deviation on the kept rows.

    Raises
    ------
    DataError
        If a column repeats others or sigma, or a covariate does not suit its function.
    """
    expansion = train(formula.sum, variables)
    kept = set(independent_columns(expansion.matrix).tolist())
    lost = [name for j, name in enumerate(expansion.names) if j not in kept]
    if lost:
        raise DataError(
            f"The column {lost[0]!r} of sigma={formula.text!r} is a combination of the columns "
            "before it or constant.\n"
            "Do:   leave it out.\n"
            "Why:  sigma stands for the constant, and their coefficients cannot be told apart."
        )
    parts = tuple(
        () if power.by is None else encode(columns[power.by]).values for power in formula.powers
    )
    names = used_columns(formula.linear, variables.columns)
    spec = ScaleSpec(formula, expansion.recipe, variables.summary(names), parts)
    model = ScaleModel(
        S=np.asfortranarray(expansion.matrix[:, 1:]),
        names=expansion.names[1:],
        powers=powers_of(spec, columns, is_new=False),
    )
    return spec, model


def powers_of(spec: ScaleSpec, columns: Mapping[str, Column], *, is_new: bool) -> tuple[Power, ...]:
    """The power functions on some rows; in new data a missing value of the covariate is NaN."""
    made = []
    for term, parts in zip(spec.formula.powers, spec.parts, strict=True):
        values = None if term.column is None else _sizes(term, columns[term.column], is_new=is_new)
        name = FITTED if term.column is None else term.column
        if term.by is None:
            made.append(Power(term.kind, values, name, of_fitted=term.column is None))
            continue
        found = encode(columns[term.by])
        codes = match_levels(term.by, found.values, parts)[found.codes]
        made += [
            Power(term.kind, values, name, codes == index, label(part), term.column is None)
            for index, part in enumerate(parts)
        ]
    return tuple(made)


def _sizes(term: PowerTerm, column: Column, *, is_new: bool) -> Vector:
    """|x| of every row."""
    if column.numbers is None:
        raise DataError(
            f"Column {column.name!r} of {term} in sigma= is not numeric.\n"
            f'Do:   write sigma="~ {column.name}" for a standard deviation of its own per level.'
        )
    values: Vector = np.abs(column.floats())
    if is_new:
        return values
    if not np.isfinite(values).all():
        raise DataError(
            f"Column {column.name!r} of {term} in sigma= is infinite in "
            f"{np.count_nonzero(~np.isfinite(values))} rows.\n"
            "Do:   correct or leave out these rows."
        )
    if term.kind == "power" and not values.all():
        raise DataError(
            f"Column {column.name!r} of {term} in sigma= is zero in "
            f"{np.count_nonzero(values == 0)} rows.\n"
            f"Do:   write constpower({column.name}), or shift the column.\n"
            "Why:  a power of zero is a variance of zero, or infinite."
        )
    if np.all(values == values[0]) and term.by is None:
        raise DataError(
            f"Column {column.name!r} of {term} in sigma= has the same size in every row.\n"
            "Do:   leave it out.\n"
            "Why:  a constant factor of sigma cannot be told from sigma."
        )
    return values
