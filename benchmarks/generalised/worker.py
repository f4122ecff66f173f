"""One program on one case in a fresh process; its arguments: program, case, folder of the data."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from benchmarks import storage
from benchmarks.generalised.cases import Case, find
from benchmarks.generalised.programs import PROGRAMS, Outcome, Program
from benchmarks.process import memory, version
from benchmarks.scale.interface import Clock


def timed(case: Case, program: Program, frame: pd.DataFrame) -> Callable[[], Outcome]:
    """What is timed: whole calls, after one that is not when there are several; or the refits."""
    if case.refits and program.refits:
        return program.refits(case, frame)
    if case.calls > 1:
        program.fit(case, frame)
    return lambda: program.fit(case, frame)


def main() -> None:
    """Measure and print one line of JSON."""
    name, title, folder = sys.argv[1:]
    case, program = find(title), PROGRAMS[name]()
    reason = program.refuses(case)
    if case.refits and program.refits is None:
        reason = "no refits"
    if reason:
        print("\n" + json.dumps({"status": "refused", "note": reason}))
        return
    warnings.simplefilter("ignore")
    frame, clock = storage.read(Path(folder)), Clock()
    call = timed(case, program, frame)
    for _ in range(case.calls):
        with clock:
            outcome = call()
    measured = {
        "status": "ok",
        "whole": clock.whole,
        "cpu": clock.cpu,
        "evaluations": outcome.evaluations,
        "criterion": outcome.criterion,
        "reml": False,
        "peak_mb": memory("VmHWM"),
        "base_mb": clock.base,
        "version": version(program.distribution),
        "note": outcome.note,
    }
    print("\n" + json.dumps(measured), flush=True)


if __name__ == "__main__":
    main()
