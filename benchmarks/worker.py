"""One measurement of one Python peer: `python -m benchmarks.worker PEER CASE FOLDER`.

Prints one line of JSON. A fresh process makes the peak of memory honest and keeps one package's
threads and caches away from the next.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, cast

from benchmarks import cases, storage
from benchmarks.peers.interface import Peer
from benchmarks.process import memory, version


def timed(call: Callable[[], object], calls: int) -> list[float]:
    """Seconds of each of several calls."""
    times = []
    for _ in range(calls):
        start = perf_counter()
        call()
        times.append(perf_counter() - start)
    return times


def measure(peer: Peer, case: cases.Case, folder: Path) -> dict[str, Any]:
    """Times, criterion and memory of `case.calls` calls."""
    frame = storage.read(folder)
    base = memory("VmRSS")
    if case.calls > 1:
        peer.fit(case, frame)
    whole, cpu, outcomes = [], [], []
    for _ in range(case.calls):
        start, cpu_start = perf_counter(), process_time()
        outcomes.append(peer.fit(case, frame))
        whole.append(perf_counter() - start)
        cpu.append(process_time() - cpu_start)
    peak = memory("VmHWM")
    last = outcomes[-1]
    fits = [o.fit_seconds for o in outcomes if o.fit_seconds is not None]
    if hasattr(peer, "search") and not case.large:
        fits = timed(peer.search(case, frame), case.calls)
    return {
        "status": "ok",
        "whole": whole,
        "cpu": cpu,
        "fit": fits or None,
        "evaluations": last.evaluations,
        "criterion": last.criterion,
        "criterion_error": last.criterion_error,
        "sds": dict(last.sds()),
        "reml": last.reml,
        "peak_mb": peak,
        "base_mb": base,
        "version": version(peer.DISTRIBUTION),
        "note": last.note,
    }


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("peer")
    parser.add_argument("case")
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--criterion", choices=("reml", "ml"), help="instead of the one in the case"
    )
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    case = cases.find(arguments.case)
    if arguments.criterion:
        case = dataclasses.replace(case, reml=arguments.criterion == "reml", calls=1)
    module = arguments.peer.replace("-", "_")
    peer = cast(Peer, importlib.import_module(f"benchmarks.peers.{module}"))
    reason = peer.refuses(case)
    result = (
        {"status": "refused", "note": reason} if reason else measure(peer, case, arguments.folder)
    )
    print("\n" + json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
