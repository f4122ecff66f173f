"""Levels of a factor: their labels, and which level of one table is which of another."""

from __future__ import annotations

import datetime
import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.errors import DataError

Int32 = NDArray[np.int32]

_NUMBER = re.compile(r"[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?|[iI]nf)")

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?")

_TRUTH = {"true": 1, "false": 0}

_PLAIN_TYPES = (str, int, bool, float)
"""Types whose different values have different texts."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a level means, whatever the type that holds it.

    Attributes
    ----------
    kind
        In words: ``"text"``, ``"number"``, ``"boolean"``, ….
    family
        Kinds of one family are compared by value: a boolean is 0 or 1, a date is its midnight.
    key
        Equal within a family for levels that mean the same: 1 and 1.0, 0.1 and ``Decimal("0.10")``.
    """

    kind: str
    family: str
    key: Hashable


def label(value: object) -> str:
    """A level as text: whole numbers without a point, decimals without zeros at the end."""
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value)) if float(value) == value else str(value)
    if isinstance(value, Decimal) and value.is_finite():
        text = format(value, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    return str(value)


def require_distinct_labels(name: str, values: Sequence[Any]) -> None:
    """Refuse a factor of which two levels read the same, such as ``1`` and ``"1"``.

    Raises
    ------
    DataError
        That names the two.
    """
    types = {type(value) for value in values}
    if len(types) < 2 and types <= set(_PLAIN_TYPES):
        return
    seen: dict[str, Any] = {}
    for value in values:
        text = label(value)
        if text in seen:
            raise DataError(
                f"Column {name!r} has two levels that read the same, {seen[text]!r} "
                f"({type(seen[text]).__name__}) and {value!r} ({type(value).__name__}).\n"
                "Do:   give the levels one type, or different names.\n"
                "Why:  no table could tell their results apart."
            )
        seen[text] = value


def joined_labels(parts: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Labels of combinations of levels, one sequence of texts per factor, such as ``"a1:b1"``.

    Where two combinations would read the same, as ``a:b`` with ``c`` and ``a`` with ``b:c``, the
    parts that have a colon are quoted: ``"a:b":c``.
    """
    combinations = list(zip(*parts, strict=True))
    labels = tuple(map(":".join, combinations))
    distinct = len(set(labels))
    if distinct == len(labels) or distinct == len(set(combinations)):
        return labels
    return tuple(map(":".join, zip(*(map(_quoted, texts) for texts in parts), strict=True)))


def match_levels(name: str, values: Sequence[Any], known: Sequence[Any]) -> Int32:
    """The number of each level of other data among the levels `known` of a fit.

    Levels of one type are equal by value. A level of another type is equal where it means the
    same: numbers by their value whatever holds them, ``True`` is 1, a date is its midnight, and
    text is what it reads as (``"308"``, ``"308.0"``, ``"2024-05-01"``, ``"TRUE"``), in either of
    the two tables.

    Parameters
    ----------
    name
        Of the column, for messages.
    values
        The levels of the other data.
    known
        The levels of the fit.

    Returns
    -------
    array
        int32, one longer than `values`: -1 for an unknown level, and at the end, so that it can
        be indexed with codes.

    Raises
    ------
    DataError
        If a level of another type cannot be compared with those of the fit, or none of them is
        equal to one of the fit, or two that differ mean the same.
    """
    types = {type(value) for value in (*values, *known)}
    if len(types) <= 1 and types <= set(_PLAIN_TYPES):
        numbers = dict(zip(known, range(len(known)), strict=True))
        found = [numbers.get(value, -1) for value in values]
        if types != {float} or -1 not in found:
            return np.array([*found, -1], dtype=np.int32)
    theirs, ours = [meaning(value) for value in values], [meaning(value) for value in known]
    found = _Matcher(name, known, ours).numbers(values, theirs)
    return np.array([*found, -1], dtype=np.int32)


class _Matcher:
    """Looks up levels of several types among those of a fit."""

    def __init__(self, name: str, known: Sequence[Any], ours: Sequence[Meaning]) -> None:
        self.name, self.known, self.ours = name, known, ours
        self.kinds = {meaning.family: meaning.kind for meaning in ours}
        self.numbers_of = {(m.family, m.key): number for number, m in enumerate(ours)}
        for number, value in enumerate(known):
            for key in _as_printed(value):
                self.numbers_of.setdefault(("number", key), number)
        self.read_as: dict[tuple[str, str], dict[Hashable, list[int]]] = {}

    def numbers(self, values: Sequence[Any], theirs: Sequence[Meaning]) -> list[int]:
        """The number of each level, -1 for a new one."""
        found = [
            self._number(value, meaning) for value, meaning in zip(values, theirs, strict=True)
        ]
        is_foreign = {type(value) for value in values}.isdisjoint(map(type, self.known))
        is_foreign |= {m.kind for m in theirs}.isdisjoint(m.kind for m in self.ours)
        if is_foreign and found and max(found) < 0:
            raise self._types_differ(values[0], theirs[0])
        holder: dict[int, int] = {}
        for i, number in enumerate(found):
            if number >= 0 and holder.setdefault(number, i) != i:
                raise self._same(values[holder[number]], values[i], self.known[number])
        return found

    def _number(self, value: Any, meaning: Meaning) -> int:
        keys = (meaning.key, *_as_printed(value))
        number = next(
            (n for n in (self.numbers_of.get((meaning.family, key), -1) for key in keys) if n >= 0),
            -1,
        )
        if number >= 0 or meaning.family in self.kinds:
            return number
        if meaning.family == "text":
            readings = {
                family: read_text(str(meaning.key), family, kind)
                for family, kind in self.kinds.items()
            }
            if all(key is None for key in readings.values()):
                raise self._types_differ(value, meaning)
            return max(self.numbers_of.get((f, key), -1) for f, key in readings.items())
        return self._among_texts(value, meaning)

    def _among_texts(self, value: Any, meaning: Meaning) -> int:
        readings = self._readings(meaning)
        if not readings:
            raise self._types_differ(value, meaning)
        keys = (meaning.key, *_as_printed(value))
        same = next((readings[key] for key in keys if key in readings), [])
        if len(same) > 1:
            raise self._same(self.known[same[0]], self.known[same[1]], value)
        return same[0] if same else -1

    def _readings(self, meaning: Meaning) -> Mapping[Hashable, list[int]]:
        """The texts of the fit by what they read as, in the family of a level."""
        by_key = self.read_as.get((meaning.family, meaning.kind))
        if by_key is None:
            by_key = self.read_as[meaning.family, meaning.kind] = {}
            for number, own in enumerate(self.ours):
                if own.family == "text":
                    key = read_text(str(own.key), meaning.family, meaning.kind)
                    if key is not None:
                        by_key.setdefault(key, []).append(number)
        return by_key

    def _types_differ(self, value: Any, meaning: Meaning) -> DataError:
        return DataError(
            f"Column {self.name!r} has levels of another type than in the fit: the {meaning.kind} "
            f"{label(value)!r} ({type(value).__name__}), where the fit has the {self.ours[0].kind} "
            f"{label(self.known[0])!r} ({type(self.known[0]).__name__}).\n"
            "Do:   convert the column to the type that it had in the fit.\n"
            "Why:  nothing tells which level of the fit is meant, and they would all count as new."
        )

    def _same(self, first: Any, second: Any, other: Any) -> DataError:
        return DataError(
            f"The levels {first!r} and {second!r} of column {self.name!r} both mean "
            f"{other!r} of the other table, which has another type.\n"
            "Do:   convert the column to one type in both tables."
        )


def number_key(value: float | np.floating[Any] | np.integer[Any] | Decimal) -> Hashable:
    """Whole numbers as integers, others as the shortest decimal that reads back as the value."""
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, Decimal):
        if not value.is_finite():
            return float(value)
        return int(value) if value == value.to_integral_value() else value
    if not np.isfinite(value):
        return float(value)
    if value == np.floor(value):
        return int(value)
    return Decimal(np.format_float_positional(value, unique=True))


def meaning(value: object) -> Meaning:
    """What a level means."""
    if isinstance(value, str):
        return Meaning("text", "text", str(value))
    if isinstance(value, (bool, np.bool_)):
        return Meaning("boolean", "number", int(value))
    if isinstance(value, (int, np.integer)):
        return Meaning("number", "number", int(value))
    if isinstance(value, (float, np.floating, Decimal)):
        return Meaning("number", "number", number_key(value))
    if isinstance(value, (datetime.date, np.datetime64)):
        return _meaning_of_moment(value)
    if isinstance(value, (datetime.timedelta, np.timedelta64)):
        return Meaning("duration", "duration", pd.Timedelta(value))
    kind = type(value).__name__.lower()
    return Meaning(kind, kind, str(value))


def read_text(text: str, family: str, kind: str) -> Hashable | None:
    """The key that a text has where it is read as another kind of level; None if it cannot be."""
    text = text.strip()
    if family == "number":
        if kind == "boolean" and text.casefold() in _TRUTH:
            return _TRUTH[text.casefold()]
        return number_key(Decimal(text)) if _NUMBER.fullmatch(text) else None
    try:
        if family.startswith("moment"):
            if not _MOMENT.fullmatch(text):
                return None
            read = _meaning_of_moment(pd.Timestamp(text))
            return read.key if read.family == family else None
        if family == "duration":
            return pd.Timedelta(text)  # type: ignore[no-any-return]
    except ValueError:
        return None
    return text


def _as_printed(value: object) -> tuple[Hashable, ...]:
    """The keys that the shortest texts of a float read as, in its own and in lower precision.

    Beyond 2^53 that is another whole number; and 0.1 held in four bytes is 0.10000000149011612
    in eight.
    """
    if not isinstance(value, float) or not np.isfinite(value):
        return ()
    with np.errstate(over="ignore"):
        held = [kind(value) for kind in (np.float64, np.float32, np.float16)]
    return tuple(number_key(Decimal(str(short))) for short in held if float(short) == value)


def _meaning_of_moment(value: Any) -> Meaning:
    moment = pd.Timestamp(value)
    is_date = isinstance(value, datetime.date) and not isinstance(value, datetime.datetime)
    kind = "date" if is_date else "timestamp"
    if moment.tzinfo is None:
        return Meaning(kind, "moment", moment)
    return Meaning("timestamp with time zone", "moment in a zone", moment.tz_convert("UTC"))


def _quoted(text: str) -> str:
    if ":" not in text and '"' not in text:
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
