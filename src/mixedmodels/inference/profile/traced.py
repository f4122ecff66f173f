"""`Traced`: a parameter that is profiled, on the scale on which its profile is followed."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.inference.profile.path import Path

Vector = NDArray[np.float64]


def unchanged(values: Vector) -> Vector:
    """The natural scale of what is followed on it."""
    return values


@dataclass(frozen=True, slots=True)
class Traced:
    """One parameter.

    Attributes
    ----------
    group, term
        As in the table of intervals.
    estimate
        On its natural scale; nan where the data cannot tell it from others.
    paths
        Makes both sides of its profile, the lower one first; none where there is no profile.
    natural
        From the scale of the paths to the natural one.
    is_held
        Whether the model fixes it: both limits are then its value.
    """

    group: str | None
    term: str
    estimate: float
    paths: Callable[[], tuple[Path, ...]]
    natural: Callable[[Vector], Vector] = unchanged
    is_held: bool = False
