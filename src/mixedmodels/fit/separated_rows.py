"""Where the rows of a separation are: levels of a factor, cells of two, sides of a number.

The rows that a separating direction moves are numbers of rows, which say nothing; that they are
those with `arm = B` does.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mixedmodels.data import Frame, encode
from mixedmodels.design import ModelSpec
from mixedmodels.fit.row_distribution import Estimated

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]

FEW_VALUES = 200
"""Values of a number that may be levels."""

MOST_LEVELS = 6
"""Levels or cells that a message spells out; the rest are counted."""


class Told(Estimated, Protocol):
    """A generalised model at its estimates, with its recipe and its data."""

    @property
    def spec(self) -> ModelSpec:
        """The recipe of its columns."""

    @property
    def frame(self) -> Frame:
        """The data."""


@dataclass(frozen=True, slots=True)
class _Factor:
    """A factor of the fixed part: its name, codes (n,) and labels of its levels."""

    name: str
    codes: NDArray[np.int64]
    labels: Sequence[str]


def place_of(fit: Told, moved: Mask, rises: NDArray[np.int8]) -> str:
    """In words, the rows (n,) that are `moved`, of which some rise and some fall; empty where no
    factor, no two factors and no number of the fixed part tell them from the rest.
    """
    factors = _factors(fit)
    for chosen in (*((f,) for f in factors), *combinations(factors, 2)):
        found = _cells(chosen, moved)
        if found:
            return found
    as_factors = (_cells((f,), moved) for f in _numbers_as_factors(fit))
    return next(_sides(fit, rises), "") or next(filter(None, as_factors), "")


def _factors(fit: Told) -> list[_Factor]:
    """The factors of the fixed part, and numbers of two values."""
    kinds = {name: variable.kind for name, variable in fit.spec.variables.items()}
    return [
        _coded(fit, name)
        for name, kind in kinds.items()
        if kind != "number" or _distinct(fit, name) <= 2
    ]


def _numbers_as_factors(fit: Told) -> Iterator[_Factor]:
    """Numbers of few values, which a formula may use as levels: C(year)."""
    for name, variable in fit.spec.variables.items():
        if variable.kind == "number" and 2 < _distinct(fit, name) <= FEW_VALUES:
            yield _coded(fit, name)


def _coded(fit: Told, name: str) -> _Factor:
    coded = encode(fit.frame.column(name))
    return _Factor(name, coded.codes[fit.matrices.kept].astype(np.int64), coded.levels)


def _distinct(fit: Told, name: str) -> int:
    numbers = fit.frame.column(name).numbers
    return 0 if numbers is None else len(np.unique(numbers[fit.matrices.kept]))


def _cells(chosen: tuple[_Factor, ...], moved: Mask) -> str:
    """The levels, or combinations of levels, whose rows are all moved, if these are all of them."""
    codes, cells = np.unique(
        np.column_stack([f.codes for f in chosen]), axis=0, return_inverse=True
    )
    cells = cells.ravel()
    share = np.bincount(cells, moved) / np.bincount(cells)
    if not np.isin(share, (0.0, 1.0)).all() or share.all():
        return ""
    names = [
        ", ".join(f"{f.name} = {f.labels[c]}" for f, c in zip(chosen, cell, strict=True))
        for cell in codes[share == 1.0].tolist()
    ]
    shown = names[:MOST_LEVELS]
    rest = [f"{len(names) - MOST_LEVELS} more"] if len(names) > MOST_LEVELS else []
    return " or ".join([*shown, *rest])


def _sides(fit: Told, rises: NDArray[np.int8]) -> Iterator[str]:
    """Numbers of which one value has the falling rows on one side, and the rising on the other."""
    up, down = rises > 0, rises < 0
    if not up.any() or not down.any():
        return
    for name, variable in fit.spec.variables.items():
        numbers = fit.frame.column(name).numbers
        if numbers is None or variable.kind != "number":
            continue
        x = numbers[fit.matrices.kept].astype(np.float64)
        for low, high in ((down, up), (up, down)):
            if x[low].max() <= x[high].min():
                yield f"{name} up to {x[low].max():.10g} or from {x[high].min():.10g} on"
