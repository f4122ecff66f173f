"""The shape of a task, and the clock that its programs are timed by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, process_time

from benchmarks.process import memory


@dataclass(frozen=True, slots=True)
class Task:
    """What is measured.

    Attributes
    ----------
    title, text
        A line and a paragraph for the report.
    size, unit
        What a size counts, and what one of the calls is divided by.
    sizes, large
        Measured always, and with `--large` alone.
    most
        Program to the largest size at which it is measured; no entry: every size.
    amount
        Units in one timed call, from the size.
    scripts
        Programs that are no Python: the command line, from size and folder.
    distribution
        Program to its name on PyPI, for its version.
    """

    title: str
    text: str
    size: str
    unit: str
    sizes: tuple[int, ...]
    large: tuple[int, ...] = ()
    most: Mapping[str, int] = field(default_factory=dict)
    amount: Callable[[int], float] = float
    scripts: Mapping[str, Callable[[int, Path], list[str]]] = field(default_factory=dict)
    distribution: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Clock:
    """Times what stands in its `with`, again and again; notes the memory before the first."""

    whole: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    base: float | None = None
    started: tuple[float, float] = (0.0, 0.0)

    def __enter__(self) -> None:
        if self.base is None:
            self.base = memory("VmRSS")
        self.started = perf_counter(), process_time()

    def __exit__(self, *error: object) -> None:
        self.whole.append(perf_counter() - self.started[0])
        self.cpu.append(process_time() - self.started[1])


@dataclass(frozen=True, slots=True)
class Answer:
    """A number that every program of the task must agree on, and what a reader should know."""

    value: float | None = None
    note: str = ""


Program = Callable[[int, Path, Clock], Answer]
