"""Marginal means and their comparisons, beside R's emmeans in one run.

    python -m benchmarks.means

Prints the table in MEANS.md. Both programs get the same data; a call starts at a fitted model and
ends with the table of adjusted comparisons. The first call is at a new fit, whose second-order
facts it has to find; the median is that of the later ones. The programs take turns; emmeans is
stopped after `LIMIT` seconds.
"""

import shutil
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd

import mixedmodels as mm

SCRIPT = Path(__file__).resolve().parent / "peers" / "emmeans.R"

ROUNDS = 3
"""Turns of both programs."""

LIMIT = 60
"""Seconds after which R is stopped: fit, warm-up and all calls."""

SEED = 12


@dataclass(frozen=True, slots=True)
class Case:
    """One question in both languages."""

    name: str
    data: pd.DataFrame
    formula: str
    factors: tuple[str, ...]
    ddf: str
    ours: Callable[[mm.LinearMixedModel], object]
    theirs: str | None
    calls: int


def cases() -> list[Case]:
    """Small and large, and what has a goal."""
    cake = pd.DataFrame(mm.datasets.load("cake"))
    found = [
        Case(
            f"cake, pairs of recipes, {ddf}",
            cake,
            "angle ~ recipe * temperature + (1 | recipe:replicate)",
            ("recipe", "replicate", "temperature"),
            ddf,
            lambda model, ddf=ddf: model.emmeans("recipe", ddf=ddf).pairs().table(),
            "pairs(emmeans(fit, ~ recipe))",
            20,
        )
        for ddf in ("satterthwaite", "kenward-roger")
    ]
    return [*found, *simulated(), insteval()]


def simulated() -> list[Case]:
    """Many factors, many means."""
    random = np.random.default_rng(SEED)
    n = 4_000
    names = [f"f{i}" for i in range(12)]
    frame = pd.DataFrame({name: random.integers(0, 5, n).astype(str) for name in names})
    frame["t"] = "t" + pd.Series(random.integers(0, 200, n).astype(str))
    frame["s"] = "s" + pd.Series(random.integers(0, 20, n).astype(str))
    frame["g"] = random.integers(0, 50, n).astype(str)
    frame["y"] = random.normal(size=n) + random.normal(size=50)[frame.g.astype(int)]
    others = ", ".join(f"'{name}'" for name in names if name != "f3")
    return [
        Case(
            "12 factors of 5 levels, pairs of one",
            frame,
            f"y ~ {' + '.join(names)} + (1 | g)",
            (*names, "g"),
            "satterthwaite",
            lambda model: model.emmeans("f3").pairs().table(),
            f"pairs(emmeans(fit, ~ f3, nuisance = c({others})))",
            3,
        ),
        Case(
            "200 means, 19,900 pairs, tukey",
            frame,
            "y ~ t + (1 | g)",
            ("t", "g"),
            "satterthwaite",
            lambda model: model.emmeans("t").pairs(adjust="tukey").table(),
            "pairs(emmeans(fit, ~ t), adjust = 'tukey')",
            2,
        ),
        Case(
            "20 means, 190 pairs, mvt",
            frame,
            "y ~ s + (1 | g)",
            ("s", "g"),
            "satterthwaite",
            lambda model: model.emmeans("s").pairs(adjust="mvt").table(),
            "pairs(emmeans(fit, ~ s), adjust = 'mvt')",
            2,
        ),
    ]


def insteval() -> Case:
    """Kenward and Roger's method on 73,421 rows, which emmeans does not offer."""
    return Case(
        "InstEval, pairs of 14 departments by service, kenward-roger",
        pd.DataFrame(mm.datasets.load("insteval")),
        "y ~ service * dept + (1 | s) + (1 | d)",
        ("service", "dept", "s", "d"),
        "kenward-roger",
        lambda model: (
            model.emmeans("service", ddf="kenward-roger").pairs().table(),
            model.emmeans("dept | service", ddf="kenward-roger").pairs().table(),
        ),
        None,
        2,
    )


def time_ours(case: Case) -> list[float]:
    """Seconds of every call, the first at a new fit."""
    frame = case.data.astype(dict.fromkeys(case.factors, "category"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = mm.lmm(case.formula, frame)
    found = []
    for _ in range(case.calls):
        start = time.perf_counter()
        case.ours(model)
        found.append(time.perf_counter() - start)
    return found


def time_theirs(case: Case) -> list[float]:
    """The same of emmeans; none where it has no answer or is not here."""
    if case.theirs is None or shutil.which("Rscript") is None:
        return []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.csv"
        case.data.to_csv(path, index=False)
        arguments = [str(path), case.formula, ",".join(case.factors), case.ddf, str(case.calls)]
        line = ["Rscript", "--vanilla", str(SCRIPT), *arguments, case.theirs]
        try:
            done = subprocess.run(line, capture_output=True, text=True, check=True, timeout=LIMIT)
        except subprocess.TimeoutExpired:
            return [float("inf")] * 2
    return [float(word) for word in done.stdout.split()]


def main() -> None:
    """Measure, and print one table."""
    print("| case | first call | median | emmeans: first | median | ratio of medians |")
    print("|---|---:|---:|---:|---:|---:|")
    for case in cases():
        ours, theirs = [], []
        for _ in range(ROUNDS if case.calls > 3 else 1):
            ours.append(time_ours(case))
            theirs.append(time_theirs(case))
        mine = _cells(ours)
        other = _cells([found for found in theirs if found])
        ratio = f"{min(other[1], LIMIT) / mine[1]:.0f} ×" if other else ""
        if other and other[1] > LIMIT:
            ratio = f"over {LIMIT / mine[1]:.0f} ×"
        cells = [*map(_seconds, mine), *(map(_seconds, other) if other else ("none", "none"))]
        print(f"| {case.name} | {' | '.join(cells)} | {ratio} |", flush=True)


def _cells(rounds: list[list[float]]) -> tuple[float, float] | None:
    if not rounds:
        return None
    return median(r[0] for r in rounds), median(t for r in rounds for t in r[1:])


def _seconds(value: float) -> str:
    if value > LIMIT:
        return f"over {LIMIT} s"
    return f"{1000 * value:.3g} ms" if value < 1 else f"{value:.3g} s"


if __name__ == "__main__":
    main()
