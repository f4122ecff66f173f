"""The content of a report, free of any output format."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Section:
    """A small table of finished strings.

    The first `n_text` columns are text (left-aligned), the others numbers (right-aligned).
    """

    heading: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    n_text: int = 0
    footnote: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """Title, facts (`name: value`), tables and notes, in reading order."""

    title: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    notes: tuple[str, ...]


def as_rows(columns: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """Columns of strings turned into rows."""
    return tuple(zip(*columns, strict=True))


def one_line(text: str) -> str:
    """Text without line breaks and without characters that control a terminal or a page.

    Names of columns and levels may hold anything: a line break would end a comment of LaTeX or a
    row of a table, an escape sequence would colour a terminal, a change of direction would turn
    the rest of the line around. White space becomes a space, the others are shown as Python
    writes them.
    """
    return text if text.isprintable() else "".join(map(_harmless, text))


def _harmless(character: str) -> str:
    if character.isspace():
        return " "
    controls = unicodedata.category(character) in ("Cc", "Cs") or character in TURNS
    return ascii(character)[1:-1] if controls else character


TURNS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Characters that change the direction of writing."""
