"""What a caller wrote of a design, as own mappings and tuples, or an error that says how."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from mixedmodels.errors import DataError
from mixedmodels.planning.columns import Levels
from mixedmodels.planning.layout import Sizes


def mapping(name: str, given: object, *, example: str) -> dict[str, Any]:
    """A mapping of names; None is an empty one."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise DataError(f"{name} = {given!r} has no names.\nDo:   give a mapping, as {example}.")
    for key in given:
        if not isinstance(key, str) or not key:
            raise DataError(f"{name} has the name {key!r}.\nDo:   give text, as in {example}.")
    return dict(given)


def sizes(given: int | Sequence[int]) -> Sizes:
    """One size, or several in turn."""
    is_list = isinstance(given, Sequence) and not isinstance(given, str | bytes)
    if is_list or (isinstance(given, np.ndarray) and given.ndim == 1):
        return tuple(given)  # type: ignore[arg-type]  # it has been told; `check_size` looks inside
    return given  # type: ignore[return-value]  # `check_size` refuses all but a number


def factors(name: str, given: object) -> dict[str, Levels]:
    """Factors and their levels."""
    example = '{"cond": ["a", "b"]}'
    found = mapping(name, given, example=example)
    return {factor: _levels(f"{name}: {factor}", levels) for factor, levels in found.items()}


def between(given: object) -> dict[str, dict[str, Levels]]:
    """Factors per unit."""
    found = mapping("between", given, example='{"subject": {"group": ["a", "b"]}}')
    return {unit: factors(f"between {unit}", levels) for unit, levels in found.items()}


def names(name: str, given: object, *, example: str) -> dict[str, str]:
    """Names to names."""
    found = mapping(name, given, example=example)
    for key, value in found.items():
        if not isinstance(value, str):
            raise DataError(
                f"{name}: {key} is {value!r}.\nDo:   give the name of a unit, as in {example}."
            )
    return found


def dropout(given: object) -> dict[str, tuple[str, float]]:
    """Per unit the factor along which it drops out, and the rate."""
    example = '{"subject": ("day", 0.05)}'
    found = mapping("dropout", given, example=example)
    for unit, value in found.items():
        is_pair = isinstance(value, tuple | list) and len(value) == 2
        if not (is_pair and isinstance(value[0], str)):
            raise DataError(
                f"dropout of {unit} is {value!r}.\n"
                f"Do:   give a factor and a probability, as {example}."
            )
    return {unit: (value[0], value[1]) for unit, value in found.items()}


def _levels(name: str, given: object) -> Levels:
    if isinstance(given, bytes | Mapping) or not isinstance(given, Iterable):
        raise DataError(
            f'The levels of {name} are {given!r}.\nDo:   give a list of them, as ["a", "b"].'
        )
    levels = tuple(level.item() if isinstance(level, np.generic) else level for level in given)
    for level in levels:
        is_number = isinstance(level, int | float)
        if not isinstance(level, str) and not (is_number and np.isfinite(level)):
            raise DataError(
                f"A level of {name} is {level!r}.\nDo:   give texts, or finite numbers."
            )
    return levels
