"""formulaic's maker of columns, with our values: it codes factors, and evaluates nothing itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from formulaic import ModelMatrix, SimpleFormula
from formulaic import ModelSpec as Recipe
from formulaic.materializers.pandas import PandasMaterializer
from formulaic.materializers.types import EvaluatedFactor, FactorValues, ScopedTerm
from formulaic.materializers.types.factor_values import FactorValuesMetadata
from formulaic.parser.types import Factor, Term
from formulaic.utils.variables import Variable as NamedValue
from interface_meta import override

from mixedmodels.design.evaluation import Evaluator
from mixedmodels.design.place import Place
from mixedmodels.design.sizes import Part, check_count, check_interaction, least_columns
from mixedmodels.design.variables import Variables
from mixedmodels.formula.expression import expression_of


class Materializer(PandasMaterializer):  # type: ignore[misc]  # formulaic has no types
    """Makes the columns of a recipe from `variables`; `part` is what they are for."""

    variables: Variables
    part: Part

    @staticmethod
    def of(variables: Variables, part: Part) -> Materializer:
        """A maker for these columns; formulaic gets to know no more than their length."""
        made = Materializer(pd.DataFrame(index=pd.RangeIndex(variables.nrows)))
        made.variables, made.part = variables, part
        return made

    @override
    def _lookup(self, name: str) -> tuple[Any, set[NamedValue]]:
        return self.variables.factor(name), {NamedValue(name, roles=("value",), source="data")}

    @override
    def _evaluate(
        self, expr: str, metadata: Mapping[str, Any], spec: Recipe
    ) -> tuple[Any, set[NamedValue]]:
        evaluator = Evaluator(self.variables, spec.transform_state, Place.of(metadata))
        return evaluator.factor(expression_of(expr)), set()

    @override
    def _flatten_encoded_evaled_factor(self, name: str, values: Any) -> dict[str, Any]:
        if not isinstance(values, dict):
            return {name: values}
        form = getattr(values, "__formulaic_metadata__", FactorValuesMetadata()).get_format()
        flat: dict[str, Any] = {}
        for field, value in values.items():  # formulaic leaves out levels that begin with "__"
            flat |= self._flatten_encoded_evaled_factor(form.format(name=name, field=field), value)
        return flat

    @override
    def _build_model_matrix(self, spec: Recipe, drop_rows: Sequence[int]) -> ModelMatrix:
        if not spec.structure:
            counts = {term: self._count(term) for term in spec.formula}
            check_count(self.part, counts, self.variables.nrows)
        return super()._build_model_matrix(spec, drop_rows)

    def _count(self, term: Term) -> int:
        """The columns of a term, at least: a factor has one less than it has levels."""
        levels = [self._levels(factor) for factor in term.factors]
        check_interaction(term, sum(number > 0 for number in levels))
        columns = least_columns([number for number in levels if number])
        for factor, number in zip(term.factors, levels, strict=True):
            columns *= 1 if number else self._columns(factor)
        return columns

    def _levels(self, factor: Factor) -> int:
        """How many levels a factor has; zero for numbers."""
        evaluated = self.factor_cache[factor.expr]
        if evaluated.metadata.kind is not Factor.Kind.CATEGORICAL:
            return 0
        values = evaluated.values.__wrapped__
        if isinstance(getattr(values, "dtype", None), pd.CategoricalDtype):
            return len(values.dtype.categories)
        return int(pd.Series(values).nunique())

    def _columns(self, factor: Factor) -> int:
        values = self.factor_cache[factor.expr].values.__wrapped__
        if isinstance(values, dict):
            return len(values)
        return int(np.shape(values)[1]) if np.ndim(values) == 2 else 1


def scoped_terms(
    terms: SimpleFormula, numbers: Collection[str], *, full_rank: bool
) -> tuple[tuple[Term, tuple[ScopedTerm, ...]], ...]:
    """Per term, the products of factors that it stands for beside the terms before it.

    Parameters
    ----------
    terms
        Terms of columns and of the intercept alone.
    numbers
        The columns that are numbers; the others are factors with the default coding.
    full_rank
        Whether factors lose a level where their other levels and earlier terms span it.
    """
    maker = PandasMaterializer(pd.DataFrame())
    for factor in (factor for term in terms for factor in term.factors):
        maker.factor_cache[factor.expr] = _unseen(factor, is_number=factor.expr in numbers)
    found = maker._get_scoped_terms(list(terms), ensure_full_rank=full_rank)
    return tuple(
        (term, tuple(s.copy(without_values=True) for s in scoped)) for term, scoped in found
    )


def _unseen(factor: Factor, *, is_number: bool) -> EvaluatedFactor:
    """A factor of which no more than its kind is known."""
    if factor.eval_method is Factor.EvalMethod.LITERAL:
        return EvaluatedFactor(factor, FactorValues(1, kind=Factor.Kind.CONSTANT))
    kind = Factor.Kind.NUMERICAL if is_number else Factor.Kind.CATEGORICAL
    values = FactorValues(np.empty(0), kind=kind, spans_intercept=not is_number)
    name = NamedValue(factor.expr, roles=("value",), source="data")
    return EvaluatedFactor(factor, values, {name})
