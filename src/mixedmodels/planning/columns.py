"""The columns of a design: names of units, levels of factors, their coding."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Index = NDArray[np.int64]
Levels = tuple[Any, ...]


def labelled_units(unit: str, index: Index) -> pd.Categorical:
    """The levels of a unit, with names of equal length."""
    n = int(index.max()) + 1
    width = len(str(n))
    return pd.Categorical.from_codes(index, [f"{unit}{i + 1:0{width}d}" for i in range(n)])


def column(levels: Levels, positions: Index) -> Any:
    """The level of each row: numbers as they are, anything else as categories."""
    if are_numbers(levels):
        return np.array(levels)[positions]
    names, codes = distinct(levels)
    return pd.Categorical.from_codes(codes[positions], names)


def coding(levels: Levels) -> NDArray[np.float64]:
    """Columns (levels, k) of a factor as a model has it: a slope of numbers, else differences."""
    if are_numbers(levels):
        numbers = np.array(levels, dtype=np.float64)
        centred = numbers - numbers.mean()
        slope: NDArray[np.float64] = (centred / np.abs(centred).max())[:, None]
        return slope
    names, codes = distinct(levels)
    k = len(names)
    differences: NDArray[np.float64] = (np.eye(k) - 1 / k)[codes, : k - 1]
    return differences


def are_numbers(levels: Levels) -> bool:
    """Whether a factor is numeric."""
    return all(isinstance(v, (int, float, np.number)) and not isinstance(v, bool) for v in levels)


def distinct(levels: Levels) -> tuple[list[str], Index]:
    """Names of the levels, each once, and which of them every position has."""
    every = [str(level) for level in levels]
    names = list(dict.fromkeys(every))
    return names, np.array([names.index(name) for name in every])
