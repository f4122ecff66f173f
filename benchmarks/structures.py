"""Models with covariance structures: how long they take, and beside them nlme where it can.

    python -m benchmarks.structures [names]

Each model is fitted once after a small one has loaded what is needed; R is given the same rows and
times the call alone. Prints the table of STRUCTURES.md.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

import mixedmodels as mm

R_LIMIT = 1800.0
"""Seconds that R may take for one model."""

NLME = """
suppressMessages({library(nlme); library(jsonlite)})
a <- commandArgs(TRUE); d <- read.csv(a[1], stringsAsFactors=TRUE)
job <- read_json(a[2]); for (s in job$steps) d <- within(d, eval(parse(text=s)))
cc <- parse(text=job$call)[[1]]; cc$data <- quote(d)
cat(system.time(tryCatch(eval(cc), error=function(e) cat("failed ", file=stderr())))[[3]])
"""


def seconds(call: Callable[[], object]) -> tuple[float, object]:
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def nlme(table: pd.DataFrame, call: str, steps: tuple[str, ...] = ()) -> float | None:
    """Seconds of R's call; None where it takes longer than the limit."""
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        table.to_csv(at / "data.csv", index=False)
        (at / "job.json").write_text(json.dumps({"call": call, "steps": steps}), "utf-8")
        (at / "run.R").write_text(NLME, "utf-8")
        command = ["Rscript", str(at / "run.R"), str(at / "data.csv"), str(at / "job.json")]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=R_LIMIT, check=True
            )
        except subprocess.TimeoutExpired:
            return None
    return float(done.stdout.split()[-1])


def repeated(subjects: int, visits: int, seed: int = 1) -> pd.DataFrame:
    """Subjects with serially correlated visits, a tenth of them missing."""
    rng = np.random.default_rng(seed)
    e = rng.normal(size=(subjects, visits))
    for t in range(1, visits):
        e[:, t] += 0.6 * e[:, t - 1]
    subject, visit = np.divmod(np.arange(subjects * visits), visits)
    arm = np.where(subject % 2, "b", "a")
    y = e.ravel() + rng.normal(size=subjects)[subject] + 0.2 * (arm == "b")
    table = pd.DataFrame({"y": y, "subject": subject, "visit": visit + 1, "arm": arm})
    return table[rng.random(len(table)) > 0.1].reset_index(drop=True)


def mmrm() -> tuple[float, float | None, str]:
    table = repeated(1000, 10)

    def ours() -> object:
        model = mm.mmrm("y ~ arm * C(visit)", table, subject="subject", visit="visit")
        return model.coef_table(ddf="kenward-roger")

    call = (
        "gls(y ~ arm * factor(visit), correlation = corSymm(form = ~ visit | subject), "
        "weights = varIdent(form = ~ 1 | visit))"
    )
    return seconds(ours)[0], nlme(table, call), "with Kenward-Roger; nlme without"


def many_subjects() -> tuple[float, float | None, str]:
    table = repeated(100_000, 5)
    took, model = seconds(
        lambda: mm.lmm("y ~ arm + visit + (1 | subject)", table, residual="ar1(visit | subject)")
    )
    return took, None, f"{model.convergence.n_evaluations} evaluations"


def crossed() -> tuple[float, float | None, str]:
    rng = np.random.default_rng(2)
    subject, item = np.divmod(np.arange(200 * 100), 100)
    order = np.concatenate([rng.permutation(100) for _ in range(200)])
    e = rng.normal(size=(200, 100))
    for t in range(1, 100):
        e[:, t] += 0.4 * e[:, t - 1]
    y = rng.normal(size=200)[subject] + rng.normal(size=100)[item] + e[subject, order]
    table = pd.DataFrame({"y": y, "subject": subject, "item": item, "trial": order})
    took, model = seconds(
        lambda: mm.lmm("y ~ 1 + (1 | subject) + (1 | item)", table, residual="ar1(trial | subject)")
    )
    return took, None, f"{model.convergence.n_evaluations} evaluations"


def kinship() -> tuple[float, float | None, str]:
    rng = np.random.default_rng(3)
    n = 2000
    genes = rng.normal(size=(n, 3 * n))
    K = genes @ genes.T / (3 * n)
    labels = [f"i{i}" for i in range(n)]
    y = np.linalg.cholesky(K) @ rng.normal(size=n) + rng.normal(size=n)
    table = pd.DataFrame({"y": y, "id": labels})
    known = {"K": pd.DataFrame(K, labels, labels)}
    took, model = seconds(lambda: mm.lmm("y ~ 1 + known(1 | id, cov=K)", table, known=known))
    return took, None, f"{model.convergence.n_evaluations} evaluations"


