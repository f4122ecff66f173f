"""Backward elimination as the user has it: two tables, the last model, and a warning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from mixedmodels.fit.fit import Fit
from mixedmodels.inference.anova import METHODS
from mixedmodels.inference.elimination import Columns, Rules, eliminate, kept_names
from mixedmodels.report import html, numbers, text
from mixedmodels.report.document import Document, Section, as_rows
from mixedmodels.vocabulary import DegreesOfFreedom

Model = TypeVar("Model")

WARNING = (
    "The p-values of the terms that stay, and the intervals of the last model, take no\n"
    "account of the selection: they are too small and too narrow, and the effects that stay are\n"
    "too large on average. Do not report them as tests of hypotheses that were there before the\n"
    "data; test those in the first model, or in other data."
)
"""What is to be said of every model found by its p-values."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class BackwardElimination(Generic[Model]):
    """Terms in the order in which they were left out, and the model that is left.

    Attributes
    ----------
    random : table
        `eliminated, term, npar, llf, aic, note, statistic, df, p_value, p_value_boundary`:
        `eliminated` is the step at which a term went, 0 if it stayed. `<none>` is the first model.
    fixed : table
        `eliminated, term, num_df, den_df, note, statistic, p_value`, of a generalised model
        `eliminated, term, npar, aic, note, statistic, df, p_value`. Terms that are in an
        interaction that stays have no row.
    model : LinearMixedModel or GeneralisedMixedModel
        The last model, on the rows of the first.
    document : Document
        What is printed.
    """

    random: Any
    fixed: Any
    model: Model
    document: Document

    def __str__(self) -> str:
        return text.render(self.document)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return html.render(self.document)


def step(
    fit: Fit,
    as_model: Callable[[Fit], Model],
    *,
    reduce_random: bool,
    reduce_fixed: bool,
    alpha_random: float,
    alpha_fixed: float,
    ddf: DegreesOfFreedom,
    keep: object,
) -> BackwardElimination[Model]:
    """Eliminate terms; see `mixedmodels.model.MixedModel.step`."""
    rules = Rules(alpha_random, alpha_fixed, ddf, kept_names(keep))
    found = eliminate(fit, rules, reduce_random=reduce_random, reduce_fixed=reduce_fixed)
    sections = []
    if len(_cells(found.random, "term")):
        sections.append(_random_section(found.random, alpha_random))
    if len(_cells(found.fixed, "term")):
        sections.append(_fixed_section(found.fixed, alpha_fixed, ddf))
    facts = (("First model", found.formula), ("Last model", str(found.fit.spec.formula)))
    document = Document("Backward elimination", facts, tuple(sections), (WARNING,))
    table = fit.frame.table
    return BackwardElimination(
        table(found.random), table(found.fixed), as_model(found.fit), document
    )


def _random_section(columns: Columns, alpha: float) -> Section:
    cells = {
        "Step": _steps(columns),
        "Term": [str(name) for name in _cells(columns, "term")],
        "npar": [f"{int(n)}" for n in _cells(columns, "npar")],
        "Log-lik.": [numbers.fixed(float(v), decimals=2) for v in _cells(columns, "llf")],
        "AIC": [numbers.fixed(float(v), decimals=2) for v in _cells(columns, "aic")],
        **_ratio(columns),
    }
    return Section(
        "Random terms",
        tuple(cells),
        as_rows(list(cells.values())),
        n_text=2,
        footnote=f"Likelihood ratios; a term goes if p > {alpha:g}. p takes the ratio for "
        "chi-square, and is too large where a variance is tested at zero.",
    )


def _fixed_section(columns: Columns, alpha: float, ddf: DegreesOfFreedom) -> Section:
    cells = {"Step": _steps(columns), "Term": [str(name) for name in _cells(columns, "term")]}
    if "num_df" in columns:
        cells |= {
            "Num. df": [f"{int(n)}" for n in _cells(columns, "num_df")],
            "Den. df": numbers.column(_cells(columns, "den_df").tolist(), digits=3),
            "F": [numbers.fixed(float(v), decimals=3) for v in _cells(columns, "statistic")],
            "p": [numbers.p_value(float(p)) for p in _cells(columns, "p_value")],
        }
        how = METHODS[ddf]
    else:
        aic = [numbers.fixed(float(v), decimals=2) for v in _cells(columns, "aic")]
        cells |= {"AIC": aic, **_ratio(columns)}
        how = "Likelihood ratios."
    return Section(
        "Fixed terms",
        tuple(cells),
        as_rows(list(cells.values())),
        n_text=2,
        footnote=f"A term goes if p > {alpha:g} and no interaction has it. {how}",
    )


def _ratio(columns: Columns) -> dict[str, list[str]]:
    return {
        "Chi-square": [numbers.fixed(float(v), decimals=3) for v in _cells(columns, "statistic")],
        "df": [numbers.general(float(v), digits=3) for v in _cells(columns, "df")],
        "p": [numbers.p_value(float(p)) for p in _cells(columns, "p_value")],
    }


def _steps(columns: Columns) -> list[str]:
    pairs = zip(_cells(columns, "eliminated"), _cells(columns, "term"), strict=True)
    return [f"{int(n)}" if n else "" if term == "<none>" else "stays" for n, term in pairs]


def _cells(columns: Columns, name: str) -> np.ndarray[Any, Any]:
    return np.asarray(columns[name])
