"""What a fit gives that needs its rows, computed before they are left behind.

Every table that a model has is made of functions of its `Fit`; those that need rows are kept by
`fit.once`, and a fit that was loaded without rows has their results in `Fit.answers`. The list of
them is here. What is not available for a model has no answer, and asking for it needs the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from mixedmodels.engine.iterative import IterativeProblem
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.fitted import residual_quartiles, total_trials
from mixedmodels.fit.level_information import level_information
from mixedmodels.fit.once import Refusal, once
from mixedmodels.fit.random_effects import level_covariances
from mixedmodels.fit.request import columns_in_use
from mixedmodels.inference.degrees_of_freedom.between_within import between_within_df
from mixedmodels.inference.degrees_of_freedom.containment import containment_df
from mixedmodels.inference.degrees_of_freedom.knapp_hartung import weighted_squares
from mixedmodels.inference.explained_variance import by_group, explained_variance
from mixedmodels.inference.information import information, kenward_roger_pieces
from mixedmodels.inference.marginality import hypotheses
from mixedmodels.inference.structured_parameters import row_scale
from mixedmodels.inference.variance_intervals import variance_intervals
from mixedmodels.posthoc.grid_variables import (
    covariate_extent,
    covariate_places,
    distinct_count,
    distinct_values,
    factor_rows,
    fixed_variables,
    row_counts,
)
from mixedmodels.posthoc.joint_tests import places_needed
from mixedmodels.posthoc.reference_grid import MOST_VALUES
from mixedmodels.posthoc.spread import (
    random_variance,
    random_variance_differs,
    random_variance_slopes,
)
from mixedmodels.posthoc.trends import is_straight
from mixedmodels.prediction.joint_errors import mode_slopes
from mixedmodels.saving.cells import cells_of, factors_of
from mixedmodels.saving.digest import data_digest

Question = tuple[Callable[..., Any], tuple[Any, ...]]

MOST_EFFECTS = 3000
"""Random effects up to which the pieces of Kenward and Roger's method are computed unasked."""


def answers_of(fit: Fit) -> dict[tuple[Any, ...], Any]:
    """The results that need rows, by the name of the function and its arguments."""
    found: dict[tuple[Any, ...], Any] = {}
    for compute, arguments in questions(fit):
        found[compute.__name__, *arguments] = _answer(fit, compute, arguments)
    found |= _of_intervals(fit)
    found |= _of_cells(fit)
    return found


def _answer(fit: Fit, compute: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """The result, or why there is none: the model that is loaded says the same."""
    try:
        return compute(fit, *arguments)
    except DataError as error:
        return Refusal(str(error))


def _of_intervals(fit: Fit) -> dict[tuple[Any, ...], Any]:
    """The intervals of the summary and of the report, some of which are from the profile."""
    if not fit.matrices.is_plain:
        return {}
    found = {}
    for options in ({}, {"correlations": False}):
        intervals = partial(variance_intervals, **options)
        found[variance_intervals.__name__, *options.items()] = _answer(fit, intervals, ())
    return found


@once
def data_digest_of(fit: Fit) -> str:
    """SHA-256 of the columns that the model uses."""
    return data_digest(fit.frame, sorted(columns_in_use(fit.request, fit.frame.columns)))


def questions(fit: Fit) -> Iterator[Question]:
    """The functions that need rows, with the arguments that tables call them with."""
    yield data_digest_of, ()
    yield information, ()
    if fit.generalised is None:
        yield from _of_linear(fit)
    else:
        yield from ((mode_slopes, ()), (row_scale, ()))
    for k in range(len(fit.matrices.terms)):
        yield level_covariances, (k,)
    if fit.matrices.has_rows and not isinstance(fit.problem, IterativeProblem):
        yield level_information, ()
    for kind in (1, 2, 3):
        yield hypotheses, (kind,)
    for compute in (
        explained_variance,
        by_group,
        residual_quartiles,
        total_trials,
        random_variance,
        random_variance_differs,
        random_variance_slopes,
    ):
        yield compute, ()
    yield from _of_variables(fit)


def _of_linear(fit: Fit) -> Iterator[Question]:
    effects = sum(b.size for b in fit.b)
    if fit.reml and effects <= MOST_EFFECTS and not isinstance(fit.problem, IterativeProblem):
        yield kenward_roger_pieces, ()
    yield between_within_df, ()
    if fit.matrices.known_sigma is not None:
        yield weighted_squares, ()
    if effects <= MOST_EFFECTS:
        yield containment_df, ()


def _of_variables(fit: Fit) -> Iterator[Question]:
    for name, variable in fixed_variables(fit).items():
        if variable.is_factor:
            if not variable.levels:
                yield distinct_values, (name,)
            continue
        if fit.matrices.has_rows:
            yield distinct_count, (name,)
            if distinct_count(fit, name) <= MOST_VALUES:
                yield distinct_values, (name,)
            yield covariate_extent, (name,)
            if not is_straight(fit, name):
                yield covariate_places, (name, places_needed(fit, name))


def _of_cells(fit: Fit) -> dict[tuple[Any, ...], Any]:
    """The factors on one row per cell, and how many rows each stands for."""
    names = factors_of(fit)
    try:
        codes, counts = cells_of(fit, names)
    except DataError:  # rows that were read in batches had too many cells
        return {}
    found: dict[tuple[Any, ...], Any] = {
        (factor_rows.__name__, name): code for name, code in zip(names, codes, strict=True)
    }
    return found | {(row_counts.__name__,): counts}
