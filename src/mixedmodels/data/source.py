"""Data that need not fit in memory: batches of rows with named columns, in order, perhaps once.

What each library calls its lazy tables is known here and nowhere else; the libraries themselves are
never imported, since an object of theirs brings them along.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
from narwhals.exceptions import NarwhalsError

from mixedmodels.data.ahead import ahead
from mixedmodels.data.frame import Backend, Frame
from mixedmodels.data.unkept import rows_needed
from mixedmodels.errors import DataError, MixedModelsError
from mixedmodels.shortening import brief

LEAST_ROWS, MOST_ROWS = 2**16, 2**20
"""Rows of a batch: shorter ones are joined, since each costs a millisecond, longer ones are cut."""

READ_ROWS = 2**18
"""Rows that a library is asked to read at a time."""

UNREAD = Frame.unkept((), 0, Backend.PANDAS)
"""The table of a source that is not read yet."""

Batches = Iterator[Any]
"""Tables of the caller's library."""


@dataclass(frozen=True, slots=True)
class Source:
    """A table that is read in batches.

    Attributes
    ----------
    kind
        What it is, for messages, as ``"polars LazyFrame"``.
    columns
        Names in order; None where only the batches know them.
    is_repeatable
        Whether it can be read more than once.
    projects
        Whether columns that are not asked for are never read.
    reads_ahead
        Whether another thread may read it.
    """

    kind: str
    columns: tuple[str, ...] | None
    is_repeatable: bool
    projects: bool
    reads_ahead: bool
    _data: Any
    _open: Callable[[Any, Sequence[str] | None], Batches]

    __repr__ = brief

    @staticmethod
    def of(data: object) -> Source | None:
        """The source that the data are; None for a table in memory, or what is none at all.

        A polars LazyFrame, a pyarrow Dataset, ParquetFile, Scanner or RecordBatchReader, a DuckDB
        relation, whatever has an Arrow stream and is no table, an iterator of tables, or a function
        without arguments that makes one.

        Raises
        ------
        DataError
            If its columns cannot be read.
        """
        if isinstance(data, (pd.DataFrame, Mapping, np.ndarray, str, type)):
            return None
        for recognise in (_of_arrow, _of_lazy, _of_stream, _of_iterator, _of_function):
            found = recognise(data)
            if found is not None:
                return found
        return None

    def batches(self, columns: Sequence[str] | None) -> Iterator[Frame]:
        """The rows in order, in batches of a size to work with that are not empty.

        Parameters
        ----------
        columns
            The columns that are read; None for all.

        Raises
        ------
        DataError
            If reading fails, or a batch is no table or lacks a column.
        """
        frames = self._frames(columns)
        return _resized(ahead(frames) if self.reads_ahead else frames)

    def __reduce__(self) -> tuple[object, ...]:
        """For another process, which cannot read it again."""
        spent = (self.kind, self.columns, False, self.projects, False, None, _spent)
        return Source, spent

    def _frames(self, columns: Sequence[str] | None) -> Iterator[nw.DataFrame[Any]]:
        rows = 0
        for number, native in enumerate(self._read(columns), 1):
            frame = _narwhals(native, number)
            if columns is not None:
                _require_columns(frame.columns, columns, number, rows)
                frame = frame.select(list(columns))
            rows += len(frame)
            if len(frame):
                yield frame

    def _read(self, columns: Sequence[str] | None) -> Batches:
        """The batches as they come; what fails on the way is told as such."""
        number = 0
        try:
            for batch in self._open(self._data, columns):
                number += 1
                yield batch
        except MixedModelsError:
            raise
        except Exception as error:
            raise _unreadable(self.kind, number, error) from error


def _spent(data: Any, columns: Sequence[str] | None) -> Batches:
    raise rows_needed()


