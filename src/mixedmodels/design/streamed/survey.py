"""What has to be known of all rows before columns can be made: levels, and what transforms learn.

A survey is a monoid over batches: those of two parts of the data make that of both.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixedmodels.data import Codes, Column, Frame, read_values
from mixedmodels.data.dictionary import Dictionary, LevelKind, kind_of, kinds_differ
from mixedmodels.design.calls import Arguments
from mixedmodels.design.environment import CATEGORICAL, STATEFUL
from mixedmodels.design.evaluation import Evaluator
from mixedmodels.design.factor_calls import hashed_labels
from mixedmodels.design.grouping import refuse_merged_levels
from mixedmodels.design.sizes import MOST_COLUMNS
from mixedmodels.design.streamed.calls import Call, calls_of
from mixedmodels.design.streamed.moments import Moments, state_of
from mixedmodels.design.streamed.question import Question
from mixedmodels.design.variables import Variables
from mixedmodels.errors import DataError

FIRST_ROWS = 2**14
"""First rows that stand for all others where the form of columns is decided."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Needs:
    """What a model has to learn from all rows.

    Attributes
    ----------
    factors
        The categorical columns, of which the levels.
    calls
        Functions of the formula that learn.
    """

    factors: tuple[str, ...]
    calls: tuple[Call, ...]

    @property
    def turns(self) -> int:
        """The passes over the data that it takes."""
        depths = [call.round + 1 for call in self.calls]
        return max([*depths, 1 if self.factors else 0], default=0)


def needs_of(question: Question, first: Frame) -> Needs:
    """What a model has to learn, by the types of the columns of the first rows.

    Raises
    ------
    DataError
        If a column cannot be read.
    """
    columns = {name: first.column(name) for name in question.roles.covariates}
    factors = tuple(name for name, column in columns.items() if column.numbers is None)
    return Needs(factors, calls_of(question.formula, factors))


@dataclass
class Survey:
    """What was learned of some rows.

    Attributes
    ----------
    kinds
        What the covariates hold.
    levels
        Of the categorical columns, and of the factors that the formula makes, by their text.
    moments
        Of the arguments of transforms, by their text.
    rows
        Some rows, as arrays: the first ones, and those in which a level was met first. Covariates
        that are numbers by their name; of `levels` the numbers, in the order of appearance.
    nrows
        How many these are.
    missing, n_missing
        How many values each column lacks, and the rows that lack any.
    """

    kinds: dict[str, LevelKind] = field(default_factory=dict)
    levels: dict[str, Dictionary] = field(default_factory=dict)
    moments: dict[str, Moments] = field(default_factory=dict)
    rows: dict[str, NDArray[Any]] = field(default_factory=dict)
    nrows: int = 0
    missing: Counter[str] = field(default_factory=Counter)
    n_missing: int = 0

    def absorb(self, other: Survey) -> None:
        """Take in what was learned of other rows.

        Raises
        ------
        DataError
            If a column holds another kind of values there, or a factor has too many levels.
        """
        self.missing.update(other.missing)
        self.n_missing += other.n_missing
        for name, kind in other.kinds.items():
            if self.kinds.setdefault(name, kind) != kind:
                raise kinds_differ(name, self.kinds[name], kind)
        kept = np.arange(other.nrows) < FIRST_ROWS - self.nrows
        theirs = dict(other.rows)
        for name, dictionary in other.levels.items():
            mine = self.levels.setdefault(name, Dictionary(name))
            before = len(mine)
            theirs[name] = mine.absorb(dictionary)[other.rows[name]]
            kept |= _first_of_each(theirs[name], before)
            _require_few(name, len(mine))
        for name, moments in other.moments.items():
            self.moments[name] = self.moments[name] + moments if name in self.moments else moments
        for name, values in theirs.items():
            parts = [self.rows[name], values[kept]] if name in self.rows else [values[kept]]
            self.rows[name] = np.concatenate(parts)
        self.nrows += int(np.count_nonzero(kept))

    def column(self, name: str) -> Column:
        """A covariate on the rows kept; a categorical one with all of its levels."""
        if name in self.levels:
            return self.in_order(name, self.rows[name])
        return Column.of_numbers(name, self.rows[name])

    def in_order(self, name: str, codes: NDArray[np.int32]) -> Column:
        """A categorical column from the numbers of its levels in the order of appearance."""
        order, values = self.levels[name].order()
        kind = self.kinds[name]
        return Column.of_codes(
            name,
            Codes(order[codes], values),
            is_time=kind == "dates or durations",
            is_text=kind == "text",
        )


