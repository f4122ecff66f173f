"""`RESULTS.md` from the raw numbers: every figure in the report is made here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from benchmarks.cases import CASES, Case, Goal
from benchmarks.markdown import seconds, table
from benchmarks.measure import OURS, PEERS
from benchmarks.scale import tables

WORSE = 1e-3
"""A criterion above the best by more than this is a worse answer: its time does not count."""

ERRORS = 3.0
"""A criterion with a Monte Carlo error may miss the best by so many of them."""

SERIES = "rows-"
TITLES = {OURS: "**mixedmodels**"}
PYTHON = tuple(peer for peer in PEERS if peer not in (OURS, "lme4"))


@dataclass(frozen=True, slots=True)
class Row:
    """One program on one case, over its rounds; numbers are None when it has no fit."""

    peer: str
    status: str
    note: str
    version: str
    whole: float | None = None
    spread: tuple[float, float] | None = None
    cpu: float | None = None
    fit: float | None = None
    evaluations: int | None = None
    criterion: float | None = None
    error: float | None = None
    sds: Mapping[str, float] = field(default_factory=dict)
    reml: bool = True
    peak_mb: float | None = None
    extra_mb: float | None = None
    excess: float | None = None

    @property
    def counts(self) -> bool:
        """Whether it has an answer as good as the best."""
        allowed = max(WORSE, ERRORS * (self.error or 0.0))
        return self.whole is not None and (self.excess is None or self.excess <= allowed)


def row(peer: str, runs: Sequence[Mapping[str, Any]]) -> Row:
    """Medians over all calls of all rounds."""
    good = [run for run in runs if run["status"] == "ok"]
    if not good:
        return Row(peer, runs[-1]["status"], runs[-1]["note"], runs[-1]["version"])
    whole = [value for run in good for value in run["whole"]]
    fits = [value for run in good for value in run["fit"] or ()]
    cpu = [value for run in good for value in run["cpu"]]
    last = good[-1]
    peak = max((run["peak_mb"] for run in good if run["peak_mb"]), default=None)
    base = min((run["base_mb"] for run in good if run["base_mb"]), default=None)
    return Row(
        peer=peer,
        status="ok",
        note=last["note"],
        version=last["version"],
        whole=median(whole),
        spread=(min(whole), max(whole)),
        cpu=median(cpu),
        fit=median(fits) if fits else None,
        evaluations=last["evaluations"],
        criterion=last["criterion"],
        error=last.get("criterion_error"),
        sds=last.get("sds", {}),
        reml=last["reml"],
        peak_mb=peak,
        extra_mb=peak - base if peak and base else None,
    )


def rows(record: Mapping[str, Any]) -> list[Row]:
    """One row per program, each judged by the best criterion of its kind (REML or ML)."""
    found = [row(peer, runs) for peer, runs in record["measurements"].items() if runs]
    found.sort(key=lambda r: PEERS.index(r.peer))
    best: dict[bool, float] = {}
    for r in found:
        if r.criterion is not None:
            best[r.reml] = min(best.get(r.reml, r.criterion), r.criterion)
    if record.get("ml"):
        exact = record["ml"]["criterion"]
        best[False] = min(best.get(False, exact), exact)
    return [judged(r, best) for r in found]


def judged(r: Row, best: Mapping[bool, float]) -> Row:
    """The row with how far its criterion is above the best."""
    if r.criterion is None:
        return r
    values = {name: getattr(r, name) for name in Row.__slots__}
    return Row(**(values | {"excess": r.criterion - best[r.reml]}))


def ratio(r: Row, ours: Row | None) -> str:
    """How many times as long as this library; in brackets when the answer is worse."""
    if ours is None or ours.whole is None or r.whole is None:
        return ""
    text = f"{r.whole / ours.whole:.3g} ×"
    return text if r.counts else f"({text})"


def criterion(r: Row) -> str:
    """The criterion that was reached, and by how much it misses the best."""
    if r.criterion is None:
        return ""
    text = f"{r.criterion:.5f}" if r.error is None else f"{r.criterion:.2f} ± {r.error:.2g}"
    text = text if r.reml else f"{text} (ML)"
    return text if r.counts else f"{text}, **worse by {r.excess:.2g}**"


def case_section(case: Case, record: Mapping[str, Any]) -> list[str]:
    """The table of one case, and its notes."""
    found = rows(record)
    ours = next((r for r in found if r.peer == OURS), None)
    lines = []
    for r in found:
        title = TITLES.get(r.peer, r.peer)
        if r.whole is None:
            reason = (
                r.note if r.status in ("refused", "too slow") else f"{r.status} {r.note}".strip()
            )
            lines.append([title, reason, *[""] * 7])
            continue
        low, high = r.spread or (r.whole, r.whole)
        lines.append(
            [
                title,
                seconds(r.whole),
                f"{seconds(low)} – {seconds(high)}",
                ratio(r, ours),
                seconds(r.fit),
                seconds(r.cpu),
                "" if r.evaluations is None else f"{r.evaluations:,}",
                criterion(r),
                "" if r.peak_mb is None else f"{r.peak_mb:,.0f} ({r.extra_mb:,.0f})",
            ]
        )
    for program, quoted in case.quoted.items():
        times = f"{quoted.seconds / ours.whole:.3g} ×" if ours and ours.whole else ""
        lines.append([f"{program} [quoted]", seconds(quoted.seconds), "", times, *[""] * 4, ""])
    header = [
        "program",
        "whole call",
        "range",
        "ratio",
        "fit alone",
        "CPU",
        "evaluations",
        "criterion",
        "peak MB",
    ]
    notes = [f"- {r.peer}: {r.note}" for r in found if r.whole is not None and r.note]
    notes += [f"- {r.peer}: {deviations(r)}" for r in found if r.sds]
    notes += [f"- {p}: quoted, not run here: {q.remark}." for p, q in case.quoted.items()]
    formula = f"`{case.formula}`" if len(case.formula) < 120 else f"`{case.formula[:100]} …`"
    return [
        f"### {case.name}",
        "",
        f"{case.title}.",
        "",
        formula,
        "",
        *table(header, lines),
        "",
        *notes,
        "",
    ]


def deviations(r: Row) -> str:
    """The standard deviations that were found."""
    return "sd of " + ", ".join(f"{name} {sd:.5g}" for name, sd in r.sds.items())


def goal_line(case: Case, goal: Goal, found: Sequence[Row]) -> list[str]:
    """One line of the table of goals."""
    ours = next((r for r in found if r.peer == OURS), None)
    name, time = goal.peer, None
    if goal.peer in case.quoted:
        name, time = f"{goal.peer} [quoted]", case.quoted[goal.peer].seconds
    elif goal.peer == "python":
        answers = [r for r in found if r.peer in PYTHON and r.counts]
        if answers:
            fastest = min(answers, key=lambda r: r.whole or 0.0)
            name, time = f"fastest in Python ({fastest.peer})", fastest.whole
    else:
        time = next((r.whole for r in found if r.peer == goal.peer), None)
    if ours is None or not ours.counts or ours.whole is None or time is None:
        return [case.name, name, seconds(time), "", f"≥ {goal.ratio:g} ×", "", "no figure"]
    reached = time / ours.whole
    verdict = "yes" if reached >= goal.ratio else "**no**"
    return [
        case.name,
        name,
        seconds(time),
        seconds(ours.whole),
        f"≥ {goal.ratio:g} ×",
        f"{reached:.3g} ×",
        verdict,
    ]


def goal_section(results: Mapping[str, Any]) -> list[str]:
    """What was aimed at and what was reached."""
    lines = []
    for case in CASES:
        if case.name in results["cases"]:
            found = rows(results["cases"][case.name])
            lines += [goal_line(case, goal, found) for goal in case.goals]
    header = ["case", "against", "its time", "mixedmodels", "goal", "reached", "met"]
    return ["## Goals", "", *table(header, lines), ""]


def series_section(results: Mapping[str, Any]) -> list[str]:
    """How the cost grows with the rows."""
    cases = [c for c in CASES if c.name.startswith(SERIES) and c.name in results["cases"]]
    if not cases:
        return []
    lines = []
    for case in cases:
        found = {r.peer: r for r in rows(results["cases"][case.name])}
        n_rows = float(case.name.removeprefix(SERIES))
        ours = found.get(OURS)
        each = f"{ours.whole / n_rows * 1e9:,.0f} ns" if ours and ours.whole else ""
        times = [seconds(found[p].whole) if p in found else "" for p in (OURS, "glmm", "lme4")]
        peak = f"{ours.peak_mb:,.0f}" if ours and ours.peak_mb else ""
        lines.append(
            [
                f"{n_rows:,.0f}",
                times[0],
                each,
                seconds(ours.fit if ours else None),
                peak,
                *times[1:],
            ]
        )
    header = ["rows", "mixedmodels", "per row", "fit alone", "peak MB", "glmm", "lme4"]
    text = "`y ~ x + (x | g)`, ten rows per group: the cost is linear in the rows."
    return ["## Cost and rows", "", text, "", *table(header, lines), ""]


def evaluation_section(results: Mapping[str, Any]) -> list[str]:
    """Evaluations of the criterion over the reference models."""
    counted = results.get("evaluations")
    if not counted:
        return []
    lines = []
    for method in ("REML", "ML"):
        counts = sorted(count for name, m, count in counted if m == method)
        if counts:
            p90 = counts[min(len(counts) - 1, int(0.9 * len(counts)))]
            lines.append(
                [method, *(f"{x:g}" for x in (len(counts), median(counts), p90, counts[-1]))]
            )
    most = sorted(counted, key=lambda item: -item[2])[:5]
    note = "Most: " + ", ".join(f"{name} ({method}) {count}" for name, method, count in most) + "."
    header = ["criterion", "models", "median", "90 %", "most"]
    intro = "Evaluations from unit covariance factors, over the reference models of the tests."
    return ["## Evaluations", "", intro, "", *table(header, lines), "", note, ""]


def version_lines(results: Mapping[str, Any]) -> list[str]:
    """The machine and the versions."""
    versions: dict[str, dict[str, None]] = {peer: {} for peer in PEERS}
    for record in results["cases"].values():
        for peer, runs in record["measurements"].items():
            versions[peer] |= dict.fromkeys(run["version"] for run in runs if run["version"])
    m = results["machine"]
    system = f"{m['processor']}, {m['cores']} cores, {m['gigabytes']:.0f} GB, {m['system']}"
    lines = [f"- {system}, Python {m['python']}, {', '.join(results['dates'])}"]
    return lines + [f"- {peer}: {', '.join(found)}" for peer, found in versions.items() if found]


INTRODUCTION = """# Benchmark results

