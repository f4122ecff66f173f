"""Scales without bounds, on which intervals of parameters are normal and profiles are followed."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mixedmodels.engine.report import Reported
from mixedmodels.vocabulary import QuantityKind

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Link:
    """A scale without bounds: to it, back from it, its derivative, and the ends of the range."""

    to: Callable[[Vector], Vector]
    back: Callable[[Vector], Vector]
    slope: Callable[[Vector], Vector]
    low: float
    high: float


LOG = Link(np.log, np.exp, lambda x: 1 / x, 0.0, np.inf)
ATANH = Link(np.arctanh, np.tanh, lambda x: 1 / (1 - x**2), -1.0, 1.0)
LOGIT = Link(special.logit, special.expit, lambda x: 1 / (x * (1 - x)), 0.0, 1.0)
IDENTITY = Link(lambda x: x, lambda x: x, np.ones_like, -np.inf, np.inf)

LINKS: dict[QuantityKind, Link] = {
    "sd": LOG,
    "common_sd": LOG,
    "specific_sd": LOG,
    "range": LOG,
    "smoothness": LOG,
    "correlation": ATANH,
    "common_correlation": ATANH,
    "autocorrelation": ATANH,
    "unit_correlation": LOGIT,
    "nugget": LOGIT,
    "ar": IDENTITY,
    "ma": IDENTITY,
    "loading": IDENTITY,
    "dispersion": LOG,
    "probability": LOGIT,
    "threshold": IDENTITY,
    "coefficient": IDENTITY,
}


def link_of(entry: Reported | None) -> Link:
    """The scale of one reported parameter; None is a residual standard deviation."""
    if entry is None:
        return LOG
    return IDENTITY if entry.quantity is None else LINKS[entry.quantity.kind]
