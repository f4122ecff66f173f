"""Smaller fixed parts and random terms of a model, on the rows that its fit uses."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from formulaic import ModelSpec as Recipe
from formulaic import SimpleFormula
from formulaic.parser.types import Factor, Term
from numpy.typing import ArrayLike

from mixedmodels.data import Frame, completeness
from mixedmodels.design.arguments import read_argument
from mixedmodels.design.coordinates import coordinates_of
from mixedmodels.design.expand import train
from mixedmodels.design.matrices import Mask, Matrix
from mixedmodels.design.names import readable
from mixedmodels.design.rank import independent_columns
from mixedmodels.design.spec import ModelSpec, matched_columns


def term_label(term: Term) -> str:
    """A term as tables name it: its factors joined by colons."""
    return ":".join(readable(factor.expr) for factor in term.factors)


def is_intercept(term: Term) -> bool:
    """Whether the term is the constant."""
    return [factor.expr for factor in term.factors] == ["1"]


def is_categorical(term: Term, recipe: Recipe) -> bool:
    """Whether a categorical factor takes part in the term of a complete recipe."""
    kinds = {expr: kind for expr, (kind, _) in recipe.encoder_state.items()}
    return any(kinds.get(f.expr) is Factor.Kind.CATEGORICAL for f in term.factors)


def droppable_terms(terms: Sequence[Term]) -> list[Term]:
    """The terms that are in no higher term: `a:b` of `a * b`. The intercept always stays.

    A term is in another one if all its factors are among the other's; a covariate and a function
    of it (`x` and `I(x**2)`) are different factors.
    """
    factors = [frozenset(factor.expr for factor in term.factors) for term in terms]
    return [
        term
        for term, mine in zip(terms, factors, strict=True)
        if not is_intercept(term) and not any(mine < other for other in factors)
    ]


def reduced_fixed_part(
    spec: ModelSpec, frame: Frame, *, terms: Sequence[Term], kept: Mask
) -> Matrix:
    """Independent columns (n, p_0) of some terms of the fixed part, coded afresh, in working
    coordinates of their own.

    The same as the fixed part of a fit with these terms alone, on the rows `kept` of `frame`,
    which are those of the fit even where fewer terms would let more rows in; without the constant
    where thresholds stand for it.
    """
    columns = matched_columns(spec, frame, rows=None if kept.all() else kept)
    variables = spec.variables_of(columns, int(np.count_nonzero(kept)))
    X = train(SimpleFormula(list(terms)), variables).matrix
    first = len(spec.columns.absorbed)
    kept_columns = X[:, independent_columns(X)[first:]]
    return np.asfortranarray(coordinates_of(kept_columns).columns(kept_columns))


def complete_rows(
    frame: Frame, columns: Collection[str], *, arguments: Mapping[str, str | ArrayLike | None]
) -> int:
    """How many rows of the data have no missing value in `columns` and in some arguments by name,
    such as the offset.
    """
    found = [frame.column(name) for name in columns]
    given = [read_argument(what, value, frame) for what, value in arguments.items()]
    return frame.nrows - completeness([*found, *filter(None, given)]).n_missing
