"""One measurement of one program: `python -m benchmarks.scale.worker TASK PROGRAM SIZE FOLDER`.

Prints one line of JSON, as `benchmarks.worker` does.
"""

from __future__ import annotations

import importlib
import json
import sys
import warnings
from pathlib import Path

from benchmarks.process import memory, version
from benchmarks.scale.interface import Clock


def main(task: str, program: str, size: int, folder: Path) -> None:
    """Measure and print."""
    module = importlib.import_module(f"benchmarks.scale.{task}")
    clock = Clock()
    answer = module.PROGRAMS[program](size, folder, clock)
    result = {
        "status": "ok",
        "whole": clock.whole,
        "cpu": clock.cpu,
        "criterion": answer.value,
        "peak_mb": memory("VmHWM"),
        "base_mb": clock.base,
        "version": version(module.TASK.distribution.get(program, "mixedmodels")),
        "note": answer.note,
    }
    print("\n" + json.dumps(result), flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
