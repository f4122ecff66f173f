"""Terms that are products of columns, made without formulaic: the same columns in less time.

A sum such as ``x + f + x:f`` needs no evaluation. Which of its factors lose a level is formulaic's
decision, taken by its own code once for a formula and the kinds of its columns; what is left are
products of numbers and of indicators of levels, multiplied in formulaic's order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from itertools import product
from typing import Any

import numpy as np
from formulaic import ModelSpec as Recipe
from formulaic import SimpleFormula
from formulaic.materializers.base import EncodedTermStructure
from formulaic.materializers.types import ScopedTerm
from formulaic.parser.types import Factor, Term
from formulaic.transforms.contrasts import ContrastsState, TreatmentContrasts
from numpy.typing import NDArray

from mixedmodels.design.expansion import Expansion
from mixedmodels.design.materializer import scoped_terms
from mixedmodels.design.matrices import Matrix
from mixedmodels.design.names import readable
from mixedmodels.design.same import Same
from mixedmodels.design.sizes import Part, check_count, check_interaction, least_columns
from mixedmodels.design.variables import Variables

Product = tuple[tuple[str, bool], ...]
"""Columns that are multiplied, by name, and whether each loses its first level."""

Encoded = list[tuple[str, NDArray[Any]]]
"""The columns of one factor by name: its numbers, or indicators of its levels."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What a sum of terms stands for where the kinds of its columns are known.

    Attributes
    ----------
    scoped
        Per term, what it adds to those before it, as formulaic has it.
    products
        The same as columns that are multiplied.
    counts
        One column for each term.
    numeric
        The complete recipe where all columns are numbers, on whose values it does not depend.
    """

    scoped: tuple[tuple[Term, tuple[ScopedTerm, ...]], ...]
    products: tuple[tuple[Product, ...], ...]
    counts: dict[Term, int]
    numeric: Recipe | None


def is_direct(terms: SimpleFormula, variables: Variables) -> bool:
    """Whether the terms are products of numbers and of factors with the default coding."""
    names = _columns_of(Same(terms))
    return names is not None and all(_is_usable(name, variables) for name in names)


def _is_usable(name: str, variables: Variables) -> bool:
    column = variables.columns.get(name)
    if column is None or column.numbers is not None:
        return column is not None
    return (
        name not in variables.codings and column.codes is not None and len(column.codes.values) > 1
    )


@lru_cache(maxsize=256)
def _columns_of(terms: Same) -> tuple[str, ...] | None:
    """The columns that terms are products of; None if there are other factors than columns."""
    factors = [f for term in terms.value if not _is_intercept(term) for f in term.factors]
    if any(factor.eval_method is not Factor.EvalMethod.LOOKUP for factor in factors):
        return None
    return tuple(dict.fromkeys(factor.expr for factor in factors))


def _is_intercept(term: Term) -> bool:
    return len(term.factors) == 1 and term.factors[0].expr == "1"


def train_direct(
    terms: SimpleFormula, variables: Variables, part: Part, *, full_rank: bool
) -> Expansion:
    """The columns of terms for which `is_direct` holds, and their recipe.

    Raises
    ------
    DataError
        If there would be too many columns.
    """
    kinds = tuple(map(variables.is_number, _columns_of(Same(terms)) or ()))
    if not all(kinds):  # before they are laid out: many factors have very many subsets
        check_count(part, _counts(terms, variables), variables.nrows)
    layout = _layout(Same(terms), kinds, full_rank)
    if layout.numeric is not None:
        check_count(part, layout.counts, variables.nrows)
        return expand_direct(layout.numeric, variables)
    names, matrix = _made(layout.products, variables)
    states = _states(_in_use(layout.products), variables)
    return _expansion(_recipe(terms, layout.scoped, names, full_rank, states), matrix)


def knows(recipe: Recipe, variables: Variables) -> bool:
    """Whether `is_direct` holds for the terms of a complete recipe, with its kinds and levels."""
    if not is_direct(recipe.formula, variables):
        return False
    for name, (kind, state) in recipe.encoder_state.items():
        codes = None if variables.is_number(name) else variables.columns[name].codes
        if (codes is None) is not (kind is Factor.Kind.NUMERICAL):
            return False
        if codes is not None and state["categories"] != list(codes.values):
            return False
    return True


def expand_direct(recipe: Recipe, variables: Variables) -> Expansion:
    """The columns of a recipe that `knows` these variables."""
    products = tuple(_products(row.scoped_terms) for row in recipe.structure)
    if all(kind is Factor.Kind.NUMERICAL for kind, _ in recipe.encoder_state.values()):
        return _expansion(recipe, _of_numbers(products, variables))
    return _expansion(recipe, _made(products, variables)[1])


def _expansion(recipe: Recipe, matrix: Matrix) -> Expansion:
    return Expansion(recipe, tuple(map(readable, recipe.column_names)), matrix)


@lru_cache(maxsize=256)
def _layout(terms: Same, is_number: tuple[bool, ...], full_rank: bool) -> Layout:
    numbers = {n for n, number in zip(_columns_of(terms) or (), is_number, strict=True) if number}
    scoped = scoped_terms(terms.value, numbers, full_rank=full_rank)
    products = tuple(_products(found) for _, found in scoped)
    recipe = None
    if all(is_number):
        names = [[_name(product) for product in row] for row in products]
        states: dict[str, Any] = {n: (Factor.Kind.NUMERICAL, {}) for n in _in_use(products)}
        recipe = _recipe(terms.value, scoped, names, full_rank, states)
    return Layout(scoped, products, dict.fromkeys(terms.value, 1), recipe)


def _products(scoped: Sequence[ScopedTerm]) -> tuple[Product, ...]:
    return tuple(tuple((f.factor.expr, f.reduced) for f in one.factors) for one in scoped)


def _name(numbers: Product) -> str:
    return ":".join(name for name, _ in numbers) if numbers else "Intercept"


def _in_use(products: Sequence[Sequence[Product]]) -> list[str]:
    """The columns that are used, in the order of their first use."""
    return list(dict.fromkeys(name for row in products for one in row for name, _ in one))


def _of_numbers(products: Sequence[Sequence[Product]], variables: Variables) -> Matrix:
    """The matrix where all columns are numbers: one column for each product."""
    columns = [one for row in products for one in row]
    if columns == [()]:
        return variables.constant
    matrix = np.empty((variables.nrows, len(columns)), order="F")
    for j, one in enumerate(columns):
        matrix[:, j] = variables.numbers(one[0][0]) if one else 1.0
        if len(one) > 1:
            with np.errstate(all="ignore"):  # what is not finite is refused by its name
                for name, _ in one[1:]:
                    matrix[:, j] *= variables.numbers(name)
    return matrix


def _counts(terms: SimpleFormula, variables: Variables) -> dict[Term, int]:
    """The columns of every term, at least."""
    counts = {}
    for term in terms:
        columns = [] if _is_intercept(term) else [variables.columns[f.expr] for f in term.factors]
        levels = [len(c.codes.values) for c in columns if c.numbers is None and c.codes is not None]
        check_interaction(term, len(levels))
        counts[term] = least_columns(levels)
    return counts


def _made(
    terms: Sequence[Sequence[Product]], variables: Variables
) -> tuple[list[list[str]], Matrix]:
    """Per term the names of its columns, and the matrix of all."""
    names: list[list[str]] = []
    columns: list[tuple[NDArray[Any], ...]] = []
    encoded: dict[tuple[str, bool], Encoded] = {}
    with np.errstate(all="ignore"):  # what is not finite is refused by its name
        for products in terms:
            made = [column for one in products for column in _columns(one, variables, encoded)]
            names.append([name for name, _ in made])
            columns += [factors for _, factors in made]
        matrix = np.empty((variables.nrows, len(columns)), order="F")
        for j, factors in enumerate(columns):
            matrix[:, j] = factors[0] if factors else 1.0
            for values in factors[1:]:
                matrix[:, j] *= values
    return names, matrix


def _columns(
    one: Product, variables: Variables, encoded: dict[tuple[str, bool], Encoded]
) -> Iterator[tuple[str, tuple[NDArray[Any], ...]]]:
    """The names of the columns of a product, the first factor fastest, and what is multiplied.

    Factors of one column are multiplied with each other first, and go last.
    """
    if not one:
        yield "Intercept", ()
        return
    factors = []
    for name, is_reduced in one:
        key = name, is_reduced
        if key not in encoded:
            encoded[key] = _encoded(name, variables, is_reduced)
        factors.append(encoded[key])
    single = [factor[0][1] for factor in factors if len(factor) == 1]
    last = (reduce(np.multiply, single),) if single else ()
    for chosen in product(*reversed(factors)):
        parts = [
            part for part, factor in zip(chosen[::-1], factors, strict=True) if len(factor) > 1
        ]
        name = ":".join(label for label, _ in reversed(chosen))
        yield name, (*(values for _, values in parts), *last)


def _encoded(name: str, variables: Variables, is_reduced: bool) -> Encoded:
    codes = variables.columns[name].codes
    if variables.is_number(name) or codes is None:
        return [(name, variables.numbers(name).astype(np.float64, copy=False))]
    form = (
        TreatmentContrasts.FACTOR_FORMAT_REDUCED if is_reduced else TreatmentContrasts.FACTOR_FORMAT
    )
    return [
        (form.format(name=name, field=value), codes.codes == code)
        for code, value in enumerate(codes.values)
        if code or not is_reduced
    ]


def _states(names: Sequence[str], variables: Variables) -> dict[str, Any]:
    """What formulaic remembers of the columns: kinds, and levels with their coding."""
    states: dict[str, Any] = {}
    for name in names:
        codes = None if variables.is_number(name) else variables.columns[name].codes
        if codes is None:
            states[name] = Factor.Kind.NUMERICAL, {}
            continue
        levels = list(codes.values)
        coding = ContrastsState(TreatmentContrasts(), levels)
        states[name] = Factor.Kind.CATEGORICAL, {"categories": levels, "contrasts": coding}
    return states


def _recipe(
    terms: SimpleFormula,
    scoped: Sequence[tuple[Term, Sequence[ScopedTerm]]],
    names: Sequence[Sequence[str]],
    full_rank: bool,
    states: dict[str, Any],
) -> Recipe:
    """The recipe as formulaic leaves it."""
    return Recipe(
        formula=terms,
        materializer="pandas",
        output="numpy",
        na_action="ignore",
        ensure_full_rank=full_rank,
        structure=[
            EncodedTermStructure(term, list(products), list(columns))
            for (term, products), columns in zip(scoped, names, strict=True)
        ],
        encoder_state=states,
    )
