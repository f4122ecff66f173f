"""How well a proportion of replicates is known."""

from scipy import special

from mixedmodels.options import require_probability


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
