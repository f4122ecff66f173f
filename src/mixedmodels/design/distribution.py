"""`Distribution`: what a generalised model is asked for beside its formula."""

from __future__ import annotations

from dataclasses import dataclass, replace

from numpy.typing import ArrayLike

from mixedmodels.design.arguments import owned_argument
from mixedmodels.families import Family
from mixedmodels.shortening import brief
from mixedmodels.vocabulary import Thresholds


@dataclass(frozen=True, slots=True)
class Distribution:
    """The distribution of the response and what it is a function of.

    Attributes
    ----------
    family
        Family, link, and whether there are more zeros than it has.
    nodes
        Nodes of the quadrature over the random effects; 1 for Laplace's approximation.
    trials
        Trials of every row, a column or one number per row; None where the formula tells them or
        every row is one trial.
    exposure
        Time, area or persons that a count is of, a column or one number per row.
    dispersion, zero
        Formulas of the log dispersion and of the logit of the excess of zeros or of the hurdle;
        None for one number in all rows.
    thresholds
        Of an ordinal response.
    """

    family: Family
    nodes: int = 1
    trials: str | ArrayLike | None = None
    exposure: str | ArrayLike | None = None
    dispersion: str | None = None
    zero: str | None = None
    thresholds: Thresholds = "flexible"

    __repr__ = brief

    def owned(self) -> Distribution:
        """The same with copies of all that the caller could change later.

        Raises
        ------
        DataError
            If trials or exposure are neither text nor numbers.
        """
        return replace(
            self,
            trials=owned_argument("trials", self.trials),
            exposure=owned_argument("exposure", self.exposure),
        )

    @property
    def arguments(self) -> dict[str, str | ArrayLike | None]:
        """What is given as a column or as one number per row, by its name."""
        return {"trials": self.trials, "exposure": self.exposure}

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are named as arguments."""
        return tuple(name for name in self.arguments.values() if isinstance(name, str))

    @property
    def texts(self) -> tuple[str, ...]:
        """The formulas beside that of the mean."""
        return tuple(text for text in (self.dispersion, self.zero) if text is not None)
