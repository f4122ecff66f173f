"""Where a factor stands in the formula, so that errors can point at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mixedmodels.errors import DataError, FormulaError, underlined


@dataclass(frozen=True, slots=True)
class Place:
    """The part `start` to `stop` of the text of a formula."""

    formula: str
    start: int
    stop: int

    @staticmethod
    def of(metadata: Mapping[str, Any]) -> Place:
        """The place that a factor keeps in its metadata."""
        return Place(metadata["formula"], metadata["start"], metadata["stop"])

    def formula_error(self, message: str) -> FormulaError:
        """The formula is wrong here, whatever the data are."""
        length = self.stop - self.start
        return FormulaError(message, formula=self.formula, position=self.start, length=length)

    def data_error(self, what: str, do: str) -> DataError:
        """The data cannot be used as the formula asks here."""
        shown = underlined(self.formula, self.start, self.stop - self.start)
        return DataError(f"{what}\n{shown}\nDo:   {do}")
