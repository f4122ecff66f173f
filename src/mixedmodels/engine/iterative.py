"""`IterativeProblem`: the criterion of crossed data too large to factorise.

The equations are solved by conjugate gradients, to a residual that is checked; log|M| and the
traces of the gradient are estimated with random signs that are always the same, so that what is
reported is repeatable to the bit and its Monte Carlo error is known (see `MonteCarlo` and
docs/scale.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from mixedmodels import _native
from mixedmodels._native import KenwardRoger, Slopes
from mixedmodels.engine.arrays import arrays_of
from mixedmodels.engine.batch import Draws, RefitPlan, Refits
from mixedmodels.engine.failures import engine_errors
from mixedmodels.engine.plain import PlainProblem
from mixedmodels.engine.watching import memory_left
from mixedmodels.errors import DataError
from mixedmodels.shortening import brief

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class IterativeProblem(PlainProblem):
    """One data set of crossed factors, ready to be evaluated at any theta without a factorisation.

    Holds the matrices; the native cross-products are formed when they are first asked for.
    """

    __repr__ = brief

    @cached_property
    def native(self) -> _native.IterativeProblem:
        """The native handle."""
        m = self.matrices
        if self.sums is not None:
            with engine_errors(m):
                return _native.IterativeProblem.of_sums(self.sums, memory_left())
        a = arrays_of(m)
        with engine_errors(m):
            y = self.working_response
            return _native.IterativeProblem.of_rows(
                y, a.X, a.groups, a.terms, a.weights, memory_left()
            )

    def deviance(self, theta: Sequence[float] | Vector, *, reml: bool) -> float:
        """The criterion at `theta`, estimated."""
        return self.gradient(theta, reml=reml)[0]

    def conditional_covariance(self, theta: Vector, *, term: int) -> Vector:
        """cov(b_k | y) / sigma^2 at known beta, (levels, q_k, q_k).

        Of factors with more than 512 effects the roots of the diagonal are estimated, to a relative
        error of 1 % in root-mean-square; predictions and contrasts are solved for exactly.
        """
        with engine_errors(self.matrices):
            return self.native.conditional_covariance(self.checked(theta), term)[0]

    def with_response(self, y: Vector) -> "IterativeProblem":
        """The same problem with another response (kept rows, offset not yet subtracted)."""
        self.require_rows()
        return IterativeProblem(replace(self.matrices, y=y))

    def kenward_roger(self, theta: Vector) -> KenwardRoger:
        """Refused: it needs traces between all pairs of variance parameters."""
        refuse("Kenward and Roger's method", 'use ddf="satterthwaite", or ddf="normal"')

    def slopes(self, theta: Vector) -> Slopes:
        """Refused: a profile needs the exact criterion."""
        refuse("The profile of the likelihood", 'use method="wald"')

    def refit(self, Y: Vector, plan: RefitPlan) -> Refits:
        """Refused: every replicate would be a fit of its own."""
        refuse("Refitting many responses", "refit them one by one with refit(y)")

    def refit_drawn(self, draws: Draws, first: int, count: int, plan: RefitPlan) -> Refits:
        """Refused, as `refit`."""
        refuse("The bootstrap", 'use method="wald", or simulate() and refit() a few times')


def refuse(what: str, instead: str) -> NoReturn:
    """Say what an iterative fit does not answer, and what to do."""
    raise DataError(
        f"{what} is not available for an iterative fit.\n"
        f"Do:   {instead};\n"
        '      or fit with method="exact" where memory and time allow: mixedmodels.plan says.\n'
        "Why:  it needs a factorisation of the equations, or very many fits."
    )
