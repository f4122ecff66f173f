"""Which means are asked for: ``"recipe | temperature"``, ``["a", "b"]``, ``"~ a * b | c"``."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from mixedmodels.design.names import near_matches
from mixedmodels.errors import DataError

By = str | Sequence[str] | None
"""Columns within whose values rows belong together."""

SEPARATORS = re.compile(r"[*+:,]")

QUOTED = re.compile(r"`[^`]*`")
"""A name in quotes, which may have any sign in it."""


@dataclass(frozen=True, slots=True)
class Specs:
    """The columns whose values the means are at.

    Attributes
    ----------
    names : tuple of str
        Columns whose means are compared with each other.
    by : tuple of str
        Columns within whose values they are.
    """

    names: tuple[str, ...]
    by: tuple[str, ...]


def read_specs(specs: str | Sequence[str], by: By, columns: Collection[str]) -> Specs:
    """Read what the user wrote.

    Parameters
    ----------
    specs
        A column, several joined by ``*``, ``+`` or ``:``, a list of them; ``"1"`` or an empty list
        for the overall mean. What follows ``|`` is `by`. A name with such signs in it stands
        between backticks, or in a list.
    by
        A column or several.
    columns
        The columns of the fixed part.

    Raises
    ------
    DataError
        If a name is not one of the columns, or is there twice.
    """
    text, own_by = _cut(specs, columns)
    if own_by and by is not None:
        raise DataError(
            f"specs = {specs!r} has a bar, and by is given too.\nDo:   give one of the two."
        )
    names = _names(text, columns)
    within = _names(own_by if by is None else by, columns)
    for name in (*names, *within):
        require_column(name, columns)
    twice = [name for i, name in enumerate((*names, *within)) if name in (*names, *within)[:i]]
    if twice:
        raise DataError(
            f"specs and by name {twice[0]!r} more than once.\nDo:   name each column once."
        )
    return Specs(names, within)


def require_column(name: object, columns: Collection[str]) -> None:
    """Refuse a name that the fixed part does not use."""
    if isinstance(name, str) and name in columns:
        return
    hint = near_matches(name, columns) if isinstance(name, str) else ""
    listed = f"choose from {', '.join(columns)}" if columns else "fit a model with factors"
    raise DataError(
        f"{name!r} is not a column that the fixed part of the model uses.{hint}\n"
        f"Do:   {listed}.\n"
        "Why:  means are linear functions of the fixed effects."
    )


def require_names(what: str, given: object) -> tuple[str, ...]:
    """The names in an argument that takes one or several, each once."""
    names = (given,) if isinstance(given, str) else given
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise DataError(f"{what} = {given!r} names no columns.\nDo:   give a name, or a list.")
    if len(set(names)) < len(names):
        raise DataError(f"{what} names a column more than once.\nDo:   name each column once.")
    return tuple(names)


def _cut(
    specs: str | Sequence[str], columns: Collection[str]
) -> tuple[str | Sequence[str], str | Sequence[str]]:
    """Before the bar, and after it."""
    if not isinstance(specs, str) or specs in columns:
        return specs, ()
    text = specs.strip()
    signs = _masked(text)
    tilde = signs.find("~")
    if left := text[: max(tilde, 0)].strip():
        raise DataError(
            f"specs = {specs!r} has {left!r} before the tilde.\n"
            f'Do:   write emmeans("{text[tilde + 1 :].strip()}").contrast("{left}").'
        )
    text, signs = text[tilde + 1 :], signs[tilde + 1 :]
    bar = signs.find("|")
    if bar < 0:
        return text, ()
    if "|" in signs[bar + 1 :]:
        raise DataError(
            f"specs = {specs!r} has two bars.\n"
            "Do:   join columns with * or +; write a name with signs in it between backticks."
        )
    return text[:bar], text[bar + 1 :]


def _masked(text: str) -> str:
    """The text with what is between backticks made plain, so that its signs do not count."""
    return QUOTED.sub(lambda found: "_" * len(found.group()), text)


def _names(given: str | Sequence[str], columns: Collection[str]) -> tuple[str, ...]:
    if not isinstance(given, str):
        if not isinstance(given, (list, tuple)):
            raise DataError(
                f"specs is of type {type(given).__name__}, which names no columns.\n"
                "Do:   give a name, or a list of names."
            )
        return tuple(name if name in columns else _plain(name) for name in given)
    for name in (given, given.strip()):
        if name in columns:
            return (name,)
    ends = [found.span() for found in SEPARATORS.finditer(_masked(given))]
    starts = [0, *(end for _, end in ends)]
    stops = [*(start for start, _ in ends), len(given)]
    words = [_plain(given[a:b]) for a, b in zip(starts, stops, strict=True)]
    if words in ([""], ["1"]):
        return ()
    return tuple(words)


def _plain(word: object) -> str:
    """A name without spaces, backticks, or the `C()` that makes a factor of it."""
    if not isinstance(word, str):
        raise DataError(f"{word!r} is not the name of a column.\nDo:   give names as text.")
    text = word.strip()
    made = re.fullmatch(r"(?:C|factor)\((.+)\)", text)
    return (made.group(1) if made else text).strip().strip("`")
