"""What is unusual about a fit, said once as a Python warning at the user's own line.

A singular fit is a result with a note, not an alarm: it is on `convergence` and in the summary.
"""

import sys
import warnings
from collections.abc import Sequence
from types import FrameType

import numpy as np
from numpy.typing import NDArray

from mixedmodels.data import Frame, encode
from mixedmodels.design.names import used_columns
from mixedmodels.engine.convergence import Convergence
from mixedmodels.errors import (
    ConvergenceError,
    ConvergenceWarning,
    DroppedColumnsWarning,
    NotIdentifiedWarning,
    PoolingWarning,
    ProportionsWarning,
    SeparationWarning,
)
from mixedmodels.families import Family
from mixedmodels.formula import Formula

STACKED = ".imp"
"""The column that numbers the imputations in a long table, ours and that of R's mice."""


def announce(convergence: Convergence, aliased: Sequence[str], *, on_failure: str) -> None:
    """Warn of dropped columns, of what the data cannot tell or separate, and of a failed search.

    Raises
    ------
    ConvergenceError
        If the search did not converge and `on_failure` is ``"raise"``.
    """
    if not convergence.converged and on_failure == "raise":
        raise ConvergenceError(convergence.message)
    if not convergence.converged:
        warnings.warn(convergence.message, ConvergenceWarning, stacklevel=user_level())
    for message in convergence.undetermined:
        warnings.warn(message, NotIdentifiedWarning, stacklevel=user_level())
    for message in convergence.separated:
        warnings.warn(message, SeparationWarning, stacklevel=user_level())
    announce_dropped(aliased)


def announce_dropped(aliased: Sequence[str]) -> None:
    """Warn of dropped columns."""
    if aliased:
        warnings.warn(dropped_text(aliased), DroppedColumnsWarning, stacklevel=user_level())


def announce_proportions(family: Family, y: NDArray[np.float64], size: object) -> None:
    """Warn of a binomial response of fractions whose trials are not known."""
    if family.response == "trials" and size is None and (y % 1 != 0).any():
        warnings.warn(
            "The response holds proportions, and the number of trials is not known: each row "
            "counts as one trial.\n"
            "Do:   give successes with trials=, or beta_binomial or beta as the family, unless a "
            "quasi-likelihood of\n      fractions is what you mean.\n"
            "Why:  3 of 10 and 300 of 1000 are the same proportion and not the same information; "
            "standard errors\n      are those of one trial per row.",
            ProportionsWarning,
            stacklevel=user_level(),
        )


def announce_stacked(frame: Frame, formula: Formula) -> None:
    """Warn of a long table of imputations whose rows were all taken for observations."""
    if STACKED not in frame.columns or STACKED in used_columns(str(formula), frozenset((STACKED,))):
        return
    count = len(encode(frame.column(STACKED)).values)
    if count > 1:
        warnings.warn(
            f"The data have a column {STACKED!r} of {count} imputations, and the rows of all of "
            "them were fitted as\ndifferent observations.\n"
            f'Do:   write imp="{STACKED}", which fits every imputation and pools them.\n'
            "Why:  every row counts as often as there are imputations, so that standard errors are "
            "far too small.",
            PoolingWarning,
            stacklevel=user_level(),
        )


def dropped_text(aliased: Sequence[str]) -> str:
    """The note about columns of X that are combinations of earlier ones."""
    columns = "column" if len(aliased) == 1 else "columns"
    return (
        f"Fixed-effects {columns} dropped: {', '.join(aliased)}.\n"
        "Do:   nothing, if the model is what you mean: the other coefficients stand for these.\n"
        "Why:  each one is a linear combination of columns before it (an empty cell, or the same\n"
        "      information twice), so that its coefficient cannot be told from theirs."
    )


def user_level() -> int:
    """The stack level, for a caller of this function, of the first frame outside the package."""
    level = 1
    frame = sys._getframe(1)
    while frame.f_back is not None and _is_ours(frame):
        frame = frame.f_back
        level += 1
    return level


def _is_ours(frame: FrameType) -> bool:
    """Whether a frame runs the package's code; code run by `exec` may have no module's name."""
    module = frame.f_globals.get("__name__")
    return isinstance(module, str) and module.partition(".")[0] == __name__.partition(".")[0]
