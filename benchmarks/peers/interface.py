"""What every Python peer returns."""

from __future__ import annotations

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
    note
        Anything a reader should know: not converged, warnings.
    """

    criterion: float
    reml: bool
    evaluations: int | None = None
    fit_seconds: float | None = None
    note: str = ""


class Peer(Protocol):
    """A module in this folder."""

    DISTRIBUTION: str

    def refuses(self, case: Case) -> str | None:
        """Why the program cannot fit the model of `case`; None when it can."""

    def fit(self, case: Case, frame: pd.DataFrame) -> Outcome:
        """One whole call."""
