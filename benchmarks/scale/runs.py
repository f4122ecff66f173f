"""Measure tasks: data once, then the programs in turn, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.markdown import seconds
from benchmarks.measure import ROOT, Limits, Measurement, run
from benchmarks.scale.registry import TASKS

DONE = "complete"
"""An empty file: the data beside it are whole."""

PREPARE = (
    "import sys, importlib; from pathlib import Path; "
    "importlib.import_module('benchmarks.scale.' + sys.argv[1])"
    ".prepare(int(sys.argv[2]), Path(sys.argv[3]))"
)


def prepare(name: str, size: int, data: Path) -> Path:
    """The folder with the data, made in a process of its own when it is not there yet."""
    folder = data / f"{name}-{size}"
    if not (folder / DONE).exists():
        folder.mkdir(parents=True, exist_ok=True)
        line = [sys.executable, "-c", PREPARE, name, str(size), str(folder)]
        subprocess.run(line, cwd=ROOT, check=True)
        (folder / DONE).touch()
    return folder


def sizes(name: str, asked: Sequence[int] | None, *, large: bool) -> tuple[int, ...]:
    """The sizes of this run: those asked for, else the task's."""
    task = TASKS[name].TASK
    if asked:
        return tuple(size for size in asked if size in (*task.sizes, *task.large))
    return task.sizes + (task.large if large else ())


def command(name: str, program: str, size: int, folder: Path) -> list[str]:
    """The command line of one measurement."""
    scripts = TASKS[name].TASK.scripts
    if program in scripts:
        return scripts[program](size, folder)
    worker = [sys.executable, "-m", "benchmarks.scale.worker"]
    return [*worker, name, program, str(size), str(folder)]


def programs(name: str, size: int) -> list[str]:
    """Who is measured at this size."""
    module = TASKS[name]
    known = [*module.PROGRAMS, *module.TASK.scripts]
    return [program for program in known if size <= module.TASK.most.get(program, size)]


def describe(measurement: Measurement) -> str:
    """One line for the terminal."""
    if measurement.status != "ok":
        return f"{measurement.status}: {measurement.note}"
    value = "" if measurement.criterion is None else f"  value {measurement.criterion:.6f}"
    time = seconds(median(measurement.whole))
    return f"{time}{value}  peak {measurement.peak_mb:.0f} MB"


def measured(
    name: str, size: int, folder: Path, rounds: int, limits: Limits, slow: float
) -> dict[str, list[Any]]:
    """Every program at one size, round by round; one above `slow` seconds runs once."""
    found: dict[str, list[Any]] = {program: [] for program in programs(name, size)}
    finished: set[str] = set()
    for turn in range(rounds):
        for program in [program for program in found if program not in finished]:
            measurement = run(command(name, program, size, folder), limits)
            found[program].append(measurement.as_dict())
            print(f"  round {turn + 1}  {program:<26} {describe(measurement)}", flush=True)
            if measurement.status != "ok" or max(measurement.whole) > slow:
                finished.add(program)
    return found


def run_task(
    name: str, chosen: Sequence[int], data: Path, rounds: int, limits: Limits, slow: float
) -> Iterator[tuple[int, dict[str, list[Any]]]]:
    """Size after size."""
    for size in chosen:
        print(f"{name}: {size:,} {TASKS[name].TASK.size}", flush=True)
        yield size, measured(name, size, prepare(name, size, data), rounds, limits, slow)
