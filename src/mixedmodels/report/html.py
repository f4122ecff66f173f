"""A report as a self-contained piece of HTML, for a notebook with a light or a dark page.

No colour is set: text and lines take the page's own.
"""

from html import escape

from mixedmodels.report.document import Document, Section
from mixedmodels.shortening import visible

TABLE = "border-collapse:collapse;margin:0.4em 0 1em 0;font-variant-numeric:tabular-nums"
CELL = "padding:0.15em 0.8em;border:0;background:none"
NOTE = "white-space:pre-wrap;background:none;color:inherit"
LINE = "border-bottom:1px solid currentColor"


def render(document: Document) -> str:
    """The whole document."""
    facts = "".join(_row((name, value), n_text=2) for name, value in document.facts)
    notes = "".join(f'<pre style="{NOTE}">Note: {_lines(note)}</pre>' for note in document.notes)
    sections = "".join(render_section(section) for section in document.sections)
    title = f"<p><strong>{_text(document.title)}</strong></p>" if document.title else ""
    table = f'<table style="{TABLE}"><tbody>{facts}</tbody></table>' if facts else ""
    return f"<div>{title}{table}{sections}{notes}</div>"


def render_section(section: Section) -> str:
    """A caption and a table."""
    head = "".join(
        f'<th scope="col" style="{CELL};{LINE};text-align:{_side(j, section.n_text)}">'
        f"{_text(cell)}</th>"
        for j, cell in enumerate(section.header)
    )
    body = "".join(_row(row, n_text=section.n_text) for row in section.rows)
    footnote = f"<p>{_text(section.footnote)}</p>" if section.footnote else ""
    return (
        f'<table style="{TABLE}"><caption style="caption-side:top;text-align:left;color:inherit">'
        f"<strong>{_text(section.heading)}</strong></caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{footnote}"
    )


def _text(text: str) -> str:
    return escape(visible(text))


def _lines(text: str) -> str:
    return "\n".join(_text(line) for line in text.split("\n"))


def _row(cells: tuple[str, ...], *, n_text: int) -> str:
    return (
        "<tr>"
        + "".join(
            f'<td style="{CELL};text-align:{_side(j, n_text)}">{_text(cell)}</td>'
            for j, cell in enumerate(cells)
        )
        + "</tr>"
    )


def _side(column: int, n_text: int) -> str:
    return "left" if column < n_text else "right"
