"""Numbers as text: enough digits to be useful, one number of decimals per column."""

import math
from collections.abc import Sequence

PLAIN_P = 0.001  # down to it p-values have three decimals; smaller ones two digits and a power
SMALLEST_P = 2e-16  # smaller ones are only said to be so: doubles do not resolve 1 - p
MOST_DIGITS = 9  # before and after the point together; wider columns turn to significant digits


def column(
    values: Sequence[float], *, digits: int = 4, yardstick: Sequence[float] | None = None
) -> list[str]:
    """All values with the same decimals: the smallest of `yardstick` shows `digits` digits.

    The yardstick is the values themselves unless given. Where the values are too far apart for
    that, each has `digits` + 1 significant digits. A value that is not a number is left blank.
    """
    finite = [abs(v) for v in values if math.isfinite(v)]
    measure = finite if yardstick is None else yardstick
    decimals = decimals_for([v for v in measure if v > 0], digits=digits)
    wide = sum(max(finite, default=0.0) >= 10.0**k for k in range(1, MOST_DIGITS))
    if wide + decimals > MOST_DIGITS:
        return [general(v, digits=digits + 1) for v in values]
    return [fixed(v, decimals=decimals) for v in values]


def decimals_for(magnitudes: Sequence[float], *, digits: int) -> int:
    """Decimals that show `digits` significant digits of the smallest magnitude."""
    if not magnitudes:
        return digits - 1
    return max(0, digits - 1 - math.floor(math.log10(min(magnitudes))))


def fixed(value: float, *, decimals: int) -> str:
    """A number with fixed decimals; blank if it is not one."""
    if math.isnan(value):
        return ""
    text = f"{value:.{decimals}f}"
    return text[1:] if text.startswith("-") and float(text) == 0 else text


def general(value: float, *, digits: int) -> str:
    """A number with significant digits; blank if it is not one."""
    return "" if math.isnan(value) else f"{value:.{digits}g}"


def p_value(value: float) -> str:
    """A p-value: three decimals, below 0.001 two digits (``8.7e-05``), ``<2e-16`` at the end.

    Blank if it is not a number.
    """
    if value < SMALLEST_P:
        return f"<{SMALLEST_P:.0e}"
    return f"{value:.1e}" if value < PLAIN_P else fixed(value, decimals=3)
