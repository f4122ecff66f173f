"""The values at which means are wanted: levels of factors, numbers for covariates."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixedmodels.data import match_levels
from mixedmodels.data.levels import label
from mixedmodels.design.names import near_matches
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.options import require_option
from mixedmodels.posthoc.cells import MOST_CELLS, Cells, Grid, Nesting, crossed, observed
from mixedmodels.posthoc.grid_variables import (
    GridVariable,
    distinct_count,
    distinct_values,
    fixed_variables,
    rows_of,
)
from mixedmodels.posthoc.specs import Specs, require_column

Codes = NDArray[np.intp]
Reduce = str | bool | Callable[..., ArrayLike]
CovReduce = Reduce | Mapping[str, Reduce]

MOST_VALUES = 20
"""Distinct values of a covariate up to which means are given at each of them unasked."""

REDUCTIONS: dict[str, Callable[[NDArray[Any]], ArrayLike]] = {
    "mean": np.mean,
    "median": np.median,
    "range": lambda x: [np.min(x), np.max(x)],
}
"""What a covariate is reduced to, by name."""


def grid_of(
    fit: Fit,
    specs: Specs,
    *,
    at: Mapping[str, ArrayLike] | None,
    cov_reduce: CovReduce,
) -> dict[str, GridVariable]:
    """Every column of the fixed part with its values.

    Parameters
    ----------
    fit
        The model.
    specs
        The columns that are asked for; a covariate among them has its distinct values if these
        are at most 20.
    at
        Values by column: some of the levels of a factor, any numbers for a covariate.
    cov_reduce
        What covariates are reduced to: ``"mean"``, ``"median"``, ``"range"``, a function of their
        values, False for all their distinct values, or a mapping of these.

    Raises
    ------
    DataError
        If a column is not in the fixed part, a level not in the fit, a number not finite, or an
        asked covariate has too many values.
    """
    variables = fixed_variables(fit)
    given = {} if at is None else mapping("at", at)
    for name in given:
        require_column(name, variables)
    asked = {*specs.names, *specs.by}
    grid = {}
    for name, variable in variables.items():
        if name in given:
            grid[name] = at_values(variable, given[name])
        elif variable.is_factor:
            grid[name] = variable
        else:
            grid[name] = _reduced(fit, variable, cov_reduce, is_asked=name in asked)
    return grid


def points(fit: Fit, grid: Grid, specs: Specs, nesting: Nesting) -> tuple[dict[str, Codes], int]:
    """The combinations of the values of the columns asked for, the first one fastest.

    Combinations that nesting rules out are left out.
    """
    names = [*specs.names, *specs.by]
    sizes = [len(grid[name].values) for name in names]
    count = int(np.prod(sizes, dtype=np.float64))
    if count > MOST_CELLS:
        raise DataError(
            f"{count:,} means are asked for, more than {MOST_CELLS:,}.\n"
            "Do:   give values with at=, or name fewer columns."
        )
    if not names:
        return {}, 1
    codes = crossed(sizes)
    kept = np.ones(count, dtype=np.bool_)
    for inner, parents in nesting.items():
        if inner in names:
            kept &= _nested(observed(fit, grid, [*parents, inner]), names, codes, count)
    return {n: c[kept] for n, c in zip(names, codes, strict=True)}, int(kept.sum())


def _nested(cells: Cells, names: Sequence[str], codes: Codes, count: int) -> NDArray[np.bool_]:
    """Which points are at a cell that there is."""
    shared = [name for name in cells.names if name in names]
    known = {tuple(row) for row in cells.marginal(shared).codes.tolist()}
    rows = zip(*(codes[names.index(name)].tolist() for name in shared), strict=True)
    return np.fromiter((row in known for row in rows), dtype=np.bool_, count=count)


def at_values(variable: GridVariable, values: ArrayLike, *, what: str = "at") -> GridVariable:
    """A column at values that the user gives in the argument `what`.

    Raises
    ------
    DataError
        If there is none, a level is not in the fit or there twice, or a number is not finite.
    """
    is_one = isinstance(values, (str, bytes)) or np.ndim(values) == 0
    wanted = [values] if is_one else list(values)  # type: ignore[arg-type]
    if not wanted:
        raise DataError(
            f"{what} gives no value of {variable.name!r}.\n"
            "Do:   give at least one, or leave it out."
        )
    if not variable.is_factor:
        return variable.at(_numbers(variable.name, wanted, what))
    known = match_levels(variable.name, wanted, variable.values)[:-1]
    unknown = [label(v) for v, place in zip(wanted, known, strict=True) if place < 0]
    if unknown:
        listed = ", ".join(variable.labels[:12]) + (", …" if variable.labels[12:] else "")
        raise DataError(
            f"{what} names levels of {variable.name!r} that the model does not know: "
            f"{', '.join(unknown[:12])}.{near_matches(unknown[0], variable.labels)}\n"
            f"Do:   choose from {listed}.\n"
            "Why:  a level without data has no mean."
        )
    if len(set(known.tolist())) < len(known):
        raise DataError(
            f"{what} names a level of {variable.name!r} twice.\nDo:   name each level once."
        )
    return variable.at(tuple(variable.values[place] for place in known))


def _numbers(name: str, values: Sequence[Any], what: str = "cov_reduce") -> tuple[float, ...]:
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{what} gives {values!r} for {name!r}, a covariate.\nDo:   give numbers."
        ) from error
    if numbers.ndim != 1 or not np.isfinite(numbers).all():
        raise DataError(
            f"{what} gives a value of {name!r} that is not a finite number.\nDo:   give numbers."
        )
    return tuple(dict.fromkeys(numbers.tolist()))


def _reduced(
    fit: Fit, variable: GridVariable, cov_reduce: CovReduce, *, is_asked: bool
) -> GridVariable:
    """A covariate at the values that stand for it."""
    reduce: Reduce = "mean"
    is_own = True
    if isinstance(cov_reduce, Mapping):
        for name in cov_reduce:
            require_column(name, fixed_variables(fit))
            if fixed_variables(fit)[name].is_factor:
                raise DataError(
                    f"cov_reduce names {name!r}, a factor.\n"
                    "Do:   name covariates; weights= says how levels are averaged."
                )
        is_own = variable.name in cov_reduce
        reduce = cov_reduce.get(variable.name, "mean")
    else:
        reduce = cov_reduce
    is_default = not is_own or (isinstance(reduce, str) and reduce == "mean")
    if (is_asked and is_default) or reduce is False:
        count = distinct_count(fit, variable.name)
        if count > MOST_VALUES and reduce is not False:
            raise _too_many(variable.name, count)
        return variable.at(tuple(map(float, distinct_values(fit, variable.name))))
    if reduce is True or is_default:
        return variable
    if not callable(reduce):
        require_option("cov_reduce", reduce, tuple(REDUCTIONS))
        reduce = REDUCTIONS[str(reduce)]
    try:
        found = np.atleast_1d(np.asarray(reduce(rows_of(fit, variable.name))))
    except Exception as error:
        raise DataError(
            f"The function cov_reduce fails on {variable.name!r}: {type(error).__name__}, {error}\n"
            "Do:   give a function of an array of numbers that returns one number or several."
        ) from error
    return variable.at(_numbers(variable.name, found.tolist()))


def _too_many(name: str, count: int) -> DataError:
    return DataError(
        f"{name!r} is a covariate with {count} distinct values, too many for a mean at each.\n"
        f'Do:   give values, as at={{"{name}": [1, 2]}}; or leave it out, for means at its '
        "average; or ask for its slope with emtrends.\n"
        f"Why:  up to {MOST_VALUES} values are taken one by one."
    )


def mapping(what: str, given: object) -> Mapping[str, Any]:
    """What should give values by column, or a DataError if it does not."""
    if not isinstance(given, Mapping):
        raise DataError(
            f"{what} = {given!r} is not a mapping.\n"
            f'Do:   give values by column, as {what}={{"age": [30, 50]}}.'
        )
    return given
