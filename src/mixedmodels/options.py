"""Refusing what an option cannot be, in one manner: which option, what it was given, what to do."""

from collections.abc import Sequence

import numpy as np

from mixedmodels.errors import DataError


def require_option(name: str, value: object, known: Sequence[object]) -> None:
    """Refuse a value that is not one of a closed set, as ``get_args`` gives it of a `Literal`."""
    is_plain = value is None or isinstance(value, (str, int, float, np.generic))
    if not is_plain or value not in known:
        listed = ", ".join(repr(option) for option in known if option is not None)
        raise DataError(f"{name} = {value!r} is not known.\nDo:   give one of {listed}.")


def require_flag(name: str, value: object) -> None:
    """Refuse what is neither true nor false."""
    if not isinstance(value, (bool, np.bool_)):
        raise DataError(
            f"{name} is of type {type(value).__name__}, neither True nor False.\n"
            "Do:   write True or False."
        )


def require_probability(name: str, value: float) -> None:
    """Refuse a number that is not strictly between 0 and 1."""
    if not (isinstance(value, (int, float, np.number)) and 0 < value < 1):
        raise DataError(
            f"{name} = {value!r} is not a probability.\n"
            "Do:   give a number between 0 and 1, as 0.05 or 0.95."
        )


def require_positive(name: str, value: object) -> float:
    """A number above zero, or a refusal of what is none."""
    is_number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not is_number or not value > 0:  # type: ignore[operator]
        raise DataError(
            f"{name} = {value!r} is not a positive number.\nDo:   give one, or leave it out."
        )
    return float(value)  # type: ignore[arg-type]


def require_count(name: str, value: int, *, what: str = "replicates") -> None:
    """Refuse a number, of replicates or what else, that is not a positive whole number."""
    is_whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not is_whole or value < 1:
        raise DataError(
            f"{name} = {value!r} is not a number of {what}.\n"
            "Do:   give a whole number of one or more."
        )
