"""`Intervals`: one interval per parameter, by whatever method."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from mixedmodels.data import Frame
from mixedmodels.shortening import brief

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Intervals:
    """One interval per parameter, r of them.

    Attributes
    ----------
    groups : tuple of str or None
        The grouping factor, ``"Residual"``, or None for fixed effects.
    terms : tuple of str
        The column, ``cor(a, b)``, or ``"sd"``.
    estimate, conf_low, conf_high : array (r,)
        Of the parameter.
    """

    groups: tuple[str | None, ...]
    terms: tuple[str, ...]
    estimate: Vector
    conf_low: Vector
    conf_high: Vector

    __repr__ = brief

    def __add__(self, other: "Intervals") -> "Intervals":
        return Intervals(
            groups=self.groups + other.groups,
            terms=self.terms + other.terms,
            estimate=np.append(self.estimate, other.estimate),
            conf_low=np.append(self.conf_low, other.conf_low),
            conf_high=np.append(self.conf_high, other.conf_high),
        )

    def some(self, keep: Sequence[bool]) -> "Intervals":
        """Some of the rows."""
        rows = np.array(keep, dtype=np.bool_)
        return Intervals(
            groups=tuple(compress(self.groups, keep)),
            terms=tuple(compress(self.terms, keep)),
            estimate=self.estimate[rows],
            conf_low=self.conf_low[rows],
            conf_high=self.conf_high[rows],
        )

    def table(self, frame: Frame) -> object:
        """Table `group, term, estimate, conf_low, conf_high` in the library of `frame`."""
        return frame.table(
            {
                "group": list(self.groups),
                "term": list(self.terms),
                "estimate": self.estimate,
                "conf_low": self.conf_low,
                "conf_high": self.conf_high,
            }
        )
