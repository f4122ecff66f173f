"""The values of an expression of a formula: a small interpreter of its syntax tree.

It knows the nodes that `mixedmodels.formula` lets through and the functions of `environment`, and
nothing else, so that evaluating a formula never executes code. Arithmetic is done with floats:
what a whole-number or boolean column gives is what the same numbers as floats give. Conditions,
comparisons and factors see the columns as they are.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from formulaic.materializers.types import FactorValues
from numpy.typing import NDArray

from mixedmodels.design.calls import (
    Arguments,
    check_counts,
    check_degree,
    check_range,
    check_rows,
    level_number,
)
from mixedmodels.design.environment import (
    CATEGORICAL,
    CODINGS,
    CONSTANTS,
    ELEMENTWISE,
    IDENTITY,
    SPLINES,
    STATEFUL,
    Elementwise,
    OwnFunction,
    Transform,
)
from mixedmodels.design.factor_calls import factor_of, hashed_labels
from mixedmodels.design.place import Place
from mixedmodels.design.variables import Variables
from mixedmodels.formula.expression import Expression
from mixedmodels.formula.tokens import unquote

Array = NDArray[Any]

ARITHMETIC: Mapping[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}

LOGIC: Mapping[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
}

COMPARISON: Mapping[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}

WHOLE = (ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod, ast.Pow)
"""Operations that make whole numbers of whole numbers."""


@dataclass(frozen=True, slots=True)
class Evaluator:
    """Evaluates one expression.

    Attributes
    ----------
    variables
        The columns, and the caller's functions.
    state
        What the transforms learned, by their text: filled where it is empty.
    place
        Where the expression stands, for messages.
    """

    variables: Variables
    state: dict[str, Any]
    place: Place

    def factor(self, expression: Expression) -> Any:
        """The values of a factor: an array of floats, or what formulaic makes columns of."""
        with np.errstate(all="ignore"):
            value = self.value(expression.tree)
        if isinstance(value, pd.Categorical):
            return pd.Series(value)
        if isinstance(value, np.ndarray) and value.ndim == 1:
            return value.astype(np.float64, copy=False)
        if isinstance(value, FactorValues | np.ndarray):
            return value
        raise self.place.formula_error("This uses no column: a term has one value per row.")

    def value(self, node: ast.expr) -> Any:
        """The value of a node; columns are as they are in the data."""
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            return self.name(unquote(node.id))
        if isinstance(node, ast.BinOp):
            return self.binary(node)
        if isinstance(node, ast.UnaryOp):
            return self.unary(node)
        if isinstance(node, ast.Compare):
            return self.comparison(node)
        if isinstance(node, ast.Call):
            return self.call(node)
        if isinstance(node, ast.Subscript):
            return self.part(node)
        raise self.place.formula_error(f"{ast.unparse(node)} is no column.")

    def name(self, name: str) -> Any:
        """A column, or a constant."""
        if name in self.variables.columns:
            return self.variables.raw(name)
        own = self.variables.functions.get(name)
        constant = CONSTANTS.get(name, own)
        if constant is None or isinstance(constant, OwnFunction):
            raise self.place.formula_error(f"{name} is a function: it needs (…) after its name.")
        return constant

    def binary(self, node: ast.BinOp) -> Any:
        """Arithmetic, in floats; long sums without recursion."""
        spine: list[ast.BinOp] = [node]
        while isinstance(spine[-1].left, ast.BinOp):
            spine.append(spine[-1].left)
        left = self.value(spine[-1].left)
        first = spine[-1].left
        for part in reversed(spine):
            right = self.value(part.right)
            kind = type(part.op)
            if kind in LOGIC:
                left = LOGIC[kind](self.logical(left, first), self.logical(right, part.right))
            else:
                left = ARITHMETIC[kind](self.number(left, first), self.number(right, part.right))
            if np.ndim(left) == 0 and not np.isfinite(left):
                raise self.place.formula_error(f"{ast.unparse(part)} is no finite number.")
            first = part
        return left

    def unary(self, node: ast.UnaryOp) -> Any:
        value = self.value(node.operand)
        if isinstance(node.op, ast.Invert):
            return ~self.logical(value, node.operand)
        number = self.number(value, node.operand)
        return -number if isinstance(node.op, ast.USub) else number

    def comparison(self, node: ast.Compare) -> Any:
        """Comparisons, joined as in ``0 < x < 1``."""
        nodes = [node.left, *node.comparators]
        values = [self.value(one) for one in nodes]
        result: Any = True
        for i, sign in enumerate(node.ops):
            result = result & self.compared(sign, values[i : i + 2], nodes[i : i + 2])
        return result

    def compared(self, sign: ast.cmpop, values: list[Any], nodes: list[ast.expr]) -> Any:
        compare = COMPARISON[type(sign)]
        factors = [isinstance(value, pd.Categorical) for value in values]
        if not any(factors):
            left, right = (self.comparable(v, n) for v, n in zip(values, nodes, strict=True))
            return compare(left, right)
        if not isinstance(sign, ast.Eq | ast.NotEq):
            raise self.place.data_error(
                f"{ast.unparse(nodes[factors.index(True)])} is a factor: its levels have no order.",
                "compare it with == or !=.",
            )
        if all(factors):
            return compare(*(np.asarray(value.astype(str)) for value in values))
        factor, other = values if factors[0] else reversed(values)
        same = factor.codes == level_number(self.place, factor, other, nodes[factors.index(True)])
        return same if isinstance(sign, ast.Eq) else ~same

    def comparable(self, value: Any, node: ast.expr) -> Any:
        """A number or a condition as it is: whole numbers keep all of their digits."""
        if isinstance(node, ast.Name) and self.variables.is_rounded(unquote(node.id)):
            raise self.place.data_error(
                f"{node.id} holds numbers of more digits than a double has: a comparison would "
                "take different ones as equal.",
                "make the column text or categorical, and compare it with a level.",
            )
        if isinstance(value, np.ndarray) and value.ndim == 1:
            return value
        if type(value) is int and -(2**63) <= value < 2**63:
            return value
        return self.number(value, node)

    def logical(self, value: Any, node: ast.expr) -> Any:
        """A condition, or whole numbers whose bits are meant."""
        if isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype.kind in "bi":
            return value
        if isinstance(value, bool | int):
            return value
        raise self.place.data_error(
            f"{ast.unparse(node)} is no condition, as &, | and ~ need.",
            "compare first, as in (x > 0) & (z < 1).",
        )

    def number(self, value: Any, node: ast.expr) -> Any:
        """A number or an array of numbers, as floats."""
        if isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype.kind in "fiub":
            return value.astype(np.float64, copy=False)
        if isinstance(value, bool | int | float | np.number):
            try:
                return np.float64(value)
            except OverflowError:
                return np.float64(np.inf)
        raise self.place.data_error(*self._no_number(value, node))

    def _no_number(self, value: Any, node: ast.expr) -> tuple[str, str]:
        text = ast.unparse(node)
        if isinstance(value, pd.Categorical):
            return (
                f"{text} is categorical, with levels such as {value.categories[0]!r}: it has no "
                "numbers to calculate with.",
                "convert the column to numbers, or compare it with a level, as in "
                f"I({text} == {value.categories[0]!r}).",
            )
        if isinstance(value, FactorValues | np.ndarray):
            return (f"{text} is several columns.", f"calculate with one of them, as {text}[1].")
        return (f"{text} is no number.", "use numeric columns and numbers.")

    def part(self, node: ast.Subscript) -> Any:
        """One column of several, by its name: the ``[2]`` of ``bs(x, df=4)[2]``."""
        whole = self.value(node.value)
        wanted = Arguments(self.place, self.variables.functions).literal(node.slice)
        if isinstance(whole, FactorValues) and isinstance(whole.__wrapped__, np.ndarray):
            names: Any = whole.__formulaic_metadata__.column_names or ()
            columns = dict(zip(names, np.asarray(whole).T, strict=False))
        elif isinstance(whole, np.ndarray) and whole.ndim == 2:
            columns = dict(enumerate(whole.T))
        elif isinstance(whole, FactorValues) and isinstance(whole.__wrapped__, dict):
            columns = dict(whole)
        else:
            raise self.place.formula_error(
                "A formula picks no rows: only one column of several, as bs(x, df=4)[2]."
            )
        found = {str(name): column for name, column in columns.items()}.get(str(wanted))
        if found is None:
            listed = ", ".join(map(str, columns))
            raise self.place.formula_error(f"There is no column {wanted!r} here, but {listed}.")
        return np.asarray(found, dtype=np.float64)

    def call(self, node: ast.Call) -> Any:
        """The value of a function, by its kind."""
        assert isinstance(node.func, ast.Name)  # the reader of expressions lets nothing else pass
        name = unquote(node.func.id)
        arguments = Arguments(self.place, self.variables.functions)
        if name == IDENTITY:
            arguments.require(node, 1, 1)
            return self.value(node.args[0])
        if name in ELEMENTWISE:
            arguments.require(node, ELEMENTWISE[name].least, ELEMENTWISE[name].most)
            return self.elementwise(ELEMENTWISE[name], node)
        if name in STATEFUL:
            return self.stateful(name, STATEFUL[name], node)
        if name in CATEGORICAL:
            return self.categorical(name, CATEGORICAL[name], node)
        own = self.variables.functions.get(name)
        if isinstance(own, OwnFunction):
            return self.own(own, node)
        what = "belongs within C(…)" if name in CODINGS else "is no function of formulas"
        raise self.place.formula_error(f"{name} {what}.")

    def categorical(self, name: str, known: tuple[str, ...], node: ast.Call) -> Any:
        """A factor, or the classes of its levels."""
        options = Arguments(self.place, self.variables.functions).options(node, known)
        text = ast.unparse(node)
        if name == "hashed" and "levels" not in options:
            raise self.place.formula_error("hashed() needs levels, as in hashed(x, levels=10).")
        labels = self.labels(node.args[0])
        if name == "hashed":
            if text not in self.state:
                check_counts(self.place, options, self.variables.nrows)
            labels = hashed_labels(labels, options.pop("levels"))
        return factor_of(self.place, text, labels, options, self.state.setdefault(text, {}))

    def elementwise(self, function: Elementwise, node: ast.Call) -> Any:
        if function.call is np.isin:
            return self.membership(node)
        convert = self.comparable if function.is_raw else self.number
        values = [convert(self.value(argument), argument) for argument in node.args]
        if function.call is np.round and len(values) == 2:
            if np.ndim(values[1]) or values[1] not in range(-100, 101):
                raise self.place.formula_error("Digits to round to are one whole number.")
            values[1] = int(values[1])
        return function.call(*values)

    def membership(self, node: ast.Call) -> Any:
        """``np.isin(f, ["a", "b"])``, for factors and for numbers."""
        value = self.value(node.args[0])
        wanted = Arguments(self.place, self.variables.functions).literal(node.args[1])
        several = wanted if isinstance(wanted, list | tuple) else [wanted]
        if isinstance(value, pd.Categorical):
            levels = [level_number(self.place, value, one, node.args[0]) for one in several]
            return np.isin(value.codes, levels)
        values = self.comparable(value, node.args[0])
        found = np.zeros(np.shape(values), dtype=np.bool_)
        for one in several:  # one by one: a list of numbers of several types would be rounded
            found |= values == self.comparable(one, node.args[1])
        return found

    def stateful(self, name: str, transform: Transform, node: ast.Call) -> Any:
        options = Arguments(self.place, self.variables.functions).options(node, transform.options)
        values = self.number(self.value(node.args[0]), node.args[0])
        if np.ndim(values) == 0:
            raise self.place.formula_error(f"{name}() needs a column.")
        text = ast.unparse(node)
        is_first = text not in self.state
        state = self.state.setdefault(text, {})
        if is_first:
            check_counts(self.place, options, self.variables.nrows)
            if name == "poly" and not options.get("raw"):
                check_degree(self.place, values, options.get("degree", 1))
        if name in SPLINES:
            check_range(self.place, name, values, {**options, **state})
        try:
            return transform.call(values, _state=state, **options)
        except (ValueError, TypeError) as error:
            detail = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise self.place.data_error(
                f"{text} cannot be made: {detail}", "look at its arguments."
            ) from error

    def labels(self, node: ast.expr) -> Any:
        """What a factor is made of: whole numbers stay whole, so that levels read 2 and not 2.0."""
        value = self.value(node)
        if isinstance(value, pd.Categorical):
            return pd.Series(value)
        array = np.asarray(value)
        if array.shape != (self.variables.nrows,):
            raise self.place.data_error(
                f"{ast.unparse(node)} is not one column.", "make a factor of a column."
            )
        if array.dtype.kind == "f" and self.is_whole(node) and np.all(np.abs(array) < 2**53):
            return pd.Series(array.astype(np.int64))
        return pd.Series(array)

    def is_whole(self, node: ast.expr) -> bool:
        """Whether an expression calculates with whole numbers alone."""
        for part in ast.walk(node):
            if isinstance(part, ast.BinOp) and not isinstance(part.op, WHOLE):
                return False
            if isinstance(part, ast.Constant) and not isinstance(part.value, int):
                return False
            if isinstance(part, ast.Call) and ast.unparse(part.func) not in ("I", "abs", "np.abs"):
                return False
            if isinstance(part, ast.Name) and unquote(part.id) in self.variables.columns:
                raw = self.variables.raw(unquote(part.id))
                if not isinstance(raw, np.ndarray) or raw.dtype.kind not in "ib":
                    return False
        return True

    def own(self, function: OwnFunction, node: ast.Call) -> Array:
        """A function of the caller's: of floats, or of the levels of factors."""
        arguments = Arguments(self.place, self.variables.functions)
        values = [self.own_argument(argument, arguments) for argument in node.args]
        options = {str(k.arg): self.own_argument(k.value, arguments) for k in node.keywords}
        text = ast.unparse(node)
        is_first = text not in self.state
        self.state.setdefault(text, {"checked": True})
        return check_rows(
            self.place, function, values, options, nrows=self.variables.nrows, is_first=is_first
        )

    def own_argument(self, node: ast.expr, arguments: Arguments) -> Any:
        if isinstance(node, ast.Constant | ast.List | ast.Tuple | ast.Dict):
            return arguments.literal(node)
        value = self.value(node)
        if isinstance(value, pd.Categorical):
            return np.asarray(value)
        return self.number(value, node)
