"""The models that are timed, and the data for each.

Simulated data have a fixed seed and known parameters, so anyone gets the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pandas as pd

from benchmarks.ratings import MOVIELENS, Shape, rated
from benchmarks.simulated import (
    INTERACTION_ROWS,
    bundled,
    crossed,
    interaction_groups,
    interactions,
    maximal,
    nested,
    slopes,
)


@dataclass(frozen=True, slots=True)
class Goal:
    """How many times as fast as `peer` this library should be ("python": the fastest there)."""

    peer: str
    ratio: float


@dataclass(frozen=True, slots=True)
class Quoted:
    """A time that was measured elsewhere, for a program that this suite does not run."""

    seconds: float
    remark: str


@dataclass(frozen=True, slots=True)
class Case:
    """One model on one data set.

    Attributes
    ----------
    name, title
        Name on the command line; one line for the report.
    formula
        As `lme4`, `glmm`, `mixedlm` and this library read it.
    plain
        The same with single columns on both sides of a bar, for programs that combine none there.
    make
        Makes the data.
    reml
        Which criterion is minimised.
    calls
        Timed calls in one process (after one that is not timed when there are several).
    lmer_derivatives
        Whether `lmer` also does its finite-difference derivative check after the fit.
    intercepts
        The model for programs that only know independent random intercepts (`gpboost`): the
        groups, each a tuple of columns; None when the model has random slopes.
    covariates
        Columns of the fixed part, for programs without formulas.
    statsmodels
        Arguments of `statsmodels.formula.api.mixedlm`; None where it cannot hold the model.
    skipped
        Peer to reason: runs that are left out.
    dear
        Peers whose run takes minutes, or is not known to end: measured with `--large` alone.
    large
        Whether the case itself is measured with `--large` alone.
    quoted
        Program to figures measured elsewhere; printed as such.
    """

    name: str
    title: str
    formula: str
    make: Callable[[], pd.DataFrame]
    plain: str = ""
    reml: bool = True
    calls: int = 1
    lmer_derivatives: bool = True
    intercepts: tuple[tuple[str, ...], ...] | None = None
    covariates: tuple[str, ...] = ()
    statsmodels: Mapping[str, object] | None = None
    skipped: Mapping[str, str] = field(default_factory=dict)
    dear: frozenset[str] = frozenset()
    large: bool = False
    goals: tuple[Goal, ...] = ()
    quoted: Mapping[str, Quoted] = field(default_factory=dict)
    quick: bool = False


def rating(name: str, shape: Shape, *, least: int = 1, large: bool = False) -> Case:
    """Users rate films, in the shape of MovieLens: two crossed factors with very long tails."""
    small = shape.rows < 1_000_000
    slow = ("lme4", "glmm", "mixedlm", "gpboost-exact") + (() if small else ("gpboost",))
    kept = f", films with {least} or more ratings" if least > 1 else ""
    return Case(
        name=name,
        title=f"ratings, {shape.rows:,} rows, {shape.users:,} users × {shape.films:,} films{kept}",
        formula="y ~ 1 + (1 | user) + (1 | film)",
        make=rated(shape, least=least),
        intercepts=(("user",), ("film",)),
        skipped={"statsmodels": "crossed factors need a dense n × n matrix"},
        dear=frozenset(slow),
        large=large,
    )


def small(name: str, title: str, formula: str, **more: object) -> Case:
    """A classic of few rows: what is timed is what surrounds the fit."""
    return Case(
        name=name, title=title, formula=formula, make=bundled(name), calls=40, quick=True, **more
    )


def linear(n_rows: int, *, quick: bool = False) -> Case:
    """One of the series that shows how the cost grows with the rows: ten rows per group."""
    too_long = {
        "lme4": "above 1e6 rows only this library",
        "glmm": "above 1e6 rows only this library",
    }
    others = dict.fromkeys(("mixedlm", "statsmodels", "gpboost"), "not in this series")
    return Case(
        name=f"rows-1e{len(str(n_rows)) - 1}",
        title=f"one factor with a random slope, {n_rows:,} rows in {n_rows // 10:,} groups",
        formula="y ~ x + (x | g)",
        make=slopes(n_rows, n_rows // 10, seed=20),
        calls=5 if n_rows <= 100_000 else 1,
        skipped=others | (too_long if n_rows > 1_000_000 else {}),
        dear=frozenset({"lme4"} if n_rows == 1_000_000 else ()),
        quick=quick,
    )


CASES: tuple[Case, ...] = (
    Case(
        name="sleepstudy",
        title="sleepstudy: random intercept and slope, 180 rows, 18 subjects",
        formula="Reaction ~ Days + (Days | Subject)",
        make=bundled("sleepstudy"),
        calls=40,
        statsmodels={"formula": "Reaction ~ Days", "groups": "Subject", "re_formula": "~ Days"},
        goals=(Goal("lme4", 3),),
        quick=True,
    ),
    small(
        "dyestuff",
        "dyestuff: random intercept, 30 rows in 6 batches",
        "Yield ~ 1 + (1 | Batch)",
        intercepts=(("Batch",),),
        statsmodels={"formula": "Yield ~ 1", "groups": "Batch"},
    ),
    small(
        "penicillin",
        "penicillin: two crossed factors, 144 rows",
        "diameter ~ 1 + (1 | plate) + (1 | sample)",
        intercepts=(("plate",), ("sample",)),
    ),
    Case(
        name="insteval",
        title="InstEval: three crossed factors, 73,421 rows, 2,972 students × 1,128 lecturers",
        formula="y ~ service + (1 | s) + (1 | d) + (1 | dept:service)",
        make=bundled("insteval"),
        intercepts=(("s",), ("d",), ("dept", "service")),
        covariates=("service",),
        goals=(Goal("lme4", 12), Goal("python", 3)),
        quick=True,
    ),
    Case(
        name="maximal",
        title="maximal model: 56 subjects × 32 items, 8 effects each (72 parameters), ML",
        formula="rt ~ S * P * L + (S * P * L | subj) + (S * P * L | item)",
        plain=(
            "rt ~ S + P + L + SP + SL + PL + SPL + (S + P + L + SP + SL + PL + SPL | subj)"
            " + (S + P + L + SP + SL + PL + SPL | item)"
        ),
        make=maximal,
        reml=False,
        lmer_derivatives=False,
        goals=(Goal("lme4", 100), Goal("MixedModels.jl", 20)),
        quoted={"MixedModels.jl": Quoted(13.0, "2,928 evaluations, ML criterion 28492.28104")},
        quick=True,
    ),
    Case(
        name="slopes",
        title="random slope, 1,000,000 rows in 100,000 groups",
        formula="y ~ x + (x | g)",
        make=slopes(1_000_000, 100_000, seed=11),
        statsmodels={"formula": "y ~ x", "groups": "g", "re_formula": "~ x"},
        dear=frozenset({"statsmodels"}),
        goals=(Goal("lme4", 10),),
    ),
    Case(
        name="crossed-20000x4000",
        title="crossed, 1,000,000 rows, 20,000 × 4,000 levels, lognormal popularity",
        formula="y ~ x + (1 | user) + (1 | item)",
        make=crossed(1_000_000, 20_000, 4_000, 1.0, seed=12),
        intercepts=(("user",), ("item",)),
        covariates=("x",),
        dear=frozenset({"lme4", "glmm", "mixedlm", "gpboost-exact"}),
        goals=(Goal("python", 10),),
    ),
    Case(
        name="crossed-50000x2000",
        title="crossed, 1,000,000 rows, 50,000 × 2,000 levels, uniform",
        formula="y ~ x + (1 | user) + (1 | item)",
        make=crossed(1_000_000, 50_000, 2_000, 0.0, seed=13),
        intercepts=(("user",), ("item",)),
        covariates=("x",),
        dear=frozenset({"glmm", "mixedlm", "gpboost-exact"}),
        goals=(Goal("lme4", 20),),
        quoted={"MixedModels.jl": Quoted(13.6, "on a machine where lmer took 67 s")},
    ),
    Case(
        name="interactions",
        title=f"five crossed factors, all two- and three-way interactions (25 terms),"
        f" {INTERACTION_ROWS:,} rows",
        formula="y ~ x + "
        + " + ".join(f"(1 | {':'.join(group)})" for group in interaction_groups()),
        plain="y ~ x + " + " + ".join(f"(1 | {''.join(group)})" for group in interaction_groups()),
        make=interactions(seed=14),
        lmer_derivatives=False,
        intercepts=interaction_groups(),
        covariates=("x",),
        dear=frozenset({"glmm", "mixedlm", "gpboost", "gpboost-exact"}),
        goals=(Goal("lme4", 3),),
    ),
    Case(
        name="nested",
        title="nested, 1,000,000 rows, 100,000 pupils in 5,000 schools, random slope of the school",
        formula="y ~ x + (x | school) + (1 | pupil)",
        make=nested(1_000_000, 100_000, 5_000, seed=15),
        statsmodels={
            "formula": "y ~ x",
            "groups": "school",
            "re_formula": "~ x",
            "vc_formula": {"pupil": "0 + C(pupil)"},
        },
        dear=frozenset({"mixedlm", "statsmodels"}),
        goals=(Goal("lme4", 30),),
        quoted={"MixedModels.jl": Quoted(3.0, "on a machine where lmer took 89 s")},
    ),
    rating("ratings-320k", Shape(320_000, 2_009, 844)),
    rating("ratings-1m", Shape(1_000_000, 6_280, 2_638)),
    rating("ratings-3m", Shape(3_200_000, 20_094, 8_443)),
    rating("ratings-25m", Shape(25_000_000, 162_541, 59_047), large=True),
    rating("ratings-32m", MOVIELENS, large=True),
    rating("ratings-32m-films50", MOVIELENS, least=50, large=True),
    linear(10_000, quick=True),
    linear(100_000, quick=True),
    linear(1_000_000),
    linear(10_000_000),
)


def find(name: str) -> Case:
    """The case of that name."""
    for case in CASES:
        if case.name == name:
            return case
    raise ValueError(f"no case {name!r}; there are {', '.join(case.name for case in CASES)}")
