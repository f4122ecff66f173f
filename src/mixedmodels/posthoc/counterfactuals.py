"""What rows are compared at: a variable at given values, or at its own value and a step from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixedmodels.data.levels import label
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.options import require_option
from mixedmodels.posthoc.grid_variables import GridVariable, fixed_variables, rows_of
from mixedmodels.posthoc.reference_grid import at_values
from mixedmodels.posthoc.specs import require_column
from mixedmodels.vocabulary import RowContrast, RowStep

Vector = NDArray[np.float64]
Step = float | RowStep
Values = ArrayLike
Variables = str | Sequence[str] | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Means of rows at several values of a variable, and their contrasts.

    Attributes
    ----------
    variable : GridVariable
        The variable; with the values that all rows are set to, unless `shifts` are given.
    C : array (rows, values)
        The contrasts.
    names : tuple of str
        What the contrasts are called.
    is_pairwise : bool
        Whether they are all pairwise differences.
    shifts : tuple of float
        What is added to each row's own value instead.
    """

    variable: GridVariable
    C: Vector
    names: tuple[str, ...]
    is_pairwise: bool = False
    shifts: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class _Options:
    """What applies to a variable unless it has words of its own."""

    contrast: RowContrast
    step: Step | None
    values: Values | None


def comparisons_of(
    fit: Fit,
    variable: Variables,
    *,
    contrast: RowContrast,
    step: Step | None,
    values: Values | None,
) -> list[Comparison]:
    """Read what is to be compared, as `LinearMixedModel.comparisons` explains it.

    Raises
    ------
    DataError
        If a variable is not in the fixed part, or something is asked for that it cannot have.
    """
    require_option("contrast", contrast, get_args(RowContrast))
    names = variables_of(fit, variable)
    if values is not None and (len(names) > 1 or isinstance(variable, Mapping)):
        raise DataError(
            "values are of one variable, and several are named.\n"
            'Do:   give a mapping, as {"dose": [10, 20], "arm": "pairwise"}.'
        )
    given = _Options(contrast, step, values)
    own = variable if isinstance(variable, Mapping) else {}
    columns = [fixed_variables(fit)[name] for name in names]
    _check_used(given, columns, own)
    return [_comparison(fit, v, _options(v, own.get(v.name), given)) for v in columns]


def variables_of(fit: Fit, variable: Variables) -> list[str]:
    """The names of the variables, all in the fixed part.

    Raises
    ------
    DataError
        If one is not, is named twice, or is the offset too.
    """
    names = [variable] if isinstance(variable, str) else variable
    if not isinstance(names, (list, tuple, Mapping)) or not names:
        raise DataError(
            f"variable = {variable!r} names no column.\nDo:   give a name, or a list of names."
        )
    found = list(names)
    for name in found:
        require_column(name, fixed_variables(fit))
        if name == fit.request.offset:
            raise DataError(
                f"{name!r} is in the fixed part and the offset of the model, which would stay as "
                "it is.\nDo:   fit with the offset in a column of its own."
            )
    if len(set(found)) < len(found):
        raise DataError("variable names a column more than once.\nDo:   name each column once.")
    return found


def _options(variable: GridVariable, what: Any, given: _Options) -> _Options:
    """What a mapping says of one variable: a kind of contrast, a step, or values."""
    if what is None:
        return given
    if isinstance(what, str) and variable.is_factor:
        require_option(f"variable[{variable.name!r}]", what, get_args(RowContrast))
        return replace(given, contrast=what)  # type: ignore[arg-type]
    if isinstance(what, str) or np.ndim(what) == 0:
        if variable.is_factor:
            raise _no_step(variable)
        return replace(given, step=what)
    return replace(given, values=what)


def _check_used(given: _Options, columns: Sequence[GridVariable], own: Mapping[str, Any]) -> None:
    """Refuse a step or a kind of contrast that no variable has a use for."""
    steps = [v for v in columns if not v.is_factor and given.values is None]
    if given.step is not None and not steps:
        if columns[0].is_factor:
            raise _no_step(columns[0])
        raise DataError("step and values are both given.\nDo:   give one of the two.")
    by_value = [v for v in columns if v not in steps or np.ndim(own.get(v.name, 0)) == 1]
    if given.contrast != "reference" and not by_value:
        raise DataError(
            f"contrast = {given.contrast!r} is for levels, and {columns[0].name!r} is a "
            "covariate.\nDo:   give values of it, or a step."
        )


def _comparison(fit: Fit, variable: GridVariable, options: _Options) -> Comparison:
    if options.values is None and not variable.is_factor:
        return _stepped(fit, variable, 1.0 if options.step is None else options.step)
    if options.values is not None:
        variable = at_values(variable, options.values, what="values")
    s = len(variable.values)
    if s < 2:
        raise DataError(
            f"{variable.name!r} has one value, {variable.labels[0]}, and nothing to compare it "
            "with.\nDo:   give two values or more."
        )
    pairs = {
        "reference": [(i, 0) for i in range(1, s)],
        "sequential": [(i, i - 1) for i in range(1, s)],
        "pairwise": [(i, j) for j in range(s) for i in range(j + 1, s)],
    }[options.contrast]
    C = np.zeros((len(pairs), s))
    for row, (later, earlier) in enumerate(pairs):
        C[row, later], C[row, earlier] = 1.0, -1.0
    names = [f"{variable.labels[i]} - {variable.labels[j]}" for i, j in pairs]
    return Comparison(variable, C, tuple(names), options.contrast == "pairwise")


def _stepped(fit: Fit, variable: GridVariable, step: Step) -> Comparison:
    """A covariate at two values, or half a step on either side of each row's own."""
    C = np.array([[-1.0, 1.0]])
    if isinstance(step, str):
        require_option("step", step, get_args(RowStep))
        x = np.asarray(rows_of(fit, variable.name), dtype=np.float64)
        if step in ("iqr", "minmax"):
            ends = (25, 75) if step == "iqr" else (0, 100)
            low, high = np.percentile(x, ends).tolist()
            name = "Q3 - Q1" if step == "iqr" else "max - min"
            return Comparison(variable.at((low, high)), C, (name,))
        spread = float(x.std(ddof=1)) if len(x) > 1 else 0.0
        size = spread if step == "sd" else 2 * spread
        return _shifted(variable, size, f"+{'' if step == 'sd' else '2 '}sd")
    is_number = isinstance(step, (int, float, np.number)) and not isinstance(step, bool)
    if not is_number or not np.isfinite(step) or not step:
        raise DataError(
            f"step = {step!r} of {variable.name!r} is neither a number other than zero nor one of "
            f"{', '.join(map(repr, get_args(RowStep)))}.\nDo:   give one of these."
        )
    return _shifted(variable, float(step), f"{'+' if step > 0 else ''}{label(step)}")


def _shifted(variable: GridVariable, size: float, name: str) -> Comparison:
    return Comparison(variable, np.array([[-1.0, 1.0]]), (name,), shifts=(-size / 2, size / 2))


def _no_step(variable: GridVariable) -> DataError:
    return DataError(
        f"{variable.name!r} is a factor, which has no step.\n"
        "Do:   leave step out; contrast= tells which levels are compared, values= the levels."
    )
