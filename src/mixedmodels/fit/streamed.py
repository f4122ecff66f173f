"""Fitting a model to data that are read in batches.

    source ─► (survey) ─► recipe ─► sums ─► specification, problem ─► fit

One pass over the data where the formula has numbers alone; levels of grouping factors are numbered
as they are met. Another one goes before where columns cannot be made without knowing all rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain

from mixedmodels.data import Frame
from mixedmodels.data.source import Source, joined, selected
from mixedmodels.design.names import check_names
from mixedmodels.design.reading import nothing_left
from mixedmodels.design.streamed.finish import finished
from mixedmodels.design.streamed.question import Question, question_of
from mixedmodels.design.streamed.recipe import BatchRecipe, recipe_of_batches
from mixedmodels.design.streamed.survey import (
    NOTHING,
    Learned,
    Needs,
    Survey,
    needs_of,
    surveyed,
)
from mixedmodels.engine.accumulation import Partial, partial
from mixedmodels.engine.route import streamed_problem
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit, fit_model, fit_problem
from mixedmodels.fit.request import Request, columns_in_use, owned
from mixedmodels.formula.trials import CBIND

COLLECTED = 2**24
"""Numbers in the columns in use up to which data are collected into a table, 134 MB, so that all of
a model works; with more they are summed."""


def fit_source(request: Request, source: Source) -> Fit:
    """Fit what was asked for to a source, collected into a table where it is small.

    Raises
    ------
    FormulaError, DataError
        If the model cannot be fitted to the data.
    ConvergenceError
        If the search fails and ``request.control.on_failure`` is ``"raise"``.
    """
    read, rest, is_all = _begun(request, source)
    if not read:
        raise no_rows(source.kind)
    if not is_all:
        return _fit_batches(request, source, read, rest)
    whole = joined(list(source.batches(None)) if source.projects else read)
    return fit_model(owned(replace(request, frame=whole, source=None)))


def in_memory(request: Request, source: Source) -> Request | None:
    """The request with its data as a table; None where they are too large for that."""
    read, _, is_all = _begun(request, source)
    if not is_all:
        return None
    if not read:
        raise no_rows(source.kind)
    whole = joined(list(source.batches(None)) if source.projects else read)
    return replace(request, frame=whole, source=None)


def no_rows(kind: str) -> DataError:
    """The error of data, of some `kind`, without a row."""
    return DataError(
        f"The data ({kind}) have no rows: nothing to fit.\n"
        "Do:   check the filter or the query that they come from."
    )


def _begun(request: Request, source: Source) -> tuple[list[Frame], Iterator[Frame], bool]:
    """The first batches, the iterator of the others, and whether the first ones are all."""
    columns = None
    if source.columns is not None and source.projects:
        words = () if request.distribution is None else (CBIND,)
        own = dict(request.context or {})
        check_names(request.formula.text, source.columns, own, words=words)
        used = columns_in_use(request, source.columns)
        columns = [name for name in source.columns if name in used]
    rest, read, cells = source.batches(columns), [], 0
    for frame in rest:
        read.append(frame)
        width = len(columns or columns_in_use(request, frame.columns))
        cells += frame.nrows * width
        if cells > COLLECTED:
            return read, rest, False
    return read, rest, True


def _fit_batches(request: Request, source: Source, read: list[Frame], rest: Iterator[Frame]) -> Fit:
    """Fit a model to a source, of which some batches are read already."""
    names = source.columns or read[0].columns
    question = asked_of_source(request, names)
    first = _first_complete(question, read, rest)
    needs = needs_of(question, first)
    _require_passes(needs, source)
    opened = iter([chain(read, rest)])

    def batches() -> Iterator[Frame]:
        frames = next(opened, None)
        if frames is None:
            return source.batches(question.columns)
        return selected(frames, question.columns)

    learned = NOTHING
    for turn in range(needs.turns):
        found = survey_of(question, needs, batches(), turn, learned)
        learned = learned.after(needs, turn, found, question)
    if not needs.turns:
        found = surveyed(question, needs, first, 0, learned)
        learned = learned.after(needs, 0, found, question)
    recipe = recipe_of_batches(question, learned)
    sums = partial(recipe, batches())
    frame = Frame.unkept(tuple(names), sums.tally.nrows + sums.tally.n_missing, first.backend)
    return fit_sums(replace(request, frame=frame), recipe, sums)


def _first_complete(question: Question, read: list[Frame], rest: Iterator[Frame]) -> Frame:
    """The first batch that has a complete row, which is read if need be.

    Raises
    ------
    DataError
        If there is none.
    """
    missing: Counter[str] = Counter()
    rows = number = 0
    while number < len(read) or _read_more(read, rest):
        [frame] = selected(read[number : number + 1], question.columns)
        data = question.read(frame)
        if data.nrows:
            return frame
        missing.update(data.rows.counts)
        rows, number = rows + frame.nrows, number + 1
    raise nothing_left(missing, rows)


def _read_more(read: list[Frame], rest: Iterator[Frame]) -> bool:
    """Whether there was another batch."""
    following = next(rest, None)
    if following is not None:
        read.append(following)
    return following is not None


def asked_of_source(request: Request, columns: Sequence[str]) -> Question:
    """What is asked of data with these columns that are read in batches.

    Raises
    ------
    FormulaError, DataError
        If it needs the rows at every step, or columns that there are not.
    """
    for name in ("residual", "sigma", "known", "fixed", "tied"):
        if getattr(request, name):
            raise DataError(
                f"{name}= is not available for data that are read in batches.\n"
                "Do:   leave it out, or collect the data into a table in memory.\n"
                "Why:  such a model needs the rows at every step of the search."
            )
    return question_of(
        request.formula,
        columns,
        weights=request.weights,
        offset=request.offset,
        contrasts=request.contrasts,
        context=request.context,
        missing=request.missing,
    )


def survey_of(
    question: Question, needs: Needs, frames: Iterable[Frame], turn: int, known: Learned
) -> Survey:
    """What one pass over some rows tells."""
    found = Survey()
    for frame in frames:
        found.absorb(surveyed(question, needs, frame, turn, known))
    return found


def fit_sums(request: Request, recipe: BatchRecipe, sums: Partial) -> Fit:
    """Fit a model to the sums of all rows.

    Raises
    ------
    DataError
        If no rows are left, or the data cannot identify the model.
    """
    made = finished(recipe, sums.tally, sums.gram())
    for group, codes in enumerate(made.codes):
        sums.sums.relabel(group, codes, len(codes))
    chosen = sums.sums.select(made.columns)
    problem = streamed_problem(made.matrices, chosen, request.method)
    return fit_problem(request, made.spec, problem)


def _require_passes(needs: Needs, source: Source) -> None:
    if source.is_repeatable or not needs.turns:
        return
    factors = [f"the levels of {name!r}" for name in needs.factors]
    reasons = ", ".join([*factors, *(f"{call.text}" for call in needs.calls)])
    raise DataError(
        f"The data ({source.kind}) can be read once, and the model needs {needs.turns + 1} passes "
        "over them.\n"
        "Do:   give something that can be read again: a function that returns a new iterator, a "
        "pyarrow Dataset,\n"
        "      a polars LazyFrame; or write Parquet files first. Columns of numbers and grouping "
        "factors need one pass.\n"
        f"Why:  the columns of the fixed part have to know all rows first: {reasons}."
    )
