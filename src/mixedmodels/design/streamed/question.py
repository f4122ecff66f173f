"""What is asked of a source: the model, and the columns that it needs of every batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mixedmodels.data import Frame
from mixedmodels.design.asked import Asked, asked_of, check_asked
from mixedmodels.design.environment import checked_context
from mixedmodels.design.names import near_matches
from mixedmodels.design.reading import KeptData, Roles, read_data, roles_of
from mixedmodels.design.structures import structure_of_term
from mixedmodels.errors import DataError, FormulaError
from mixedmodels.formula import Formula
from mixedmodels.vocabulary import Context, Contrasts, Missing


@dataclass(frozen=True, slots=True)
class Question:
    """A model of data that are read in batches.

    Attributes
    ----------
    asked, roles
        The formula, and what each column is for.
    weights, offset
        Names of columns.
    contrasts, functions, missing
        As in `mixedmodels.design.build`.
    """

    asked: Asked
    roles: Roles
    weights: str | None
    offset: str | None
    contrasts: Contrasts | None
    functions: Mapping[str, Any]
    missing: Missing

    @property
    def formula(self) -> Formula:
        """The formula."""
        return self.asked.formula

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns to read."""
        further = [name for name in (self.weights, self.offset) if name is not None]
        return tuple(dict.fromkeys((*self.roles.all, *further)))

    def read(self, frame: Frame) -> KeptData:
        """The columns of a batch on its complete rows, of which there may be none.

        Raises
        ------
        DataError
            If a column cannot be read, weights or offset are impossible, or values are missing and
            must not be.
        """
        return read_data(
            self.asked,
            self.roles,
            frame,
            weights=self.weights,
            offset=self.offset,
            missing=self.missing,
            may_be_empty=True,
        )


def question_of(
    formula: Formula,
    columns: Sequence[str],
    *,
    weights: object = None,
    offset: object = None,
    contrasts: Contrasts | None = None,
    context: Context | None = None,
    missing: Missing = "drop",
) -> Question:
    """Read what is asked of data with these columns.

    Raises
    ------
    FormulaError
        If the formula names what the data do not have, or a covariance structure.
    DataError
        If weights or offset are no columns.
    """
    own = checked_context(context)
    asked = asked_of(formula, None, None)
    check_asked(asked, columns, own)
    _refuse_structures(formula)
    roles = roles_of(asked, columns)
    if not roles.response:
        message = "The response names no column of the data."
        raise FormulaError(message, formula=formula.text, position=0)
    return Question(
        asked=asked,
        roles=roles,
        weights=_column("weights", weights, columns),
        offset=_column("offset", offset, columns),
        contrasts=contrasts,
        functions=own,
        missing=missing,
    )


def _refuse_structures(formula: Formula) -> None:
    for term in formula.random:
        structure = structure_of_term(term.structure, formula.text)
        is_plain = structure.is_plain and term.structure.is_plain
        if is_plain and not term.is_membership:
            continue
        raise FormulaError(
            f"{term} cannot be fitted to data that are read in batches: its covariances need the "
            "rows at every\n"
            "step of the search. Write (x | g) or (x || g), or collect the data into a table.",
            formula=formula.text,
            position=term.start,
            length=term.stop - term.start,
        )


def _column(what: str, value: object, columns: Sequence[str]) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise DataError(
            f"{what} is an array, and the data are read in batches.\n"
            f"Do:   put it into a column of the data, and give its name: {what}='column'.\n"
            "Why:  nothing says which of its numbers belong to a batch."
        )
    if value not in columns:
        raise DataError(
            f"{what}={value!r}: the data have no such column.{near_matches(value, columns)}"
        )
    return value
