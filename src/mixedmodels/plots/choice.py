"""Which grouping factor a plot is about."""

import numpy as np

from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.labels import group_names, terms_of_group
from mixedmodels.fit.random_effects import are_known


def group_index(fit: Fit, group: str | None) -> int:
    """Position of a grouping factor; without a name the first one.

    Raises
    ------
    DataError
        If the model has no such group, or none at all.
    """
    names = group_names(fit.matrices)
    if not names:
        raise DataError(
            "The model has no random effects to draw.\n"
            "Do:   add a term such as (1 | group) to the formula."
        )
    if group is None:
        return 0
    if group not in names:
        raise DataError(
            f"group = {group!r} is not a grouping factor of the model.\n"
            f"Do:   choose from {', '.join(names)}."
        )
    return names.index(group)


def known_columns(fit: Fit, g: int) -> list[tuple[int, int]]:
    """Random term and column of every effect of group `g` that has conditional modes.

    Raises
    ------
    DataError
        If it has none.
    """
    found = [
        (k, int(j))
        for k in terms_of_group(fit.matrices, g)
        for j in np.flatnonzero(are_known(fit, k))
    ]
    if not found:
        raise _no_modes(fit.matrices.groupings[g].name)
    return found


def require_known_effects(fit: Fit) -> None:
    """Raise a `DataError` if no effect of any group has conditional modes."""
    group_index(fit, None)
    if not any(are_known(fit, k).any() for k in range(len(fit.matrices.terms))):
        raise _no_modes(" and ".join(group_names(fit.matrices)))


def _no_modes(group: str) -> DataError:
    return DataError(
        f"The random effects of {group} cannot be drawn: the data do not tell the variances and "
        "covariances\nthat they follow from.\n"
        "Do:   see model.convergence.message for what cannot be told."
    )
