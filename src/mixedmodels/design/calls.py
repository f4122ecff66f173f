"""The arguments of a function in a formula, and what is checked before it is called."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.design.contrasts import level_index
from mixedmodels.design.environment import CODINGS, CONSTANTS, OwnFunction
from mixedmodels.design.place import Place
from mixedmodels.formula.tokens import unquote

Array = NDArray[Any]

ROWS_AGREE = 1e-8
"""Relative difference of a row's value with and without other rows that is rounding."""

FLAGS = ("include_intercept", "raw", "spans_intercept", "rescale")

SEVERAL = ("knots", "constraints")

NUMBERS = (*SEVERAL, "lower_bound", "upper_bound", "center", "scale", "ddof", "by")

EXTRAPOLATION = ("raise", "extend", "clip", "zero", "na")


@dataclass(frozen=True, slots=True)
class Arguments:
    """Reads arguments that are no columns: numbers, text, and lists and tables of them."""

    place: Place
    own: Mapping[str, Any]

    def require(self, node: ast.Call, least: int, most: int) -> None:
        """Refuse another number of arguments, and named ones: an array could be written to."""
        if node.keywords or not least <= len(node.args) <= most:
            name = ast.unparse(node.func)
            number = f"{least}" if least == most else f"{least} to {most}"
            plural = "" if most == 1 else "s"
            raise self.place.formula_error(
                f"{name}() takes {number} argument{plural} here, without names."
            )

    def options(self, node: ast.Call, known: Sequence[str]) -> dict[str, Any]:
        """The arguments after the first by name."""
        name = ast.unparse(node.func)
        if not node.args:
            raise self.place.formula_error(f"{name}() needs a column as its first argument.")
        given = dict(zip(known, node.args[1:], strict=False))
        for keyword in node.keywords:
            option = str(keyword.arg)
            if option not in known or option in given:
                listed = ", ".join(known) or "none"
                raise self.place.formula_error(
                    f"{name}() has no argument {option!r} to give here; known are {listed}."
                )
            given[option] = keyword.value
        if len(node.args) > len(known) + 1:
            raise self.place.formula_error(f"{name}() takes at most {len(known) + 1} arguments.")
        return {option: self.option(option, value) for option, value in given.items()}

    def option(self, name: str, node: ast.expr) -> Any:
        if name == "contrasts":
            return self.coding(node)
        value = self.literal(node)
        self.require_kind(name, value)
        if name == "extrapolation" and value not in EXTRAPOLATION:
            known = ", ".join(map(repr, EXTRAPOLATION))
            raise self.place.formula_error(f"extrapolation is one of {known}, not {value!r}.")
        least = {"df": 1, "degree": 0, "levels": 1}.get(name)
        if least is not None and not isinstance(value, list) and not _counts_from(value, least):
            raise self.place.formula_error(f"{name} is a whole number from {least}, not {value!r}.")
        return value

    def require_kind(self, name: str, value: Any) -> None:
        """Refuse text for numbers, and other values for what is true or false."""
        parts = value if isinstance(value, list) and name in SEVERAL else [value]
        if name in FLAGS:
            fits, what = type(value) is bool, "True or False"
        elif name in NUMBERS:
            is_word = name == "constraints" and value == "center"
            fits = is_word or all(_is_number(part) for part in parts)
            what = "a number or a list of numbers" if name in SEVERAL else "a number"
        else:
            return
        if not fits:
            raise self.place.formula_error(f"{name} is {what}, not {value!r}.")

    def coding(self, node: ast.expr) -> Any:
        """A coding of a factor: ``contr.sum``, ``contr.treatment('b')``, or a table of numbers."""
        call = node.func if isinstance(node, ast.Call) else node
        coding = CODINGS.get(unquote(call.id)) if isinstance(call, ast.Name) else None
        if coding is None and isinstance(node, ast.List | ast.Tuple | ast.Dict):
            return self.literal(node)
        if coding is None:
            raise self.place.formula_error(
                f"{ast.unparse(node)} is no coding: write contr.sum, contr.treatment('b'), …"
            )
        if not isinstance(node, ast.Call):
            node = ast.Call(node, [], [])
        positional = [self.literal(argument) for argument in node.args]
        named = {str(k.arg): self.literal(k.value) for k in node.keywords}
        try:
            return coding(*positional, **named)
        except (TypeError, ValueError) as error:
            raise self.place.formula_error(f"{ast.unparse(node)} is no coding: {error}.") from error

    def literal(self, node: ast.expr) -> Any:
        """A number, text, True, False, None, or a list, tuple or table of them."""
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.List | ast.Tuple):
            return [self.literal(part) for part in node.elts]
        if isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            return {self.key(k): self.literal(v) for k, v in pairs if k is not None}
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            value = self.literal(node.operand)
            if isinstance(value, int | float):
                return -value
        if isinstance(node, ast.Name):
            name = unquote(node.id)
            value = CONSTANTS.get(name, self.own.get(name))
            if value is not None and not isinstance(value, OwnFunction):
                return value
        raise self.place.formula_error(
            f"{ast.unparse(node)} must be written out here: a number, text, True, False, or a list."
        )

    def key(self, node: ast.expr) -> Any:
        value = self.literal(node)
        if isinstance(value, list | dict):
            raise self.place.formula_error(f"{ast.unparse(node)} cannot name an entry.")
        return value


