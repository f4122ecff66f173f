"""Rows from Parquet files: one factor with a random slope, beside merely reading the columns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet

from benchmarks.scale.interface import Answer, Clock, Program, Task
from mixedmodels import lmm

FORMULA = "y ~ x + (x | g)"
COLUMNS = ("y", "x", "g")
PART = 1_000_000
"""Rows of one file."""

PER_LEVEL = 1_000
SEED = 31

TASK = Task(
    title="Out of memory",
    text=(
        "One factor with a random slope, 1,000 rows per level, from Parquet files of a million rows"
        " (12 bytes a row). *reading* only goes through the same columns, batch by batch."
    ),
    size="rows",
    unit="row",
    sizes=(1_000_000, 4_000_000, 16_000_000),
    large=(100_000_000, 300_000_000, 1_000_000_000),
    most={"mixedmodels, read at once": 16_000_000, "glmm, read at once": 4_000_000},
    distribution={"reading": "pyarrow", "glmm, read at once": "glmm"},
)


def part(number: int, rows: int, b: np.ndarray) -> pa.Table:
    """One file: the same whatever the others; the levels' effects are `b` (levels, 2)."""
    rng = np.random.default_rng([SEED, number])
    g = rng.integers(0, len(b), rows, dtype=np.int32)
    x = rng.standard_normal(rows, dtype=np.float32)
    y = 2 + b[g, 0] + (0.5 + b[g, 1]) * x + rng.standard_normal(rows, dtype=np.float32)
    return pa.table({"y": y.astype(np.float32), "x": x, "g": g})


def prepare(size: int, folder: Path) -> None:
    """Write the files: sd 1 and 0.5, correlation 0.3, residual sd 1."""
    covariance = np.array([[1.0, 0.15], [0.15, 0.25]])
    levels = size // PER_LEVEL
    b = np.random.default_rng(SEED).multivariate_normal([0.0, 0.0], covariance, size=levels)
    for number, start in enumerate(range(0, size, PART)):
        table = part(number, min(PART, size - start), b.astype(np.float32))
        path = folder / f"part{number:05d}.parquet"
        pyarrow.parquet.write_table(table, path, compression="NONE", use_dictionary=False)


def dataset(folder: Path) -> pyarrow.dataset.Dataset:
    """The files as one dataset."""
    return pyarrow.dataset.dataset(sorted(folder.glob("*.parquet")), format="parquet")


def batches(folder: Path) -> Iterator[pa.RecordBatch]:
    """The columns, batch by batch."""
    return dataset(folder).to_batches(columns=list(COLUMNS))


def reading(size: int, folder: Path, clock: Clock) -> Answer:
    """Every column of every batch as an array."""
    with clock:
        rows = 0
        for batch in batches(folder):
            rows += max(len(column.to_numpy()) for column in batch)
    assert rows == size
    return Answer()


def streamed(size: int, folder: Path, clock: Clock) -> Answer:
    """`lmm` of the dataset."""
    source = dataset(folder)
    with clock:
        model = lmm(FORMULA, source)
    return Answer(float(model.objective))


def frame(folder: Path) -> pd.DataFrame:
    """The columns as one frame."""
    return dataset(folder).to_table(columns=list(COLUMNS)).to_pandas()


def in_memory(size: int, folder: Path, clock: Clock) -> Answer:
    """pandas reads the files, `lmm` fits the frame."""
    with clock:
        model = lmm(FORMULA, frame(folder))
    return Answer(float(model.objective))


def by_glmm(size: int, folder: Path, clock: Clock) -> Answer:
    """pandas reads the files, `glmm` fits the frame."""
    import glmm  # noqa: PLC0415 — the other programs are measured without it

    with clock:
        data = frame(folder).astype({"y": float, "x": float})
        result = glmm.fit(data, FORMULA, reml=True, satterthwaite=False, anova_test="Wald")
    return Answer(-2.0 * float(result.loglik))


PROGRAMS: dict[str, Program] = {
    "mixedmodels": streamed,
    "reading": reading,
    "mixedmodels, read at once": in_memory,
    "glmm, read at once": by_glmm,
}
