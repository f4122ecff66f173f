"""How well a proportion of replicates is known."""

import numpy as np
from scipy import special

from mixedmodels.errors import DataError


def exact_interval(successes: int, trials: int, *, level: float) -> tuple[float, float]:
    """The limits of Clopper & Pearson (1934), *Biometrika* 26, 404-413: at least `level` coverage.

    Raises
    ------
    DataError
        If `level` is not between 0 and 1.

    Examples
    --------
    >>> low, high = exact_interval(8, 10, level=0.95)
    >>> round(low, 4), round(high, 4)
    (0.4439, 0.9748)
    """
    require_probability("level", level)
    tail = (1 - level) / 2
    low = special.betaincinv(successes, trials - successes + 1, tail) if successes else 0.0
    high = special.betaincinv(successes + 1, trials - successes, 1 - tail)
    return float(low), float(high) if successes < trials else 1.0


def require_probability(name: str, value: float) -> None:
    """Refuse a number that is not strictly between 0 and 1."""
    if not (isinstance(value, (int, float, np.number)) and 0 < value < 1):
        raise DataError(
            f"{name} = {value!r} is not a probability.\n"
            "Do:   give a number between 0 and 1, as 0.05 or 0.95."
        )
