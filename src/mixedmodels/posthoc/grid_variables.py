"""The columns behind the fixed part, as a reference grid sees them: factors by levels, covariates.

A column is a factor if it holds categories or booleans, or numbers that the formula makes a factor
of with `C()`. Everything else is a covariate.
"""

import ast
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from formulaic.parser.types import Factor
from numpy.typing import NDArray

from mixedmodels.data import Codes, Column, Frame, match_levels
from mixedmodels.data.levels import label
from mixedmodels.data.unkept import rows_needed
from mixedmodels.design import columns_of
from mixedmodels.design.spec import matched_columns
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.once import once
from mixedmodels.formula.expression import expression_of

Int32 = NDArray[np.int32]

FACTOR_CALLS = ("C", "factor")
"""Functions of a formula that make a factor of a column of numbers."""


@dataclass(frozen=True, slots=True)
class GridVariable:
    """One column of the data on a reference grid.

    Attributes
    ----------
    name : str
        Its name.
    values : tuple
        The values on the grid, in order: the user's own levels, or numbers.
    is_factor : bool
        Whether it stands for levels.
    levels : tuple
        All levels of the fit that code a categorical column; empty for numbers and booleans.
    is_boolean : bool
        Whether the values enter the formula as booleans.
    """

    name: str
    values: tuple[Any, ...]
    is_factor: bool
    levels: tuple[Any, ...] = ()
    is_boolean: bool = False

    @property
    def labels(self) -> tuple[str, ...]:
        """The values as text."""
        return tuple(label(value) for value in self.values)

    def column(self, codes: NDArray[np.intp]) -> Column:
        """The column of the data with the values `codes` (n,), as the formula takes it."""
        if self.levels:
            known = match_levels(self.name, self.values, self.levels)
            return Column.of_codes(self.name, Codes(known[codes], self.levels))
        kind = np.bool_ if self.is_boolean else np.float64
        return Column.of_numbers(self.name, np.array(self.values, dtype=kind)[codes])

    def at(self, values: tuple[Any, ...]) -> "GridVariable":
        """The same column with other values on the grid."""
        return replace(self, values=values)


@once
def fixed_variables(fit: Fit) -> Mapping[str, GridVariable]:
    """The columns of the fixed part, formula order; a covariate has its mean as its value."""
    used = columns_of(fit.spec.fixed.term_slices, fit.spec)
    made = _made_factors(fit)
    found = {}
    for name, variable in fit.spec.variables.items():
        if name not in used:
            continue
        if variable.kind == "category":
            found[name] = GridVariable(name, variable.levels, True, variable.levels)
        elif variable.kind == "boolean":
            found[name] = GridVariable(name, distinct_values(fit, name), True, is_boolean=True)
        elif name in made:
            found[name] = GridVariable(name, distinct_values(fit, name), True)
        else:
            found[name] = GridVariable(name, (variable.mean,), False)
    return found


@once
def distinct_values(fit: Fit, name: str) -> tuple[Any, ...]:
    """The distinct values of a column of numbers or booleans on the rows used, ascending."""
    is_factor = fit.spec.variables[name].kind == "boolean" or name in _made_factors(fit)
    rows = factor_rows(fit, name) if is_factor else rows_of(fit, name)
    return tuple(np.unique(rows).tolist())


@once
def distinct_count(fit: Fit, name: str) -> int:
    """How many distinct values a column of numbers has."""
    return len(distinct_values(fit, name))


@once
def rows_of(fit: Fit, name: str) -> NDArray[Any]:
    """A column on the rows used: numbers, booleans, or int32 codes of the levels of the fit."""
    kept = fit.matrices.kept
    return _values(fit, fit.frame, name, None if kept.all() else kept)


@once
def factor_rows(fit: Fit, name: str) -> NDArray[Any]:
    """A column on rows in which every cell of the factors occurs: those used, or a sample of them.

    Raises
    ------
    DataError
        If the rows are not kept, and there were too many cells to know all.
    """
    moments = fit.matrices.moments
    if moments is None:
        return rows_of(fit, name)
    if moments.counts is None:
        raise rows_needed()
    return _values(fit, moments.sample, name, None)


@once
def covariate_extent(fit: Fit, name: str) -> tuple[float, float, float]:
    """Smallest and largest value and standard deviation of a covariate on the rows used."""
    rows = np.asarray(rows_of(fit, name), dtype=np.float64)
    return float(rows.min()), float(rows.max()), float(rows.std())


@once
def covariate_places(fit: Fit, name: str, count: int) -> tuple[float, ...]:
    """Values of a covariate at evenly spaced ranks, from the smallest to the largest."""
    rows = np.asarray(rows_of(fit, name), dtype=np.float64)
    places = np.unique(np.quantile(rows, np.linspace(0, 1, count), method="nearest"))
    return tuple(places.tolist())


@once
def row_counts(fit: Fit) -> NDArray[np.float64] | None:
    """How many rows each of `factor_rows` stands for; None if for itself alone."""
    return None if fit.matrices.moments is None else fit.matrices.moments.counts


def _values(fit: Fit, frame: Frame, name: str, rows: NDArray[np.bool_] | None) -> NDArray[Any]:
    [column] = matched_columns(fit.spec, frame, rows=rows, names=[name]).values()
    if fit.spec.variables[name].kind == "category" and column.codes is not None:
        return column.codes.codes
    if column.numbers is None:
        raise ValueError(f"column {name!r} has neither codes nor numbers")
    return column.numbers


def codes_on(fit: Fit, variable: GridVariable) -> Int32:
    """Per row of `factor_rows` the index of a factor's value on the grid, -1 where it is not."""
    rows = factor_rows(fit, variable.name)
    if variable.levels:
        place = np.full(len(variable.levels) + 1, -1, dtype=np.int32)
        known = match_levels(variable.name, variable.values, variable.levels)[:-1]
        place[known] = np.arange(len(known), dtype=np.int32)
        found: Int32 = place[rows]
        return found
    values = np.array(variable.values, dtype=np.float64)
    order = np.argsort(values)
    rows = rows.astype(np.float64)
    at = order[np.minimum(np.searchsorted(values, rows, sorter=order), len(values) - 1)]
    return np.where(values[at] == rows, at, -1).astype(np.int32)


def _made_factors(fit: Fit) -> set[str]:
    """Columns of numbers that the formula makes factors of."""
    state = fit.spec.fixed.encoder_state
    factors = {f for term in fit.spec.fixed.term_slices for f in term.factors}
    calls = {f.expr for f in factors if f.eval_method is Factor.EvalMethod.PYTHON}
    found = (_source(expr) for expr in calls if state[expr][0] is Factor.Kind.CATEGORICAL)
    return {name for name in found if name is not None}


@lru_cache(maxsize=512)
def _source(text: str) -> str | None:
    """The column of a factor such as ``C(dose, contr.sum)``."""
    tree = expression_of(text).tree
    if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name) or not tree.args:
        return None
    is_column = isinstance(tree.args[0], ast.Name) and tree.func.id in FACTOR_CALLS
    return tree.args[0].id.strip("`") if is_column else None  # type: ignore[attr-defined]
