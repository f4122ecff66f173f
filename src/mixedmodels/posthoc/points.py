"""Values that all rows of an average are set to: every combination of those given for columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.posthoc.cells import crossed
from mixedmodels.posthoc.grid_variables import GridVariable, fixed_variables
from mixedmodels.posthoc.labels import as_labels
from mixedmodels.posthoc.reference_grid import at_values, mapping
from mixedmodels.posthoc.specs import require_column

Codes = NDArray[np.intp]
At = Mapping[str, ArrayLike] | None


@dataclass(frozen=True, slots=True)
class Points:
    """Combinations of values.

    Attributes
    ----------
    at : mapping of GridVariable
        Columns with their values.
    codes : mapping
        Per column the index (points,) of its value, the first column fastest.
    """

    at: Mapping[str, GridVariable]
    codes: Mapping[str, Codes]

    @property
    def size(self) -> int:
        """Number of combinations."""
        return int(np.prod([len(v.values) for v in self.at.values()], dtype=np.intp))

    def labels(self, groups: Mapping[str, NDArray[Any]], n_groups: int) -> dict[str, NDArray[Any]]:
        """Columns (points * groups,): the values, then the groups, which are fastest."""
        set_to = {
            name: np.repeat(as_labels(self.at[name].values)[codes], n_groups)
            for name, codes in self.codes.items()
        }
        return set_to | {name: np.tile(v, self.size) for name, v in groups.items()}


def points_at(columns: Mapping[str, GridVariable]) -> Points:
    """All combinations of the values of some columns."""
    if not columns:
        return Points({}, {})
    sizes = {name: len(variable.values) for name, variable in columns.items()}
    return Points(columns, dict(zip(sizes, crossed([*sizes.values()]), strict=True)))


def require_apart(fit: Fit, at: At, apart: Sequence[str]) -> None:
    """Refuse columns that the model does not have, or whose values are compared."""
    for name in {} if at is None else mapping("at", at):
        require_column(name, fixed_variables(fit))
        if name in apart:
            raise DataError(
                f"at sets {name!r}, whose values are compared.\n"
                "Do:   leave it out of at; values= tells which of its values are compared."
            )


def points_of(fit: Fit, at: At, groups: Mapping[str, NDArray[Any]]) -> Points:
    """The combinations that `at` asks for, beside groups of rows."""
    given = {} if at is None else mapping("at", at)
    twice = [name for name in given if name in groups]
    if twice:
        raise DataError(
            f"by and at both name {twice[0]!r}.\n"
            "Do:   name it in by for groups of rows as they are, or in at to set all rows to its "
            "values."
        )
    return points_at({name: at_values(fixed_variables(fit)[name], v) for name, v in given.items()})
