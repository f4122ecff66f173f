"""`python -m benchmarks.generalised [cases]`: every program on every case, in one run.

Prints the tables of GENERALISED.md. Programs take turns, each measurement in a process of its own
that ends after `--limit` seconds.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from benchmarks import storage
from benchmarks.generalised.cases import CASES, Case, Goal
from benchmarks.markdown import seconds, table
from benchmarks.measure import Limits, Measurement, run, script

IN_R = ("lme4", "glmmTMB")
PROGRAMS = ("ours", *IN_R, "glmm", "mixedlm", "statsmodels", "gpboost")
PYTHON = ("glmm", "mixedlm", "statsmodels", "gpboost")

WORSE = 1e-3
"""A criterion above the best by more than this is a worse answer."""

LONG = 30.0
"""A call that took longer is not measured again in the next round."""


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.generalised")
    parser.add_argument("names", nargs="*", metavar="case")
    parser.add_argument("--programs", nargs="+", choices=PROGRAMS, default=list(PROGRAMS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=float, default=600.0, help="seconds for one process")
    folder = Path(tempfile.gettempdir()) / "mixedmodels-benchmarks" / "generalised"
    parser.add_argument("--data", type=Path, default=folder)
    return parser.parse_args()


def command(program: str, case: Case, folder: Path) -> list[str]:
    """The command line of one measurement."""
    if program not in IN_R:
        line = [sys.executable, "-m", "benchmarks.generalised.worker"]
        return [*line, program, case.name, str(folder)]
    formula = case.formula.replace("y ~", "p ~", 1) if case.trials else case.formula
    options = [case.family, case.trials or "-", case.calls, case.refits]
    return script("generalised.R", program, folder, formula, *options)


def measured(
    case: Case, programs: list[str], options: argparse.Namespace
) -> dict[str, list[Measurement]]:
    """All rounds of one case."""
    folder = options.data / case.name
    if not storage.is_complete(folder):
        storage.write(case.make(), folder)
    found: dict[str, list[Measurement]] = {program: [] for program in programs}
    finished = set()
    for _ in range(options.rounds):
        for program in programs:
            if program in finished:
                continue
            if program in case.skipped:
                one = Measurement("refused", case.skipped[program])
            else:
                one = run(command(program, case, folder), Limits(options.limit, 16.0))
            found[program].append(one)
            if one.status != "ok" or max(one.whole) > LONG:
                finished.add(program)
    return found


def typical(runs: list[Measurement]) -> float | None:
    """The median of all calls; None where there is none."""
    calls = [time for one in runs if one.status == "ok" for time in one.whole]
    return median(calls) if calls else None


def lines(found: Mapping[str, list[Measurement]]) -> list[list[str]]:
    """One line per program that has something to say."""
    mine = typical(found.get("ours", []))
    criteria = [r.criterion for runs in found.values() for r in runs if r.criterion is not None]
    result = []
    for program, runs in found.items():
        last, time = runs[-1], typical(runs)
        if time is None:
            result.append([program, last.note or last.status, "", "", "", "", last.version])
            continue
        excess = None if last.criterion is None else last.criterion - min(criteria)
        ended = "" if last.criterion is None else f"{last.criterion:.5f}"
        worse = f" (worse by {excess:.2g})" if excess is not None and excess > WORSE else ""
        ratio = "" if mine is None or program == "ours" else f"{time / mine:.3g} ×"
        counted = "" if last.evaluations is None else str(last.evaluations)
        peak = "" if last.peak_mb is None else f"{last.peak_mb:.0f}"
        result.append([program, seconds(time), ratio, counted, ended + worse, peak, last.version])
    return result


def reached(goal: Goal, found: Mapping[str, list[Measurement]]) -> str:
    """One goal and whether it was met."""
    mine = typical(found.get("ours", []))
    if goal.seconds:
        met = "no figure" if mine is None else "yes" if mine <= goal.seconds else "no"
        return f"- within {goal.seconds:g} s: {met}"
    names = PYTHON if goal.peer == "python" else (goal.peer,)
    times = [t for name in names if (t := typical(found.get(name, []))) is not None]
    title = "the fastest in Python" if goal.peer == "python" else goal.peer
    if mine is None or not times:
        return f"- {goal.ratio:g} times as fast as {title}: no figure"
    ratio = min(times) / mine
    verdict = "yes" if ratio >= goal.ratio else "no"
    return f"- {goal.ratio:g} times as fast as {title}: {verdict}, {ratio:.3g}"


def main() -> None:
    """Measure the chosen cases and print their tables."""
    options = parse()
    header = ["program", "median", "ratio", "evaluations", "criterion", "peak MB", "version"]
    for case in CASES:
        if options.names and case.name not in options.names:
            continue
        found = measured(case, options.programs, options)
        print(f"### {case.name}\n\n{case.title}: `{case.formula}`\n")
        print("\n".join(table(header, lines(found))), "\n")
        print("\n".join(reached(goal, found) for goal in case.goals), "\n", flush=True)


if __name__ == "__main__":
    main()