Made by `python -m benchmarks`; raw numbers in `results.json`. Not edited by hand.

All figures are from one machine: those of another are dropped when a run begins. All programs get
the same data and take turns. Every measurement has a process of its own. *Whole call* is from
formula and data frame to the fitted model, the median over all calls with its range; *fit alone* is
the search, where the program lets it be told apart; *ratio* is the program's whole call over this
library's. *Peak MB* is the highest memory of the process, in brackets what was added after the data
were loaded. The criterion is the REML criterion or the ML deviance (−2 log-likelihood) that was
reached: one more than 0.001 above the best of its kind is a worse answer, its ratio is in brackets
and does not count for the goals; where a Monte Carlo error is given, three of them are allowed.
`gpboost` only fits by ML and is compared with ML fits; crossed factors go by its iterative method,
`gpboost-exact` is its Cholesky factorisation. `lmer` runs with its defaults; without its derivative
check on the maximal and interaction models. `glmm` runs without
its degrees of freedom. MixedModels.jl is not run here: its figures are quoted.
"""


def render(results: Mapping[str, Any]) -> str:
    """The whole report."""
    parts = [INTRODUCTION, *version_lines(results), "", *goal_section(results), "## Cases", ""]
    for case in CASES:
        if case.name in results["cases"] and not case.name.startswith(SERIES):
            parts += case_section(case, results["cases"][case.name])
    parts += [*series_section(results), *tables.sections(results), *evaluation_section(results)]
    return "\n".join(parts).rstrip() + "\n"
