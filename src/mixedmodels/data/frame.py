"""The user's table, of whatever library narwhals knows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
from narwhals.exceptions import NarwhalsError
from numpy.typing import NDArray

from mixedmodels.data.alignment import by_row
from mixedmodels.data.columns import Column
from mixedmodels.data.reading import is_time, read, read_pandas
from mixedmodels.data.unkept import UnkeptRows
from mixedmodels.errors import DataError
from mixedmodels.shortening import brief

Mask = NDArray[np.bool_]

Backend = nw.Implementation
"""The frame library that results go back to."""

SMALL = 2**20
"""Cells of a table up to which a copy of the whole costs little."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A read-only view of the user's table.

    Attributes
    ----------
    columns
        Names in order; columns whose name is not text are left out, as no formula can name them.
    nrows
        Number of rows.
    index
        The row labels of a pandas frame, otherwise 0, 1, ….
    backend
        Where `table` sends results.
    """

    _table: pd.DataFrame | nw.DataFrame[Any]  # pandas' own: its view costs more than small columns
    columns: tuple[str, ...]
    nrows: int
    index: pd.Index
    backend: Backend

    __repr__ = brief

    @staticmethod
    def of(data: object, *, may_be_empty: bool = False) -> Frame:
        """Wrap pandas, polars (also lazy), pyarrow, a mapping of arrays, or what narwhals takes.

        Raises
        ------
        DataError
            If it is no table, has two columns of one name, or has no rows or no columns and may not
            be empty.
        """
        native = _table_of_mapping(data) if isinstance(data, Mapping) else data
        if isinstance(native, np.ndarray) and native.dtype.names:
            native = pd.DataFrame.from_records(native)
        names = _unique_names(native)
        is_pandas = isinstance(native, pd.DataFrame)
        table: Any = native if is_pandas else _wrapped(native)
        columns = tuple(n for n in (names if is_pandas else table.columns) if isinstance(n, str))
        if not may_be_empty and (not columns or len(table) == 0):
            raise DataError(
                f"The data have {len(table)} rows and {len(columns)} columns: nothing to fit.\n"
                "Do:   pass a table with at least one row; check the filter or join that made it."
            )
        index = table.index if is_pandas else pd.RangeIndex(len(table))
        backend = Backend.PANDAS if is_pandas else table.implementation
        return Frame(table, columns, len(table), index, backend)

    @staticmethod
    def unkept(columns: tuple[str, ...], nrows: int, backend: Backend) -> Frame:
        """A table of which the names of the columns are kept, and no rows."""
        rows: Any = UnkeptRows(nrows)
        return Frame(rows, columns, nrows, pd.RangeIndex(nrows), backend)

    @property
    def has_rows(self) -> bool:
        """Whether the rows were kept."""
        return not isinstance(self._table, UnkeptRows)

    def selected(self, columns: Sequence[str]) -> Frame:
        """The same rows with some of the columns."""
        return Frame.of(self._data.select(list(columns)).to_native())

    @property
    def _data(self) -> nw.DataFrame[Any]:
        """The table as narwhals has it."""
        table = self._table
        return nw.from_native(table) if isinstance(table, pd.DataFrame) else table

    def column(self, name: str) -> Column:
        """Read one column into plain arrays.

        Raises
        ------
        DataError
            If its values are neither numbers, booleans, text, categories nor dates.
        """
        column = self._table[name]
        return read_pandas(name, column) if isinstance(column, pd.Series) else read(name, column)

    @property
    def native(self) -> Any:
        """The table in the library that it came in."""
        return self._data.to_native()

    @property
    def is_small(self) -> bool:
        """Whether a copy of the whole table costs little."""
        return self.nrows * len(self.columns) <= SMALL

    def owned(self, columns: Collection[str]) -> Frame:
        """The same table, out of reach of what the caller does to theirs later.

        `columns` are copied. The others share the caller's memory: one that is renamed, dropped or
        replaced there stays as it was here, but one that is changed in place, as through a NumPy
        array that it was made of, may follow.
        """
        native, is_whole = self._table, columns is self.columns
        table: pd.DataFrame | nw.DataFrame[Any]
        if isinstance(native, pd.DataFrame):
            is_copied = is_whole and not _has_arrow(native)
            table = native.copy(deep=True) if is_copied else _copied_pandas(native, columns)
        elif self.backend.is_pyarrow() or not is_whole:
            table = self._gathered(columns)
        else:
            table = native[np.arange(self.nrows)]
        index = self.index
        if not isinstance(index, pd.RangeIndex) or index.name is not None:
            index = index.copy(deep=True)
        return Frame(table, self.columns, self.nrows, index, self.backend)

    def _gathered(self, columns: Collection[str]) -> nw.DataFrame[Any]:
        """The table with copies of the columns that a NumPy array may share, as text never does."""
        schema, positions = self._data.schema, np.arange(self.nrows)
        held = [name for name in columns if schema[name].is_numeric() or is_time(schema[name])]
        return self._data.with_columns(*(self._data[name][positions] for name in held))

    def rows(self, positions: NDArray[np.intp]) -> Frame:
        """A table of some rows, which may repeat, in the order given; its index starts at 0."""
        native = self._data[positions.tolist()].to_native()
        plain = native.reset_index(drop=True) if isinstance(native, pd.DataFrame) else native
        return Frame.of(plain)

    def where(self, kept: NDArray[np.bool_]) -> Frame:
        """A table of the rows that are `kept` (N,), with the labels that they have here."""
        part = self._data[np.flatnonzero(kept).tolist()]
        table = part.to_native() if isinstance(self._table, pd.DataFrame) else part
        return Frame(table, self.columns, len(part), self.index[kept], self.backend)

    def with_column(self, name: str, values: NDArray[np.float64] | Sequence[str | None]) -> Frame:
        """The same table with a column of numbers or text, added or replaced."""
        series = nw.new_series(name, values, backend=self.backend)  # type: ignore[arg-type]
        columns = self.columns if name in self.columns else (*self.columns, name)
        data = self._data.with_columns(series)
        table = data.to_native() if isinstance(self._table, pd.DataFrame) else data
        return Frame(table, columns, self.nrows, self.index, self.backend)

    def beside(self, columns: Mapping[str, NDArray[np.float64]], rows: Mask | None = None) -> Any:
        """The user's table with columns of numbers behind its own, all rows or some, in its own
        library; of pandas with its index.
        """
        data = self._data if rows is None else self._data.filter(rows.tolist())
        native = data.to_native()
        if isinstance(native, pd.DataFrame):
            return native.assign(**columns)
        made = [
            nw.new_series(name, _with_nulls(values, self.backend), nw.Float64, backend=self.backend)  # type: ignore[arg-type]
            for name, values in columns.items()
        ]
        return data.with_columns(*made).to_native()

    def repeated_value(self, name: str, row: int) -> Frame:
        """The same table with the value that a column has in one row in all of them."""
        series = self._data[name]
        whole = series[[row] * self.nrows].to_native()
        if isinstance(whole, pd.Series):
            whole = whole.set_axis(self.index)
        data = self._data.with_columns(nw.from_native(whole, series_only=True).alias(name))
        table = data.to_native() if isinstance(self._table, pd.DataFrame) else data
        return Frame(table, self.columns, self.nrows, self.index, self.backend)

    def is_ordered(self, name: str) -> bool:
        """Whether a column is a factor whose levels have an order: pandas' ordered or an Enum."""
        return bool(self._data.schema[name] == nw.Enum)

    def filled(self, name: str, rows: NDArray[np.intp], values: Sequence[Any]) -> Frame:
        """The same table with some values of a column replaced; all others stay to the bit.

        Numbers that are not whole make a column of whole ones one of floats. Levels have to be
        those of the column.
        """
        series = self._data[name]
        is_float = any(isinstance(v, float) and not v.is_integer() for v in values)
        if series.dtype.is_integer() and is_float:
            series = series.cast(nw.Float64)
        cells = series.to_list()
        for row, value in zip(rows.tolist(), values, strict=True):
            cells[row] = value
        native = series.to_native()
        made: Any
        if isinstance(native, pd.Series):
            made = pd.Series(cells, index=native.index, dtype=native.dtype, name=name)
        else:
            made = nw.new_series(name, cells, series.dtype, backend=self.backend)  # type: ignore[arg-type]
            made = made.to_native()
        data = self._data.with_columns(nw.from_native(made, series_only=True).alias(name))
        table = data.to_native() if isinstance(self._table, pd.DataFrame) else data
        return Frame(table, self.columns, self.nrows, self.index, self.backend)

    def table(self, columns: Mapping[str, Any]) -> Any:
        """A table in the library that the data came in; see `table`."""
        return table(columns, self.backend)


