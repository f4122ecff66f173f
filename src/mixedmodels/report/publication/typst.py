"""The table for Typst. Every text is a string literal, in which no character is markup."""

from mixedmodels.report.publication.content import Cell, Content, Line, Part, Row, Run
from mixedmodels.shortening import visible


def render(content: Content) -> str:
    """A figure with caption, and the notes below it."""
    width = len(content.columns)
    sides = ", ".join(["left", *["right"] * width])
    cells = [*_head(content), *(text for part in content.parts for text in _part(content, part))]
    caption = [f"  caption: [{_string(content.title)}],"] if content.title else []
    notes = [f"#text(size: 0.85em)[{_line(note)}]" for note in content.notes]
    return "\n".join(
        [
            "#block(breakable: true)[",
            "#show figure: set block(breakable: true)",
            "#set figure.caption(position: top)",
            "#figure(",
            "  kind: table,",
            "  table(",
            f"    columns: {width + 1},",
            f"    align: ({sides}),",
            "    stroke: none,",
            "    table.hline(),",
            *(f"    {text}," for text in cells),
            "    table.hline(),",
            "  ),",
            *caption,
            ")",
            " \\\n".join(notes),
            "]",
            "",
        ]
    )


def _head(content: Content) -> list[str]:
    cells: list[str] = []
    if content.has_spanners:
        cells.append("[]")
        cells += [
            f"table.cell(colspan: {spanner.columns}, align: center)[{_cell(spanner.head)}]"
            for spanner in content.spanners
        ]
    if content.has_heads:
        cells += _rules(content) if content.has_spanners else []
        cells += [f"[{_string(content.stub)}]", *(f"[{_line(head)}]" for head in content.columns)]
    if not cells:
        return []
    return [f"table.header({', '.join(cells)})", "table.hline(stroke: 0.5pt)"]


def _rules(content: Content) -> list[str]:
    """A rule under the head of every model, from column 1."""
    rules, first = [], 1
    for spanner in content.spanners:
        rules.append(f"table.hline(start: {first}, end: {first + spanner.columns}, stroke: 0.25pt)")
        first += spanner.columns
    return rules


def _part(content: Content, part: Part) -> list[str]:
    cells, indent = [], ""
    if part.heading and len(content.parts) > 1:
        width = len(content.columns) + 1
        cells.append(f"table.cell(colspan: {width}, align: left)[#emph({_literal(part.heading)})]")
        indent = "#h(1em)"
    cells += [
        ", ".join([f"[{indent}{_line(row.label)}]", *_cells(content, row)]) for row in part.rows
    ]
    return cells


def _cells(content: Content, row: Row) -> list[str]:
    out = []
    for cell, span in zip(row.cells, content.widths(row), strict=True):
        start = f"table.cell(colspan: {span}, align: center)" if span > 1 else ""
        out.append(f"{start}[{_cell(cell)}]")
    return out


def _cell(cell: Cell) -> str:
    return "#linebreak()".join(map(_line, cell))


def _line(line: Line) -> str:
    return "".join(map(_run, line))


def _run(run: Run) -> str:
    return f"#emph({_literal(run.text)})" if run.italic else _string(run.text)


def _string(text: str) -> str:
    """A text in markup; the semicolon ends the expression, whatever follows."""
    return f"#{_literal(text)};" if text else ""


def _literal(text: str) -> str:
    escaped = visible(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
