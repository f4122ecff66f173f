"""Simulated ratings in the shape of MovieLens-32M.

The published counts of films with at least k ratings are met (of 84,432 films, 43,884 have 5 or
more, 16,034 have 50 or more); beyond them the tail is a power law. A user has 20 ratings and a
lognormal number more. The sd is 0.45 for users, 0.50 for films, 0.85 for the residual.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.simulated import factor

AT_LEAST = {
    1: 84_432,
    2: 65_825,
    5: 43_884,
    10: 31_961,
    20: 23_350,
    50: 16_034,
    500: 6_600,
    5_000: 1_500,
    110_000: 1,
}
"""Films of MovieLens-32M with at least so many ratings; the last three are the power law."""

HEAD = 50
"""From so many ratings on, a film's count follows the size of the data."""

SD_USER, SD_FILM, SD_RESIDUAL = 0.45, 0.50, 0.85
SEED = 32


@dataclass(frozen=True, slots=True)
class Shape:
    """How many rows, users and films."""

    rows: int
    users: int
    films: int


MOVIELENS = Shape(32_000_204, 200_948, 84_432)


def film_counts(shape: Shape) -> NDArray[np.int64]:
    """Ratings per film, most first: the inverse of the survival function, its head scaled."""
    counts = np.log(np.array(list(AT_LEAST)))
    share = np.log(np.array(list(AT_LEAST.values())) / AT_LEAST[1])
    rank = np.log((np.arange(shape.films) + 0.5) / shape.films)
    found = np.floor(np.exp(np.interp(rank, share[::-1], counts[::-1])) + 1e-9)
    head = found >= HEAD
    found[head] *= (shape.rows - found[~head].sum()) / found[head].sum()
    each = np.round(np.maximum(found, 1)).astype(np.int64)
    each[0] += shape.rows - each.sum()
    return each


def codes(shape: Shape, rng: np.random.Generator) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """User and film of every rating."""
    film = np.repeat(np.arange(shape.films, dtype=np.int32), film_counts(shape))
    activity = 20 + rng.lognormal(np.log(60), 1.25, shape.users)
    each = rng.multinomial(len(film), activity / activity.sum())
    user = np.repeat(np.arange(shape.users, dtype=np.int32), each)
    rng.shuffle(user)
    return user, film


def kept(film: NDArray[np.int32], least: int) -> NDArray[np.bool_]:
    """The rows of films with at least so many ratings."""
    return (np.bincount(film) >= least)[film]


def rated(shape: Shape, *, least: int = 1) -> Callable[[], pd.DataFrame]:
    """A frame of ratings, of films with `least` or more of them."""

    def make() -> pd.DataFrame:
        rng = np.random.default_rng(SEED)
        user, film = codes(shape, rng)
        y = 3.5 + SD_RESIDUAL * rng.standard_normal(len(film))
        y += SD_USER * rng.standard_normal(shape.users)[user]
        y += SD_FILM * rng.standard_normal(shape.films)[film]
        rows = kept(film, least)
        return pd.DataFrame(
            {
                "y": y[rows],
                "user": factor(user[rows], shape.users, "u").remove_unused_categories(),
                "film": factor(film[rows], shape.films, "f").remove_unused_categories(),
            }
        )

    return make
