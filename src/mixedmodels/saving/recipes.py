"""formulaic's recipes of columns, as plain data: terms, factors, codings, states of transforms."""

from __future__ import annotations

from typing import Any

from formulaic import ModelSpec as Recipe
from formulaic import SimpleFormula
from formulaic.materializers.base import EncodedTermStructure
from formulaic.materializers.types import EvaluatedFactor, ScopedFactor, ScopedTerm
from formulaic.parser.types import Factor, Term
from formulaic.transforms.contrasts import (
    Contrasts,
    ContrastsState,
    CustomContrasts,
    DiffContrasts,
    HelmertContrasts,
    PolyContrasts,
    SASContrasts,
    SumContrasts,
    TreatmentContrasts,
)
from formulaic.utils.sentinels import UNSET, Sentinel

from mixedmodels.saving.archive import changed
from mixedmodels.saving.values import Codec, Reader

Parts = dict[str, Any]

CODINGS: dict[type[Contrasts], tuple[str, ...]] = {
    TreatmentContrasts: ("base",),
    SASContrasts: ("base",),
    SumContrasts: (),
    HelmertContrasts: ("reverse", "scale"),
    DiffContrasts: ("backward",),
    PolyContrasts: ("scores",),
}
"""Codings of factors, with what a formula can say of each."""


def _factor_parts(factor: Factor) -> Parts:
    return {
        "expr": factor.expr,
        "eval_method": factor.eval_method.value,
        "kind": factor.kind.value,
        "metadata": factor.metadata,
    }


def _factor(parts: Parts, reader: Reader) -> Factor:
    del reader
    return Factor(**parts)


def _term(parts: Parts, reader: Reader) -> Term:
    del reader
    return Term(parts["factors"])


def _terms_parts(terms: SimpleFormula) -> Parts:
    return {"terms": list(terms), "ordering": terms.ordering.value}


def _terms(parts: Parts, reader: Reader) -> SimpleFormula:
    del reader
    return SimpleFormula(parts["terms"], _ordering=parts["ordering"])


def _structure_parts(row: EncodedTermStructure) -> Parts:
    return {"term": row.term, "scoped": list(row.scoped_terms), "columns": list(row.columns)}


def _structure(parts: Parts, reader: Reader) -> EncodedTermStructure:
    del reader
    return EncodedTermStructure(parts["term"], parts["scoped"], parts["columns"])


def _scoped_parts(scoped: ScopedTerm) -> Parts:
    return {
        "scale": scoped.scale,
        "factors": [(f.factor.factor, bool(f.reduced)) for f in scoped.factors],
    }


def _scoped(parts: Parts, reader: Reader) -> ScopedTerm:
    del reader
    factors = [
        ScopedFactor(EvaluatedFactor(factor, None), reduced)  # its values are those of other data
        for factor, reduced in parts["factors"]
    ]
    return ScopedTerm(factors, scale=parts["scale"])


def _recipe_parts(recipe: Recipe) -> Parts:
    return {
        "terms": recipe.formula,
        "full_rank": recipe.ensure_full_rank,
        "structure": recipe.structure,
        "transforms": recipe.transform_state,
        "encoders": {
            name: (kind.value, state) for name, (kind, state) in recipe.encoder_state.items()
        },
    }


def _recipe(parts: Parts, reader: Reader) -> Recipe:
    del reader
    encoders = {
        name: (Factor.Kind(kind), state) for name, (kind, state) in parts["encoders"].items()
    }
    return Recipe(
        formula=parts["terms"],
        materializer="pandas",
        output="numpy",
        na_action="ignore",
        ensure_full_rank=parts["full_rank"],
        structure=parts["structure"],
        transform_state=parts["transforms"],
        encoder_state=encoders,
    )


def _coding(kind: type[Contrasts], names: tuple[str, ...]) -> Codec:
    def split(coding: Contrasts) -> Parts:
        return {name: getattr(coding, name) for name in names}

    def make(parts: Parts, reader: Reader) -> Contrasts:
        del reader
        if tuple(parts) != names:
            raise changed(f"The coding {kind.__name__} has other options.")
        return kind(**parts)

    return Codec(kind.__name__, kind, split, make)


def _custom_parts(coding: CustomContrasts) -> Parts:
    names = coding.contrast_names
    return {"contrasts": coding.contrasts, "names": None if names is None else list(names)}


def _custom(parts: Parts, reader: Reader) -> CustomContrasts:
    del reader
    return CustomContrasts(parts["contrasts"], parts["names"])


def _state_parts(state: ContrastsState) -> Parts:
    return {"coding": state.contrasts, "levels": list(state.levels)}


def _state(parts: Parts, reader: Reader) -> ContrastsState:
    del reader
    return ContrastsState(parts["coding"], parts["levels"])


def _unset(parts: Parts, reader: Reader) -> Sentinel:
    del parts, reader
    return UNSET


CODECS = (
    Codec("Factor", Factor, _factor_parts, _factor),
    Codec("Term", Term, lambda term: {"factors": list(term.factors)}, _term),
    Codec("Terms", SimpleFormula, _terms_parts, _terms),
    Codec("Columns", EncodedTermStructure, _structure_parts, _structure),
    Codec("Products", ScopedTerm, _scoped_parts, _scoped),
    Codec("Recipe", Recipe, _recipe_parts, _recipe),
    *(_coding(kind, names) for kind, names in CODINGS.items()),
    Codec("CustomContrasts", CustomContrasts, _custom_parts, _custom),
    Codec("ContrastsState", ContrastsState, _state_parts, _state),
    Codec("Unset", Sentinel, lambda _: {}, _unset),
)
