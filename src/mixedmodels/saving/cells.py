"""The cells of the factors of the fixed part, one row for each, with their numbers of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixedmodels.fit.fit import Fit
from mixedmodels.posthoc.grid_variables import factor_rows, fixed_variables, row_counts


def factors_of(fit: Fit) -> tuple[str, ...]:
    """The columns of the fixed part that stand for levels."""
    return tuple(name for name, v in fixed_variables(fit).items() if v.is_factor)


def cells_of(fit: Fit, names: Sequence[str]) -> tuple[list[NDArray[Any]], NDArray[np.float64]]:
    """Per factor its values on one row per cell (cells,), and the rows of each (cells,)."""
    rows = [factor_rows(fit, name) for name in names]
    if not rows:
        return [], np.empty(0)
    number = np.zeros(len(rows[0]), dtype=np.int64)
    for column in rows:
        values, own = np.unique(column, return_inverse=True)
        _, number = np.unique(number * len(values) + own, return_inverse=True)
    _, first = np.unique(number, return_index=True)
    weights = row_counts(fit)
    counts = np.bincount(number, weights).astype(np.float64)
    return [column[first] for column in rows], counts