COUNTS = ("df", "degree", "levels")
"""Options that set how many columns a function makes."""


def _is_number(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_number, value))
    return value is None or isinstance(value, int | float)


def _counts_from(value: Any, least: int) -> bool:
    return type(value) is int and value >= least


def check_counts(place: Place, options: Mapping[str, Any], nrows: int) -> None:
    """Refuse a function that is asked for more columns than there are rows."""
    for name in COUNTS:
        number = options.get(name)
        if isinstance(number, int) and number > nrows:
            raise place.data_error(
                f"{name} = {number:,} asks for {number:,} columns, and there are {nrows:,} rows.",
                "ask for fewer.",
            )


def level_number(place: Place, factor: pd.Categorical, value: Any, node: ast.expr) -> int:
    """The number of a level, which may be written in another type."""
    levels = list(factor.categories)
    is_one = isinstance(value, str | bool | int | float | np.number)
    number = level_index(levels, value) if is_one else None
    if number is not None:
        return number
    listed = ", ".join(repr(level) for level in levels[:12]) + (", …" if levels[12:] else "")
    raise place.data_error(f"{ast.unparse(node)} has no level {value!r}.", f"use one of {listed}.")


def check_degree(place: Place, values: Array, degree: Any) -> None:
    """Refuse a polynomial that fewer different values cannot carry."""
    different = len(np.unique(values))
    if isinstance(degree, int) and degree >= different:
        raise place.data_error(
            f"A polynomial of degree {degree} needs more than {degree} different values, and "
            f"there are {different}.",
            "lower the degree.",
        )


def check_range(place: Place, name: str, values: Array, known: Mapping[str, Any]) -> None:
    """Refuse values outside of the range of a spline, unless it was told how to go on."""
    beyond = known.get("extrapolation", "raise" if name == "bs" else "extend")
    if beyond != "raise":
        return
    low = known["lower_bound"] if known.get("lower_bound") is not None else np.min(values)
    high = known["upper_bound"] if known.get("upper_bound") is not None else np.max(values)
    outside = (values < low) | (values > high)
    if outside.any():
        example = float(values[np.argmax(outside)])
        raise place.data_error(
            f"The spline is wanted at {example:g}, outside of its range of {float(low):g} to "
            f"{float(high):g}, in {int(outside.sum())} rows.",
            "use values within the range of the fit, or write extrapolation='extend' to go on "
            "with the outer polynomials (as R does), or 'clip' to stay at the ends.\n"
            "Why:  beyond its range nothing but the formula of the spline says how it goes on.",
        )


def check_rows(
    place: Place,
    function: OwnFunction,
    values: Sequence[Any],
    options: Mapping[str, Any],
    *,
    nrows: int,
    is_first: bool,
) -> Array:
    """The values of a caller's function, which has to give each row a number of its own.

    Whether a row's value depends on the other rows is tried once, on every second row: such a
    function would give other values for new data than it gave in the fit.
    """
    result = _called(place, function, values, options, nrows)
    if is_first and nrows > 1:
        half = np.arange(nrows) % 2 == 0
        parts = [_some(value, half) for value in values]
        some = {name: _some(value, half) for name, value in options.items()}
        again = _called(place, function, parts, some, int(half.sum()))
        if not np.allclose(again, result[half], rtol=ROWS_AGREE, atol=0, equal_nan=True):
            raise place.data_error(
                f"The function {function.name!r} of context gives rows other values when some "
                "rows are left out.",
                "give a function of each row's own values; center(), scale(), poly() and the "
                "splines keep what they learn from the fit.\n"
                "Why:  for new data the columns would not mean what they meant in the fit.",
            )
    return result


def _some(value: Any, rows: Array) -> Any:
    return value[rows] if isinstance(value, np.ndarray) else value


def _called(
    place: Place,
    function: OwnFunction,
    values: Sequence[Any],
    options: Mapping[str, Any],
    nrows: int,
) -> Array:
    copies = [np.array(v) if isinstance(v, np.ndarray) else v for v in values]
    others = {k: np.array(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    try:
        result = np.asarray(function(*copies, **others))
    except Exception as error:
        raise place.data_error(
            f"The function {function.name!r} of context failed on {nrows} rows: "
            f"{type(error).__name__}: {error}",
            "make it take arrays of floats and give one number per row.",
        ) from error
    if result.shape != (nrows,) or result.dtype.kind not in "fiub":
        raise place.data_error(
            f"The function {function.name!r} of context gives an array of shape {result.shape} and "
            f"type {result.dtype} for {nrows} rows.",
            "make it give one number per row; several columns take several functions.",
        )
    return result.astype(np.float64)
