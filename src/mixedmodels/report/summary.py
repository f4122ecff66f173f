"""The summary of a fitted model: what was fitted, to what, how well, and what to beware of."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mixedmodels.fit.criteria import aic, aicc, bic, log_likelihood, n_parameters, n_rows
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.fitted import residual_quartiles
from mixedmodels.fit.notices import dropped_text
from mixedmodels.fit.variance_components import known_residual
from mixedmodels.inference.coefficients import coefficient_tests
from mixedmodels.inference.degrees_of_freedom import OtherCovariance, TestMethod, df_word, worded
from mixedmodels.inference.variance_intervals import variance_intervals
from mixedmodels.options import require_flag
from mixedmodels.report import html, latex, markdown, numbers, text
from mixedmodels.report.covariances import covariance_sections
from mixedmodels.report.document import Document, Section, as_rows
from mixedmodels.report.generalised import (
    family_facts,
    on_the_linear_predictor,
    part_sections,
    title,
)
from mixedmodels.report.random_effects import random_effects
from mixedmodels.report.ratios import ratios
from mixedmodels.report.sections import LIMITS, interval_note
from mixedmodels.report.structures import residual_in_words
from mixedmodels.vocabulary import DegreesOfFreedom

METHOD: dict[DegreesOfFreedom, str] = {
    "satterthwaite": "df: Satterthwaite.",
    "kenward-roger": "Standard errors and df: Kenward and Roger.",
    "kenward-roger-linear": "Standard errors and df: Kenward and Roger, first derivatives only.",
    "between-within": "df: between-within, by the level of grouping at which a column varies.",
    "containment": "df: containment, the rank of the random effects that contain a column.",
    "knapp-hartung": "Standard errors and df: Knapp and Hartung.",
    "residual": "df: rows less fixed effects, however the rows are grouped.",
    "normal": "z tests: the variances are taken as known.",
    "clusters": "df: clusters less one.",
}
"""What the table of fixed effects says of its tests."""

GENERALISED = "z tests; standard errors from the Hessian in all parameters."
"""The same of a generalised model."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A summary that prints as text and shows as HTML in a notebook.

    Attributes
    ----------
    document : Document
        The content: `title`, `facts`, `sections` and `notes`.
    """

    document: Document

    def to_markdown(self) -> str:
        """The summary with pipe tables."""
        return markdown.render(self.document)

    def to_latex(self) -> str:
        """Its tables for LaTeX, with the rules of the package booktabs."""
        return latex.render(self.document)

    def __str__(self) -> str:
        return text.render(self.document)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return html.render(self.document)


def summarise(
    fit: Fit, *, ddf: TestMethod = "satterthwaite", exponentiate: bool = False
) -> Summary:
    """The summary of `fit`, its fixed effects tested with degrees of freedom by `ddf`; with
    `exponentiate` also as ratios of odds, rates or means.

    Raises
    ------
    DataError
        If there is no such method, or it cannot be used with this fit; if exponentials of its
        coefficients are no ratios.
    """
    require_flag("exponentiate", exponentiate)
    sections = _sections(fit, ddf)
    if exponentiate:
        sections = (*sections, ratios(fit, coefficient_tests(fit, ddf)))
    return Summary(Document(_title(fit), _facts(fit), sections, _notes(fit)))


def _title(fit: Fit) -> str:
    if fit.generalised is not None:
        return title(fit)
    if not fit.matrices.terms and not fit.matrices.is_plain:
        return f"Linear model with structured residuals, fitted by {_method(fit)}"
    if not fit.matrices.terms:
        return f"Linear model without random effects, fitted by {_method(fit)}"
    return f"Linear mixed model fitted by {_method(fit)}"


def _method(fit: Fit) -> str:
    return "REML" if fit.reml else "maximum likelihood (ML)"


def _facts(fit: Fit) -> tuple[tuple[str, str], ...]:
    m, request = fit.matrices, fit.request
    rows = f"{n_rows(fit)}"
    if m.n_missing:
        rows += f" of {n_rows(fit) + m.n_missing} ({m.n_missing} with missing values dropped)"
    facts = [("Formula", str(fit.spec.formula)), ("Rows", rows), *family_facts(fit)]
    for name, given in (("Weights", request.weights), ("Offset", request.offset)):
        if given is not None:
            facts.append((name, given if isinstance(given, str) else "an array"))
    residual = residual_in_words(fit)
    if residual:
        facts.append(("Residuals", residual))
    if m.groupings:
        sizes = (f"{g.name} ({len(g.levels)} levels)" for g in m.groupings)
        facts.append(("Groups", ", ".join(sizes)))
    if fit.convergence.monte_carlo is not None:
        facts.append(("Method", f"iterative: {fit.convergence.monte_carlo}"))
    search = fit.convergence.search.splitlines()[0]
    facts.append(("Search", f"{search} Singular: see the note." if _is_singular(fit) else search))
    return tuple(facts)


def _is_singular(fit: Fit) -> bool:
    return bool(fit.convergence.singular)


def _sections(fit: Fit, ddf: TestMethod) -> tuple[Section, ...]:
    sections = [_criteria(fit)]
    if fit.generalised is not None:
        left = (_scaled_residuals(fit),) if fit.family.response != "ordered" else ()
        random = (on_the_linear_predictor(fit),) if fit.matrices.terms else ()
        fixed = (_fixed_effects(fit, ddf),) if len(fit.beta) else ()
        return (*sections, *left, *random, *fixed, *part_sections(fit))
    if fit.matrices.has_rows or fit.answers is not None:
        sections.append(_scaled_residuals(fit))
    if fit.matrices.is_plain:
        limits = _limits(fit)
        variance = known_residual(fit)
        table = random_effects(fit, residual=variance, limits=limits.columns, note=limits.note)
        sections.append(table)
    else:
        sections += covariance_sections(fit)
    return (*sections, _fixed_effects(fit, ddf)) if len(fit.beta) else tuple(sections)


def _criteria(fit: Fit) -> Section:
    if fit.reml:
        heading = "Criterion (REML: compare models with the same fixed effects only)"
        header = ("REML criterion", "Restricted log-lik.", "AIC", "AICc", "BIC")
    else:
        heading = "Criterion"
        header = ("-2 log-likelihood", "Log-likelihood", "AIC", "AICc", "BIC")
    values = (fit.objective, log_likelihood(fit), aic(fit), aicc(fit), bic(fit))
    cells = tuple(numbers.fixed(v, decimals=2) for v in values)
    if fit.generalised is None:
        return Section(heading, header, (cells,))
    left = f"{n_rows(fit) - n_parameters(fit)}"
    return Section(heading, (*header, "Residual df"), ((*cells, left),))


def _scaled_residuals(fit: Fit) -> Section:
    cells = tuple(numbers.fixed(v, decimals=3) for v in residual_quartiles(fit))
    heading = "Scaled residuals" if fit.generalised is None else "Pearson residuals"
    return Section(heading, ("Min", "1Q", "Median", "3Q", "Max"), (cells,))


@dataclass(frozen=True, slots=True)
class _Limits:
    """Limits of the standard deviations as finished columns, and how they were found."""

    columns: tuple[list[str], list[str]]
    note: str


def _limits(fit: Fit) -> _Limits:
    found = variance_intervals(fit, correlations=False)
    sds = ~found.is_correlation
    low, high = found.intervals.conf_low[sds], found.intervals.conf_high[sds]
    cells = numbers.column([*low, *high], yardstick=found.intervals.estimate[sds].tolist())
    return _Limits(
        (cells[: len(low)], cells[len(low) :]),
        interval_note(profiled=found.is_profiled.any(), missing=np.isnan(low).any()),
    )


def _fixed_effects(fit: Fit, ddf: TestMethod) -> Section:
    tests = coefficient_tests(fit, ddf)
    errors = tests.std_error.tolist()
    limits = (*tests.conf_low, *tests.conf_high)
    cells = numbers.column([*tests.estimate.tolist(), *errors, *limits], yardstick=errors)
    p, normal = len(errors), df_word(ddf) == "normal"
    estimates, std_errors, low, high = (cells[j : j + p] for j in range(0, 4 * p, p))
    columns: dict[str, Sequence[str]] = {
        "Term": fit.matrices.x_names,
        "Estimate": estimates,
        "Std. error": std_errors,
        "df": numbers.column(tests.df.tolist(), digits=3),
        "z" if normal else "t": [numbers.fixed(t, decimals=3) for t in tests.statistic],
        "p": [numbers.p_value(p) for p in tests.p_value],
        LIMITS[0]: low,
        LIMITS[1]: high,
    }
    if normal:
        del columns["df"]
    rows = as_rows(list(columns.values()))
    return Section("Fixed effects", tuple(columns), rows, n_text=1, footnote=_tests(fit, ddf))


def _tests(fit: Fit, ddf: TestMethod) -> str:
    """How the fixed effects were tested."""
    if fit.generalised is not None and not isinstance(ddf, OtherCovariance):
        return GENERALISED
    return worded(ddf, METHOD)


def _notes(fit: Fit) -> tuple[str, ...]:
    notes = [
        *fit.convergence.undetermined,
        *fit.convergence.separated,
        *fit.convergence.unneeded,
        *(term.message for term in fit.convergence.singular),
    ]
    if not fit.convergence.converged:
        notes.insert(0, fit.convergence.search)
    if fit.spec.aliased:
        notes.append(dropped_text(fit.spec.aliased))
    return tuple(notes)