def surveyed(question: Question, needs: Needs, frame: Frame, turn: int, known: Learned) -> Survey:
    """What a batch tells in pass `turn`, with what earlier passes told.

    Raises
    ------
    DataError
        If a column cannot be used as the formula asks.
    """
    data = question.read(frame)
    found = Survey(missing=Counter(data.rows.counts), n_missing=data.rows.n_missing)
    if not data.nrows:
        return found
    columns = {name: data.columns[name] for name in question.roles.covariates}
    found.kinds = {name: kind_of(column) for name, column in columns.items()}
    refuse_merged_levels(question.formula.text, columns)
    usable = {name: column for name, column in columns.items() if name not in needs.factors}
    first = np.arange(data.nrows) < (FIRST_ROWS if turn == 0 else 0)
    may_reorder = frame.backend.is_pyarrow()
    for name in needs.factors:
        if turn == 0:
            first |= _meet(found, name, columns[name], may_reorder=may_reorder)
        else:
            codes = known.survey.levels[name].codes(columns[name], may_reorder=may_reorder)
            found.rows[name] = codes
            usable[name] = known.survey.in_order(name, codes)
    response = {name: data.columns[name] for name in question.roles.response}
    variables = Variables({**response, **usable}, data.nrows, {}, question.functions)
    for call in needs.calls:
        if call.round == turn:
            first |= _hear(call, Evaluator(variables, known.state_copy(), call.place), found)
    numbers = {n: c.numbers for n, c in usable.items() if n not in needs.factors}
    found.rows |= {name: values for name, values in numbers.items() if values is not None}
    found.rows = {name: values[first] for name, values in found.rows.items()}
    found.nrows = int(np.count_nonzero(first))
    return found


@dataclass(frozen=True, slots=True)
class Learned:
    """All that passes over the data told.

    Attributes
    ----------
    survey
        Of all rows.
    state
        What the transforms keep, by their text.
    """

    survey: Survey
    state: Mapping[str, Any]

    def state_copy(self) -> dict[str, Any]:
        """The state, to be written to."""
        return deepcopy(dict(self.state))

    def after(self, needs: Needs, turn: int, found: Survey, question: Question) -> Learned:
        """The same with what another pass told.

        Raises
        ------
        DataError
            If a transform cannot be made of it.
        """
        covariates = question.roles.covariates
        survey = Survey(
            kinds={**self.survey.kinds, **found.kinds},
            levels={**self.survey.levels, **found.levels},
            moments={**self.survey.moments, **found.moments},
            rows={
                name: np.concatenate([*(s.rows[name] for s in (self.survey, found) if s.rows)])
                for name in covariates
                if found.rows
            },
            nrows=self.survey.nrows + found.nrows,
            missing=found.missing,
            n_missing=found.n_missing,
        )
        state = self.state_copy()
        for call in needs.calls:
            if call.round == turn and not call.is_factor and call.text in found.moments:
                options = _options(call, question.functions)
                state[call.text] = state_of(
                    call.place, call.name, options, found.moments[call.text]
                )
        return Learned(survey, state)


NOTHING = Learned(Survey(), {})
"""Before the first pass."""


def _hear(call: Call, evaluator: Evaluator, found: Survey) -> Mask:
    """Take in what a call learns of a batch; the rows (n,) with a level that is met first."""
    argument = call.node.args[0]
    nrows = evaluator.variables.nrows
    if not call.is_factor:
        with np.errstate(all="ignore"):
            values = evaluator.number(evaluator.value(argument), argument)
        if np.ndim(values) == 0:
            raise call.place.formula_error(f"{call.name}() needs a column.")
        _require_finite(call, values)
        degree = _options(call, evaluator.variables.functions).get("degree", 1)
        found.moments[call.text] = Moments.of(values, degree if call.name == "poly" else 1)
        return np.zeros(nrows, dtype=np.bool_)
    labels = evaluator.labels(argument)
    if call.name == "hashed":
        options = _options(call, evaluator.variables.functions)
        if "levels" not in options:
            raise call.place.formula_error("hashed() needs levels, as in hashed(x, levels=10).")
        labels = hashed_labels(labels, options["levels"])
    return _meet(found, call.text, read_values(call.text, labels), may_reorder=True)


def _options(call: Call, functions: Mapping[str, Any]) -> dict[str, Any]:
    known = CATEGORICAL[call.name] if call.is_factor else STATEFUL[call.name].options
    return Arguments(call.place, functions).options(call.node, known)


def _meet(found: Survey, name: str, column: Column, *, may_reorder: bool) -> Mask:
    """Take in the levels of a batch; the rows (n,) in which one is met first."""
    dictionary = found.levels.setdefault(name, Dictionary(name))
    found.rows[name] = dictionary.codes(column, may_reorder=may_reorder)
    return _first_of_each(found.rows[name], 0)


def _first_of_each(codes: NDArray[np.int32], least: int) -> Mask:
    """The first row (n,) of each code from `least` on."""
    is_first = np.zeros(len(codes), dtype=np.bool_)
    new = np.flatnonzero(codes >= least)
    is_first[new[np.unique(codes[new], return_index=True)[1]]] = True
    return is_first


def _require_finite(call: Call, values: NDArray[np.float64]) -> None:
    finite = np.isfinite(values)
    if not finite.all():
        raise call.place.data_error(
            f"{ast.unparse(call.node.args[0])} is infinite or not a number in "
            f"{np.count_nonzero(~finite)} rows that have no missing value.",
            "correct these rows or leave them out; a logarithm needs positive values.",
        )


def _require_few(name: str, levels: int) -> None:
    most = MOST_COLUMNS["fixed"]
    if levels > most:
        raise DataError(
            f"{name} has more than {most:,} levels, each of which would be a coefficient.\n"
            f"Do:   make it a grouping factor, as (1 | {name}), if its levels are a sample of "
            "many; join levels;\n"
            "      or make the column numeric if it holds measurements."
        )
