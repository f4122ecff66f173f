"""Settings of the search for the optimum."""

import math
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mixedmodels.errors import DataError
from mixedmodels.options import require_flag, require_option


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
    time_limit : float, optional
        Seconds, from the call on, after which the best point so far is returned: its
        `convergence.status` is ``"time_limit"``, and a ``ConvergenceWarning`` says what to do (or
        ``ConvergenceError``, by `on_failure`). The limit may be exceeded by one evaluation of the
        criterion, which brings back the best point. Where not even one was finished there is
        nothing to return: that is a ``ConvergenceError``. By default there is no limit.
    memory_limit : int or str, optional
        Most memory that the process may hold, in bytes or as ``"8 GB"`` (also kB, MB, TB, and GiB,
        ...; a GB is 10^9 bytes). A fit that would exceed it is refused before it takes the memory.
        By default what the machine, the container and ``ulimit -v`` leave.
    progress : bool, optional
        Whether a bar says what is being done and how many evaluations there were. By default one
        appears after three seconds, on a terminal or in a notebook: long fits are seen to go on,
        short ones print nothing, and neither do scripts whose output goes to a file. True shows
        it at once and everywhere.
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
    time_limit: float | None = None
    memory_limit: int | str | None = None
    progress: bool | None = None
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
        _check_time(self.time_limit)
        bytes_of(self.memory_limit)
        if self.progress is not None:
            require_flag("progress", self.progress)


UNITS = {"k": 1, "m": 2, "g": 3, "t": 4}
"""Powers of a thousand, or of 1024 with an i behind."""

_SIZE = re.compile(r"\s*([0-9]*\.?[0-9]+(?:e[0-9]+)?)\s*(?:([kmgt])(i?))?b?\s*", re.IGNORECASE)


def bytes_of(limit: int | str | None) -> int | None:
    """A limit of memory in bytes.

    Raises
    ------
    DataError
        If it is no size.
    """
    if limit is None:
        return None
    if isinstance(limit, str) and (found := _SIZE.fullmatch(limit)):
        number, unit, binary = found.groups()
        base = 1024 if binary else 1000
        size = float(number) * base ** UNITS.get((unit or "").lower(), 0)
    elif isinstance(limit, (int, float, np.number)) and not isinstance(limit, bool):
        size = float(limit) if limit < sys.float_info.max else math.nan
    else:
        size = math.nan
    if not (math.isfinite(size) and size > 0):
        raise DataError(
            f"Control(memory_limit={limit!r}) is no size of memory.\n"
            'Do:   give bytes, as 8_000_000_000, or a text such as "8 GB" or "500 MiB".'
        )
    return int(size)


LONGEST = 1e12
"""Seconds that a clock can count; beyond, only infinity has a meaning."""


def _check_time(limit: float | None) -> None:
    is_number = isinstance(limit, (int, float, np.number)) and not isinstance(limit, bool)
    if limit is not None and not (is_number and (0 < limit < LONGEST or limit == math.inf)):
        raise DataError(
            f"Control(time_limit={limit!r}): seconds must be a positive number.\n"
            "Do:   leave it out for no limit, or give seconds, as Control(time_limit=600)."
        )