def table(columns: Mapping[str, Any], backend: Backend) -> Any:
    """A frame of the given library with these columns, in this order.

    NaN and None become the library's missing value. A column keeps its type where all of it is
    missing or there are no rows: numbers and text stay numbers and text.
    """
    if backend is Backend.PANDAS and not any(isinstance(v, pd.Series) for v in columns.values()):
        return pd.DataFrame(dict(columns))
    plain: Mapping[str, Any] = columns
    if not backend.is_pandas_like():
        plain = {name: _with_nulls(values, backend) for name, values in columns.items()}
    made: nw.DataFrame[Any] = nw.from_dict(dict(plain), backend=backend)  # type: ignore[arg-type]
    return made.to_native()


def stacked(frames: Sequence[Frame], column: str, labels: Sequence[int]) -> Any:
    """The tables one below the other in their library, with a first column that numbers them."""
    parts = [
        frame._data.select(nw.lit(number).alias(column), nw.all())
        for frame, number in zip(frames, labels, strict=True)
    ]
    native = nw.concat(parts).to_native()
    return native.reset_index(drop=True) if isinstance(native, pd.DataFrame) else native


def _with_nulls(values: Any, backend: Backend) -> Any:
    array = np.asarray(values)
    if array.dtype.kind == "f" and np.isnan(array).any():
        cells = [None if np.isnan(value) else value for value in array.tolist()]
    elif array.dtype.kind in "OU":
        cells = array.tolist()
    else:
        return array
    if all(cell is None for cell in cells):
        dtype = nw.Float64 if array.dtype.kind == "f" else nw.String
        return nw.new_series("", cells, dtype, backend=backend)  # type: ignore[arg-type]
    return cells


