"""The sections of the report on tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from benchmarks.markdown import seconds, table
from benchmarks.scale.interface import Task
from benchmarks.scale.registry import TASKS

OURS = "mixedmodels"
HEADER = ("program", "time", "range", "per", "ratio", "CPU", "peak MB")


def line(task: Task, size: int, program: str, runs: Sequence[Any], ours: float | None) -> list[str]:
    """One program at one size: medians over the rounds."""
    good = [run for run in runs if run["status"] == "ok"]
    title = f"**{program}**" if program == OURS else program
    start = [f"{size:,}", title]
    if not good:
        return [*start, f"{runs[-1]['status']} {runs[-1]['note']}".strip(), *[""] * 5]
    whole = [value for run in good for value in run["whole"]]
    cpu = [value for run in good for value in run["cpu"]]
    peak = max(run["peak_mb"] for run in good)
    added = peak - min(run["base_mb"] for run in good)
    return [
        *start,
        seconds(median(whole)),
        f"{seconds(min(whole))} – {seconds(max(whole))}",
        seconds_each(median(whole) / task.amount(size)),
        "" if ours is None else f"{median(whole) / ours:.3g} ×",
        seconds(median(cpu)),
        f"{peak:,.0f} ({added:,.0f})",
    ]


def seconds_each(value: float) -> str:
    """A time per unit, down to nanoseconds."""
    return f"{value * 1e9:.3g} ns" if value < 1e-6 else seconds(value)


def section(task: Task, found: Mapping[str, Any]) -> list[str]:
    """The table of one task, and its notes."""
    lines, notes = [], []
    for size in sorted(map(int, found)):
        record = found[str(size)]
        whole = [v for run in record.get(OURS, ()) if run["status"] == "ok" for v in run["whole"]]
        ours = median(whole) if whole else None
        for program, runs in record.items():
            lines.append(line(task, size, program, runs, ours))
            noted = dict.fromkeys(run["note"] for run in runs if run["status"] == "ok")
            notes += [f"- {program}, {size:,} {task.size}: {text}" for text in noted if text]
    header = [task.size, *(f"per {task.unit}" if name == "per" else name for name in HEADER)]
    return [f"## {task.title}", "", task.text, "", *table(header, lines), "", *notes, ""]


def sections(results: Mapping[str, Any]) -> list[str]:
    """All tasks that were measured."""
    stored = results.get("tasks", {})
    parts: list[str] = []
    for name, module in TASKS.items():
        if stored.get(name):
            parts += section(module.TASK, stored[name])
    return parts
