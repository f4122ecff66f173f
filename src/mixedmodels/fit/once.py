"""`once`: a result of a fit that several others ask for, computed once and dropped with the fit."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit

P = ParamSpec("P")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Refusal:
    """In place of a result: that it is not available for the model, and why."""

    message: str


def answer(found: Any) -> Any:
    """A result that a fit was loaded with.

    Raises
    ------
    DataError
        If it was not available for the model that was saved.
    """
    if isinstance(found, Refusal):
        raise DataError(found.message)
    return found


def once(compute: Callable[Concatenate[Fit, P], Result]) -> Callable[Concatenate[Fit, P], Result]:
    """Keep what a pure function of a fit (and of plain arguments) gives, as long as the fit lives.

    The result must not hold the fit, which would then never be dropped. A fit that was loaded
    without its rows has the results that need them in its `answers`, under the name of the function
    and its arguments.
    """
    kept: WeakKeyDictionary[Fit, dict[object, Result]] = WeakKeyDictionary()

    name = compute.__name__

    @wraps(compute)
    def found(fit: Fit, /, *args: P.args, **kwargs: P.kwargs) -> Result:
        question = (name, *args, *kwargs.items())
        if fit.answers is not None and question in fit.answers:
            known: Result = answer(fit.answers[question])
            return known
        results = kept.setdefault(fit, {})
        key = (args, tuple(kwargs.items()))
        if key not in results:
            results[key] = compute(fit, *args, **kwargs)
        return results[key]

    return found
