"""The rows of Parquet files on workers of Dask: one process and two, one thread each."""

from __future__ import annotations

from pathlib import Path

import dask
import distributed
import pandas as pd

from benchmarks.scale import streaming
from benchmarks.scale.interface import Answer, Clock, Program, Task
from mixedmodels import lmm

ONE_THREAD = {"RAYON_NUM_THREADS": "1"}

TASK = Task(
    title="A cluster",
    text=(
        "The files of *Out of memory*, a part each, summed by processes of Dask's on this machine,"
        " one thread each: `lmm` of the list of delayed tables, both passes and the fit, workers"
        " started before. The sums are the same to the bit."
    ),
    size="rows",
    unit="row",
    sizes=(16_000_000,),
    large=(100_000_000,),
)

prepare = streaming.prepare


def fitted(workers: int, folder: Path, clock: Clock) -> Answer:
    """The model by so many processes."""
    with (
        distributed.LocalCluster(
            n_workers=workers, threads_per_worker=1, dashboard_address=None, env=ONE_THREAD
        ) as cluster,
        distributed.Client(cluster),
    ):
        read = dask.delayed(pd.read_parquet, pure=False)
        parts = [read(path) for path in sorted(folder.glob("*.parquet"))]
        lmm(streaming.FORMULA, parts[:2])  # workers have imported the package
        with clock:
            model = lmm(streaming.FORMULA, parts)
    return Answer(float(model.objective))


def two(size: int, folder: Path, clock: Clock) -> Answer:
    """Two processes."""
    return fitted(2, folder, clock)


def one(size: int, folder: Path, clock: Clock) -> Answer:
    """One process."""
    return fitted(1, folder, clock)


PROGRAMS: dict[str, Program] = {"mixedmodels": two, "mixedmodels, one worker": one}
