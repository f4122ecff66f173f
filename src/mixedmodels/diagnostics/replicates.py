"""What a generalised model gives if it is right: responses drawn from the whole model, each with
the conditional modes that follow from it at the parameters of the fit.

Residuals at conditional modes are smaller than the family says, since modes follow their rows, the
more so the fewer rows a level has; with an effect for every row next to nothing is left of them. No
formula for independent rows tells what is usual, but replicates that are treated as the data are do
(as the limits of `envelope` for linear models).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.diagnostics.moments import shape
from mixedmodels.diagnostics.scaled import can_be_drawn, drawn_responses
from mixedmodels.engine.generalised import GeneralisedProblem
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.once import once
from mixedmodels.fit.row_distribution import RowDistribution, row_distribution
from mixedmodels.prediction.streams import key_of

Vector = NDArray[np.float64]
Modes = list[Vector]

REPLICATES = 99

MOST_ROWS = 20_000
"""Rows up to which modes are found anew: above it there are many rows for most effects."""

RARE = 0.99
"""Share of replicates that stay below what is called usual."""

SEED = 0
"""Of the replicates: a check repeats."""


@dataclass(frozen=True, slots=True)
class Replicates:
    """Replicates of the data.

    Attributes
    ----------
    y : array (n, replicates)
        Responses.
    eta : array (n, replicates)
        Linear predictors at the modes that they give.
    b : tuple of arrays (replicates, levels, q_k)
        These modes, per term.
    """

    y: Vector
    eta: Vector
    b: tuple[Vector, ...]

    def rows(self, fit: Fit) -> list[RowDistribution]:
        """The rows of every replicate, as `row_distribution` gives those of the data."""
        pairs = zip(self.y.T, self.eta.T, strict=True)
        return [
            row_distribution(fit, np.ascontiguousarray(y), np.ascontiguousarray(eta))
            for y, eta in pairs
        ]


@once
def replicates(fit: Fit) -> Replicates | None:
    """The replicates of a generalised fit; None where they cannot be drawn, or rows are too many,
    or most of them have no modes.
    """
    problem, n = fit.problem, len(fit.matrices.y)
    if not isinstance(problem, GeneralisedProblem) or not can_be_drawn(fit) or n > MOST_ROWS:
        return None
    drawn = drawn_responses(fit, np.ones(n, dtype=np.bool_), key_of(SEED), 0, REPLICATES)
    found = [(y, modes) for y in drawn.T if (modes := _modes(problem, fit.psi, y)) is not None]
    if len(found) < REPLICATES / 2:
        return None
    return Replicates(
        y=np.column_stack([y for y, _ in found]),
        eta=np.column_stack([eta for _, (eta, _) in found]),
        b=tuple(np.array(of_term) for of_term in zip(*(b for _, (_, b) in found), strict=True)),
    )


def _modes(problem: GeneralisedProblem, psi: Vector, y: Vector) -> tuple[Vector, Modes] | None:
    """The linear predictor (n,) and the modes per term that a response gives at `psi`; None where
    they are not found.
    """
    try:
        found = problem.with_response(y).solution(psi, hessian=False)
    except DataError:
        return None
    return found.eta, found.b


def usual_shape(samples: Iterable[Vector]) -> tuple[float, float]:
    """Skewness, either way, and excess kurtosis that one in a hundred of the samples exceeds."""
    shapes = [shape(sample) for sample in samples]
    skewness = np.quantile([abs(one.skewness) for one in shapes], RARE)
    return float(skewness), float(np.quantile([one.kurtosis for one in shapes], RARE))
