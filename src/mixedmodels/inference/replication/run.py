"""Running replicates in blocks.

A job computes any range of its replicates, and no replicate depends on the range: the result is the
same however the replicates are cut, in this process (where the native engine uses all cores), or
by the workers of the joblib backend that is active (Dask, Ray, Spark, processes).
"""

import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor
from typing import Any, Protocol, TypeVar

from mixedmodels.engine.progress import progress
from mixedmodels.errors import StoppedEarlyWarning, WorkerError

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

RETRIES = 3
"""Deaths of workers in a row, without a block done between them, that are made up for."""

DEATHS = frozenset({"KilledWorker", "WorkerCrashedError", "NodeDiedError", "OutOfMemoryError"})
"""What Dask and Ray call the death of a worker that they have not made up for themselves."""

SAID = 200
"""Characters of a foreign message that are shown."""


class Job(Protocol[Part]):
    """Something that is done for every replicate; it can be pickled."""

    def run(self, first: int, count: int) -> Part:
        """The results of the replicates `first` to `first + count - 1`."""


def replicated(job: Job[Result], n: int, *, label: str) -> list[Result]:
    """The results of the replicates 0 to n - 1, in blocks of any size, in order.

    A progress bar appears after a second if the standard error is a terminal. On an interrupt from
    the keyboard the blocks that are done come back with a `StoppedEarlyWarning`; if there are
    none the interrupt goes on.

    Raises
    ------
    WorkerError
        If workers die again and again.
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
    """Blocks on workers; what a worker had that died is done again."""
    fair = -(-(n - at) // (PER_WORKER * workers))
    size = max(1, min(int(REMOTE_SECONDS / each), fair, LARGEST))
    deaths = 0
    while at < n:
        try:
            for count, part in _sent(job, list(in_blocks(at, n - at, size)), workers):
                yield count, part
                at, deaths = at + count, 0
        except Exception as error:
            if not _is_death(error):
                raise
            deaths += 1
            if deaths > RETRIES:
                raise _no_worker_lives(error, at, n) from error


def _sent(
    job: Job[Result], blocks: Sequence[tuple[int, int]], workers: int
) -> Iterator[tuple[int, Result]]:
    """The blocks in order, as the active backend gives them back: one by one, or in rounds."""
    joblib: Any = sys.modules["joblib"]
    run = joblib.delayed(job.run)
    backend, _ = joblib.parallel.get_active_backend()
    if type(backend) is joblib.parallel.BACKENDS.get("multiprocessing"):
        # the pool of multiprocessing waits for ever for a worker that died; that of loky does not
        parallel = joblib.Parallel(n_jobs=workers, backend="loky", return_as="generator")
    elif backend.supports_return_generator:
        parallel = joblib.Parallel(return_as="generator")
    else:
        for first in range(0, len(blocks), workers * PER_WORKER):
            some = blocks[first : first + workers * PER_WORKER]
            parts = joblib.Parallel()(run(*block) for block in some)
            yield from zip((size for _, size in some), parts, strict=True)
        return
    parts = parallel(run(*block) for block in blocks)
    yield from zip((size for _, size in blocks), parts, strict=True)


def _is_death(error: Exception) -> bool:
    """Whether a worker died; errors of the cluster's libraries go by name, as none is imported."""
    names = {base.__name__ for base in type(error).__mro__}
    return isinstance(error, BrokenExecutor) or bool(names & DEATHS)


def _no_worker_lives(error: Exception, done: int, n: int) -> WorkerError:
    said = " ".join(str(error).split())[:SAID]
    return WorkerError(
        f"Workers died {RETRIES + 1} times in a row, after {done:,} of {n:,} replicates.\n"
        f"    {type(error).__name__}: {said}\n"
        "Do:   look at their memory, take fewer of them (n_jobs), or leave the backend out: the "
        "engine then uses the cores of this process, with the same numbers.\n"
        "Why:  every worker holds the data; the system ends processes when memory runs out."
    )
