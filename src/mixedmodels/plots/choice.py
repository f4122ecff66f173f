"""Which grouping factor a plot is about."""

from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.labels import group_names


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
