"""Keys of caches that stand for one object."""

from __future__ import annotations

from typing import Any


class Same:
    """Equal to itself alone: terms that read the same may stand in other places of other formulas.

    A cache keeps `value` alive for as long as the key, so that no later object takes its place.
    """

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)
