"""Turn a sum of terms into columns, with formulaic and the data.

The recipe of the columns is formulaic's `ModelSpec`: it keeps the terms, the coding of factors
and the state of transforms, and gives the same columns for other data.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from formulaic import ModelSpec as Recipe
from formulaic import SimpleFormula
from formulaic.errors import DataMismatchWarning
from formulaic.materializers.base import EncodedTermStructure
from formulaic.materializers.types import EvaluatedFactor, FactorValues, ScopedFactor, ScopedTerm
from formulaic.parser.types import Factor, Term
from formulaic.utils.variables import Variable as NamedValue

from mixedmodels.design.evaluation import Evaluator
from mixedmodels.design.magnitude import require_magnitude
from mixedmodels.design.materializer import Materializer
from mixedmodels.design.matrices import Mask, Matrix, Vector
from mixedmodels.design.names import readable
from mixedmodels.design.place import Place
from mixedmodels.design.sizes import Part, check_count
from mixedmodels.design.variables import Variables
from mixedmodels.errors import DataError, MixedModelsError
from mixedmodels.formula.expression import expression_of


@dataclass(frozen=True, slots=True)
class Expansion:
    """Columns made from a recipe.

    Attributes
    ----------
    recipe
        Complete: with it `expand` makes the same columns from other data.
    names
        Column names.
    matrix
        Shape (n, columns), Fortran order, finite.
    """

    recipe: Recipe
    names: tuple[str, ...]
    matrix: Matrix

    @property
    def is_numeric(self) -> Mask:
        """Per column, whether no categorical factor takes part in it."""
        kinds = {expr: kind for expr, (kind, _) in self.recipe.encoder_state.items()}
        return np.array(
            [
                all(kinds.get(f.expr) is not Factor.Kind.CATEGORICAL for f in row.term.factors)
                for row in self.recipe.structure
                for _ in row.columns
            ],
            dtype=np.bool_,
        )


def recipe_of(terms: SimpleFormula) -> Recipe:
    """An untrained recipe for the columns of some terms."""
    return Recipe(formula=terms, materializer="pandas", output="numpy", na_action="ignore")


def expand(recipe: Recipe, variables: Variables, part: Part = "fixed") -> Expansion:
    """Make the columns of a recipe; an untrained recipe is trained on these data.

    Raises
    ------
    FormulaError
        If a function is called in a way that it does not have.
    DataError
        If a term cannot be evaluated, has levels that the recipe does not know, has too many
        columns, or is not finite.
    """
    if is_plain(recipe, variables):
        expansion = expand_plain(recipe, variables, part)
    else:
        expansion = expand_formulaic(recipe, variables, part)
    _check_sizes(expansion, is_new=recipe.structure is None)
    return expansion


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


def is_plain(recipe: Recipe, variables: Variables) -> bool:
    """Whether every term is an intercept or a product of numeric columns."""
    return all(
        _is_intercept(term)
        or all(
            factor.eval_method is Factor.EvalMethod.LOOKUP and variables.is_number(factor.expr)
            for factor in term.factors
        )
        for term in recipe.formula
    )


def _is_intercept(term: Term) -> bool:
    return len(term.factors) == 1 and term.factors[0].expr == "1"


def expand_plain(recipe: Recipe, variables: Variables, part: Part = "fixed") -> Expansion:
    """What formulaic does for numeric columns, without its cost of a millisecond per call."""
    terms = list(recipe.formula)
    if recipe.structure is None:
        check_count(part, dict.fromkeys(terms, 1), variables.nrows)
    matrix = np.empty((variables.nrows, len(terms)), order="F")
    for column, term in enumerate(terms):
        if _is_intercept(term):
            matrix[:, column] = 1.0
            continue
        matrix[:, column] = variables.numbers(term.factors[0].expr)
        with np.errstate(all="ignore"):  # what is not finite is refused by its name
            for factor in term.factors[1:]:
                matrix[:, column] *= variables.numbers(factor.expr)
    names = tuple(_plain_name(term) for term in terms)
    trained = recipe if recipe.structure is not None else _trained(recipe, terms, names)
    return Expansion(trained, names, matrix)


def _plain_name(term: Term) -> str:
    if _is_intercept(term):
        return "Intercept"
    return ":".join(factor.expr for factor in term.factors)


def _trained(recipe: Recipe, terms: Sequence[Term], names: Sequence[str]) -> Recipe:
    """The recipe with the structure that formulaic itself would record for plain terms."""
    structure = []
    encoder_state: dict[str, Any] = {}
    for term, name in zip(terms, names, strict=True):
        factors = [] if _is_intercept(term) else list(term.factors)
        scoped = ScopedTerm([ScopedFactor(_numerical(factor)) for factor in factors], scale=1)
        structure.append(EncodedTermStructure(term, [scoped], [name]))
        encoder_state.update({factor.expr: (Factor.Kind.NUMERICAL, {}) for factor in factors})
    return recipe.update(structure=structure, encoder_state=encoder_state)


def _numerical(factor: Factor) -> EvaluatedFactor:
    value = NamedValue(factor.expr, roles=("value",), source="data")
    return EvaluatedFactor(
        factor, values=FactorValues(None, kind=Factor.Kind.NUMERICAL), variables={value}
    )


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
