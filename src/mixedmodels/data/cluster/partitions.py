"""A table in parts, whatever keeps them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from mixedmodels.data.cluster import dask, ray, spark
from mixedmodels.data.cluster.failures import failed
from mixedmodels.data.cluster.task import Task, result
from mixedmodels.data.frame import Backend, Frame
from mixedmodels.data.unkept import rows_needed
from mixedmodels.errors import MixedModelsError
from mixedmodels.shortening import brief

KEEPERS = (dask, spark, ray)
"""Each library's file has `BACKEND`, `kind_of`, `columns`, `head` and `answers`."""


@dataclass(frozen=True, slots=True)
class Partitions:
    """A table whose rows are in parts on workers.

    Attributes
    ----------
    kind
        What it is, for messages, as ``"Dask DataFrame"``.
    columns
        Names in order; None where only the parts know them.
    backend
        The library for tables of results: that of the parts (None), or pandas for those whose
        tables are on workers alone.
    """

    kind: str
    columns: tuple[str, ...] | None
    backend: Backend | None
    _data: Any
    _head: Callable[[Any], Any]
    _answers: Callable[[Any, Task], Iterator[bytes]]

    __repr__ = brief

    @staticmethod
    def of(data: object) -> Partitions | None:
        """The parts of a Dask DataFrame, of a list of delayed tables, of a Spark DataFrame or of a
        Ray Dataset; None for anything else.
        """
        for keeper in KEEPERS:
            kind = keeper.kind_of(data)
            if kind is not None:
                names = keeper.columns(data)
                return Partitions(kind, names, keeper.BACKEND, data, keeper.head, keeper.answers)
        return None

    def head(self) -> Frame | None:
        """Some rows, which tell the types of the columns; None if there are no rows.

        Raises
        ------
        WorkerError, DataError
            If they cannot be had.
        """
        try:
            found = self._head(self._data)
        except Exception as error:
            raise failed(self.kind, error) from error
        return None if found is None or not len(found) else Frame.of(found)

    def results(self, task: Task) -> Iterator[bytes]:
        """What the task makes of the parts, in no particular order, some of it joined already.

        Raises
        ------
        WorkerError
            If workers have not the package, or not this version of it, or are lost again and again.
        MixedModelsError
            What the task refuses.
        """
        try:
            for given in self._answers(self._data, task):
                yield result(given)
        except MixedModelsError:
            raise
        except Exception as error:
            raise failed(self.kind, error) from error

    def __reduce__(self) -> tuple[object, ...]:
        """For another process, from which the workers may be out of reach."""
        spent = (self.kind, self.columns, self.backend, None, _out_of_reach, _out_of_reach)
        return Partitions, spent


def _out_of_reach(*arguments: object) -> Any:
    raise rows_needed()
