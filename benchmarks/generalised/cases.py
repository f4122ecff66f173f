"""The generalised models that are timed, and their data: seeds are fixed, parameters known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

import mixedmodels as mm
from benchmarks.simulated import factor


@dataclass(frozen=True, slots=True)
class Goal:
    """How many times as fast as `peer` ("python": the fastest there), or in how many seconds."""

    peer: str
    ratio: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Case:
    """One model on one data set.

    Attributes
    ----------
    name, title
        Name on the command line; one line for the report.
    formula
        As every program reads it; the response is a column ``y``, or the proportion ``p`` for
        programs that take no successes and trials.
    family
        R's name: ``binomial``.
    make
        Makes the data.
    trials
        The column of trials, with the column of successes ``y``; None: one trial per row.
    intercepts, covariates
        The same model for `gpboost`, which has no formulas; None where the model has slopes.
    calls, refits
        Timed calls in one process; responses refitted in one of them (0: whole fits).
    skipped
        Program to reason.
    """

    name: str
    title: str
    formula: str
    make: Callable[[], pd.DataFrame]
    family: str = "binomial"
    trials: str | None = None
    intercepts: tuple[str, ...] | None = None
    covariates: tuple[str, ...] = ()
    calls: int = 1
    refits: int = 0
    skipped: Mapping[str, str] = field(default_factory=dict)
    goals: tuple[Goal, ...] = ()


def aggression() -> pd.DataFrame:
    """Verbal aggression with the answer as 0 and 1."""
    table = mm.datasets.load("verbagg")
    columns = ["Anger", "Gender", "btype", "situ", "id", "item"]
    return table[columns].assign(y=(table["r2"] == "Y").astype(float))


def contraception() -> pd.DataFrame:
    """Contraception in Bangladesh with numbers for the answer and for the place."""
    table = mm.datasets.load("contraception")
    return table[["district", "livch", "age"]].assign(
        age2=table["age"] ** 2,
        town=(table["urban"] == "Y").astype(float),
        y=(table["use"] == "Y").astype(float),
    )


def herds() -> pd.DataFrame:
    """Contagious bovine pleuropneumonia: cases among the animals of a herd."""
    table = mm.datasets.load("cbpp")
    return table[["herd", "period"]].assign(
        y=table["incidence"].astype(float),
        size=table["size"].astype(float),
        p=table["incidence"] / table["size"],
    )


def bernoulli(eta: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One trial per row."""
    return (rng.random(len(eta)) < 1 / (1 + np.exp(-eta))).astype(float)


def slopes(n_rows: int, n_groups: int, seed: int) -> Callable[[], pd.DataFrame]:
    """A random intercept and slope per group: sd 1 and 0.5, correlation 0.3."""

    def make() -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        group = rng.permutation(np.arange(n_rows) % n_groups)
        x = rng.standard_normal(n_rows)
        b = rng.multivariate_normal([0, 0], [[1.0, 0.15], [0.15, 0.25]], size=n_groups)
        eta = -0.5 + b[group, 0] + (0.5 + b[group, 1]) * x
        return pd.DataFrame({"y": bernoulli(eta, rng), "x": x, "g": factor(group, n_groups, "g")})

    return make


def crossed(n_rows: int, n_users: int, n_items: int, seed: int) -> Callable[[], pd.DataFrame]:
    """Two crossed factors of uniform popularity, sd 1 and 0.7."""

    def make() -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        user, item = rng.integers(0, n_users, n_rows), rng.integers(0, n_items, n_rows)
        x = rng.standard_normal(n_rows)
        eta = -0.5 + 0.4 * x
        eta += rng.standard_normal(n_users)[user] + 0.7 * rng.standard_normal(n_items)[item]
        return pd.DataFrame(
            {
                "y": bernoulli(eta, rng),
                "x": x,
                "user": factor(user, n_users, "u"),
                "item": factor(item, n_items, "i"),
            }
        )

    return make


HERDS = "y ~ period + (1 | herd)"

CASES: tuple[Case, ...] = (
    Case(
        name="verbagg",
        title="verbal aggression, 7,584 answers of 316 persons to 24 items, crossed",
        formula="y ~ Anger + Gender + btype + situ + (1 | id) + (1 | item)",
        make=aggression,
        calls=3,
        goals=(Goal("lme4", 20), Goal("glmmTMB", 5), Goal("python", 5)),
    ),
    Case(
        name="contraception",
        title="contraception, 1,934 women in 60 districts, correlated slope",
        formula="y ~ age + age2 + town + livch + (town | district)",
        make=contraception,
        calls=5,
        goals=(Goal("lme4", 20),),
    ),
    Case(
        name="cbpp",
        title="cbpp, 56 counts in 15 herds",
        formula=HERDS,
        make=herds,
        trials="size",
        calls=20,
    ),
    Case(
        name="slopes-1m",
        title="1,000,000 Bernoulli rows in 10,000 groups, correlated slope",
        formula="y ~ x + (x | g)",
        make=slopes(1_000_000, 10_000, seed=31),
        goals=(Goal("", seconds=20.0),),
    ),
    Case(
        name="crossed-1m",
        title="1,000,000 Bernoulli rows, 20,000 × 2,000 levels crossed",
        formula="y ~ x + (1 | user) + (1 | item)",
        make=crossed(1_000_000, 20_000, 2_000, seed=32),
        intercepts=("user", "item"),
        covariates=("x",),
        goals=(Goal("", seconds=120.0),),
    ),
    Case(
        name="cbpp-bootstrap",
        title="1,000 bootstrap refits of cbpp",
        formula=HERDS,
        make=herds,
        trials="size",
        refits=1000,
        goals=(Goal("", seconds=2.0),),
    ),
)


def find(name: str) -> Case:
    """The case of that name."""
    return next(case for case in CASES if case.name == name)
