"""The columns of the data that a model uses, on the rows that it uses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import get_args

from numpy.typing import ArrayLike

from mixedmodels.data import Column, Completeness, Frame, completeness
from mixedmodels.design.arguments import (
    MULTIPLES,
    PRECISIONS,
    checked_trials,
    checked_weights,
    offset_with,
    read_argument,
)
from mixedmodels.design.asked import Asked
from mixedmodels.design.grouping import calculated_with
from mixedmodels.design.matrices import Vector
from mixedmodels.design.members import membership_column, weight_columns
from mixedmodels.design.names import used_columns
from mixedmodels.design.residual import columns_of_residual
from mixedmodels.design.scale import columns_of_scale
from mixedmodels.errors import DataError
from mixedmodels.formula.tokens import unquote
from mixedmodels.options import require_option
from mixedmodels.vocabulary import Missing


@dataclass(frozen=True, slots=True)
class Roles:
    """The columns that each part of a model uses, by name.

    Of the covariates, those `calculated` with are not only made into factors. The `places` tell
    where a row stands: in the parts of a term, and in the covariance of the residuals. Of the
    `scale` is what the log of the residual standard deviation is linear in, or what the parts of a
    generalised model beside its mean are. The `members` are the
    columns of multi-membership terms, with their weights: a row may lack some of them.
    """

    response: tuple[str, ...]
    covariates: tuple[str, ...]
    groups: tuple[str, ...]
    calculated: frozenset[str]
    places: tuple[str, ...] = ()
    scale: tuple[str, ...] = ()
    members: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """Every column in which a row must have a value."""
        parts = (self.response, self.covariates, self.groups, self.places, self.scale)
        return _distinct(name for part in parts for name in part)


@dataclass(frozen=True, slots=True)
class KeptData:
    """The columns of a model on the rows that are in use."""

    columns: Mapping[str, Column]
    weights: Vector | None
    offset: Vector | None
    rows: Completeness
    nrows: int
    trials: Vector | None = None


@lru_cache(maxsize=256)
def roles_of(asked: Asked, columns: tuple[str, ...]) -> Roles:
    """The columns of the data that a model uses."""
    known, formula = frozenset(columns), asked.formula
    texts = [formula.fixed, *(term.lhs for term in formula.random)]
    linear = ["" if asked.scale is None else asked.scale.linear]
    linear += [part.linear for _, part in asked.parts]
    shared = [term for term in formula.random if term.is_membership]
    return Roles(
        response=used_columns(formula.response, known),
        covariates=_distinct(name for text in texts for name in used_columns(text, known)),
        groups=_distinct(
            name for term in formula.random if not term.is_membership for name in term.group
        ),
        calculated=frozenset(
            name for text in (*texts, *linear) for name in calculated_with(text, known)
        ),
        places=(
            *columns_of_residual(asked.residual),
            *columns_of_scale(asked.scale),
            *(unquote(by) for term in formula.random if (by := term.structure.text("by"))),
        ),
        scale=_distinct(name for text in linear for name in used_columns(text, known)),
        members=_distinct(
            name for term in shared for name in (*term.group, *weight_columns(term, formula.text))
        ),
    )


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def read_data(
    asked: Asked,
    roles: Roles,
    frame: Frame,
    *,
    weights: str | ArrayLike | None,
    offset: str | ArrayLike | None,
    missing: Missing,
    may_be_empty: bool = False,
) -> KeptData:
    """Read the columns in use and leave out the incomplete rows.

    The logarithm of the exposure is part of the offset. `may_be_empty` lets all rows be incomplete,
    as those of a batch may be.

    Raises
    ------
    DataError
        If no rows are left, or some are incomplete and `missing` is ``"error"``.
    """
    require_option("missing", missing, get_args(Missing))
    columns = {name: frame.column(name) for name in roles.all}
    weight_column = read_argument("weights", weights, frame)
    given = {"offset": offset}
    if asked.distribution is not None:
        given |= asked.distribution.arguments
    arguments = {
        what: column
        for what, value in given.items()
        for column in [read_argument(what, value, frame)]
        if column is not None
    }
    extra = list(arguments.values())
    shared = {name: frame.column(name) for name in roles.members}
    extra += [
        membership_column(term, asked.formula.text, shared)
        for term in asked.formula.random
        if term.is_membership
    ]
    found = completeness([*columns.values(), *extra])
    columns |= {name: column for name, column in shared.items() if name not in columns}
    if missing == "error" and found.counts:
        raise _has_missing(found)
    if found.rows is not None:
        if found.n_missing == frame.nrows and not may_be_empty:
            raise nothing_left(found.counts, frame.nrows)
        columns = {name: column.take(found.rows) for name, column in columns.items()}
        weight_column = None if weight_column is None else weight_column.take(found.rows)
        arguments = {what: column.take(found.rows) for what, column in arguments.items()}
    nrows = frame.nrows - found.n_missing
    why = PRECISIONS if asked.distribution is None else MULTIPLES
    return KeptData(
        columns=columns,
        weights=checked_weights(weight_column, why)
        if weight_column is not None and nrows
        else None,
        offset=offset_with(arguments.get("offset"), arguments.get("exposure")),
        rows=found,
        nrows=nrows,
        trials=checked_trials(arguments["trials"]) if "trials" in arguments else None,
    )


def _has_missing(found: Completeness) -> DataError:
    listed = ", ".join(f"{name} ({count})" for name, count in found.counts.items())
    return DataError(
        f"{found.n_missing} rows have a missing value: {listed}.\n"
        "Do:   fill or remove them, or use missing='drop' to leave these rows out."
    )


def nothing_left(counts: Mapping[str, int], nrows: int) -> DataError:
    """That no row is complete; `counts` tells how many values each column lacks."""
    listed = ", ".join(f"{name} ({count})" for name, count in counts.items())
    return DataError(
        f"No rows are left: each of the {nrows} rows has a missing value in {listed}.\n"
        "Do:   leave out the columns that are mostly missing."
    )
