"""Tables of Dask: a DataFrame, or a list of delayed tables."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

from mixedmodels.data.cluster.task import Task

FAN = 8
"""Answers that become one on a worker, so that not all of them come to this session."""

BACKEND = None
"""Results come in tables of the library of the parts."""

HEAD = 100
"""Rows that tell the types."""


def kind_of(data: object) -> str | None:
    """What the data are called; None if they are not Dask's."""
    if isinstance(data, (list, tuple)):
        every = bool(data) and all(_is_delayed(part) for part in data)
        return "list of Dask's delayed tables" if every else None
    module = type(data).__module__
    if module.startswith("dask.") and hasattr(data, "to_delayed") and hasattr(data, "columns"):
        return "Dask DataFrame"
    return None


def _is_delayed(part: object) -> bool:
    return type(part).__module__ == "dask.delayed"


def columns(data: Any) -> tuple[str, ...] | None:
    """The names, which delayed tables do not tell."""
    return None if isinstance(data, (list, tuple)) else tuple(map(str, data.columns))


def head(data: Any) -> Any:
    """The first rows of the first part that has any."""
    if not isinstance(data, (list, tuple)):
        return data.head(HEAD, npartitions=-1, compute=True)
    for part in data:
        table = part.compute()
        if len(table):
            return table[:HEAD]
    return None


def answers(data: Any, task: Task) -> Iterator[bytes]:
    """The answers, computed by the client of the session, else by Dask's default scheduler."""
    dask = import_module("dask")
    shared = dask.delayed(import_module("cloudpickle").dumps(task), pure=False)
    own = dask.delayed(_of_part, pure=False)
    joined = dask.delayed(_of_answers, pure=False)
    made: list[Any] = [own(shared, part) for part in _parts(data, task.columns)]
    while len(made) > FAN:
        made = [joined(shared, made[k : k + FAN]) for k in range(0, len(made), FAN)]
    client = _client()
    if client is None:
        yield from dask.compute(*made)
        return
    futures = client.compute(made)
    try:
        for future in import_module("distributed").as_completed(futures):
            yield future.result()
            future.release()
    finally:
        client.cancel([future for future in futures if not future.done()])


def _of_part(task: bytes, table: Any) -> bytes:
    found: bytes = pickle.loads(task).of_tables([table])
    return found


def _of_answers(task: bytes, answers: Sequence[bytes]) -> bytes:
    found: bytes = pickle.loads(task).of_answers(answers)
    return found


# Sent by value, as what is typed into a session is: a worker without this package would not get as
# far as running what it has to import, and Dask would wait for it without end.
_of_part.__module__ = _of_answers.__module__ = "__main__"


def _parts(data: Any, columns: Sequence[str] | None) -> list[Any]:
    """The delayed tables, with some of their columns where Dask can leave out others."""
    if isinstance(data, (list, tuple)):
        return list(data)
    return list((data if columns is None else data[list(columns)]).to_delayed())


def _client() -> Any:
    """The client of this session; None without one."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    try:
        return distributed.default_client()
    except ValueError:
        return None
