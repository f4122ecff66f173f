"""Which rows are complete."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mixedmodels.data.columns import Column, Mask


@dataclass(frozen=True, slots=True)
class Completeness:
    """Rows without a missing value in some columns.

    Attributes
    ----------
    rows
        bool, shape (n,), true for complete rows; None if all are.
    counts
        Missing values per column, for the columns that have any.
    """

    rows: Mask | None
    counts: dict[str, int]

    @property
    def n_missing(self) -> int:
        """Number of incomplete rows."""
        return 0 if self.rows is None else int(np.count_nonzero(~self.rows))


def completeness(columns: Iterable[Column]) -> Completeness:
    """Find the rows in which none of `columns` has a missing value."""
    incomplete: Mask | None = None
    counts: dict[str, int] = {}
    for column in columns:
        if column.missing is not None:
            counts[column.name] = column.n_missing
            incomplete = column.missing if incomplete is None else incomplete | column.missing
    return Completeness(None if incomplete is None else ~incomplete, counts)
