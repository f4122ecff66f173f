"""Numbers that a double cannot work with are refused where they enter."""

from __future__ import annotations

from typing import Any

import numpy as np

from mixedmodels.data import Column
from mixedmodels.errors import DataError

SMALLEST, LARGEST = 1e-75, 1e75
"""Between these numbers are worked with: squares, and products of two squares, stay in a double."""


WHOLE = 2**53
"""Up to here a double holds every whole number."""

RESOLVED = 1e-6
"""Rounding error of whole numbers, relative to their range, that changes nothing in print."""


def require_resolved(column: Column) -> None:
    """Refuse numbers which rounding to a double would move within their own range.

    Raises
    ------
    DataError
        If it does.
    """
    low, high = _exact_range(column)
    largest = max(-low, high)
    apart = np.spacing(float(largest))
    if apart / 2 > RESOLVED * float(high - low) > 0:
        raise DataError(
            f"Column {column.name!r} holds numbers of the order {largest:.0e}, where doubles are "
            f"{apart:.4g} apart, and ranges over {float(high - low):.2g}.\n"
            f"Do:   subtract {low} in the column's own type before fitting; the model is the "
            "same.\n"
            "Why:  rounding would change the differences between rows."
        )


def _exact_range(column: Column) -> tuple[Any, Any]:
    """The smallest and the largest number that doubles may not hold; 0 and 0 where they do."""
    if column.is_rounded and column.codes is not None:
        values = column.codes.without_unused().values
        return (values[0], values[-1]) if values else (0, 0)
    numbers = column.numbers
    if numbers is None or numbers.dtype.kind != "i" or not len(numbers):
        return 0, 0
    low, high = int(numbers.min()), int(numbers.max())
    return (low, high) if max(-low, high) > WHOLE else (0, 0)


def is_workable(size: Any) -> Any:
    """Whether a fit can work with numbers of this size, or of each of an array of sizes."""
    return (size > SMALLEST) & (size < LARGEST)


def require_magnitude(what: str, *sizes: float) -> None:
    """Refuse numbers of these sizes if a double cannot hold what a fit makes of them.

    Raises
    ------
    DataError
        If one is too small or too large.
    """
    for size in sizes:
        if not is_workable(size):
            raise DataError(
                f"{what} has numbers of the order {size:.0e}.\n"
                f"Do:   choose a unit that brings them between {SMALLEST:.0e} and {LARGEST:.0e}.\n"
                "Why:  a fit works with products of their squares, which leave the range of "
                "floating-point numbers."
            )
