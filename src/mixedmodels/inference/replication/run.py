"""Running replicates in blocks.

A job computes any range of its replicates, and no replicate depends on the range: the result is the
same however the replicates are cut, in this process (where the native engine uses all cores), or
by the workers of the joblib backend that is active (Dask, Ray, Spark, processes).
"""

import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any, Protocol, TypeVar

from mixedmodels.errors import StoppedEarlyWarning

Result = TypeVar("Result")
Part = TypeVar("Part", covariant=True)

FIRST = 16
"""Replicates of the first block, whose time says how large the others may be."""

SECONDS = 0.3
"""Time that a block in this process should take: how soon an interrupt is noticed."""

REMOTE_SECONDS = 2.0
"""Time that a block on a worker should take: how rarely the data travel."""

PER_WORKER = 4
"""Blocks per worker at least, so that none waits for the others at the end."""

AT_ONCE = 256
"""Responses that are made here, rather than by the engine, in memory at a time."""

LARGEST = 20_000
"""Replicates of a block at most."""


class Job(Protocol[Part]):
    """Something that is done for every replicate; it can be pickled."""

    def run(self, first: int, count: int) -> Part:
        """The results of the replicates `first` to `first + count - 1`."""


def replicated(job: Job[Result], n: int, *, label: str) -> list[Result]:
    """The results of the replicates 0 to n - 1, in blocks of any size, in order.

    A progress bar appears after a second if the standard error is a terminal. On an interrupt from
    the keyboard the blocks that are done come back with a `StoppedEarlyWarning`; if there are
    none the interrupt goes on.
    """
    done: list[Result] = []
    count = 0
    with progress(n, label, " replicates") as bar:
        try:
            for size, part in _blocks(job, n):
                done.append(part)
                count += size
                bar.update(size)
        except KeyboardInterrupt:
            if not done:
                raise
            warnings.warn(
                f"Interrupted: {count:,} of {n:,} replicates of the {label} are done, and the "
                "result is of these.",
                StoppedEarlyWarning,
                stacklevel=3,
            )
    return done


def progress(total: int, label: str, unit: str) -> Any:
    """A bar that appears after a second, on a terminal only."""
    if _is_silent():
        return Silent()
    return import_module("tqdm").tqdm(total=total, desc=label, unit=unit, delay=1)


class Silent:
    """A bar that nobody sees."""

    def __enter__(self) -> "Silent":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""

    def update(self, _: int) -> None:
        """Nothing to show."""


def in_blocks(first: int, count: int, size: int) -> Iterator[tuple[int, int]]:
    """(start, size) of consecutive blocks of a range of replicates."""
    for at in range(first, first + count, size):
        yield at, min(size, first + count - at)


def _blocks(job: Job[Result], n: int) -> Iterator[tuple[int, Result]]:
    started = time.perf_counter()
    first = min(FIRST, n)
    yield first, job.run(0, first)
    each = max(time.perf_counter() - started, 1e-9) / first
    workers = _workers()
    if workers == 1:
        yield from _here(job, first, n, each)
    else:
        yield from _by_workers(job, first, n, each, workers)


def _workers() -> int:
    """Of joblib's active backend; whoever has chosen one has loaded joblib."""
    joblib: Any = sys.modules.get("joblib")
    if joblib is None:
        return 1
    backend, n_jobs = joblib.parallel.get_active_backend()
    return int(backend.effective_n_jobs(n_jobs))


def _here(job: Job[Result], at: int, n: int, each: float) -> Iterator[tuple[int, Result]]:
    while at < n:
        size = min(max(int(SECONDS / each), 1), LARGEST, n - at)
        started = time.perf_counter()
        yield size, job.run(at, size)
        each = max(time.perf_counter() - started, 1e-9) / size
        at += size


def _by_workers(
    job: Job[Result], at: int, n: int, each: float, workers: int
) -> Iterator[tuple[int, Result]]:
    fair = -(-(n - at) // (PER_WORKER * workers))
    size = max(1, min(int(REMOTE_SECONDS / each), fair, LARGEST))
    blocks = list(in_blocks(at, n - at, size))
    joblib: Any = sys.modules["joblib"]
    run = joblib.delayed(job.run)
    tasks = (run(*block) for block in blocks)
    results: Sequence[Result] = joblib.Parallel(return_as="generator")(tasks)
    yield from zip((size for _, size in blocks), results, strict=True)


def _is_silent() -> bool:
    return not sys.stderr.isatty()
