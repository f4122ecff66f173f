"""Datasets of Ray."""

from __future__ import annotations

from collections.abc import Iterator
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
    """What the data are called; None if they are not Ray's."""
    is_ray = type(data).__module__.startswith("ray.data.")
    return "Ray Dataset" if is_ray and hasattr(data, "map_batches") else None


def columns(data: Any) -> tuple[str, ...] | None:
    """The names; None where they are not known before rows are made."""
    names = data.columns()
    return None if names is None else tuple(names)


def head(data: Any) -> Any:
    """The first rows."""
    tables = data.limit(HEAD).iter_batches(batch_format="pyarrow", batch_size=None)
    return next((table for table in tables if len(table)), None)


def answers(data: Any, task: Task) -> Iterator[bytes]:
    """The answers of all blocks."""
    chosen = data if task.columns is None else data.select_columns(list(task.columns))
    made = chosen.map_batches(
        _of_block, batch_format="pyarrow", batch_size=None, fn_kwargs={"task": task}
    )
    for row in made.iter_rows():
        yield row[COLUMN]


def _of_block(table: Any, task: Task) -> Any:
    pyarrow = import_module("pyarrow")
    return pyarrow.table({COLUMN: pyarrow.array([task.of_tables([table])], pyarrow.binary())})
