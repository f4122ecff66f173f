"""`rescale(x, by=2)`: centred, and divided by two standard deviations; of two values centred alone.

Gelman (2008), Statistics in Medicine 27, 2865-2873: so that a coefficient of a number is comparable
with that of a binary input, whose two values are then one apart.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def rescale(
    values: NDArray[np.float64], by: float = 2.0, *, _state: dict[str, Any]
) -> NDArray[np.float64]:
    """The values on the scale of the rows that were met first, which `_state` keeps.

    Raises
    ------
    ValueError
        If all values are the same, or `by` is not positive.
    """
    if not _state:
        if not by > 0:
            raise ValueError("by is a positive number of standard deviations")
        distinct = np.unique(values)
        if len(distinct) < 2:
            raise ValueError("its column has one value")
        is_binary = len(distinct) == 2
        unit = distinct[1] - distinct[0] if is_binary else by * np.std(values, ddof=1)
        _state |= {"center": float(np.mean(values)), "unit": float(unit)}
    return np.asarray((values - _state["center"]) / _state["unit"])
