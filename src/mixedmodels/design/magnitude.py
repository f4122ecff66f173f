"""Numbers that a double cannot work with are refused where they enter."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixedmodels.errors import DataError

SMALLEST, LARGEST = 1e-75, 1e75
"""Between these numbers are worked with: squares, and products of two squares, stay in a double."""


WHOLE = 2**53
"""Up to here a double holds every whole number."""

RESOLVED = 1e-6
"""Rounding error of whole numbers, relative to their range, that changes nothing in print."""


def require_resolved(name: str, numbers: NDArray[Any]) -> None:
    """Refuse whole numbers which rounding to a double would move within their own range.

    Raises
    ------
    DataError
        If it does.
    """
    if numbers.dtype.kind != "i" or not len(numbers):
        return
    low, high = int(numbers.min()), int(numbers.max())
    largest = max(-low, high)
    if largest > WHOLE and np.spacing(float(largest)) / 2 > RESOLVED * (high - low) > 0:
        raise DataError(
            f"Column {name!r} holds whole numbers of the order {largest:.0e}, where doubles are "
            f"{np.spacing(float(largest)):.0f} apart, and ranges over {high - low}.\n"
            f"Do:   subtract {low} in whole numbers before fitting; the model is the same.\n"
            "Why:  rounding would change the differences between rows."
        )


def require_magnitude(what: str, *sizes: float) -> None:
    """Refuse numbers of these sizes if a double cannot hold what a fit makes of them.

    Raises
    ------
    DataError
        If one is too small or too large.
    """
    for size in sizes:
        if not SMALLEST < size < LARGEST:
            raise DataError(
                f"{what} has numbers of the order {size:.0e}.\n"
                f"Do:   choose a unit that brings them between {SMALLEST:.0e} and {LARGEST:.0e}.\n"
                "Why:  a fit works with products of their squares, which leave the range of "
                "floating-point numbers."
            )
