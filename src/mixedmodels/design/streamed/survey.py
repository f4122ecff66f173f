"""What has to be known of all rows before columns can be made: levels, and what transforms learn.

A survey is a monoid over batches: those of two parts of the data make that of both, and nothing in
it depends on how the data were divided or in what order they come.
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
from mixedmodels.design.streamed.keys import Keys, chosen, row_keys
from mixedmodels.design.streamed.moments import Moments, state_of
from mixedmodels.design.streamed.question import Question
from mixedmodels.design.variables import Variables
from mixedmodels.errors import DataError

FIRST_ROWS = 2**14
"""Rows that stand for all others where the form of columns is decided."""

Vector = NDArray[np.float64]


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
        Some rows, as arrays, in the order of their keys: those of the smallest ones, and of each
        level that of its smallest. Covariates and columns of the response that are numbers by their
        name; of `levels` the numbers, in the order of appearance.
    offset
        Of these rows.
    keys
        Digests of these rows.
    most
        How many are kept beside those of the levels.
    missing, n_missing
        How many values each column lacks, and the rows that lack any.
    """

    kinds: dict[str, LevelKind] = field(default_factory=dict)
    levels: dict[str, Dictionary] = field(default_factory=dict)
    moments: dict[str, Moments] = field(default_factory=dict)
    rows: dict[str, NDArray[Any]] = field(default_factory=dict)
    offset: Vector = field(default_factory=lambda: np.empty(0))
    keys: Keys = field(default_factory=lambda: np.empty(0, dtype=np.uint64))
    most: int = 0
    missing: Counter[str] = field(default_factory=Counter)
    n_missing: int = 0

    @property
    def nrows(self) -> int:
        """How many rows are kept."""
        return len(self.keys)

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
        theirs = dict(other.rows)
        for name, dictionary in other.levels.items():
            mine = self.levels.setdefault(name, Dictionary(name))
            theirs[name] = mine.absorb(dictionary)[other.rows[name]]
            _require_few(name, len(mine))
        for name, moments in other.moments.items():
            self.moments[name] = self.moments[name] + moments if name in self.moments else moments
        self.rows = {
            name: np.concatenate([*_part(self.rows, name), *_part(theirs, name)])
            for name in self.rows | theirs
        }
        self.offset = np.concatenate([self.offset, other.offset])
        self.keys = np.concatenate([self.keys, other.keys])
        self.most = max(self.most, other.most)
        self.choose()

    def choose(self) -> None:
        """Keep the rows of the smallest keys, and of each level that of its smallest."""
        levels = [self.rows[name] for name in self.levels if name in self.rows]
        kept = chosen(self.keys, self.most, levels)
        self.rows = {name: values[kept] for name, values in self.rows.items()}
        self.offset, self.keys = self.offset[kept], self.keys[kept]

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
    usable = _usable(found, needs, columns, turn, known, may_reorder=frame.backend.is_pyarrow())
    response = {name: data.columns[name] for name in question.roles.response}
    variables = Variables({**response, **usable}, data.nrows, {}, question.functions)
    for call in needs.calls:
        if call.round == turn:
            _hear(call, Evaluator(variables, known.state_copy(), call.place), found, known)
    plain = {name: c for name, c in usable.items() if name not in needs.factors}
    numbers = {name: column.numbers for name, column in (plain | response).items()}
    found.rows |= {name: values for name, values in numbers.items() if values is not None}
    found.offset = np.zeros(data.nrows) if data.offset is None else data.offset
    found.keys = _keys(found, known)
    found.most = FIRST_ROWS if turn == 0 else 0
    found.choose()
    return found


def _usable(
    found: Survey,
    needs: Needs,
    columns: Mapping[str, Column],
    turn: int,
    known: Learned,
    *,
    may_reorder: bool,
) -> dict[str, Column]:
    """The columns that calls can be made of: those of levels after a pass that met all of them."""
    usable = {name: column for name, column in columns.items() if name not in needs.factors}
    for name in needs.factors:
        if turn == 0:
            _meet(found, name, columns[name], may_reorder=may_reorder)
        else:
            codes = known.survey.levels[name].codes(columns[name], may_reorder=may_reorder)
            found.rows[name] = codes
            usable[name] = known.survey.in_order(name, codes)
    return usable


def _keys(found: Survey, known: Learned) -> Keys:
    """The digests of all rows."""
    levels = {**known.survey.levels, **found.levels}
    names = sorted(found.rows)
    parts = [*(found.rows[name] for name in names), found.offset]
    return row_keys(parts, [*map(levels.get, names), None])


@dataclass(frozen=True, slots=True)
class Learned:
    """All that passes over the data told.

    Attributes
    ----------
    survey
        Of all rows.
    state
        What the transforms keep, by their text.
    about
        Origin and unit of the moments of a transform's argument, by its text, so that their sums do
        not depend on how the data are divided; without, those of each batch.
    """

    survey: Survey
    state: Mapping[str, Any]
    about: Mapping[str, tuple[float, float]] = field(default_factory=dict)

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
        names = (*question.roles.covariates, *question.roles.response)
        survey = Survey(
            kinds={**self.survey.kinds, **found.kinds},
            levels={**self.survey.levels, **found.levels},
            moments={**self.survey.moments, **found.moments},
            rows={
                name: np.concatenate([*_part(self.survey.rows, name), found.rows[name]])
                for name in names
                if name in found.rows
            },
            offset=np.concatenate([self.survey.offset, found.offset]),
            keys=np.concatenate([self.survey.keys, found.keys]),
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
        return Learned(survey, state, self.about)


NOTHING = Learned(Survey(), {})
"""Before the first pass."""


def _part(rows: Mapping[str, NDArray[Any]], name: str) -> list[NDArray[Any]]:
    return [rows[name]] if name in rows else []


def _hear(call: Call, evaluator: Evaluator, found: Survey, known: Learned) -> None:
    """Take in what a call learns of a batch."""
    argument = call.node.args[0]
    if not call.is_factor:
        with np.errstate(all="ignore"):
            values = evaluator.number(evaluator.value(argument), argument)
        if np.ndim(values) == 0:
            raise call.place.formula_error(f"{call.name}() needs a column.")
        _require_finite(call, values)
        degree = _options(call, evaluator.variables.functions).get("degree", 1)
        degree = degree if call.name == "poly" else 1
        found.moments[call.text] = Moments.of(values, degree, known.about.get(call.text))
        return
    labels = evaluator.labels(argument)
    if call.name == "hashed":
        options = _options(call, evaluator.variables.functions)
        if "levels" not in options:
            raise call.place.formula_error("hashed() needs levels, as in hashed(x, levels=10).")
        labels = hashed_labels(labels, options["levels"])
    _meet(found, call.text, read_values(call.text, labels), may_reorder=True)


def _options(call: Call, functions: Mapping[str, Any]) -> dict[str, Any]:
    known = CATEGORICAL[call.name] if call.is_factor else STATEFUL[call.name].options
    return Arguments(call.place, functions).options(call.node, known)


def _meet(found: Survey, name: str, column: Column, *, may_reorder: bool) -> None:
    """Take in the levels of a batch."""
    dictionary = found.levels.setdefault(name, Dictionary(name))
    found.rows[name] = dictionary.codes(column, may_reorder=may_reorder)


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
