"""The table with pipes, for Markdown (CommonMark with the tables of GitHub)."""

from mixedmodels.report.markdown import escaped
from mixedmodels.report.publication.content import Cell, Content, Line, Row, Run, plain

BREAK = "<br>"


def render(content: Content) -> str:
    """Title, table and notes."""
    heads = [_head(content, j) for j in range(len(content.columns))]
    rows = [_row("", heads), f"|---|{'---:|' * len(heads)}"]
    for part in content.parts:
        if part.heading and len(content.parts) > 1:
            rows.append(_row(f"**{escaped(part.heading)}**", [""] * len(heads)))
        rows += [_row(_line(row.label), _cells(content, row)) for row in part.rows]
    blocks = [f"**{escaped(content.title)}**"] if content.title else []
    return "\n\n".join([*blocks, "\n".join(rows), *map(_line, content.notes)])


def _head(content: Content, column: int) -> str:
    """The lines of the spanner, then the head of the column."""
    first = 0
    for spanner in content.spanners:
        if first <= column < first + spanner.columns:
            lines = [*spanner.head, content.columns[column]]
            return BREAK.join(_line(one) for one in lines if plain(one))
        first += spanner.columns
    return ""


def _cells(content: Content, row: Row) -> list[str]:
    """A cell per column: what spans several stands in the first of them."""
    out: list[str] = []
    for cell, span in zip(row.cells, content.widths(row), strict=True):
        out += [_cell(cell), *[""] * (span - 1)]
    return out


def _cell(cell: Cell) -> str:
    return BREAK.join(map(_line, cell))


def _line(line: Line) -> str:
    return "".join(map(_run, line))


def _run(run: Run) -> str:
    """Emphasis ends before a space, as Markdown wants it."""
    text = escaped(run.text)
    if not run.italic:
        return text
    core = text.strip()
    return text.replace(core, f"*{core}*", 1) if core else text


def _row(label: str, cells: list[str]) -> str:
    return f"| {' | '.join([label, *cells])} |"
