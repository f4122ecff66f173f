"""Reading ahead: the next batch is read in a thread while the last one is worked on."""

from __future__ import annotations

from collections.abc import Iterator
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import TypeVar

Item = TypeVar("Item")

DEPTH = 2
"""Batches that wait at most."""

PATIENCE = 0.1
"""Seconds after which the reader looks whether anybody still wants its batches."""


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items, read in a thread of their own, which ends with this iterator.

    What the reading raises is raised here, at its place.
    """
    ready: Queue[tuple[list[Item], BaseException | None]] = Queue(DEPTH)
    unwanted = Event()
    Thread(target=_read, args=(items, ready, unwanted), daemon=True).start()
    try:
        while True:
            found, error = _next(ready)
            if error is not None:
                raise error
            if not found:
                return
            yield found[0]
    finally:
        unwanted.set()


def _next(
    ready: Queue[tuple[list[Item], BaseException | None]],
) -> tuple[list[Item], BaseException | None]:
    while True:
        try:
            return ready.get(timeout=PATIENCE)  # with a timeout, so that signals are seen
        except Empty:
            continue


def _read(
    items: Iterator[Item],
    ready: Queue[tuple[list[Item], BaseException | None]],
    unwanted: Event,
) -> None:
    try:
        for item in items:
            if not _put(ready, ([item], None), unwanted):
                return
        _put(ready, ([], None), unwanted)
    except BaseException as error:  # whatever it is belongs to the reader's caller
        _put(ready, ([], error), unwanted)
    finally:
        close = getattr(items, "close", None)
        if close is not None:
            close()


def _put(
    ready: Queue[tuple[list[Item], BaseException | None]],
    entry: tuple[list[Item], BaseException | None],
    unwanted: Event,
) -> bool:
    """Whether the entry was taken before it was no longer wanted."""
    while not unwanted.is_set():
        try:
            ready.put(entry, timeout=PATIENCE)
        except Full:
            continue
        return True
    return False
