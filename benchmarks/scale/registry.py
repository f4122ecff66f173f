"""The tasks by name: one line for a new one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from benchmarks.scale import cluster, importing, many, refitting, streaming
from benchmarks.scale.interface import Program, Task


class Module(Protocol):
    """A file of this folder."""

    TASK: Task
    PROGRAMS: Mapping[str, Program]

    def prepare(self, size: int, folder: Path) -> None:
        """Make the data of one size."""


TASKS: Mapping[str, Module] = {
    "importing": importing,
    "refitting": refitting,
    "many": many,
    "streaming": streaming,
    "cluster": cluster,
}
