"""Batches of every source: projected, joined, cut, read ahead, once or again."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from mixedmodels.data import source as home
from mixedmodels.data.ahead import ahead
from mixedmodels.data.source import Source
from mixedmodels.errors import DataError

DATA = pd.DataFrame({"a": np.arange(100), "b": np.arange(100) / 7, "c": "text"})


def read(given: Any, columns: list[str] | None = None) -> pd.DataFrame:
    found = Source.of(given)
    assert found is not None
    frames = found.batches(columns)
    return pd.concat(
        [
            pd.DataFrame({n: frame.column(n).numbers for n in frame.columns if n != "c"})
            for frame in frames
        ],
        ignore_index=True,
    )


def test_tables_are_no_sources() -> None:
    table = pa.Table.from_pandas(DATA)
    for given in (DATA, pl.from_pandas(DATA), table, {"a": [1]}, "path", None, DATA.to_records()):
        assert Source.of(given) is None


def test_what_can_be_read_again(tmp_path: Any) -> None:
    pq.write_table(pa.Table.from_pandas(DATA), tmp_path / "1.parquet")
    table = pa.Table.from_pandas(DATA)
    again = [
        pl.scan_parquet(tmp_path / "1.parquet"),
        ds.dataset(tmp_path),
        pq.ParquetFile(tmp_path / "1.parquet"),
        lambda: iter([DATA[:30], DATA[30:]]),
    ]
    once = [
        pa.RecordBatchReader.from_batches(table.schema, table.to_batches(9)),
        ds.dataset(tmp_path).scanner(),
        iter([DATA[:30], DATA[30:]]),
    ]
    for given in [*again, *once]:
        found = Source.of(given)
        assert found is not None
        assert found.is_repeatable == any(given is one for one in again)
        assert read(given)["a"].tolist() == list(range(100))
    for given in again:
        assert read(given, ["b"])["b"].tolist() == DATA["b"].tolist()


def test_short_batches_are_joined_and_long_ones_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "LEAST_ROWS", 10)
    monkeypatch.setattr(home, "MOST_ROWS", 25)
    parts = [DATA[:3], DATA[3:3], DATA[3:12], DATA[12:90], DATA[90:]]
    found = Source.of(iter(parts))
    assert found is not None
    assert [frame.nrows for frame in found.batches(None)] == [12, 25, 25, 25, 3, 10]


def test_batches_of_other_types_are_not_joined() -> None:
    found = Source.of(iter([DATA[:3], DATA[3:6].assign(a="x"), DATA[6:9]]))
    assert found is not None
    assert [frame.nrows for frame in found.batches(None)] == [3, 3, 3]


def test_reading_ahead_ends_with_its_reader() -> None:
    made = []

    def endless() -> Iterator[int]:
        while True:
            made.append(len(made))
            yield made[-1]

    before = threading.active_count()
    items = ahead(endless())
    assert [next(items) for _ in range(3)] == [0, 1, 2]
    items.close()  # type: ignore[attr-defined]
    for _ in range(100):
        if threading.active_count() == before:
            break
        time.sleep(0.05)
    assert threading.active_count() == before
    assert len(made) < 10


def test_an_error_of_the_reading_thread_comes_at_its_place() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("stop")

    items = ahead(broken())
    assert next(items) == 1
    with pytest.raises(ValueError, match="stop"):
        next(items)


def test_columns_of_a_file_that_is_not_there() -> None:
    with pytest.raises(DataError, match="Reading the data"):
        Source.of(pl.scan_parquet("/nowhere/*.parquet"))
