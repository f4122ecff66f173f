"""Many fits in short, as text and HTML: how many there are, and what stands out."""

import numpy as np

from mixedmodels.posthoc.wording import ADJUSTMENTS
from mixedmodels.report import html, numbers, text
from mixedmodels.report.document import Document, Section, as_rows
from mixedmodels.report.words import TESTS
from mixedmodels.responses.results import Results
from mixedmodels.responses.tables import tests

LEVEL = 0.05
"""Adjusted p-values up to this are counted."""

MOST_REASONS = 4
"""Kinds of failure that are named."""


def as_text(results: Results) -> str:
    """For a terminal."""
    return text.render(document(results))


def as_html(results: Results) -> str:
    """For a notebook."""
    return html.render(document(results))


def document(results: Results) -> Document:
    """Facts, a row per term, and notes."""
    kind = "REML" if results.reml else "maximum likelihood"
    found = results.estimates
    fitted = ~np.isnan(found.sigma)
    facts = (
        ("Model", results.formula),
        ("Responses", f"{len(results):,}"),
        ("Fitted by", kind),
        ("Singular", f"{np.count_nonzero(found.singular):,}"),
        ("Not converged", f"{np.count_nonzero(fitted & (found.status != 'converged')):,}"),
        ("Without a fit", f"{results.n_failed:,}"),
    )
    return Document("Many responses on one design", facts, (_section(results),), _notes(results))


def _section(results: Results) -> Section:
    _, p, p_adjusted = tests(results)
    estimate = results.estimates.estimate
    quartiles = np.full((3, len(results.terms)), np.nan)
    known = ~np.isnan(estimate).all(axis=1)
    if known.any():
        quartiles = np.nanquantile(estimate[known], [0.25, 0.5, 0.75], axis=0)
    columns = {
        "Term": list(results.terms),
        "Lower quartile": [numbers.general(v, digits=4) for v in quartiles[0]],
        "Median": [numbers.general(v, digits=4) for v in quartiles[1]],
        "Upper quartile": [numbers.general(v, digits=4) for v in quartiles[2]],
        f"p <= {LEVEL}": [f"{n:,}" for n in np.count_nonzero(p <= LEVEL, axis=0)],
        f"adjusted <= {LEVEL}": [f"{n:,}" for n in np.count_nonzero(p_adjusted <= LEVEL, axis=0)],
    }
    return Section("Estimates", tuple(columns), as_rows(list(columns.values())), n_text=1)


def _notes(results: Results) -> tuple[str, ...]:
    notes = [f"degrees of freedom by {TESTS[results.ddf]}"]
    if results.adjust != "none":
        notes.append(
            f"p-values of one term adjusted over the responses by {ADJUSTMENTS[results.adjust]}"
        )
    lost = results.estimates.status[np.isnan(results.estimates.sigma)]
    if len(lost):
        words, counts = np.unique(lost.astype(str), return_counts=True)
        kinds = list(zip(words.tolist(), counts.tolist(), strict=True))[:MOST_REASONS]
        listed = ", ".join(f"{count:,} {word}" for word, count in kinds)
        notes.append(f"responses without a fit: {listed}; see failures")
    return ("; ".join(notes) + ".",)
