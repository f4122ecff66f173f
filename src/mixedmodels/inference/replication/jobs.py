"""Jobs of refits."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mixedmodels.engine.batch import Draws, RefitPlan, Refits, joined
from mixedmodels.engine.problem import Problem

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RefitDrawn:
    """Draw responses and fit them, in one native call."""

    problem: Problem
    draws: Draws
    plan: RefitPlan

    def run(self, first: int, count: int) -> Refits:
        """The fits of these replicates."""
        return self.problem.refit_drawn(self.draws, first, count, self.plan)


class Responses(Protocol):
    """Responses that are made here, not by the engine."""

    def block(self, first: int, count: int) -> Vector:
        """Those of some replicates, (n, count)."""


AT_ONCE = 256
"""Responses in memory at a time."""


@dataclass(frozen=True, slots=True)
class RefitGiven:
    """Make responses and fit them."""

    problem: Problem
    responses: Responses
    plan: RefitPlan

    def run(self, first: int, count: int) -> Refits:
        """The fits of these replicates."""
        end = first + count
        parts = []
        for at in range(first, end, AT_ONCE):
            Y = self.responses.block(at, min(AT_ONCE, end - at))
            parts.append(self.problem.refit(Y, self.plan))
        return joined(parts)
