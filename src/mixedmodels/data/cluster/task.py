"""What a worker does with a part of the data."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from mixedmodels.data.frame import Frame
from mixedmodels.data.source import Source
from mixedmodels.errors import MixedModelsError, WorkerError
from mixedmodels.version import own_version

Result = tuple[bytes | None, MixedModelsError | None]


@dataclass(frozen=True, slots=True)
class Task:
    """A function of the rows of a part, and how the results of two parts become one.

    A worker answers in bytes; what this package refuses comes back as an answer, so that no worker
    tries it again.

    Attributes
    ----------
    work
        From the batches of a part to bytes. Part of the package, with arguments bound.
    join
        From the bytes of two parts to those of both.
    columns
        The columns that it needs; None for all.
    version
        Of the package that asks.
    """

    work: Callable[[Iterator[Frame]], bytes]
    join: Callable[[bytes, bytes], bytes]
    columns: tuple[str, ...] | None
    version: str = field(default_factory=own_version)

    def of_tables(self, tables: Iterable[Any]) -> bytes:
        """The answer for the rows of a part, in one or more tables."""
        try:
            require_same_version(self.version)
            source = Source.of(iter(tables))
            assert source is not None
            return answer(self.work(source.batches(self.columns)))
        except MixedModelsError as error:
            return pickle.dumps((None, error))

    def of_answers(self, answers: Sequence[bytes]) -> bytes:
        """One answer for several."""
        try:
            return answer(reduce(self.join, map(result, answers)))
        except MixedModelsError as error:
            return pickle.dumps((None, error))


def answer(found: bytes) -> bytes:
    """An answer that is a result."""
    return pickle.dumps((found, None))


def result(given: bytes) -> bytes:
    """The result in an answer.

    Raises
    ------
    MixedModelsError
        What was refused.
    """
    found: Result = pickle.loads(given)
    if found[1] is not None:
        raise found[1]
    assert found[0] is not None
    return found[0]


def require_same_version(asking: str) -> None:
    """Refuse to work for another version: the bytes would mean something else."""
    own = own_version()
    if own != asking:
        raise WorkerError(
            f"A worker of the cluster has version {own} of mixedmodels, this session has "
            f"{asking}.\n"
            "Do:   install the same version on all workers."
        )
