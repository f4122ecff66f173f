"""`Request`: everything a user said about a fit, so that it can be said again with a change."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixedmodels.data import Frame
from mixedmodels.engine.settings import Control
from mixedmodels.formula import Formula
from mixedmodels.vocabulary import Contrasts, Missing


@dataclass(frozen=True, slots=True)
class Request:
    """A model and its data, before anything is computed.

    `response` replaces the formula's response after a refit to an array: one number per row of
    the data, nan where that fit used no row. The other fields are the arguments of
    `mixedmodels.lmm`.
    """

    formula: Formula
    frame: Frame
    reml: bool = True
    weights: str | ArrayLike | None = None
    offset: str | ArrayLike | None = None
    contrasts: Contrasts | None = None
    missing: Missing = "drop"
    control: Control = field(default_factory=Control)
    response: NDArray[np.float64] | None = None
