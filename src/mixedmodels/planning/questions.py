"""What is asked of every replicate: one test or several, of coefficients or of means."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import cast, get_args

import numpy as np
from numpy.typing import ArrayLike

from mixedmodels.design import ModelSpec
from mixedmodels.errors import DataError
from mixedmodels.inference.degrees_of_freedom import refuse_other_covariance
from mixedmodels.options import require_count, require_flag, require_option, require_probability
from mixedmodels.planning import hypothesis as of_coefficients
from mixedmodels.planning.comparisons import Comparisons, compared, one_row
from mixedmodels.planning.hypothesis import Hypothesis, hypothesis, is_number
from mixedmodels.posthoc.linear_functions import LinearFunctions, Testing
from mixedmodels.posthoc.results import require_margin
from mixedmodels.vocabulary import PowerMethod, Shape, Side

Test = of_coefficients.Test | LinearFunctions
"""One test of coefficients, or rows of means, trends or contrasts."""

Tests = Sequence[str | Mapping[str, float] | LinearFunctions] | Mapping[str, Test]
"""Several tests: a list, or a mapping of names to them."""

Asked = Hypothesis | Comparisons

MOST_LISTED = 12
"""Tests that a message names."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of every replicate, checked.

    Attributes
    ----------
    test
        One test or several.
    n, alpha, level
        Replicates, level of the test, coverage of the interval.
    method
        How each replicate is tested.
    effects, residuals
        Shapes of the distributions.
    joint
        Whether the rows of means make one hypothesis per group.
    testing
        Side, null and margin of tests of single rows.
    of
        Which of several tests, where one is needed.
    """

    test: Test | Tests
    n: int
    alpha: float
    level: float
    method: PowerMethod
    effects: Shape
    residuals: Shape
    joint: bool = False
    testing: Testing = field(default_factory=Testing)
    of: str | None = None

    def __post_init__(self) -> None:
        require_count("n", self.n)
        require_probability("alpha", self.alpha)
        require_probability("level", self.level)
        require_option("method", self.method, get_args(PowerMethod))
        require_flag("joint", self.joint)
        require_option("side", self.testing.side, get_args(Side))
        require_margin(self.testing)


@dataclass(frozen=True, slots=True)
class Labelled:
    """A question with what its tests are called, once each among all."""

    asked: Asked
    labels: tuple[str, ...]


def are_several(test: object) -> bool:
    """Whether these are several tests: a list with words or mappings or matrices in it, or a
    mapping to anything but numbers.
    """
    if isinstance(test, Mapping):
        return not all(is_number(value) for value in test.values())
    if isinstance(test, str) or not isinstance(test, Sequence):
        return False
    return any(
        isinstance(one, str | Mapping | LinearFunctions)
        or (isinstance(one, np.ndarray) and one.ndim == 2)
        for one in test
    )


def asked(question: Question, spec: ModelSpec) -> tuple[Labelled, ...]:
    """What one test or several mean, with labels that differ.

    Raises
    ------
    DataError
        If the model cannot make one of them.
    """
    test = question.test
    if not are_several(test):
        return _labelled(_read(cast(Test, test), question, spec))
    if isinstance(test, Mapping):
        named = cast("Mapping[str, Test]", test)
        return _labelled(
            (one, [name if len(labels) == 1 else f"{name}: {label}" for label in labels])
            for name, given in named.items()
            for one, labels in _read(given, question, spec)
        )
    several = cast("Sequence[Test]", test)
    return _labelled(pair for one in several for pair in _read(one, question, spec))


def require_one(question: Question, spec: ModelSpec) -> None:
    """Refuse several tests without a word which of them is meant, or any that the model cannot
    make.
    """
    if not isinstance(question.of, str | None):
        raise DataError(f"of = {question.of!r} is no name of a test.\nDo:   give text.")
    labels = [label for one in asked(question, spec) for label in one.labels]
    if question.of in labels or (question.of is None and len(labels) == 1):
        return
    listed = ", ".join(map(repr, labels[-MOST_LISTED:]))
    if question.of is None:
        raise DataError(
            f"Along the sample size there is one test at a time, and here are {len(labels)}.\n"
            f"Do:   say which, as of={labels[-1]!r}: {listed}.\n"
            "Why:  with one seed, calls for several of them see the same simulated data."
        )
    near = get_close_matches(question.of, labels, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise DataError(
        f"of = {question.of!r} is none of the tests.{hint}\nDo:   name one of {listed}."
    )


def _read(test: Test, question: Question, spec: ModelSpec) -> list[tuple[Asked, list[str]]]:
    """A test as hypotheses or comparisons, each with the labels of its tests."""
    testing = question.testing
    found: Iterable[Asked]
    if isinstance(test, LinearFunctions):
        _require_same_df(test, question.method)
        found = compared(test, spec, testing=testing, joint=question.joint)
    else:
        made = hypothesis(cast(ArrayLike, test), spec)
        is_plain = testing.side == "two-sided" and not testing.null
        found = [made if is_plain else one_row(made, testing)]
    return [(one, list(one.labels)) for one in found]


def _labelled(found: Iterable[tuple[Asked, Sequence[str]]]) -> tuple[Labelled, ...]:
    known: set[str] = set()
    made = []
    for one, labels in found:
        own = []
        for label in labels:
            unique, number = label, 2
            while unique in known:
                unique, number = f"{label} ({number})", number + 1
            known.add(unique)
            own.append(unique)
        made.append(Labelled(one, tuple(own)))
    return tuple(made)


def _require_same_df(functions: LinearFunctions, method: PowerMethod) -> None:
    own = functions.testing.ddf
    refuse_other_covariance(own, "a power analysis")
    if own not in ("satterthwaite", method):
        raise DataError(
            f'The means have ddf = "{own}", and method = "{method}" is to test them.\n'
            "Do:   choose by method= alone, and leave ddf out."
        )
