"""Pooled models and means in short, as text and HTML."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mixedmodels.data import Frame
from mixedmodels.fit.all_parameters import parameters_of
from mixedmodels.fit.degrees_of_freedom import ddf_of
from mixedmodels.fit.fit import Fit
from mixedmodels.pooling.complete import coefficient_pool
from mixedmodels.pooling.rows import PooledRows, results
from mixedmodels.pooling.rubin import Rubin
from mixedmodels.pooling.variances import variance_components
from mixedmodels.posthoc.wording import ADJUSTMENTS, title_of
from mixedmodels.report import html, numbers, text
from mixedmodels.report.document import Document, Section, as_rows
from mixedmodels.report.means import MOST_ROWS, section
from mixedmodels.report.words import TESTS

MOST_COEFFICIENTS = 30
"""Rows of a table that are printed."""

MANY = 1e6
"""Degrees of freedom that are shown as infinite."""


def model_text(fits: Sequence[Fit], notes: Sequence[str]) -> str:
    """For a terminal."""
    return text.render(model_document(fits, notes))


def model_html(fits: Sequence[Fit], notes: Sequence[str]) -> str:
    """For a notebook."""
    return html.render(model_document(fits, notes))


def model_document(fits: Sequence[Fit], notes: Sequence[str]) -> Document:
    """Facts, coefficients, variances and notes."""
    first, pooled = fits[0], coefficient_pool(fits)
    rows = sorted({len(fit.matrices.y) for fit in fits})
    by = "REML" if first.reml else "maximum likelihood"
    facts = (
        ("Model", str(first.spec.formula)),
        ("Imputations", f"{len(fits):,}"),
        ("Rows", " to ".join(f"{n:,}" for n in (rows[0], rows[-1])[: len(rows)])),
        ("Fitted by", by),
    )
    ddf = ddf_of(first)
    complete = "of infinitely many" if ddf == "normal" else f"of those by {TESTS[ddf]}"
    own = f"pooled by Rubin's rules; degrees of freedom by Barnard and Rubin's method {complete}"
    sections = [_coefficients(first, pooled)]
    if parameters_of(first).names:
        sections.append(_variances(fits))
    return Document("Pooled over imputations", facts, tuple(sections), (f"{own}.", *notes))


def _coefficients(fit: Fit, pooled: Rubin) -> Section:
    names = list(fit.matrices.x_names)
    kept = slice(0, MOST_COEFFICIENTS)
    error = pooled.std_error[kept].tolist()
    cells = numbers.column([*pooled.estimate[kept].tolist(), *error], yardstick=error or [1.0])
    k = len(error)
    columns = {
        "Term": names[kept],
        "Estimate": cells[:k],
        "Std. error": cells[k:],
        "df": [numbers.general(df, digits=4) for df in pooled.df[kept].tolist()],
        "t": [numbers.fixed(t, decimals=3) for t in pooled.statistic[kept].tolist()],
        "p": [numbers.p_value(p) for p in pooled.p_value[kept].tolist()],
        "fmi": [numbers.fixed(f, decimals=3) for f in pooled.fmi[kept].tolist()],
    }
    more = len(names) - k
    footnote = f"{more:,} more: see coef_table()" if more > 0 else ""
    header = tuple(columns)
    return Section("Fixed effects", header, as_rows(list(columns.values())), 1, footnote)


def _variances(fits: Sequence[Fit]) -> Section:
    frame = Frame.of(variance_components(fits), may_be_empty=True)
    shown = {name: frame.column(name) for name in frame.columns}
    words = [
        ["" if value is None else str(value) for value in _values(frame, name)][:MOST_COEFFICIENTS]
        for name in ("group", "term1", "term2")
    ]
    cells = [
        [numbers.general(v, digits=5) for v in shown[name].floats()[:MOST_COEFFICIENTS].tolist()]
        for name in ("vcov", "sdcor")
    ]
    header = ("Group", "Term", "and", "(Co)variance", "SD / corr.")
    return Section("Mean variances", header, as_rows([*words, *cells]), n_text=3)


def _values(frame: Frame, name: str) -> list[object]:
    column = frame.column(name)
    codes = column.codes
    if codes is None:
        return [None] * frame.nrows
    return [None if i < 0 else codes.values[i] for i in codes.codes.tolist()]


def rows_text(rows: PooledRows) -> str:
    """For a terminal."""
    made = rows_document(rows)
    parts = [made.title] if rows.first.by else []
    parts += [text.render_section(one) for one in made.sections]
    return "\n\n".join([*parts, *map(text.render_note, made.notes)])


def rows_html(rows: PooledRows) -> str:
    """For a notebook."""
    return html.render(rows_document(rows))


def rows_document(rows: PooledRows) -> Document:
    """A table per group of `by`, and notes."""
    found, pooled = results(rows)
    testing = rows.testing
    found = replace(found, df=np.where(found.df > MANY, np.inf, found.df))
    shown = replace(rows.first, testing=replace(testing, ddf="satterthwaite"))
    title = f"{title_of(rows.first)}, pooled"
    sections, count = [], 0
    for place in rows.first.families:
        kept = place[: max(MOST_ROWS - count, 0)]
        if len(kept):
            sections.append(section(shown, found, kept, title))
        count += len(kept)
    notes = [*found.notes, f"pooled over {pooled.m} imputations by Rubin's rules"]
    if count < rows.first.size:
        notes.insert(0, f"{rows.first.size - count:,} more rows: see table()")
    if found.adjust != "none":
        notes.append(f"adjusted by {ADJUSTMENTS[found.adjust]}")
    if np.nanmax(pooled.fmi, initial=0.0) > 0:
        notes.append(f"largest fraction of missing information {np.nanmax(pooled.fmi):.2f}")
    paragraph = ". ".join(note[:1].upper() + note[1:] for note in notes) + "."
    return Document(title, (), tuple(sections), (paragraph,))