def _has_arrow(native: pd.DataFrame) -> bool:
    return any(isinstance(dtype, pd.ArrowDtype) for dtype in native.dtypes.tolist())


def _copied_pandas(native: pd.DataFrame, columns: Collection[str]) -> pd.DataFrame:
    own = native.copy(deep=False)
    for name in columns:
        column = native[name]
        if not isinstance(column.dtype, pd.ArrowDtype):
            own[name] = column.copy(deep=True)
        elif column.dtype.kind in "biufmM":  # pandas takes Arrow's memory as immutable
            own[name] = column.array.take(np.arange(len(native)))
    return own


def _table_of_mapping(data: Mapping[Any, Any]) -> pd.DataFrame:
    columns = {str(name): np.ravel(v) if _depth(v) == 0 else v for name, v in data.items()}
    sizes = {name: len(values) for name, values in columns.items()}
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{name}: {size}" for name, size in sizes.items())
        raise DataError(
            f"The arrays of the data have different lengths ({listed}).\n"
            "Do:   give every column one value per row."
        )
    wide = [name for name, values in columns.items() if _depth(values) > 1]
    if wide:
        raise DataError(
            f"Column {wide[0]!r} is an array of {_depth(columns[wide[0]])} dimensions.\n"
            "Do:   split it into columns with one value per row."
        )
    index = next((v.index for v in columns.values() if isinstance(v, pd.Series)), None)
    if index is not None:
        columns = {name: by_row(f"column {name!r}", v, index) for name, v in columns.items()}
    return pd.DataFrame(columns, index=index)


def _depth(values: Any) -> int:
    """Dimensions; rows of unequal length count as two."""
    try:
        return np.ndim(values)
    except ValueError:
        return 2


def _wrapped(native: object) -> nw.DataFrame[Any]:
    try:
        frame = nw.from_native(native)  # type: ignore[call-overload]
    except (TypeError, NarwhalsError) as error:
        raise DataError(
            f"The data are of type {type(native).__name__}, which is not a table.\n"
            "Do:   pass a pandas, polars or pyarrow table, or a dict of arrays."
        ) from error
    return frame.collect() if isinstance(frame, nw.LazyFrame) else frame


def _unique_names(native: object) -> Sequence[Any]:
    """The names of the columns where the library lets them repeat."""
    if isinstance(native, pd.DataFrame):
        names: Sequence[Any] = native.columns.tolist()
    else:
        names = getattr(native, "column_names", None) or ()
    if not isinstance(names, Sequence) or len(set(names)) == len(names):
        return names
    twice = sorted({str(name) for name in names if names.count(name) > 1})
    raise DataError(
        f"The data have more than one column named {', '.join(map(repr, twice))}.\n"
        "Do:   rename or drop all but one.\n"
        "Why:  the formula could mean any of them."
    )
