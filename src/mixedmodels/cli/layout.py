"""From text to cells: which sign separates columns, and whether every row has as many."""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from itertools import islice

import pandas as pd

from mixedmodels.errors import DataError

SEPARATORS = (",", ";", "\t", "|", " ")
"""Those that are looked for; a blank stands for any white space."""

NAMED = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "white space"}

SAMPLE = 100
"""Rows that the separator is found from."""

DIRECTIVE = re.compile(r'"?sep=(.)"?\r?\n')
"""Excel's own first line."""


@dataclass(frozen=True, slots=True)
class Cells:
    """A table of text.

    Attributes
    ----------
    names : tuple of str
        Of the columns, without blanks around them; empty where the header is.
    columns : tuple of Series
        Their cells as text, the empty ones ``""``.
    separator : str
        What separates them.
    """

    names: tuple[str, ...]
    columns: tuple[pd.Series, ...]
    separator: str


def cells(text: str, separator: str | None) -> Cells:
    """The cells of a table with a header.

    Parameters
    ----------
    text : str
        The whole file.
    separator : str, optional
        One character, or a blank for white space; by default the one that cuts the first rows
        into most columns of equal number.

    Raises
    ------
    DataError
        If there is no row, or rows differ in their number of cells.
    """
    if directive := DIRECTIVE.match(text):
        text, separator = text[directive.end() :], separator or directive[1]
    if not text.strip():
        raise DataError("The file is empty and cannot be read.\nDo:   check that it was written.")
    separator = separator or _found(text)
    try:
        table = pd.read_csv(
            StringIO(text, newline=""),
            sep=r"\s+" if separator == " " else separator,
            header=None,
            dtype=str,
            keep_default_na=False,
        )
    except pd.errors.ParserError as error:
        raise _uneven(text, separator, str(error)) from error
    if table.iloc[:, -1].eq("").any():  # a short row, or an empty last cell
        _check_widths(text, separator)
    if len(table) == 1:
        raise DataError("The file has a header and no rows.\nDo:   check that it was written.")
    names = tuple(name.strip() for name in table.iloc[0])
    body = table.iloc[1:].reset_index(drop=True)
    return Cells(names, tuple(body[j] for j in body.columns), separator)


def _found(text: str) -> str:
    """The separator with the most columns among those that give all rows as many.

    White space only where no other does, as text has it too. Where none does, the one that cuts
    the header into most; a later check names the row.
    """
    widths = {s: [len(row) for row in islice(_rows(text, s), SAMPLE)] for s in SEPARATORS}
    several = [s for s in SEPARATORS if widths[s] and widths[s][0] > 1]
    even = [s for s in several if len(set(widths[s])) == 1]
    return max(even or several or SEPARATORS, key=lambda s: (s != " ", widths[s][:1]))


def _rows(text: str, separator: str) -> Iterator[Sequence[str]]:
    """The rows that are not blank."""
    lines: Iterator[str] = iter(StringIO(text, newline=""))
    if separator == " ":
        lines = (f"{line.strip()}\n".replace("\t", " ") for line in lines)
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=separator == " ")
    try:
        yield from (row for row in reader if row)
    except csv.Error:
        return  # a cell beyond the module's limit: the rows so far decide


def _check_widths(text: str, separator: str) -> None:
    rows = _rows(text, separator)
    columns = len(next(rows))
    for number, row in enumerate(rows, 1):
        if len(row) != columns:
            raise _wrong_width(number, len(row), columns, separator)


def _uneven(text: str, separator: str, message: str) -> DataError:
    """What the reader of pandas stumbled over."""
    if "EOF inside string" in message:
        return DataError(
            "The file cannot be read: a quotation mark opens a cell and is never closed.\n"
            "Do:   double or remove quotation marks within cells."
        )
    try:
        _check_widths(text, separator)
    except DataError as error:
        return error
    return DataError(f"The file cannot be read as a table: {message.splitlines()[0]}.")


def _wrong_width(number: int, width: int, columns: int, separator: str) -> DataError:
    extra = (
        "\n      If the first column holds names of rows, give it a name in the header."
        if width == columns + 1
        else ""
    )
    return DataError(
        f"Row {number} has {width} cells, and the header has {columns}: the columns are read as "
        f"separated by {NAMED.get(separator, repr(separator))}.\n"
        "Do:   quote cells that hold the separator, complete the row, or give --sep." + extra
    )
