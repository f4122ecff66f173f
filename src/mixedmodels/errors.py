"""Every error and warning that this package raises on purpose.

A message says what is wrong, where it is, what to do and why. Errors that come from a formula
show it with a caret under the place.
"""

from __future__ import annotations

FORMULA_WINDOW = 76
"""Characters of a long formula that are shown around the caret."""


class MixedModelsError(Exception):
    """Base class of all errors of this package."""


class FormulaError(MixedModelsError):
    """The formula cannot be read, or asks for something that does not exist.

    Parameters
    ----------
    message
        What is wrong and what to write instead.
    formula
        The whole formula, as the user wrote it.
    position
        Index of the first offending character; without it no caret is drawn.
    length
        Number of characters to underline.

    Examples
    --------
    >>> print(FormulaError("This bar has no group.", formula="y ~ (1 | )", position=7))
    This bar has no group.
        y ~ (1 | )
               ^
    """

    def __init__(
        self, message: str, *, formula: str, position: int | None = None, length: int = 1
    ) -> None:
        self.message = message
        self.formula = formula
        self.position = position
        self.length = length
        super().__init__(f"{message}\n{underlined(formula, position, length)}")

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild_formula_error, (self.message, self.formula, self.position, self.length)


class DataError(MixedModelsError):
    """The data cannot be used as the formula asks."""


class EstimatorError(DataError, ValueError):
    """What an estimator of scikit-learn was given cannot be used; a ValueError, as it expects."""


class StructureError(MixedModelsError):
    """A covariance structure cannot be as the formula asks."""


class ConvergenceError(MixedModelsError):
    """The search ended away from an optimum; raised only when this was asked for."""


class TimeLimitError(ConvergenceError):
    """The time allowed was over before there was anything to return."""


class SavedModelError(MixedModelsError):
    """A model cannot be saved, or a file is not a saved model, was changed, or is of another
    version.
    """


class WorkerError(MixedModelsError):
    """Workers of a parallel backend died again and again."""


class MixedModelsWarning(UserWarning):
    """Base class of all warnings of this package."""


class SingularFitWarning(MixedModelsWarning):
    """A random-effects covariance has a direction of zero variance."""


class ConvergenceWarning(MixedModelsWarning):
    """The search stopped before it met its tolerance."""


class DroppedColumnsWarning(MixedModelsWarning):
    """Columns of the fixed part are linear combinations of earlier ones and were dropped."""


class NotIdentifiedWarning(MixedModelsWarning):
    """The data cannot tell some variance parameters apart: their values are no estimates."""


class SeparationWarning(MixedModelsWarning):
    """Coefficients of a generalised model have no finite estimate: there is no maximum."""


class ProportionsWarning(MixedModelsWarning):
    """A binomial response holds proportions of an unknown number of trials."""


class NotEstimableWarning(MixedModelsWarning):
    """A mean depends on which columns of the fixed part were dropped; it is given as nan."""


class RobustCovarianceWarning(MixedModelsWarning):
    """Clusters are too few for what is asked of a robust covariance."""


class ChangedModelWarning(MixedModelsWarning):
    """A model that was to be written in other coordinates is another model."""


class CompatibilityWarning(MixedModelsWarning):
    """How an entry point of another package's form read something that could be read otherwise."""


class ConfoundingWarning(MixedModelsWarning):
    """A design cannot tell effects apart that it crosses."""


class StoppedEarlyWarning(MixedModelsWarning):
    """A run of many replicates was interrupted; its result holds those that were done."""


class PoolingWarning(MixedModelsWarning):
    """Imputations that could not be fitted are left out of what is pooled, or all of them were
    taken for rows of one table.
    """


def _rebuild_formula_error(
    message: str, formula: str, position: int | None, length: int
) -> FormulaError:
    return FormulaError(message, formula=formula, position=position, length=length)


def underlined(formula: str, position: int | None, length: int) -> str:
    """The formula on one indented line, cut to a window, and a line of carets below it."""
    line = "".join(" " if character.isspace() else character for character in formula)
    centre = position or 0
    first = max(0, min(centre - FORMULA_WINDOW // 2, len(line) - FORMULA_WINDOW))
    last = min(len(line), first + FORMULA_WINDOW)
    before, after = "…" if first > 0 else "", "…" if last < len(line) else ""
    shown = f"    {before}{line[first:last]}{after}"
    if position is None:
        return shown
    width = max(1, min(length, last - position))
    return f"{shown}\n    {' ' * (len(before) + position - first)}{'^' * width}"
