"""A robust fit in words and tables: estimates, and what counted less."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mixedmodels.fit.criteria import n_rows
from mixedmodels.fit.notices import dropped_text
from mixedmodels.fit.variance_components import known_residual
from mixedmodels.inference.coefficients import coefficient_tests
from mixedmodels.report import numbers
from mixedmodels.report.document import Document, Section, as_rows
from mixedmodels.report.random_effects import random_effects
from mixedmodels.report.sections import LIMITS
from mixedmodels.robust_fit.result import RobustFit, group_weights
from mixedmodels.robust_fit.student import MOST_DF
from mixedmodels.vocabulary import PsiFunction

Vector = NDArray[np.float64]

NAMES: dict[PsiFunction, str] = {
    "smoothed_huber": "smoothed Huber",
    "huber": "Huber",
    "bisquare": "Tukey's bisquare",
    "t": "Student's t",
}

FULL = 0.999
"""Weights below count as reduced."""

SHOWN = 5
"""Rows and levels of the least weight that are named."""


def document(found: RobustFit) -> Document:
    """The summary."""
    fit = found.fit
    scales = " Scales: variances are df / (df - 2) times as large." if found.psi == "t" else ""
    random = random_effects(
        fit, residual=known_residual(fit), note=f"Robust estimates.{scales}".strip()
    )
    fixed = (_fixed_effects(found),) if len(fit.beta) else ()
    notes = [term.message for term in fit.convergence.singular]
    if not fit.convergence.converged:
        notes.insert(0, fit.convergence.search)
    if fit.spec.aliased:
        notes.append(dropped_text(fit.spec.aliased))
    sections = (random, *fixed, *_least_weights(found))
    return Document(_title(found), _facts(found), sections, tuple(notes))


def _title(found: RobustFit) -> str:
    kind = "mixed model" if found.fit.matrices.terms else "model"
    if found.psi == "t":
        how = "estimated" if found.is_df_estimated else "given"
        if found.is_df_estimated and found.df > 0.99 * MOST_DF:
            return f"Robust linear {kind}: Student's t with the tails of the normal ({how})"
        return f"Robust linear {kind}: Student's t, {found.df:.3g} degrees of freedom ({how})"
    return f"Robust linear {kind}: {NAMES[found.psi]}, {found.efficiency:.0%} efficiency"


def _facts(found: RobustFit) -> tuple[tuple[str, str], ...]:
    fit, m = found.fit, found.fit.matrices
    rows = f"{n_rows(fit)}"
    if m.n_missing:
        rows += f" of {n_rows(fit) + m.n_missing} ({m.n_missing} with missing values dropped)"
    facts = [("Formula", str(fit.spec.formula)), ("Rows", rows)]
    for name, given in (("Weights", fit.request.weights), ("Offset", fit.request.offset)):
        if given is not None:
            facts.append((name, given if isinstance(given, str) else "an array"))
    if m.groupings:
        sizes = (f"{g.name} ({len(g.levels)} levels)" for g in m.groupings)
        facts.append(("Groups", ", ".join(sizes)))
    if found.trace:
        facts.append(("Log-likelihood", f"{found.trace[-1]:.2f}"))
    facts.append(("Search", fit.convergence.search.splitlines()[0]))
    return tuple(facts)


def _fixed_effects(found: RobustFit) -> Section:
    tests = coefficient_tests(found.fit, "normal")
    errors = tests.std_error.tolist()
    values = [*tests.estimate, *errors, *tests.conf_low, *tests.conf_high]
    cells, p = numbers.column([float(v) for v in values], yardstick=errors), len(errors)
    columns = {
        "Term": list(found.fit.matrices.x_names),
        "Estimate": cells[:p],
        "Std. error": cells[p : 2 * p],
        "z": [numbers.fixed(float(t), decimals=3) for t in tests.statistic],
        "p": [numbers.p_value(float(value)) for value in tests.p_value],
        LIMITS[0]: cells[2 * p : 3 * p],
        LIMITS[1]: cells[3 * p :],
    }
    how = (
        "from the expected information"
        if found.psi == "t"
        else "from the expansion of the estimating equations"
    )
    return Section(
        "Fixed effects", tuple(columns), as_rows(list(columns.values())), n_text=1,
        footnote=f"z tests; standard errors {how}.",
    )  # fmt: skip


def _least_weights(found: RobustFit) -> tuple[Section, ...]:
    """How many weights are reduced, and which are least."""
    rows: list[tuple[str, str, str, str]] = []
    top = float(found.row_weights.max()) if found.psi == "t" else 1.0
    if found.psi != "t" or not found.group_weights:
        labels = np.array([str(label) for label in found.fit.matrices.index], dtype=object)
        rows.append(("Rows", *_summary(found.row_weights / top, labels)))
    for name, frame in group_weights(found).items():
        names = np.array([str(label) for label in frame.index], dtype=object)
        for column in frame.columns:
            what = name if column == "weight" else f"{name}: {column}"
            rows.append((what, *_summary(frame[column].to_numpy() / top, names)))
    relative = " Relative to the largest." if found.psi == "t" else ""
    return (
        Section(
            "Weights", ("Of", "Least ones", "Reduced", "Least"), tuple(rows), n_text=2,
            footnote=f"1 is full weight; reduced: below {FULL}.{relative}",
        ),
    )  # fmt: skip


def _summary(w: Vector, labels: NDArray[np.object_]) -> tuple[str, str, str]:
    order = np.argsort(w, kind="stable")[:SHOWN]
    low = [f"{labels[i]} ({w[i]:.2f})" for i in order if w[i] < FULL]
    return ", ".join(low), f"{np.count_nonzero(w < FULL)} of {len(w)}", f"{w.min():.3f}"
