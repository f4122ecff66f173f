"""Data with known parameters, the same for everybody: one function per shape.

Factors are pandas categoricals with string levels: what a careful user has after reading a file,
and what R calls a factor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import combinations

import numpy as np
import pandas as pd

import mixedmodels as mm
from tests.reference.load import frame as reference_data


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
