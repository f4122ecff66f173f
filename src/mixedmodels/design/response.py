"""The response: numbers, successes in trials, two levels, or ordered categories."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from formulaic.parser.types import Factor

from mixedmodels.data import Column, encode, label, require_distinct_labels
from mixedmodels.design.arguments import checked_sizes
from mixedmodels.design.asked import Asked
from mixedmodels.design.checks import check_response
from mixedmodels.design.expand import evaluate
from mixedmodels.design.matrices import Vector
from mixedmodels.design.variables import Variables
from mixedmodels.errors import DataError, FormulaError
from mixedmodels.families import Family
from mixedmodels.formula import Formula
from mixedmodels.formula.expression import expression_of
from mixedmodels.formula.trials import TrialsResponse

MOST_CATEGORIES = 100
"""Categories of an ordinal response: each is a threshold, a parameter of its own."""


@dataclass(frozen=True, slots=True)
class Response:
    """The response on the kept rows, and how it was read.

    Attributes
    ----------
    values
        Shape (n,): numbers, successes, or the places of the categories.
    state
        State of stateful transforms in it.
    size
        Trials (n,); None where every row is one.
    levels
        The categories of a response that is no number, in order.
    """

    values: Vector
    state: dict[str, Any]
    size: Vector | None = None
    levels: tuple[Any, ...] = field(default=())


def response_of(asked: Asked, variables: Variables, trials: Vector | None = None) -> Response:
    """The response on the kept rows; `trials` are those of the argument of this name.

    Raises
    ------
    FormulaError, DataError
        If it names no column, does not vary, or has values that its family does not have.
    """
    formula = asked.formula
    if not variables.columns:
        message = "The response names no column of the data."
        raise FormulaError(message, formula=formula.text, position=0)
    if asked.distribution is not None:
        return _generalised(asked, asked.distribution.family, variables, trials)
    state: dict[str, Any] = {}
    y = evaluate(formula.response_factor, variables, state)
    check_response(y, formula.response)
    return Response(y, state)


def _generalised(
    asked: Asked, family: Family, variables: Variables, trials: Vector | None
) -> Response:
    formula = asked.formula
    if trials is not None and family.response != "trials":
        raise DataError(
            f"trials= is given, and the family {family.name} has none.\n"
            "Do:   leave it out; what a count is of is exposure=."
        )
    state: dict[str, Any] = {}
    if asked.trials is not None:
        found = _of_trials(formula, asked.trials, variables, state, trials)
    elif family.response == "ordered":
        found = _ordered(formula, variables, state)
    elif family.response == "trials" and _is_category(formula, variables):
        found = _two_levels(formula, variables, trials)
    else:
        found = Response(evaluate(formula.response_factor, variables, state), state, trials)
    family.check_response(found.values, found.size, formula.response)
    if found.size is not None and (found.size == 1).all():
        found = replace(found, size=None)
    if family.name == "beta_binomial" and found.size is None:
        raise DataError(
            f"The family beta_binomial has a dispersion of trials, and every row is one trial of "
            f"{formula.response!r}.\n"
            'Do:   use family="binomial".\n'
            "Why:  of one trial nothing but its probability can be told."
        )
    return found


def _is_category(formula: Formula, variables: Variables) -> bool:
    factor = formula.response_factor
    is_name = factor.eval_method is Factor.EvalMethod.LOOKUP
    return is_name and not variables.is_number(factor.expr)


def _two_levels(formula: Formula, variables: Variables, trials: Vector | None) -> Response:
    """A factor as 0 and 1: its second level is a success."""
    column = variables.columns[formula.response_factor.expr]
    codes = encode(column)
    require_distinct_labels(column.name, codes.values)
    if trials is not None:
        raise DataError(
            f"trials= is given, and the response {column.name!r} is no number of successes.\n"
            "Do:   leave trials= out: every row is one trial."
        )
    if len(codes.values) != 2:
        listed = ", ".join(map(label, codes.values[:6])) + (", …" if codes.values[6:] else "")
        count = f"{len(codes.values)} level{'' if len(codes.values) == 1 else 's'}"
        raise DataError(
            f"The response {column.name!r} has {count}: {listed}.\n"
            'Do:   give a response of two levels, or a condition such as I(y == "b"); '
            'family="ordinal" takes ordered categories.\n'
            "Why:  a row is a failure (the first level) or a success (the second)."
        )
    return Response(codes.codes.astype(np.float64), {}, None, codes.values)


def _ordered(formula: Formula, variables: Variables, state: dict[str, Any]) -> Response:
    """Ordered categories as 0, 1, …: numbers by size, levels of a factor in its own order."""
    column = _response_column(formula, variables, state)
    codes = encode(column)
    require_distinct_labels(column.name, codes.values)
    count = len(codes.values)
    if column.is_text and count > 2:
        listed = ", ".join(map(label, codes.values[:6])) + (", …" if codes.values[6:] else "")
        raise DataError(
            f"The response {column.name!r} is text, whose order would be the alphabet's: {listed}."
            "\nDo:   make it an ordered categorical (pandas.Categorical, polars.Enum), or numbers."
            "\nWhy:  an ordinal model is a statement about the order of its categories."
        )
    if not 2 <= count <= MOST_CATEGORIES:
        raise DataError(
            f"The response {formula.response!r} has {count} "
            f"categor{'y' if count == 1 else 'ies'}.\n"
            f"Do:   give one of 2 to {MOST_CATEGORIES} ordered categories.\n"
            "Why:  every threshold between two categories is a parameter."
        )
    return Response(codes.codes.astype(np.float64), state, None, codes.values)


def _response_column(formula: Formula, variables: Variables, state: dict[str, Any]) -> Column:
    factor = formula.response_factor
    if factor.eval_method is Factor.EvalMethod.LOOKUP:
        return variables.columns[factor.expr]
    return Column.of_numbers(formula.response, evaluate(factor, variables, state))


def _of_trials(
    formula: Formula,
    asked: TrialsResponse,
    variables: Variables,
    state: dict[str, Any],
    trials: Vector | None,
) -> Response:
    """``successes / trials`` or ``cbind(successes, failures)``; `trials` may say the same again."""
    y, size = successes_and_trials(formula, asked, variables, state)
    if trials is not None and not np.array_equal(trials, size):
        raise DataError(
            f"trials= differs from the trials of the response {formula.response!r}.\n"
            "Do:   leave trials= out, or name only the successes in the formula."
        )
    return Response(y, state, size)


def successes_and_trials(
    formula: Formula, asked: TrialsResponse, variables: Variables, state: dict[str, Any]
) -> tuple[Vector, Vector]:
    """Successes (n,) and trials (n,) of a response that has both.

    Raises
    ------
    DataError
        If the trials are no positive whole numbers.
    """
    y = evaluate(asked.successes, variables, state)
    other = _of_rows(asked.other, variables, state)
    if not asked.of_failures:
        return y, checked_sizes(other, formula.response)
    if (other < 0).any():
        raise DataError(
            f"The failures in {formula.response!r} are negative in "
            f"{np.count_nonzero(other < 0)} rows.\n"
            "Do:   write cbind(successes, failures), with failures such as trials - successes."
        )
    return y, checked_sizes(y + other, formula.response)


def _of_rows(factor: Factor, variables: Variables, state: dict[str, Any]) -> Vector:
    """The values of a part (n,), which may be one number."""
    if factor.eval_method is not Factor.EvalMethod.LITERAL:
        return evaluate(factor, variables, state)
    value = expression_of(factor.expr).tree
    is_number = isinstance(value, ast.Constant) and type(value.value) in (int, float)
    return np.full(variables.nrows, float(factor.expr) if is_number else np.nan)
