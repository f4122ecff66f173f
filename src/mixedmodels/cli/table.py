"""Reading the user's table as a formula needs it, with a word on whatever was not plain."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pandas as pd

from mixedmodels.cli import values
from mixedmodels.cli.layout import NAMED, Cells, cells
from mixedmodels.cli.source import decode, read_bytes
from mixedmodels.design.names import used_columns
from mixedmodels.errors import DataError
from mixedmodels.formula import Formula

PARQUET = b"PAR1"
"""First bytes of a Parquet file."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file of text is to be read; None where that is to be found out.

    Attributes
    ----------
    separator, decimal, encoding : str, optional
        One character, ``"."`` or ``","``, and a codec of Python.
    missing : sequence of str, optional
        Codes of a missing value.
    factors : sequence of str
        Columns whose cells name levels, whatever they look like.
    """

    separator: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    missing: Sequence[str] | None = None
    factors: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """The data, and what is to be said of how they were read."""

    data: pd.DataFrame
    notes: tuple[str, ...]


def read_table(
    path: Path, formula: Formula, *, extra: Sequence[str] = (), reading: Reading | None = None
) -> Table:
    """A table of text (also compressed) or, by its content, a Parquet file.

    Parameters
    ----------
    path : Path
        The file, ``-`` for standard input.
    formula : Formula
        Says which columns are used, and which of them only name groups.
    extra : sequence of str
        Further columns of numbers: weights, offset.
    reading : Reading, optional
        What is known of the file.

    Raises
    ------
    DataError
        If the file is not there, cannot be read, or a column that is used needs a decision.
    """
    reading = reading or Reading()
    content = read_bytes(path)
    if content.startswith(PARQUET):
        return Table(_parquet(content, path), ())
    source = decode(content, path, reading.encoding)
    found = cells(source.text, reading.separator)
    _check_factors(reading.factors, found.names)
    fixed, groups = _used(formula, found.names, extra)
    _check_repeated(found.names, {*fixed, *groups})
    columns = {
        name: values.distinct(name, column, reading.missing)
        for name, column in zip(found.names, found.columns, strict=True)
        if name in fixed or name in groups
    }
    numeric = [columns[name] for name in fixed if name not in reading.factors]
    decimal = reading.decimal or _decimal(numeric)
    read = {
        name: _read(column, name in fixed, decimal, reading) for name, column in columns.items()
    }
    notes = [note for column in read.values() for note in column.notes]
    if decimal == "," and reading.decimal is None:
        notes.insert(
            0, f"Decimal commas, and {NAMED.get(found.separator, found.separator)} between columns."
        )
    return Table(_frame(found, read), (*source.notes, *notes))


def _read(column: values.Distinct, is_fixed: bool, decimal: str, reading: Reading) -> values.Values:
    if column.name in reading.factors:
        return values.text(column)
    if not is_fixed:
        return values.levels(column)
    return values.measured(column, decimal=decimal, codes_are_given=reading.missing is not None)


def _frame(found: Cells, read: dict[str, values.Values]) -> pd.DataFrame:
    """The columns that are used, and the names of all others, for messages."""
    others = {name: "" for name in found.names if name and name not in read}
    columns = {name: column.values for name, column in read.items()}
    return pd.DataFrame({**others, **columns}, index=range(len(found.columns[0])))


def _used(
    formula: Formula, names: Sequence[str], extra: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns of the response, the fixed part and the slopes, and those that name groups."""
    sources = [formula.response, formula.fixed, *(term.lhs for term in formula.random)]
    fixed = [name for source in sources for name in used_columns(source, names)]
    groups = [name for term in formula.random for name in term.group if name in names]
    known = dict.fromkeys([*fixed, *(name for name in extra if name in names)])
    return tuple(known), tuple(name for name in dict.fromkeys(groups) if name not in known)


def _check_factors(factors: Sequence[str], names: Sequence[str]) -> None:
    for name in factors:
        if name not in names:
            raise DataError(
                f"--factor names a column {name!r} that is not there.\n"
                f"Do:   choose from {', '.join(filter(None, names))}."
            )


def _check_repeated(names: Sequence[str], used: set[str]) -> None:
    for name in names:
        if name in used and names.count(name) > 1:
            places = [str(j + 1) for j, other in enumerate(names) if other == name]
            raise DataError(
                f"Columns {' and '.join(places)} are all called {name!r}.\n"
                "Do:   give every column that the formula uses a name of its own."
            )


def _decimal(columns: Sequence[values.Distinct]) -> str:
    """The decimal sign that the columns of numbers tell.

    Raises
    ------
    DataError
        If some tell one and some the other, or commas may as well separate thousands.
    """
    point = _with_sign(columns, ".")
    comma = _with_sign(columns, ",")
    if not comma:
        return "."
    if point:
        raise DataError(
            f"Column {point[0].name!r} has decimal points, as {_example(point[0], '.')!r}, and "
            f"column {comma[0].name!r} has commas, as {_example(comma[0], ',')!r}.\n"
            "Do:   give --decimal, and write thousands without a separator."
        )
    if all(_may_be_thousands(column) for column in comma):
        raise DataError(
            f"Column {comma[0].name!r} holds {_example(comma[0], ',')!r}, where the comma may "
            "separate thousands or decimals.\n"
            "Do:   give --decimal , if decimals follow it; otherwise write 1234 for 1,234."
        )
    return ","


def _with_sign(columns: Sequence[values.Distinct], sign: str) -> list[values.Distinct]:
    """The columns that are all numbers (or codes of missing ones), some with this decimal sign."""
    plain = re.compile(r"[+-]?\d+([eE][+-]?\d+)?", re.ASCII)
    found = []
    for column in columns:
        cells = [c for c in column.cells if c not in values.MISSING_AMONG_NUMBERS]
        is_number = values.NUMBER[sign].fullmatch
        signed = [cell for cell in cells if is_number(cell) and not plain.fullmatch(cell)]
        others = sum(not is_number(cell) for cell in cells)
        if signed and 2 * others <= len(cells):
            found.append(column)
    return found


def _may_be_thousands(column: values.Distinct) -> bool:
    signed = [cell for cell in column.cells if "," in cell]
    return all(values.THOUSANDS.fullmatch(cell) for cell in signed)


def _example(column: values.Distinct, sign: str) -> str:
    is_number = values.NUMBER[sign].fullmatch
    return next(cell for cell in column.cells if sign in cell and is_number(cell))


def _parquet(content: bytes, path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(BytesIO(content))
    except ImportError as error:
        raise DataError(
            f"{path} is a Parquet file, and pyarrow, which reads it, is not installed.\n"
            "Do:   pip install 'mixedmodels[arrow]', or save the data as CSV."
        ) from error
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} is a Parquet file that cannot be read: {str(error).splitlines()[0]}\n"
            "Do:   write it again, or save the data as CSV."
        ) from error
