"""Fits of the reference models, and R's names of terms in ours."""

import warnings
from functools import cache

import mixedmodels as mm
from mixedmodels.errors import DroppedColumnsWarning, NotIdentifiedWarning
from tests.reference.load import TRANSLATIONS, Method, Reference, reference


@cache
def fitted(name: str, method: Method = "REML") -> mm.LinearMixedModel:
    """The reference model, fitted once."""
    return fitted_formula(name, reference(name).python_formula, method)


def fitted_formula(name: str, formula: str, method: Method) -> mm.LinearMixedModel:
    """Another formula for the data and the arguments of a reference."""
    ref = reference(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DroppedColumnsWarning)
        warnings.simplefilter("ignore", NotIdentifiedWarning)
        return mm.lmm(formula, ref.data(), reml=method == "REML", **ref.fit_arguments())


def python_text(text: str) -> str:
    """R's formula, or a part of it, as we write it."""
    for theirs, ours in TRANSLATIONS:
        text = text.replace(theirs, ours)
    return text


def fixed_term(label: str) -> str:
    """R's label of a fixed term as our tables have it: formulaic's spacing, no backticks."""
    return python_text(label).replace("**2", " ** 2").replace("`", "")


def random_term(ref: Reference, label: str) -> str:
    """R's label of a row of `ranova`: ``effect in (effects | group)`` or ``(1 | group)``."""
    effect, inside, term = label.rpartition(" in ")
    term = python_text(term)
    for theirs, ours in ref.groups.items():
        term = term.replace(f"| {theirs})", f"| {ours})")
    return fixed_term(effect) + inside + term
