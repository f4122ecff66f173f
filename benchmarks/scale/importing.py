"""What an import costs beyond numpy, pandas and formulaic, in a fresh process."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

from benchmarks.scale.interface import Answer, Clock, Program, Task

FOUNDATION = ("numpy", "pandas", "formulaic")
FIRST_NAMES = {
    "mixedmodels": ("mixedmodels", "lmm"),
    "glmm": ("glmm", "fit"),
    "mixedlm": ("mixedlm", "lmer"),
    "statsmodels": ("statsmodels.formula.api", "mixedlm"),
    "gpboost": ("gpboost", "GPModel"),
}
"""Program to module and to the name that a fit begins with: some load it when it is asked for."""

TASK = Task(
    title="Import",
    text="The package and the name that a fit begins with, after numpy, pandas and formulaic.",
    size="processes",
    unit="import",
    sizes=(1,),
    distribution={name: name for name in FIRST_NAMES},
)


def prepare(size: int, folder: Path) -> None:
    """No data."""


def importing(program: str) -> Callable[[int, Path, Clock], Answer]:
    """The import of that program."""

    def run(size: int, folder: Path, clock: Clock) -> Answer:
        for name in FOUNDATION:
            importlib.import_module(name)
        module, first = FIRST_NAMES[program]
        with clock:
            getattr(importlib.import_module(module), first)
        return Answer()

    return run


PROGRAMS: dict[str, Program] = {program: importing(program) for program in FIRST_NAMES}