def _of_arrow(data: object) -> Source | None:
    """What pyarrow has besides tables."""
    arrow: Any = data
    if not type(data).__module__.startswith("pyarrow"):
        return None
    if hasattr(data, "read_next_batch"):
        names = tuple(arrow.schema.names)
        return Source("pyarrow RecordBatchReader", names, False, False, True, arrow, _items)
    if hasattr(data, "iter_batches"):
        names = tuple(arrow.schema_arrow.names)
        return Source("pyarrow ParquetFile", names, True, True, True, arrow, _pages)
    if hasattr(data, "scanner"):
        names = tuple(arrow.schema.names)
        return Source("pyarrow Dataset", names, True, True, True, arrow, _scanned)
    if hasattr(data, "projected_schema"):
        names = tuple(arrow.projected_schema.names)
        return Source("pyarrow Scanner", names, False, False, True, arrow, _scanned_once)
    return None


def _items(data: Any, columns: Sequence[str] | None) -> Batches:
    yield from data


def _pages(data: Any, columns: Sequence[str] | None) -> Batches:
    chosen = None if columns is None else list(columns)
    yield from data.iter_batches(batch_size=READ_ROWS, columns=chosen)


def _scanned(data: Any, columns: Sequence[str] | None) -> Batches:
    chosen = None if columns is None else list(columns)
    yield from data.to_batches(columns=chosen, batch_size=READ_ROWS)


def _scanned_once(data: Any, columns: Sequence[str] | None) -> Batches:
    yield from data.to_batches()


def _of_lazy(data: object) -> Source | None:
    """Lazy tables of polars and DuckDB; those of other libraries are collected as a table."""
    lazy = nw.from_native(data, pass_through=True)
    if not isinstance(lazy, nw.LazyFrame):
        return None
    native: Any = lazy.to_native()
    if lazy.implementation.is_polars() and hasattr(native, "collect_batches"):
        names = _names("polars LazyFrame", lambda: native.collect_schema().names())
        return Source("polars LazyFrame", names, True, True, True, native, _collected)
    if lazy.implementation.is_duckdb():
        names = _names("DuckDB relation", lambda: native.columns)
        return Source("DuckDB relation", names, True, True, True, native, _queried)
    return None


def _collected(data: Any, columns: Sequence[str] | None) -> Batches:
    chosen = data if columns is None else data.select(list(columns))
    found = chosen.collect_batches(chunk_size=READ_ROWS, maintain_order=True, lazy=True)
    try:
        yield from found
    finally:
        stop = getattr(found, "stop", None)
        if stop is not None:
            stop()


def _queried(data: Any, columns: Sequence[str] | None) -> Batches:
    chosen = data
    if columns is not None:
        quoted = ('"' + name.replace('"', '""') + '"' for name in columns)
        chosen = data.project(", ".join(quoted))
    reader = getattr(chosen, "to_arrow_reader", None) or chosen.fetch_record_batch
    yield from reader(READ_ROWS)


def _of_stream(data: object) -> Source | None:
    """Anything else with an Arrow stream."""
    if not hasattr(data, "__arrow_c_stream__") or _is_table(data) or _is_series(data):
        return None
    reader = import_module("pyarrow").RecordBatchReader.from_stream(data)
    names = tuple(reader.schema.names)
    return Source("Arrow stream", names, False, False, True, reader, _items)


def _of_iterator(data: object) -> Source | None:
    """An iterator of tables, read where it was made: it may not like other threads."""
    if not hasattr(data, "__next__"):
        return None
    return Source(f"iterator ({type(data).__name__})", None, False, False, False, data, _items)


def _of_function(data: object) -> Source | None:
    if not callable(data) or isinstance(data, type) or _is_table(data):
        return None
    return Source("function that returns an iterator", None, True, False, False, data, _called)


def _called(data: Any, columns: Sequence[str] | None) -> Batches:
    made = data()
    if _is_table(made) or not hasattr(made, "__iter__"):
        raise DataError(
            f"The function given as data returned an object of type {type(made).__name__}.\n"
            "Do:   let it return an iterator of tables, a new one in every call."
        )
    yield from made


def _is_table(data: object) -> bool:
    return isinstance(
        nw.from_native(data, pass_through=True),
        nw.DataFrame | nw.LazyFrame,
    )


