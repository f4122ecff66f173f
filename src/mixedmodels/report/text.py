"""A report as plain text, for a terminal."""

import textwrap

from mixedmodels.report.document import Document, Section, one_line

WIDTH = 88  # of facts; tables are as wide as they are
LONGEST = 60  # characters of a cell


def render(document: Document) -> str:
    """The whole document."""
    parts = [one_line(document.title), _facts(document.facts)]
    parts += [render_section(section) for section in document.sections]
    parts += [_note(note) for note in document.notes]
    return "\n\n".join(parts)


def render_section(section: Section) -> str:
    """A heading, a header row and the rows."""
    table = [tuple(_short(cell) for cell in row) for row in (section.header, *section.rows)]
    widths = [max(len(cell) for cell in cells) for cells in zip(*table, strict=True)]
    lines = [f"{one_line(section.heading)}:"]
    for row in table:
        cells = [
            cell.ljust(width) if j < section.n_text else cell.rjust(width)
            for j, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  " + "  ".join(cells).rstrip())
    if section.footnote:
        lines.append("  " + one_line(section.footnote))
    return "\n".join(lines)


def _facts(facts: tuple[tuple[str, str], ...]) -> str:
    indent = max(len(name) for name, _ in facts) + 3
    return "\n".join(
        textwrap.fill(
            one_line(value),
            width=WIDTH,
            initial_indent=f"{name}:".ljust(indent),
            subsequent_indent=" " * indent,
            break_on_hyphens=False,
        )
        for name, value in facts
    )


def _note(note: str) -> str:
    return "Note: " + "\n".join(one_line(line) for line in note.split("\n"))


def _short(cell: str) -> str:
    cell = one_line(cell)
    return cell if len(cell) <= LONGEST else cell[: LONGEST - 1] + "…"
