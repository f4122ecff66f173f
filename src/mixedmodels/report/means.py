"""Marginal means, trends and contrasts as text and HTML."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mixedmodels.data.levels import label
from mixedmodels.inference.degrees_of_freedom import df_word, worded
from mixedmodels.posthoc.linear_functions import LinearFunctions
from mixedmodels.posthoc.results import Results, results
from mixedmodels.posthoc.wording import ADJUSTMENTS, title_of
from mixedmodels.report import html, numbers, text
from mixedmodels.report.document import Document, Section, as_rows
from mixedmodels.report.words import TESTS

MOST_ROWS = 200
"""Rows that are printed."""

NOT_ESTIMABLE = "not estimable"


def as_text(functions: LinearFunctions) -> str:
    """For a terminal."""
    made = document(functions)
    parts = [made.title] if functions.by else []
    parts += [text.render_section(section) for section in made.sections]
    return "\n\n".join([*parts, *map(text.render_note, made.notes)])


def as_html(functions: LinearFunctions) -> str:
    """For a notebook."""
    made = document(functions)
    return html.render(made if functions.by else replace(made, title=""))


def document(functions: LinearFunctions) -> Document:
    """A title, a table per group of `by`, and notes."""
    found = results(functions)
    title = title_of(functions)
    sections, shown = [], 0
    for rows in functions.families:
        kept = rows[: max(MOST_ROWS - shown, 0)]
        if len(kept):
            sections.append(section(functions, found, kept, title))
        shown += len(kept)
    notes = list(note_lines(functions, found))
    if shown < functions.size:
        notes.insert(0, f"{functions.size - shown:,} more rows: see table()")
    paragraph = ". ".join(_capital(note) for note in notes) + "."
    return Document(title, (), tuple(sections), (paragraph,))


def section(
    functions: LinearFunctions, found: Results, rows: NDArray[np.intp], title: str
) -> Section:
    """The table of one group, under its values of `by`, or of all rows."""
    by = [f"{name} = {label(functions.labels[name][rows[0]])}" for name in functions.by]
    names = {n: [label(v) for v in functions.labels[n][rows].tolist()] for n in functions.names}
    columns = names | _numbers(functions, found, rows)
    header = [_capital(name) if name == "contrast" else name for name in columns]
    return Section(
        ", ".join(by) or title,
        tuple(header),
        as_rows(list(columns.values())),
        n_text=len(names),
    )


def note_lines(functions: LinearFunctions, found: Results) -> Sequence[str]:
    """How the numbers came about."""
    testing = functions.testing
    notes = [*found.notes, f"degrees of freedom by {worded(testing.ddf, TESTS)}"]
    what = "p-values" if _shows_p(functions) else f"{testing.level:.4g} limits"
    if found.adjust != "none":
        sizes = {len(rows) for rows in functions.families}
        of = f" for {sizes.pop()} rows" if len(sizes) == 1 else ""
        error = f", error about {found.error:.0e}" if found.error else ""
        notes.append(f"{what} adjusted{of} by {ADJUSTMENTS[found.adjust]}{error}")
    if testing.cross_adjust != "none":
        notes.append(f"p-values adjusted over groups by {ADJUSTMENTS[testing.cross_adjust]}")
    if not functions.estimable.all():
        notes.append("the data do not determine the rows that are not estimable")
    return notes


def _numbers(
    functions: LinearFunctions, found: Results, rows: NDArray[np.intp]
) -> dict[str, list[str]]:
    """Finished columns."""
    errors = [e for e in found.std_error[rows].tolist() if np.isfinite(e)]
    low, high = found.conf_low[rows].tolist(), found.conf_high[rows].tolist()
    finite = [v if np.isfinite(v) else np.nan for v in (*low, *high)]
    estimates = found.estimate[rows].tolist()
    cells = numbers.column([*estimates, *found.std_error[rows], *finite], yardstick=errors or [1.0])
    k = len(rows)
    there = functions.estimable[rows]
    columns = {
        "Ratio" if functions.shows_ratios else "Estimate": [
            cell if known else NOT_ESTIMABLE for cell, known in zip(cells[:k], there, strict=True)
        ],
        "Std. error": cells[k : 2 * k],
        "df": numbers.column(found.df[rows].tolist(), digits=3),
    }
    normal = df_word(functions.testing.ddf) == "normal"
    if normal:
        del columns["df"]
    if _shows_p(functions):
        statistic = found.statistic[rows].tolist()
        columns["z" if normal else "t"] = [numbers.fixed(t, decimals=3) for t in statistic]
        columns["p"] = [numbers.p_value(p) for p in found.p_value[rows].tolist()]
        return columns
    names = _limits(functions.testing.level)
    columns[names[0]] = _with_infinite(low, cells[2 * k : 3 * k])
    columns[names[1]] = _with_infinite(high, cells[3 * k :])
    return columns


def _with_infinite(values: Sequence[float], cells: Sequence[str]) -> list[str]:
    """Cells of numbers, of which those that are infinite say so."""
    return [f"{v:+g}" if np.isinf(v) else cell for v, cell in zip(values, cells, strict=True)]


def _shows_p(functions: LinearFunctions) -> bool:
    return functions.kind in ("contrast", "effect size") or functions.testing.side != "two-sided"


def _limits(level: float) -> tuple[str, str]:
    tail = 50 * (1 - level)
    return f"{tail:.4g}%", f"{100 - tail:.4g}%"


def _capital(word: str) -> str:
    return word[:1].upper() + word[1:]
