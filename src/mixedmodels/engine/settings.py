"""Settings of the search for the optimum."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mixedmodels.errors import DataError
from mixedmodels.options import require_option


@dataclass(frozen=True, slots=True)
class Control:
    """How to search, and what to do when the search fails.

    Parameters
    ----------
    max_evaluations : int
        Most evaluations of the criterion. Ordinary models need 2 to 10, up to 35 where several
        starts are tried, and maximal ones about 40, so that the default of 1000 is only met by a
        search that is lost.
    tolerance : float
        The search ends when the decrease of the criterion that its quadratic model still predicts
        is below this. The criterion is a deviance, so that 1e-8 is far below anything that
        statistics can see. The last step promises a tenth of it, or less, and what it leaves is of
        the order of its square: theta is within a part in 10^7 of the optimum, but where one
        factorisation is dear (thousands of crossed levels): there within some parts in 10^6.
    start : sequence of float, optional
        Starting value of `theta` (formula order; a Series such as `model.theta` goes by its
        names), from which alone is then searched. By default every random-effect column starts
        with a standard deviation equal to the residual's, and models with few rows for their
        random effects are searched from other starts as well.
    on_failure : {"warn", "raise"}
        A search that ends without converging gives a ``ConvergenceWarning`` and a result whose
        `convergence` says so, or raises ``ConvergenceError``.

    Raises
    ------
    DataError
        If a setting is out of its range.

    Examples
    --------
    >>> from mixedmodels.engine.settings import Control
    >>> Control(max_evaluations=50).max_evaluations
    50
    """

    max_evaluations: int = 1000
    tolerance: float = 1e-8
    start: Sequence[float] | None = None
    on_failure: Literal["warn", "raise"] = "warn"

    def __post_init__(self) -> None:
        count, tolerance = self.max_evaluations, self.tolerance
        is_whole = isinstance(count, (int, np.integer)) and not isinstance(count, bool)
        if not is_whole or count < 1:
            raise DataError(
                f"Control(max_evaluations={count}): at least one evaluation is needed.\n"
                "Do:   leave it out, or give a positive whole number."
            )
        is_number = isinstance(tolerance, (int, float, np.number)) and tolerance is not True
        if not (is_number and math.isfinite(tolerance) and tolerance > 0):
            raise DataError(
                f"Control(tolerance={self.tolerance}): the tolerance must be positive and finite."
                "\nDo:   leave it out; the default of 1e-8 is in units of the deviance."
            )
        require_option("on_failure", self.on_failure, ("warn", "raise"))
