"""What goes wrong on a cluster, in words."""

from __future__ import annotations

from collections.abc import Iterator

from mixedmodels.errors import DataError, MixedModelsError, WorkerError

PACKAGE = "mixedmodels"
NOT_THERE = ("No module named", "ModuleNotFoundError", "import of mixedmodels")
CANNOT_READ = "deserialization of the task graph"
"""What Dask's scheduler says of tasks of a package that it has not."""

LOST = ("KilledWorker", "WorkerCrashedError", "ExecutorLost", "OutOfMemoryError")


def failed(kind: str, error: Exception) -> MixedModelsError:
    """The error of this package for one of a cluster."""
    chain = list(_chain(error))
    refused = next((cause for cause in chain if isinstance(cause, MixedModelsError)), None)
    if refused is not None:
        return refused
    texts = [f"{type(cause).__name__}: {cause}" for cause in chain]
    if any(PACKAGE in text and any(n in text for n in NOT_THERE) for text in texts):
        return _without_the_package(kind)
    if any(CANNOT_READ in text for text in texts):
        return _without_the_package(kind)
    if any(sign in text for text in texts for sign in LOST):
        return WorkerError(
            f"Workers were lost again and again while they read parts of the data ({kind}).\n"
            "Do:   see their logs; smaller parts or more memory for each worker help where memory "
            "ran out."
        )
    return DataError(
        f"Reading the data ({kind}) failed on a worker: {_last(texts[0])}\n"
        "Do:   check what the data are made of: computing them, without a model, fails too."
    )


def _without_the_package(kind: str) -> WorkerError:
    return WorkerError(
        f"A worker of the cluster, or its scheduler, cannot import mixedmodels ({kind}).\n"
        "Do:   install mixedmodels there too, in the version of this session.\n"
        "Why:  every worker sums the rows that it holds; only the sums travel."
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and its causes."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _last(text: str) -> str:
    """The last line that says something: that of a worker's traceback."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line for line in lines if "Error" in line or "Exception" in line]
    return (told or lines or ["no reason given"])[-1][:300]
