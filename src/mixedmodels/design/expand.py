"""Turn a sum of terms into columns, with formulaic and the data.

The recipe of the columns is formulaic's `ModelSpec`: it keeps the terms, the coding of factors
and the state of transforms, and gives the same columns for other data.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import numpy as np
from formulaic import ModelSpec as Recipe
from formulaic import SimpleFormula
from formulaic.errors import DataMismatchWarning
from formulaic.parser.types import Factor

from mixedmodels.design.direct import expand_direct, is_direct, knows, train_direct
from mixedmodels.design.evaluation import Evaluator
from mixedmodels.design.expansion import Expansion
from mixedmodels.design.magnitude import require_magnitude
from mixedmodels.design.materializer import Materializer
from mixedmodels.design.matrices import Vector
from mixedmodels.design.names import readable
from mixedmodels.design.place import Place
from mixedmodels.design.sizes import Part
from mixedmodels.design.variables import Variables
from mixedmodels.errors import DataError, MixedModelsError
from mixedmodels.formula.expression import expression_of


def train(
    terms: SimpleFormula,
    variables: Variables,
    part: Part = "fixed",
    *,
    full_rank: bool = True,
    state: Mapping[str, Any] | None = None,
) -> Expansion:
    """Make the columns of a sum of terms, and the recipe to make them from other data.

    Parameters
    ----------
    terms
        As `mixedmodels.formula` reads them; the same object is laid out once.
    variables
        The columns of the data.
    part
        What the columns are for.
    full_rank
        Leave out levels of factors that other terms span, whatever the data.
    state
        What transforms have learned already, by their text; the others learn from these data.

    Raises
    ------
    FormulaError
        If a function is called in a way that it does not have.
    DataError
        If a term cannot be evaluated, has too many columns, or is not finite.
    """
    if is_direct(terms, variables):
        expansion = train_direct(terms, variables, part, full_rank=full_rank)
    else:
        untrained = _untrained(terms, full_rank=full_rank)
        untrained.transform_state.update(deepcopy(dict(state or {})))
        expansion = expand_formulaic(untrained, variables, part)
    _check_sizes(expansion, is_new=True)
    return expansion


def expand(recipe: Recipe, variables: Variables) -> Expansion:
    """Make the columns of a complete recipe from other data.

    Raises
    ------
    DataError
        If a term cannot be evaluated, has levels that the recipe does not know, or is not finite.
    """
    if knows(recipe, variables):
        expansion = expand_direct(recipe, variables)
    else:
        expansion = expand_formulaic(_with_own_state(recipe), variables)
    _check_sizes(expansion, is_new=False)
    return expansion


def _with_own_state(recipe: Recipe) -> Recipe:
    """The recipe with a copy of what formulaic writes to."""
    states = {name: (kind, dict(state)) for name, (kind, state) in recipe.encoder_state.items()}
    return recipe.update(encoder_state=states)


def _untrained(terms: SimpleFormula, *, full_rank: bool = True) -> Recipe:
    """A recipe that is to learn from data, by which it is changed."""
    return Recipe(
        formula=terms,
        materializer="pandas",
        output="numpy",
        na_action="ignore",
        ensure_full_rank=full_rank,
    )


def evaluate(factor: Factor, variables: Variables, state: dict[str, Any]) -> Vector:
    """The values of one factor, such as a response ``log(y + 1)``, as a new array.

    Parameters
    ----------
    factor
        A column or an expression over columns.
    variables
        The columns.
    state
        State of stateful transforms: empty at first, to be passed again for other data.

    Raises
    ------
    DataError
        If it cannot be evaluated or does not give one number per row.
    """
    if factor.eval_method is Factor.EvalMethod.LOOKUP:
        values = variables.factor(factor.expr)
    else:
        evaluator = Evaluator(variables, state, Place.of(factor.metadata))
        values = evaluator.factor(expression_of(factor.expr))
    array = np.asarray(values)
    if array.dtype.kind != "f" or array.shape != (variables.nrows,):
        raise DataError(
            f"The response {readable(factor.expr)!r} does not give one number per row.\n"
            "Do:   name a numeric column, or an expression of numeric columns such as log(y)."
        )
    return np.array(array, dtype=np.float64)


def expand_formulaic(recipe: Recipe, variables: Variables, part: Part = "fixed") -> Expansion:
    """Any terms: formulaic codes their factors, whose values come from `Evaluator`."""
    for term in recipe.formula:
        for factor in term.factors:
            is_name = factor.eval_method is Factor.EvalMethod.LOOKUP
            if is_name and factor.expr not in variables.columns:
                message = f"{factor.expr} is no column: a term needs one."
                raise Place.of(factor.metadata).formula_error(message)
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", DataMismatchWarning)
            made = Materializer.of(variables, part).get_model_matrix(recipe)
            matrix = np.asfortranarray(made, dtype=np.float64)
    except DataMismatchWarning as error:
        raise DataError(
            f"{error}\nDo:   use only the levels that the model was fitted with."
        ) from error
    except MixedModelsError:
        raise
    except Exception as error:
        if isinstance(error.__cause__, MixedModelsError):
            raise error.__cause__ from None
        raise _cannot_evaluate(" + ".join(map(str, recipe.formula)), error) from error
    trained = made.model_spec
    names = tuple(readable(name) for name in trained.column_names)
    return Expansion(trained, names, matrix)


def _check_sizes(expansion: Expansion, *, is_new: bool) -> None:
    """Refuse columns that are not finite and, where a fit is made of them, of impossible units."""
    X = expansion.matrix
    if not X.size:
        return
    largest = np.maximum(X.max(axis=0), -X.min(axis=0)).tolist()
    for column, (name, size) in enumerate(zip(expansion.names, largest, strict=True)):
        if not np.isfinite(size):
            raise _not_finite(name, X[:, column])
        if is_new and size:
            require_magnitude(f"The column {name!r}", size)


def _not_finite(name: str, values: Vector) -> DataError:
    bad = int(np.count_nonzero(~np.isfinite(values)))
    return DataError(
        f"The column {name!r} is infinite or not a number in {bad} rows that "
        "have no missing value.\n"
        "Do:   correct these rows or leave them out; a logarithm needs positive values, a "
        "quotient a denominator other than zero."
    )


def _cannot_evaluate(expression: str, error: Exception) -> DataError:
    detail = str(error).splitlines()[0] if str(error) else type(error).__name__
    return DataError(
        f"{expression!r} cannot be evaluated on the data.\n"
        f"      {detail}\n"
        "Do:   check that its columns have the type that it needs."
    )
