"""`python -m benchmarks`: time every program on every case and write the results.

python -m benchmarks                       everything, on this machine (about 25 minutes on 2 cores)
python -m benchmarks --large               and what takes minutes each: 32 million ratings, 1e9 rows
python -m benchmarks --quick               the small cases, one round
python -m benchmarks insteval many         some cases and tasks; the others keep their results
python -m benchmarks streaming --sizes 1000000 100000000
python -m benchmarks --peers ours lme4     some programs
python -m benchmarks --evaluations         evaluations over the reference models
python -m benchmarks --report              rewrite the report from the stored numbers

A run of everything begins afresh. One of some cases adds to what is stored if that is from this
machine; results of another machine are dropped.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import results as storing
from benchmarks import storage
from benchmarks.cases import CASES, Case, find
from benchmarks.markdown import seconds
from benchmarks.measure import OURS, PEERS, ROOT, Limits, Measurement, measure, unavailable
from benchmarks.scale import runs
from benchmarks.scale.registry import TASKS

SLOW_SECONDS = 30.0
"""A program that needs longer than this for one call is measured once, not once per round."""

LIMIT, LARGE_LIMIT = 200.0, 3600.0
"""Seconds for one process."""


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__.splitlines()[0]
    )
    names = [*(case.name for case in CASES), *TASKS]
    parser.add_argument("names", nargs="*", metavar="case or task", help=", ".join(names))
    parser.add_argument("--quick", action="store_true", help="the small cases, one round")
    parser.add_argument("--large", action="store_true", help="also what takes minutes each")
    parser.add_argument("--sizes", nargs="+", type=int, help="of tasks (default: their own)")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--rounds", type=int, default=3, help="alternating rounds (default 3)")
    parser.add_argument("--limit", type=float, help="seconds for one process (default 200)")
    parser.add_argument(
        "--memory", type=float, default=16.0, help="gigabytes for one process (default 16)"
    )
    parser.add_argument(
        "--data", type=Path, default=Path(tempfile.gettempdir()) / "mixedmodels-benchmarks"
    )
    parser.add_argument(
        "--evaluations", action="store_true", help="criterion evaluations over the reference models"
    )
    parser.add_argument(
        "--report", action="store_true", help="only rewrite the report from the stored numbers"
    )
    found = parser.parse_args(arguments)
    if unknown := set(found.names) - set(names):
        parser.error(f"no case or task {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    return found


def prepare(case: Case, data: Path) -> Path:
    """The folder with the data of `case`, made in a process of its own when it is not there yet."""
    folder = data / case.name
    if not storage.is_complete(folder):
        line = "import sys; from benchmarks import cases, storage; from pathlib import Path; "
        line += "storage.write(cases.find(sys.argv[1]).make(), Path(sys.argv[2]))"
        subprocess.run([sys.executable, "-c", line, case.name, str(folder)], cwd=ROOT, check=True)
    return folder


def describe(measurement: Measurement) -> str:
    """One line for the terminal."""
    if measurement.status != "ok":
        return f"{measurement.status}: {measurement.note}"
    text = f"{seconds(median(measurement.whole))}  criterion {measurement.criterion:.6f}"
    return f"{text}  evaluations {measurement.evaluations}  peak {measurement.peak_mb:.0f} MB"


def run_case(
    case: Case, peers: list[str], folder: Path, rounds: int, limits: Limits, *, large: bool
) -> dict[str, list[Any]]:
    """All measurements of one case: programs alternate, round by round."""
    measurements: dict[str, list[Any]] = {peer: [] for peer in peers}
    finished: set[str] = set()
    for turn in range(rounds):
        for peer in peers:
            if peer in finished:
                continue
            measurement = measure(peer, case, folder, limits, large=large)
            measurements[peer].append(measurement.as_dict())
            print(f"  round {turn + 1}  {peer:<12} {describe(measurement)}", flush=True)
            if measurement.status != "ok" or max(measurement.whole) > SLOW_SECONDS:
                finished.add(peer)
    return measurements


def reference(case: Case, measurements: dict[str, list[Any]], folder: Path, limits: Limits) -> Any:
    """The best ML criterion, to judge programs that only do ML where the case asks for REML.

    None when no program needs it.
    """
    done = [m for runs in measurements.values() for m in runs if m["status"] == "ok"]
    if not case.reml or all(m["reml"] for m in done):
        return None
    for peer in (OURS, "mixedlm"):
        measurement = measure(peer, case, folder, limits, reml=False)
        if measurement.status == "ok":
            return {"peer": peer, "criterion": measurement.criterion}
    return None


def limits(arguments: argparse.Namespace) -> Limits:
    """Of every process."""
    default = LARGE_LIMIT if arguments.large else LIMIT
    return Limits(arguments.limit or default, arguments.memory)


def chosen(arguments: argparse.Namespace) -> list[Case]:
    """The cases of this run."""
    if arguments.names:
        return [find(name) for name in arguments.names if name not in TASKS]
    known = [case for case in CASES if arguments.large or not case.large]
    return [case for case in known if case.quick or not arguments.quick]


def present(asked: list[str]) -> list[str]:
    """The programs that can be started here; the others are named."""
    missing = {peer: reason for peer in asked if (reason := unavailable(peer))}
    for peer, reason in missing.items():
        print(f"{peer}: {reason}")
    return [peer for peer in asked if peer not in missing]


def run_cases(arguments: argparse.Namespace, results: dict[str, Any]) -> None:
    """Measure the chosen cases; the results are stored after each."""
    peers = present(arguments.peers)
    rounds = 1 if arguments.quick else arguments.rounds
    for case in chosen(arguments):
        print(f"{case.name}: {case.title}", flush=True)
        folder = prepare(case, arguments.data)
        measurements = run_case(
            case, peers, folder, rounds, limits(arguments), large=arguments.large
        )
        ml = reference(case, measurements, folder, limits(arguments))
        earlier = results["cases"].get(case.name, {})
        kept = earlier.get("measurements", {})
        results["cases"][case.name] = {
            "measurements": {
                **{peer: runs for peer, runs in kept.items() if peer not in peers},
                **measurements,
            },
            "ml": ml or earlier.get("ml"),
        }
        storing.save(results)


def run_tasks(arguments: argparse.Namespace, results: dict[str, Any]) -> None:
    """Measure the chosen tasks; the results are stored after each size."""
    names = [name for name in TASKS if name in arguments.names or not arguments.names]
    for name in names:
        asked = runs.sizes(name, arguments.sizes, large=arguments.large)
        found = runs.run_task(
            name, asked, arguments.data, arguments.rounds, limits(arguments), SLOW_SECONDS
        )
        for size, measurements in found:
            results["tasks"].setdefault(name, {})[str(size)] = measurements
            storing.save(results)


def count_evaluations(results: dict[str, Any]) -> None:
    """Evaluations over the reference models."""
    line = [sys.executable, "-m", "benchmarks.evaluations"]
    counted = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True)
    results["evaluations"] = json.loads(counted.stdout.strip().splitlines()[-1])
    storing.save(results)


def main() -> None:
    """Run what the command line asks for."""
    arguments = parse()
    if arguments.report:
        storing.write(storing.stored())
        return
    everything = not (arguments.names or arguments.quick or arguments.evaluations)
    results = storing.begun(afresh=everything and arguments.peers == list(PEERS))
    if arguments.names or arguments.quick or everything:
        run_cases(arguments, results)
    if arguments.names or everything:
        run_tasks(arguments, results)
    if arguments.evaluations or everything:
        count_evaluations(results)


if __name__ == "__main__":
    main()
