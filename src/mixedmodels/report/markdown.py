"""A report as Markdown, with pipe tables (CommonMark with the tables of GitHub)."""

import re

from mixedmodels.report.document import Document, Section
from mixedmodels.shortening import visible

SPECIAL = {character: f"\\{character}" for character in "\\`*_{}[]#|~$^"} | {
    "<": "&lt;", ">": "&gt;", "&": "&amp;"
}  # fmt: skip
"""What Markdown, its mathematics and HTML read as more than a letter."""

STARTS_A_BLOCK = re.compile(r"^(\d*)([-+=.):])")
"""The start of a list, an underline or a definition, where a paragraph begins with it."""


def render(document: Document) -> str:
    """The whole document."""
    facts = "\n".join(f"- **{escaped(name)}**: {escaped(value)}" for name, value in document.facts)
    sections = [render_section(section) for section in document.sections]
    notes = [_note(note) for note in document.notes]
    return "\n\n".join([f"## {escaped(document.title)}", facts, *sections, *notes])


def render_section(section: Section) -> str:
    """A heading and a table."""
    sides = ["---" if j < section.n_text else "---:" for j in range(len(section.header))]
    rows = [_row(section.header), f"| {' | '.join(sides)} |", *map(_row, section.rows)]
    parts = [f"### {escaped(section.heading)}", "\n".join(rows)]
    return "\n\n".join([*parts, _paragraph(section.footnote)] if section.footnote else parts)


def escaped(text: str) -> str:
    """Text on one line that every reader of Markdown shows as it is."""
    return "".join(SPECIAL.get(character, character) for character in visible(text))


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(escaped(cell) for cell in cells) + " |"


def _paragraph(text: str) -> str:
    return STARTS_A_BLOCK.sub(r"\1\\\2", escaped(text).strip())


def _note(note: str) -> str:
    """A quotation whose lines stay lines."""
    lines = list(filter(None, map(_paragraph, note.split("\n"))))
    return "> " + "\\\n> ".join(lines)
