"""Where a function changes its sign."""

from collections.abc import Callable


def crossing(
    function: Callable[[float], float], low: float, high: float, tolerance: float
) -> float:
    """The point between `low` and `high`, where signs differ, by bisection.

    To `tolerance` relative to the point, or to the least interval that contains zero.
    """
    sign_low = function(low) > 0
    while high - low > tolerance * high and low < (middle := (low + high) / 2) < high:
        if (function(middle) > 0) == sign_low:
            low = middle
        else:
            high = middle
    return (low + high) / 2
