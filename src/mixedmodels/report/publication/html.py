"""The table as HTML: a piece for a notebook or a page, or a page of its own.

No colour is set: text and rules take the page's own. What is too wide scrolls by itself.
"""

from html import escape

from mixedmodels.report.publication.content import Cell, Content, Line, Part, Row
from mixedmodels.shortening import visible

RULE, THIN = "1.5px solid currentColor", "0.75px solid currentColor"
SCROLL = "overflow-x:auto;max-width:100%"
TABLE = (
    f"border-collapse:collapse;border-top:{RULE};border-bottom:{RULE};background:none;"
    "font-variant-numeric:tabular-nums;margin:0.4em 0"
)
CELL = "padding:0.2em 0.7em;border:0;background:none;white-space:nowrap;vertical-align:top"
LABEL = f"{CELL};font-weight:normal;text-align:left;white-space:normal;min-width:6em"
NOTE = "font-size:0.85em;margin:0.2em 0;max-width:44em"

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>body {{ font-family: "Times New Roman", Times, serif; margin: 1.5em; }}</style>
</head>
<body>
{body}
</body>
</html>
"""


def page(content: Content) -> str:
    """A page with the table alone."""
    return PAGE.format(title=_escaped(content.title) or "Table", body=render(content))


def render(content: Content) -> str:
    """Title, table and notes."""
    caption = ""
    if content.title:
        style = "caption-side:top;text-align:left;color:inherit;padding-bottom:0.3em"
        caption = f'<caption style="{style}">{_escaped(content.title)}</caption>'
    body = "".join(_part(content, part) for part in content.parts)
    notes = "".join(f'<p style="{NOTE}">{_line(note)}</p>' for note in content.notes)
    head = "".join(_head(content))
    return (
        f'<div><div style="{SCROLL}"><table style="{TABLE}">{caption}'
        f'<thead style="border-bottom:{THIN}">{head}</thead>{body}</table></div>{notes}</div>'
    )


def _head(content: Content) -> list[str]:
    rows = []
    if content.has_spanners:
        cells = "".join(
            f'<th scope="{"colgroup" if spanner.columns > 1 else "col"}" '
            f'colspan="{spanner.columns}" style="{CELL};font-weight:normal;text-align:center">'
            f"{_spanner(spanner.head, is_ruled=spanner.columns > 1)}</th>"
            for spanner in content.spanners
        )
        rows.append(f'<tr><td style="{LABEL}"></td>{cells}</tr>')
    if content.has_heads:
        cells = "".join(
            f'<th scope="col" style="{CELL};font-weight:normal;text-align:right">{_line(head)}</th>'
            for head in content.columns
        )
        rows.append(f'<tr><td style="{LABEL}">{_escaped(content.stub)}</td>{cells}</tr>')
    return rows


def _spanner(head: Cell, *, is_ruled: bool) -> str:
    """The lines of the head; a rule below them says how far it goes."""
    rule = f"border-bottom:{THIN};" if is_ruled and head else ""
    return f'<div style="{rule}padding-bottom:0.15em">{_lines(head)}</div>'


def _part(content: Content, part: Part) -> str:
    heading = ""
    if part.heading and len(content.parts) > 1:
        heading = (
            f'<tr><th scope="rowgroup" colspan="{len(content.columns) + 1}" '
            f'style="{LABEL};padding-top:0.5em"><em>{_escaped(part.heading)}</em></th></tr>'
        )
    is_indented = bool(heading)
    rows = "".join(_row(content, row, is_indented=is_indented) for row in part.rows)
    return f"<tbody>{heading}{rows}</tbody>"


def _row(content: Content, row: Row, *, is_indented: bool) -> str:
    indent = ";padding-left:1.6em" if is_indented else ""
    cells = "".join(
        f"<td{f' colspan={chr(34)}{span}{chr(34)}' if span > 1 else ''} "
        f'style="{CELL};text-align:{"center" if span > 1 else "right"}">{_lines(cell)}</td>'
        for cell, span in zip(row.cells, content.widths(row), strict=True)
    )
    return f'<tr><th scope="row" style="{LABEL}{indent}">{_line(row.label)}</th>{cells}</tr>'


def _lines(cell: Cell) -> str:
    return "<br>".join(map(_line, cell))


def _line(line: Line) -> str:
    return "".join(
        f"<em>{_escaped(run.text)}</em>" if run.italic else _escaped(run.text) for run in line
    )


def _escaped(text: str) -> str:
    return escape(visible(text))
