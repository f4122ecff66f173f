"""Variance parameters that are held: fixed at a value, or tied to each other."""

from collections.abc import Mapping, Sequence

import numpy as np

from mixedmodels.errors import DataError


def checked_fixed(fixed: object) -> dict[str, float] | None:
    """Values by the names of parameters, as a copy.

    Raises
    ------
    DataError
        If it is no mapping of names to finite numbers.
    """
    if fixed is None:
        return None
    if not isinstance(fixed, Mapping) or not all(isinstance(name, str) for name in fixed):
        raise DataError(
            "fixed is no mapping of parameter names to values.\n"
            'Do:   write fixed={"sd(Subject:Intercept)": 1.0}.'
        )
    values = {}
    for name, value in fixed.items():
        is_number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
        if not is_number or not np.isfinite(value):
            raise DataError(
                f"fixed gives {name!r} the value {value!r}.\n"
                "Do:   give a finite number, on the scale on which the parameter is reported."
            )
        values[name] = float(value)
    return values or None


def checked_tied(tied: object) -> tuple[tuple[str, ...], ...] | None:
    """Groups of names of parameters that are to be equal, as a copy.

    Raises
    ------
    DataError
        If it is no sequence of groups of two or more names, or a name is in two groups.
    """
    if tied is None:
        return None
    items = tied if isinstance(tied, Sequence) and not isinstance(tied, str) else None
    groups = [_group(item) for item in items or ()]
    names = [name for group in groups for name in group]
    twice = next((name for name in names if names.count(name) > 1), None)
    if items is None or twice is not None:
        what = "is no sequence of groups" if twice is None else f"names {twice!r} twice"
        raise DataError(
            f"tied {what}.\n"
            'Do:   write tied=[("sd(g:a)", "sd(g:b)")], a group of names for parameters that are '
            "to be equal, and each name once."
        )
    return tuple(groups) or None


def _group(group: object) -> tuple[str, ...]:
    names = tuple(group) if isinstance(group, Sequence) and not isinstance(group, str) else ()
    if len(names) > 1 and all(isinstance(name, str) for name in names):
        return names
    raise DataError(
        f"tied has the group {group!r}.\n"
        'Do:   write two or more names of parameters in each group, as ("sd(g:a)", "sd(g:b)").'
    )
