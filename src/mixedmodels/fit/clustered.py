"""Fitting a model to data whose rows are on the workers of a cluster.

    partitions ─► surveys ─► recipe ─► partial sums ─► specification, problem ─► fit

The steps are those of data that are read in batches (`mixedmodels.fit.streamed`). Workers survey
and sum the rows that they hold; what travels are surveys and sums. Neither depends on how the rows
are divided nor on the order of the parts, to the bit, so that a part which is done again changes
nothing.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from mixedmodels.data import Frame
from mixedmodels.data.cluster import Partitions, Task
from mixedmodels.design.reading import nothing_left
from mixedmodels.design.streamed.moments import about_of
from mixedmodels.design.streamed.question import Question
from mixedmodels.design.streamed.recipe import BatchRecipe, recipe_of_batches
from mixedmodels.design.streamed.survey import NOTHING, Learned, Needs, Survey, needs_of
from mixedmodels.engine.accumulation import Partial
from mixedmodels.engine.accumulation import partial as summed
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.request import Request
from mixedmodels.fit.streamed import asked_of_source, fit_sums, no_rows, survey_of


def fit_partitions(request: Request, parts: Partitions) -> Fit:
    """Fit a model to the rows of all parts.

    Raises
    ------
    FormulaError, DataError
        If the model cannot be fitted to the data.
    WorkerError
        If workers cannot do their part.
    """
    some = parts.head()
    if some is None:
        raise no_rows(parts.kind)
    names = parts.columns or some.columns
    question = asked_of_source(request, names)
    learned = _learned(parts, question, needs_of(question, some.selected(question.columns)))
    recipe = recipe_of_batches(question, learned)
    sums = _sums(parts, recipe)
    rows = sums.tally.nrows + sums.tally.n_missing
    frame = Frame.unkept(tuple(names), rows, parts.backend or some.backend)
    return fit_sums(replace(request, frame=frame), recipe, sums)


def _learned(parts: Partitions, question: Question, needs: Needs) -> Learned:
    """What passes over the data tell. A transform takes two: its moments need origin and unit."""
    learned = NOTHING
    for turn in range(max(needs.turns, 1)):
        found = _survey(parts, question, needs, turn, learned)
        if not found.nrows and turn == 0:
            raise nothing_left(found.missing, found.n_missing)
        if found.moments:
            about = {text: about_of(m.low, m.high) for text, m in found.moments.items()}
            learned = replace(learned, about=about)
            found = _survey(parts, question, needs, turn, learned)
        learned = learned.after(needs, turn, found, question)
    return learned


def _survey(
    parts: Partitions, question: Question, needs: Needs, turn: int, known: Learned
) -> Survey:
    """One pass over all parts."""
    work = partial(_surveyed, question=question, needs=needs, turn=turn, known=known)
    found = Survey()
    for data in parts.results(Task(work, _joined_surveys, question.columns)):
        found.absorb(pickle.loads(data))
    return found


def _surveyed(
    frames: Iterator[Frame], question: Question, needs: Needs, turn: int, known: Learned
) -> bytes:
    return pickle.dumps(survey_of(question, needs, frames, turn, known))


def _joined_surveys(first: bytes, second: bytes) -> bytes:
    found: Survey = pickle.loads(first)
    found.absorb(pickle.loads(second))
    return pickle.dumps(found)


def _sums(parts: Partitions, recipe: BatchRecipe) -> Partial:
    """The sums of all rows."""
    work = partial(_summed, recipe=recipe)
    found = Partial.of(recipe)
    for data in parts.results(Task(work, _joined_sums, recipe.question.columns)):
        found.absorb(Partial.from_bytes(data))
    return found


def _summed(frames: Iterator[Frame], recipe: BatchRecipe) -> bytes:
    return summed(recipe, frames).to_bytes()


def _joined_sums(first: bytes, second: bytes) -> bytes:
    found = Partial.from_bytes(first)
    found.absorb(Partial.from_bytes(second))
    return found.to_bytes()
