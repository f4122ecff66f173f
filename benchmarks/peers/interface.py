"""What every Python peer returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import pandas as pd

from benchmarks.cases import Case


@dataclass(frozen=True, slots=True)
class Outcome:
    """One fitted model.

    Attributes
    ----------
    criterion
        REML criterion or ML deviance (-2 log-likelihood) that was reached, on lme4's scale.
    reml
        Which of the two.
    evaluations
        Evaluations of the criterion; None where the program does not tell.
    fit_seconds
        The search alone; None where it cannot be told apart from the whole call.
    criterion_error
        Monte Carlo standard error of the criterion, where it is estimated and the program tells.
    sds
        Gives, outside the timed call, the standard deviations of random intercepts by group and
        of the residual; nothing where the model has other terms.
    note
        Anything a reader should know: not converged, warnings.
    """

    criterion: float
    reml: bool
    evaluations: int | None = None
    fit_seconds: float | None = None
    criterion_error: float | None = None
    sds: Callable[[], Mapping[str, float]] = dict
    note: str = ""


class Peer(Protocol):
    """A module in this folder."""

    DISTRIBUTION: str

    def refuses(self, case: Case) -> str | None:
        """Why the program cannot fit the model of `case`; None when it can."""

    def fit(self, case: Case, frame: pd.DataFrame) -> Outcome:
        """One whole call."""