def _is_series(data: object) -> bool:
    """Whether it is one column: an Arrow stream too, but not of tables."""
    return isinstance(nw.from_native(data, pass_through=True, allow_series=True), nw.Series)


def _names(kind: str, read: Callable[[], Sequence[str]]) -> tuple[str, ...]:
    try:
        return tuple(read())
    except Exception as error:
        raise _unreadable(kind, 0, error) from error


def _narwhals(native: Any, number: int) -> nw.DataFrame[Any]:
    """A batch, whose library narwhals knows."""
    arrow = sys.modules.get("pyarrow")
    if arrow is not None and isinstance(native, arrow.RecordBatch):
        native = arrow.Table.from_batches([native])
    if isinstance(native, dict):
        native = Frame.of(native, may_be_empty=True).native
    try:
        return nw.from_native(native, eager_only=True)
    except (TypeError, NarwhalsError) as error:
        raise DataError(
            f"Batch {number} of the data is of type {type(native).__name__}, which is not a "
            "table.\n"
            "Do:   let every batch be a pandas, polars or pyarrow table, or a dict of arrays."
        ) from error


def _require_columns(there: Sequence[str], columns: Sequence[str], number: int, rows: int) -> None:
    missing = [name for name in columns if name not in there]
    if not missing:
        return
    listed = ", ".join(map(repr, missing))
    raise DataError(
        f"Batch {number} of the data (after {rows:,} rows) has no column {listed}, which the "
        "model needs.\n"
        "Do:   give every batch the same columns."
    )


def _resized(frames: Iterator[nw.DataFrame[Any]]) -> Iterator[Frame]:
    """Short batches joined where their types agree, long ones cut."""
    waiting: list[nw.DataFrame[Any]] = []
    rows = 0
    for frame in frames:
        if waiting and frame.schema != waiting[0].schema:
            yield from _cut(waiting)
            waiting, rows = [], 0
        waiting.append(frame)
        rows += len(frame)
        if rows >= LEAST_ROWS:
            yield from _cut(waiting)
            waiting, rows = [], 0
    if waiting:
        yield from _cut(waiting)


def _cut(frames: list[nw.DataFrame[Any]]) -> Iterator[Frame]:
    whole = frames[0] if len(frames) == 1 else nw.concat(frames)
    for start in range(0, len(whole), MOST_ROWS):
        yield Frame.of(whole[start : start + MOST_ROWS].to_native())


def selected(frames: Iterable[Frame], columns: Sequence[str]) -> Iterator[Frame]:
    """The batches with some of their columns.

    Raises
    ------
    DataError
        If a batch lacks one.
    """
    rows = 0
    for number, frame in enumerate(frames, 1):
        _require_columns(frame.columns, columns, number, rows)
        rows += frame.nrows
        yield frame.selected(columns)


def joined(frames: Sequence[Frame]) -> Frame:
    """The rows of several tables of one library in one.

    Raises
    ------
    DataError
        If they do not go together.
    """
    libraries = list(dict.fromkeys(frame.backend.value for frame in frames))
    if len(libraries) > 1:
        raise DataError(
            f"The batches of the data are tables of different libraries: {', '.join(libraries)}.\n"
            "Do:   let all batches be tables of one library.\n"
            "Why:  rows of several batches are put into one table."
        )
    try:
        whole = nw.concat([nw.from_native(f.native, eager_only=True) for f in frames])
    except Exception as error:  # each library has errors of its own
        detail = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"The batches of the data do not make one table: {detail}\n"
            "Do:   give every batch the same columns, of the same types."
        ) from error
    native = whole.to_native()
    return Frame.of(native.reset_index(drop=True) if isinstance(native, pd.DataFrame) else native)


def _unreadable(kind: str, number: int, error: Exception) -> DataError:
    detail = str(error).splitlines()[0] if str(error) else type(error).__name__
    where = f"after {number} batches" if number else "at its start"
    return DataError(
        f"Reading the data ({kind}) failed {where}: {detail}\n"
        "Do:   check the files or the query that they come from (a damaged file, no room for "
        "temporary files, a\n"
        "      connection that was closed), and fit again: nothing was kept of the rows read."
    )