def herd(n: int, generations: int) -> pd.DataFrame:
    """Animals with 1 sire to 50 dams."""
    rng = np.random.default_rng(4)
    size = n // generations
    sires, dams = np.zeros(n, dtype=int), np.zeros(n, dtype=int)
    for g in range(1, generations):
        before = np.arange((g - 1) * size, g * size) + 1
        chosen = rng.permutation(before)
        own = slice(g * size, n if g == generations - 1 else (g + 1) * size)
        count = len(range(*own.indices(n)))
        sires[own] = rng.choice(chosen[: max(size // 200, 1)], count)
        dams[own] = rng.choice(chosen[size // 200 : size // 2], count)
    return pd.DataFrame({"animal": np.arange(1, n + 1), "sire": sires, "dam": dams})


def pedigree(n: int, generations: int) -> tuple[float, float | None, str]:
    table = herd(n, generations)
    rng = np.random.default_rng(5)
    a = np.zeros(n + 1)
    for i, (s, d) in enumerate(zip(table["sire"], table["dam"], strict=True), 1):
        a[i] = (a[s] + a[d]) / 2 + rng.normal() * (0.7 if s else 1.0)
    table["y"] = a[1:] + rng.normal(size=n)
    inverse, relatives = seconds(lambda: mm.pedigree(table))
    took, model = seconds(
        lambda: mm.lmm("y ~ 1 + known(1 | animal, precision=A)", table, known={"A": relatives})
    )
    return (
        inverse + took,
        None,
        (f"{inverse:.1f} s of it for the inverse; {model.convergence.n_evaluations} evaluations"),
    )


def inverse_alone() -> tuple[float, float | None, str]:
    table = herd(1_000_000, 10)
    return seconds(lambda: mm.pedigree(table))[0], None, "A⁻¹ with inbreeding, no fit"


def strata() -> tuple[float, float | None, str]:
    table = mm.datasets.load("insteval")
    formula = "y ~ service + (1 | s) + (1 | d)"
    plain = seconds(lambda: mm.lmm(formula, table))[0]
    took = seconds(lambda: mm.lmm(formula, table, sigma="~ service"))[0]
    return took, None, f"{took / plain:.1f} times the plain fit, {plain:.2f} s"


def references() -> tuple[float, float | None, str]:
    from tests.reference.structures import CALLS, structured  # noqa: PLC0415

    ours, theirs = 0.0, 0.0
    for name, call in CALLS.items():
        if name.startswith("nlme/"):
            ref = structured(name)
            table = ref.data()
            ours += seconds(lambda: mm.lmm(call.formula, table, **call.arguments))[0]  # noqa: B023
            theirs += nlme(table, ref.raw["call"], _as_in_r(table)) or R_LIMIT
    return ours, theirs, "31 models, REML"


def _as_in_r(table: pd.DataFrame) -> tuple[str, ...]:
    """Factors as they are here: levels of numbers come back as numbers from a file."""
    return tuple(
        f"{column} <- factor({column}, levels=c({', '.join(map(repr, values.cat.categories))}))"
        for column, values in table.items()
        if isinstance(values.dtype, pd.CategoricalDtype)
    )


MODELS: dict[str, tuple[str, Callable[[], tuple[float, float | None, str]]]] = {
    "mmrm": ("MMRM, 1,000 subjects x 10 visits, unstructured", mmrm),
    "subjects": ("100,000 subjects x 5 visits, AR(1) and a random intercept", many_subjects),
    "crossed": ("200 subjects x 100 items crossed, AR(1) within subjects", crossed),
    "kinship": ("dense kinship of 2,000", kinship),
    "animals": ("pedigree of 100,000 animals, with fit", lambda: pedigree(100_000, 10)),
    "million": ("pedigree of 1,000,000 animals", inverse_alone),
    "strata": ("residual variance by stratum, InstEval (73,421 rows)", strata),
    "references": ("the models of tests/reference/nlme", references),
}


def main(names: list[str]) -> None:
    mm.lmm("Reaction ~ Days + (1 | Subject)", mm.datasets.load("sleepstudy"), sigma="~ Days")
    print("| model | seconds | nlme | |\n|---|---|---|---|")
    for name in names or MODELS:
        title, run = MODELS[name]
        ours, theirs, note = run()
        beside = "" if theirs is None else f"{theirs:.1f} ({theirs / ours:.0f} times)"
        print(f"| {title} | {ours:.2f} | {beside} | {note} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
