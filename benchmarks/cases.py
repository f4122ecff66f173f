"""The models that are timed, and the data for each.

Simulated data have a fixed seed and known parameters, so anyone gets the same numbers. Factors are
pandas categoricals with string levels: what a careful user has after reading a file, and what R
calls a factor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations

import numpy as np
import pandas as pd

import mixedmodels as mm
from tests.reference.load import frame as reference_data


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
    goals: tuple[Goal, ...] = ()
    quoted: Mapping[str, Quoted] = field(default_factory=dict)
    quick: bool = False


def factor(codes: np.ndarray, n_levels: int, prefix: str) -> pd.Categorical:
    """Codes from 0 as a factor with the levels prefix1, prefix2, …"""
    return pd.Categorical.from_codes(
        codes.astype(np.int32), [f"{prefix}{i + 1}" for i in range(n_levels)]
    )


def bundled(name: str) -> Callable[[], pd.DataFrame]:
    """A data set that comes with this library."""

    return partial(mm.datasets.load, name)


def maximal() -> pd.DataFrame:
    """The maximal model's data, with the products of its -1/1 columns for who needs them."""
    frame = reference_data("simulated_kb07_like")
    products = {"SP": "S P", "SL": "S L", "PL": "P L", "SPL": "S P L"}
    return frame.assign(
        **{name: frame[text.split()].prod(axis=1) for name, text in products.items()}
    )


def slopes(n_rows: int, n_groups: int, seed: int) -> Callable[[], pd.DataFrame]:
    """A random intercept and slope per group: sd 1 and 0.5, correlation 0.3, residual sd 1."""

    def make() -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        group = rng.permutation(np.arange(n_rows) % n_groups)
        x = rng.standard_normal(n_rows)
        covariance = np.array([[1.0, 0.15], [0.15, 0.25]])
        b = rng.multivariate_normal([0.0, 0.0], covariance, size=n_groups)
        y = 2.0 + b[group, 0] + (0.5 + b[group, 1]) * x + rng.standard_normal(n_rows)
        return pd.DataFrame({"y": y, "x": x, "g": factor(group, n_groups, "g")})

    return make


def crossed(
    n_rows: int, n_users: int, n_items: int, spread: float, seed: int
) -> Callable[[], pd.DataFrame]:
    """Two crossed factors. Popularity of both is lognormal with log-sd `spread` (0: uniform).

    Random intercepts of sd 0.6 and 0.4, residual sd 1. Each level occurs at least once.
    """

    def draw(rng: np.random.Generator, n_levels: int) -> np.ndarray:
        weight = rng.lognormal(0.0, spread, n_levels) if spread > 0 else np.ones(n_levels)
        codes = rng.choice(n_levels, size=n_rows, p=weight / weight.sum())
        codes[rng.choice(n_rows, size=n_levels, replace=False)] = np.arange(n_levels)
        return codes

    def make() -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        user, item = draw(rng, n_users), draw(rng, n_items)
        x = rng.standard_normal(n_rows)
        y = 3.0 + 0.3 * x + rng.standard_normal(n_rows)
        y += 0.6 * rng.standard_normal(n_users)[user] + 0.4 * rng.standard_normal(n_items)[item]
        return pd.DataFrame(
            {"y": y, "x": x, "user": factor(user, n_users, "u"), "item": factor(item, n_items, "i")}
        )

    return make


def nested(n_rows: int, n_pupils: int, n_schools: int, seed: int) -> Callable[[], pd.DataFrame]:
    """Pupils in schools.

    Pupil sd 0.8; school intercept sd 0.5, slope sd 0.3, correlation 0.2; residual sd 1.
    """

    def make() -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        pupil = rng.permutation(np.arange(n_rows) % n_pupils)
        school = (np.arange(n_pupils) % n_schools)[pupil]
        x = rng.standard_normal(n_rows)
        covariance = np.array([[0.25, 0.03], [0.03, 0.09]])
        b = rng.multivariate_normal([0.0, 0.0], covariance, size=n_schools)
        y = 1.0 + b[school, 0] + (0.4 + b[school, 1]) * x + rng.standard_normal(n_rows)
        y += 0.8 * rng.standard_normal(n_pupils)[pupil]
        return pd.DataFrame(
            {
                "y": y,
                "x": x,
                "school": factor(school, n_schools, "s"),
                "pupil": factor(pupil, n_pupils, "p"),
            }
        )

    return make


INTERACTION_SIZES: Mapping[str, int] = {"a": 20, "b": 6, "c": 4, "d": 3, "e": 3}
INTERACTION_ROWS = 5_000


def interaction_groups() -> tuple[tuple[str, ...], ...]:
    """The five factors, their ten pairs and their ten triples."""
    return tuple(group for size in (1, 2, 3) for group in combinations(INTERACTION_SIZES, size))


def interactions(seed: int) -> Callable[[], pd.DataFrame]:
    """Five crossed factors (varieties, sites, years, …), rows spread over the cells at random.

    Every pair and triple is also a column of its own, for programs that cannot combine columns.
    The triples have 36 to 480 levels with 10 to 140 rows each, so that every term is identifiable;
    2,500 random effects in all, whose factor fills in to a quarter of a dense one.

    The sd is 0.8 for main effects, 0.5 for pairs, 0.4 for triples and 1 for the residual.
    """

    def make() -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        codes = {
            name: rng.integers(0, n, INTERACTION_ROWS) for name, n in INTERACTION_SIZES.items()
        }
        factors: dict[str, pd.Categorical] = {}
        x = rng.standard_normal(INTERACTION_ROWS)
        y = 1.0 + 0.5 * x + rng.standard_normal(INTERACTION_ROWS)
        for group in interaction_groups():
            cell = np.zeros(INTERACTION_ROWS, dtype=np.int64)
            for name in group:
                cell = cell * INTERACTION_SIZES[name] + codes[name]
            sd = {1: 0.8, 2: 0.5, 3: 0.4}[len(group)]
            n_cells = int(cell.max()) + 1
            y += sd * rng.standard_normal(n_cells)[cell]
            factors["".join(group)] = factor(
                cell, n_cells, "".join(group)
            ).remove_unused_categories()
        return pd.DataFrame({"y": y, "x": x, **factors})

    return make


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
        goals=(Goal("lme4", 10),),
    ),
    Case(
        name="crossed-20000x4000",
        title="crossed, 1,000,000 rows, 20,000 × 4,000 levels, lognormal popularity",
        formula="y ~ x + (1 | user) + (1 | item)",
        make=crossed(1_000_000, 20_000, 4_000, 1.0, seed=12),
        intercepts=(("user",), ("item",)),
        covariates=("x",),
        goals=(Goal("python", 10),),
    ),
    Case(
        name="crossed-50000x2000",
        title="crossed, 1,000,000 rows, 50,000 × 2,000 levels, uniform",
        formula="y ~ x + (1 | user) + (1 | item)",
        make=crossed(1_000_000, 50_000, 2_000, 0.0, seed=13),
        intercepts=(("user",), ("item",)),
        covariates=("x",),
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
        goals=(Goal("lme4", 30),),
        quoted={"MixedModels.jl": Quoted(3.0, "on a machine where lmer took 89 s")},
    ),
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
