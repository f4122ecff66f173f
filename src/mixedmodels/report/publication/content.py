"""The content of a table, free of any output format: text in cells, rows and parts."""

from dataclasses import dataclass

from mixedmodels.shortening import brief


@dataclass(frozen=True, slots=True)
class Run:
    """A piece of text of one look. What it holds is shown as it is, whatever the format."""

    text: str
    italic: bool = False


Line = tuple[Run, ...]
"""Text that stands in one line."""

Cell = tuple[Line, ...]
"""Lines below each other; none in an empty cell."""


@dataclass(frozen=True, slots=True)
class Row:
    """A label and one cell per column, or per spanner if `is_spanning`."""

    label: Line
    cells: tuple[Cell, ...]
    is_spanning: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """Rows that belong together, under a heading unless it is empty."""

    heading: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Spanner:
    """What stands over the columns of one model: lines of its head, and how many columns."""

    head: Cell
    columns: int


@dataclass(frozen=True, slots=True)
class Content:
    """A table.

    Attributes
    ----------
    title : str
        Empty for none.
    stub : str
        The head of the labels.
    spanners : tuple of Spanner
        One per model.
    columns : tuple of Line
        The head of every column; without text where cells say what they hold.
    parts : tuple of Part
        From the top.
    notes : tuple of Line
        Below the table.
    """

    title: str
    stub: str
    spanners: tuple[Spanner, ...]
    columns: tuple[Line, ...]
    parts: tuple[Part, ...]
    notes: tuple[Line, ...]

    __repr__ = brief

    @property
    def has_spanners(self) -> bool:
        """Whether anything stands over the columns."""
        return any(spanner.head for spanner in self.spanners)

    @property
    def has_heads(self) -> bool:
        """Whether the columns have heads of their own."""
        return any(plain(head) for head in self.columns)

    def widths(self, row: Row) -> tuple[int, ...]:
        """How many columns each cell of a row takes."""
        if row.is_spanning:
            return tuple(spanner.columns for spanner in self.spanners)
        return (1,) * len(self.columns)


def line(text: str) -> Line:
    """Text of one look; nothing for no text."""
    return (Run(text),) if text else ()


def italic(text: str) -> Line:
    """The same in italics."""
    return (Run(text, italic=True),)


def cell(text: str) -> Cell:
    """One line; nothing for no text."""
    return (line(text),) if text else ()


def plain(text: Line) -> str:
    """The text without its look."""
    return "".join(run.text for run in text)
