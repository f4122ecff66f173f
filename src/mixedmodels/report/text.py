"""A report as plain text, for a terminal."""

import textwrap

from mixedmodels.report.document import Document, Section
from mixedmodels.shortening import distinct_labels, visible

WIDTH = 88  # of facts and footnotes
TABLE = 100  # of a table, if its numbers leave room
SHORTEST = 12  # characters of a column of names, whatever the numbers take


def render(document: Document) -> str:
    """The whole document."""
    parts = [visible(document.title), _facts(document.facts)]
    parts += [render_section(section) for section in document.sections]
    parts += [render_note(note) for note in document.notes]
    return "\n\n".join(parts)


def render_section(section: Section) -> str:
    """A heading, a header row and the rows; names that are too long are cut, and stay distinct."""
    rows = [[visible(cell) for cell in row] for row in (section.header, *section.rows)]
    columns = _fitted([list(cells) for cells in zip(*rows, strict=True)], section.n_text)
    lines = [f"{visible(section.heading)}:"]
    aligned = [_aligned(cells, j < section.n_text) for j, cells in enumerate(columns)]
    lines += ["  " + "  ".join(row).rstrip() for row in zip(*aligned, strict=True)]
    if section.footnote:
        lines.append(_wrapped(section.footnote))
    return "\n".join(lines)


def _aligned(cells: list[str], is_text: bool) -> list[str]:
    width = max(map(len, cells))
    return [cell.ljust(width) if is_text else cell.rjust(width) for cell in cells]


def _fitted(columns: list[list[str]], n_text: int) -> list[list[str]]:
    """The columns with those of text cut to what the others leave of the width of a table."""
    widths = [max(map(len, cells)) for cells in columns]
    room = max(TABLE - sum(widths[n_text:]) - 2 * len(columns), SHORTEST * n_text)
    by_width = sorted(range(n_text), key=widths.__getitem__)  # short ones leave room to others
    for left, j in zip(range(n_text, 0, -1), by_width, strict=True):
        columns[j] = _cut(columns[j], max(room // left, SHORTEST))
        room -= max(map(len, columns[j]))
    return columns


def _cut(cells: list[str], width: int) -> list[str]:
    named = list(filter(None, cells))
    labels = dict(zip(named, distinct_labels(named, width), strict=True))
    return [labels.get(cell, "") for cell in cells]


def _facts(facts: tuple[tuple[str, str], ...]) -> str:
    indent = max(len(name) for name, _ in facts) + 3
    return "\n".join(
        textwrap.fill(
            visible(value),
            width=WIDTH,
            initial_indent=f"{name}:".ljust(indent),
            subsequent_indent=" " * indent,
            break_on_hyphens=False,
        )
        for name, value in facts
    )


def _wrapped(footnote: str) -> str:
    return textwrap.fill(
        visible(footnote), width=WIDTH, initial_indent="  ", subsequent_indent="  "
    )


def render_note(note: str) -> str:
    """A note: its lines stay lines; one that is too long goes on below, further in."""
    lines = []
    for line in map(visible, f"Note: {note}".split("\n")):
        indent = " " * (len(line) - len(line.lstrip()) + 4)
        wrapped = textwrap.wrap(line, width=TABLE, subsequent_indent=indent, break_on_hyphens=False)
        lines += wrapped if len(line) > TABLE else [line]
    return "\n".join(lines)
