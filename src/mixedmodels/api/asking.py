"""Questions about means, asked of a plan in the words that a fitted model answers to."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from mixedmodels.errors import DataError
from mixedmodels.means import Means
from mixedmodels.model import GeneralisedMixedModel, LinearMixedModel, MixedModel
from mixedmodels.planning.assumed import assumed
from mixedmodels.planning.plan import plan_of
from mixedmodels.planning.questions import Test, Tests, are_several
from mixedmodels.posthoc.linear_functions import LinearFunctions

OfMeans = Means | Callable[[Any], Means]
"""Means of the model that is asked, or a function that makes them of it."""

Words = Test | OfMeans
"""One test, or the rows of some means."""

SeveralWords = Tests | Sequence[str | Mapping[str, float] | OfMeans] | Mapping[str, Words]
"""Several of them: a list, or a mapping of names to them."""

DO = (
    'Do:   return means or contrasts of them, as lambda model: model.emmeans("arm").pairs();\n'
    "      joint, side, null and delta are arguments of their own."
)


def read(model: object, test: Words | SeveralWords) -> Test | Tests:
    """The test with linear functions in the place of means.

    Raises
    ------
    DataError
        If `model` is neither a plan nor a fitted model, or a function does not give means.
    """
    if isinstance(test, Means) or callable(test):
        return _functions(model, test)
    found: Any = test
    if isinstance(test, Mapping) and are_several(test):
        found = {str(name): read(model, one) for name, one in test.items()}
    elif isinstance(test, list | tuple) and any(map(_is_of_means, test)):
        found = [read(model, one) for one in test]
    return cast("Test | Tests", found)


def _is_of_means(test: object) -> bool:
    return isinstance(test, Means) or callable(test)


def _functions(model: object, test: OfMeans) -> LinearFunctions:
    if isinstance(test, Means):
        return test.functions
    found = test(_asked(model))
    if not isinstance(found, Means):
        raise DataError(
            f"The function of the model gives a {type(found).__name__}, not means.\n{DO}"
        )
    return found.functions


def _asked(model: object) -> MixedModel:
    """The fitted model itself, or one that stands for a plan."""
    if isinstance(model, MixedModel):
        return model
    fit = assumed(plan_of(model))
    return LinearMixedModel(fit) if fit.generalised is None else GeneralisedMixedModel(fit)
