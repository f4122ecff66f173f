"""DataFrames of Spark."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from mixedmodels.data.cluster.task import Task
from mixedmodels.data.frame import Backend

COLUMN = "answer"

BACKEND = Backend.PANDAS
"""Results come in tables of pandas."""

HEAD = 100
"""Rows that tell the types."""


def kind_of(data: object) -> str | None:
    """What the data are called; None if they are not Spark's."""
    module = type(data).__module__
    if not module.startswith("pyspark."):
        return None
    return "Spark DataFrame" if hasattr(data, "mapInArrow") else None


def columns(data: Any) -> tuple[str, ...]:
    """The names."""
    return tuple(data.columns)


def head(data: Any) -> Any:
    """Some rows as an Arrow table, in the types that tasks get them in."""
    pyarrow = import_module("pyarrow")
    rows = data.limit(HEAD).mapInArrow(_as_stream, f"{COLUMN} binary").collect()
    tables = [pyarrow.ipc.open_stream(bytes(row[0])).read_all() for row in rows]
    return pyarrow.concat_tables(tables) if tables else None


def answers(data: Any, task: Task) -> Iterator[bytes]:
    """The answers of all partitions."""
    chosen = data
    if task.columns is not None:
        chosen = data.select([data[_quoted(name)] for name in task.columns])
    for row in chosen.mapInArrow(_answering(task), f"{COLUMN} binary").collect():
        yield bytes(row[0])


def _quoted(name: str) -> str:
    """A name in which a dot is no field of a structure."""
    return "`" + name.replace("`", "``") + "`"


Batches = Iterator[Any]


def _answering(task: Task) -> Callable[[Batches], Batches]:
    """The function of Spark's for a task: one row from the batches of a partition."""

    def answering(batches: Batches) -> Batches:
        yield _row(task.of_tables(batches))

    return answering


def _as_stream(batches: Batches) -> Batches:
    """The batches themselves, each as a row."""
    pyarrow = import_module("pyarrow")
    for batch in batches:
        sink = pyarrow.BufferOutputStream()
        with pyarrow.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        yield _row(sink.getvalue().to_pybytes())


def _row(value: bytes) -> Any:
    pyarrow = import_module("pyarrow")
    return pyarrow.RecordBatch.from_pydict({COLUMN: pyarrow.array([value], pyarrow.binary())})
