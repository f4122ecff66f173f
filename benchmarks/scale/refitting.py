"""One more response on a model that is there: `refit`, beside its search alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import mixedmodels as mm
from benchmarks.cases import find
from benchmarks.measure import script
from benchmarks.scale import responses
from benchmarks.scale.interface import Answer, Clock, Program, Task

CASES = {180: "sleepstudy", 73_421: "insteval"}
RESPONSES = {180: 300, 73_421: 5}
SEED = 51


def formula(size: int) -> str:
    """The model of the data with so many rows."""
    return find(CASES[size]).formula


def refits(size: int, folder: Path) -> list[str]:
    """The command that refits by `lme4`."""
    return script("refit.R", folder, formula(size), RESPONSES[size])


TASK = Task(
    title="Refits",
    text=(
        "Responses drawn from the fitted model, one by one on a model that is there: sleepstudy"
        " (180 rows) and InstEval (73,421). *search alone* is the search on problems that have the"
        " response already: what `refit` adds is the difference."
    ),
    size="rows",
    unit="response",
    sizes=tuple(CASES),
    most={"lme4": 180},
    amount=lambda size: RESPONSES[size],
    scripts={"lme4": refits},
)


def prepare(size: int, folder: Path) -> None:
    """The data set and responses from its model."""
    frame = find(CASES[size]).make()
    model = mm.lmm(formula(size), frame)
    responses.write(frame, np.asarray(model.simulate(RESPONSES[size], seed=SEED)), folder)


def refit(size: int, folder: Path, clock: Clock) -> Answer:
    """`model.refit(y)`."""
    frame, Y = responses.read(folder)
    model = mm.lmm(formula(size), frame)
    model.refit(Y[:, 0])
    with clock:
        total = sum(model.refit(y).objective for y in Y.T)
    return Answer(float(total))


def search(size: int, folder: Path, clock: Clock) -> Answer:
    """The search alone, on problems with the other responses."""
    frame, Y = responses.read(folder)
    fit = mm.lmm(formula(size), frame).fit
    control, problems = fit.request.control, [fit.problem.with_response(y) for y in Y.T]
    with clock:
        found = [problem.minimise(reml=True, control=control) for problem in problems]
    return Answer(float(sum(solution.deviance for solution in found)))


PROGRAMS: dict[str, Program] = {"mixedmodels": refit, "search alone": search}
