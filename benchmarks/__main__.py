"""`python -m benchmarks`: time every program on every case and write the results.

python -m benchmarks                       everything (an hour, mostly the others)
python -m benchmarks --quick               the small cases, one round
python -m benchmarks insteval nested       some cases; the others keep their earlier results
python -m benchmarks --peers ours lme4     some programs
python -m benchmarks --evaluations         evaluations over the reference models
python -m benchmarks --report              rewrite the report from the stored numbers
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import report, storage
from benchmarks.cases import CASES, Case, find
from benchmarks.measure import OURS, PEERS, Limits, Measurement, measure, unavailable

FOLDER = Path(__file__).resolve().parent
RESULTS = FOLDER / "results.json"
SLOW_SECONDS = 30.0
"""A program that needs longer than this for one call is measured once, not once per round."""


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "cases", nargs="*", metavar="case", help=", ".join(case.name for case in CASES)
    )
    parser.add_argument("--quick", action="store_true", help="the small cases, one round")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--rounds", type=int, default=3, help="alternating rounds (default 3)")
    parser.add_argument(
        "--limit", type=float, default=600.0, help="seconds for one process (default 600)"
    )
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
    return parser.parse_args(arguments)


def machine() -> dict[str, Any]:
    """What the numbers depend on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def prepare(case: Case, data: Path) -> Path:
    """The folder with the data of `case`, made in a process of its own when it is not there yet."""
    folder = data / case.name
    if not storage.is_complete(folder):
        line = "import sys; from benchmarks import cases, storage; from pathlib import Path; "
        line += "storage.write(cases.find(sys.argv[1]).make(), Path(sys.argv[2]))"
        subprocess.run(
            [sys.executable, "-c", line, case.name, str(folder)], cwd=FOLDER.parent, check=True
        )
    return folder


def describe(measurement: Measurement) -> str:
    """One line for the terminal."""
    if measurement.status != "ok":
        return f"{measurement.status}: {measurement.note}"
    text = f"{report.seconds(median(measurement.whole))}  criterion {measurement.criterion:.6f}"
    return f"{text}  evaluations {measurement.evaluations}  peak {measurement.peak_mb:.0f} MB"


def run_case(
    case: Case, peers: list[str], folder: Path, rounds: int, limits: Limits
) -> dict[str, list[Any]]:
    """All measurements of one case: programs alternate, round by round."""
    measurements: dict[str, list[Any]] = {peer: [] for peer in peers}
    finished: set[str] = set()
    for turn in range(rounds):
        for peer in peers:
            if peer in finished:
                continue
            measurement = measure(peer, case, folder, limits)
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


def chosen(arguments: argparse.Namespace) -> list[Case]:
    """The cases of this run."""
    if arguments.cases:
        return [find(name) for name in arguments.cases]
    return [case for case in CASES if case.quick or not arguments.quick]


def run_cases(arguments: argparse.Namespace, results: dict[str, Any]) -> None:
    """Measure the chosen cases; the results are stored after each."""
    limits = Limits(arguments.limit, arguments.memory)
    missing = {peer: reason for peer in arguments.peers if (reason := unavailable(peer))}
    for peer, reason in missing.items():
        print(f"{peer}: {reason}")
    peers = [peer for peer in arguments.peers if peer not in missing]
    for case in chosen(arguments):
        print(f"{case.name}: {case.title}", flush=True)
        folder = prepare(case, arguments.data)
        rounds = 1 if arguments.quick else arguments.rounds
        measurements = run_case(case, peers, folder, rounds, limits)
        ml = reference(case, measurements, folder, limits)
        earlier = results["cases"].get(case.name, {}).get("measurements", {})
        results["cases"][case.name] = {
            "machine": machine(),
            "measurements": {
                **{peer: runs for peer, runs in earlier.items() if peer not in peers},
                **measurements,
            },
            "ml": ml or results["cases"].get(case.name, {}).get("ml"),
        }
        save(results)


def save(results: dict[str, Any]) -> None:
    """Write the raw numbers and the report made of them."""
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (FOLDER / "RESULTS.md").write_text(report.render(results), encoding="utf-8")


def main() -> None:
    """Run what the command line asks for."""
    arguments = parse()
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {"cases": {}}
    if not arguments.report and (arguments.cases or not arguments.evaluations):
        run_cases(arguments, results)
    if arguments.evaluations or not (arguments.report or arguments.cases or arguments.quick):
        line = [sys.executable, "-m", "benchmarks.evaluations"]
        counted = subprocess.run(
            line, cwd=FOLDER.parent, capture_output=True, text=True, check=True
        )
        results["evaluations"] = json.loads(counted.stdout.strip().splitlines()[-1])
    save(results)


if __name__ == "__main__":
    main()
