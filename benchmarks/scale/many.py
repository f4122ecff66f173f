"""Many responses on one design, beside fits one by one."""

from __future__ import annotations

from pathlib import Path

import glmm
import numpy as np

import mixedmodels as mm
from benchmarks.measure import script
from benchmarks.scale import responses
from benchmarks.scale.interface import Answer, Clock, Program, Task
from benchmarks.simulated import slopes

FORMULA = "y ~ x + (x | g)"
ROWS, GROUPS = 10_000, 500
SEED = 41


def refits(size: int, folder: Path) -> list[str]:
    """The command that refits by `lme4`."""
    return script("refit.R", folder, FORMULA, size)


TASK = Task(
    title="Many responses",
    text=(
        "10,000 rows in 500 groups, `y ~ x + (x | g)`, REML. `mm.many` gives coefficients with"
        " standard errors, degrees of freedom and p-values, adjusted too; the others refit response"
        " after response and give estimates alone."
    ),
    size="responses",
    unit="response",
    sizes=(100, 1_000),
    large=(10_000,),
    most={"mixedmodels, one by one": 100, "lme4": 100, "glmm": 100},
    scripts={"lme4": refits},
    distribution={"glmm": "glmm"},
)


def prepare(size: int, folder: Path) -> None:
    """Responses whose variances differ: each its own scale of effects and residuals."""
    frame = slopes(ROWS, GROUPS, seed=SEED)()
    rng = np.random.default_rng(SEED)
    g, x = frame["g"].cat.codes.to_numpy(), frame["x"].to_numpy()
    drawn = np.empty((ROWS, size), order="F")
    for column in range(size):
        b = rng.standard_normal((GROUPS, 2)) * rng.uniform(0.3, 1.5, 2)
        drawn[:, column] = 2 + b[g, 0] + (0.5 + b[g, 1]) * x + rng.standard_normal(ROWS)
    responses.write(frame, drawn, folder)


def together(size: int, folder: Path, clock: Clock) -> Answer:
    """`mm.many`."""
    frame, Y = responses.read(folder)
    with clock:
        mm.many(FORMULA, frame, Y)
    return Answer()


def one_by_one(size: int, folder: Path, clock: Clock) -> Answer:
    """`refit` of one model."""
    frame, Y = responses.read(folder)
    with clock:
        model = mm.lmm(FORMULA, frame)
        total = sum(model.refit(y).objective for y in Y.T)
    return Answer(float(total))


def by_glmm(size: int, folder: Path, clock: Clock) -> Answer:
    """`glmm.fit` of one frame after the other."""
    frame, Y = responses.read(folder)
    total = 0.0
    with clock:
        for y in Y.T:
            result = glmm.fit(
                frame.assign(y=y), FORMULA, reml=True, satterthwaite=False, anova_test="Wald"
            )
            total -= 2.0 * float(result.loglik)
    return Answer(total)


PROGRAMS: dict[str, Program] = {
    "mixedmodels": together,
    "mixedmodels, one by one": one_by_one,
    "glmm": by_glmm,
}
