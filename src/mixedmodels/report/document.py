"""The content of a report, free of any output format."""

from collections.abc import Sequence
from dataclasses import dataclass

from mixedmodels.shortening import brief


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

    __repr__ = brief


@dataclass(frozen=True, slots=True)
class Document:
    """Title, facts (`name: value`), tables and notes, in reading order."""

    title: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    notes: tuple[str, ...]

    __repr__ = brief


def as_rows(columns: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """Columns of strings turned into rows."""
    return tuple(zip(*columns, strict=True))
