"""Numbers along an axis, each written in full."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.ticker import Formatter

LARGEST, SMALLEST = 1e7, 1e-4
"""Numbers beyond these are written with a power of ten."""

DIGITS = 15
"""Most digits of a label: all that are sure in a double."""


class Numbers(Formatter):
    """Labels with as many decimals as tell the ticks apart.

    matplotlib writes a factor or an offset that ticks share beside the axis, where it is overlooked
    and covers what stands there.
    """

    def __call__(self, x: float, pos: int | None = None) -> str:
        return self.format_ticks([x])[0]

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """The labels of the ticks at `values`."""
        numbers = np.asarray(values, dtype=np.float64)
        finite = numbers[np.isfinite(numbers)]
        if finite.size == 0:
            return [""] * len(numbers)
        largest = float(np.abs(finite).max())
        step = float(np.diff(np.unique(finite)).min()) if finite.size > 1 else largest
        powers = largest >= LARGEST or 0 < largest < SMALLEST
        kind = "e" if powers else "f"
        for decimals in range(DIGITS + 1):
            labels = [f"{x:.{decimals}{kind}}" for x in numbers]
            found = np.array([float(label) for label in labels])
            if np.nanmax(np.abs(found - numbers)) <= 1e-3 * step:
                break
        return [_written(label) for label in labels]


def _written(label: str) -> str:
    """Without leading zeros of the exponent, "-0", or a hyphen for minus."""
    mantissa, _, exponent = label.partition("e")
    if float(mantissa) == 0:
        return "0"
    if exponent:
        mantissa = f"{mantissa}e{int(exponent)}"
    return mantissa.replace("-", "−") if mpl.rcParams["axes.unicode_minus"] else mantissa
