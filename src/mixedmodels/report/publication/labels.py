"""Coefficients as a reader names them: ``recipe[T.B]:temp`` is recipe [B] × temp."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

TIMES = " × "

CODING = re.compile(r"^[A-Z]\.(?=.)", re.DOTALL)
"""The letter of a coding before the name of a level."""

CLOSERS = {"(": ")", "[": "]", "{": "}"}


class Piece(NamedTuple):
    """A factor of a product: its name, and the level or column in brackets behind it."""

    name: str
    level: str | None


def pieces(term: str, n_factors: int | None = None) -> list[Piece] | None:
    """The factors of a coefficient; None if its name cannot be taken apart for sure.

    Colons and brackets within brackets belong to a factor. `n_factors` is how many there are, where
    that is known: a name of a column may hold a colon.
    """
    parts = _split(term)
    if parts is None or (n_factors is not None and len(parts) != n_factors):
        return None
    return [_piece(part) for part in parts]


def _split(term: str) -> list[str] | None:
    """The text between colons that stand in no brackets; None where brackets do not match."""
    open_ones: list[str] = []
    starts = [0]
    for place, character in enumerate(term):
        if character in CLOSERS:
            open_ones.append(CLOSERS[character])
        elif character in CLOSERS.values():
            if not open_ones or open_ones.pop() != character:
                return None
        elif character == ":" and not open_ones:
            starts.append(place + 1)
    if open_ones:
        return None
    stops = [*(start - 1 for start in starts[1:]), len(term)]
    parts = [term[start:stop] for start, stop in zip(starts, stops, strict=True)]
    return parts if all(parts) else None


def _piece(part: str) -> Piece:
    if not part.endswith("]") or part.startswith("["):
        return Piece(part, None)
    depth = 0
    for place in range(len(part) - 1, -1, -1):
        depth += (part[place] == "]") - (part[place] == "[")
        if depth == 0 and place < len(part) - 2:
            return Piece(part[:place], CODING.sub("", part[place + 1 : -1]))
    return Piece(part, None)


def formula_term(term: str) -> str:
    """The term of the formula that a coefficient belongs to: ``recipe:temp``."""
    found = pieces(term)
    return term if found is None else ":".join(piece.name for piece in found)


def readable(term: str, rename: Mapping[str, str], n_factors: int | None = None) -> str:
    """The label of a coefficient: renamed as a whole, or factor by factor."""
    if term in rename:
        return rename[term]
    found = pieces(term, n_factors)
    if found is None:
        return term
    texts = _split(term) or [term]
    return TIMES.join(
        rename.get(text) or _written(piece, rename)
        for text, piece in zip(texts, found, strict=True)
    )


def group_label(group: str, rename: Mapping[str, str]) -> str:
    """A grouping factor, whose columns are joined by colons in every table."""
    if group in rename:
        return rename[group]
    return ":".join(rename.get(name, name) for name in group.split(":"))


def degree(term: str) -> int:
    """How many factors a coefficient is a product of; none of the intercept."""
    return 0 if term == "Intercept" else len(pieces(term) or [term])


def _written(piece: Piece, rename: Mapping[str, str]) -> str:
    name = rename.get(piece.name, piece.name)
    return name if piece.level is None else f"{name} [{rename.get(piece.level, piece.level)}]"


def distinct(terms: Sequence[str], labels: Sequence[str], rename: Mapping[str, str]) -> list[str]:
    """The labels, but the names themselves where two that were not renamed would look alike."""
    counts = Counter(labels)
    return [
        label if counts[label] == 1 or term in rename else term
        for term, label in zip(terms, labels, strict=True)
    ]
