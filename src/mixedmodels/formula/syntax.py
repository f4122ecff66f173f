"""The syntax tree of a formula: two sides, each a sum of signed addends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from mixedmodels.errors import FormulaError
from mixedmodels.formula.tokens import Token, closing, depths

Sign = Literal["+", "-"]


@dataclass(frozen=True, slots=True)
class Addend:
    """One signed part of a sum; `tokens` has at least one token."""

    sign: Sign
    tokens: tuple[Token, ...]

    @property
    def start(self) -> int:
        """Place of its first character, without the sign."""
        return self.tokens[0].start

    @property
    def stop(self) -> int:
        """Place behind its last character."""
        return self.tokens[-1].stop

    @property
    def is_bracketed(self) -> bool:
        """Whether one pair of round brackets encloses the whole addend."""
        if self.tokens[0].text != "(" or self.tokens[0].kind != "open":
            return False
        return closing(self.tokens, 0) == len(self.tokens) - 1


def signed_tokens(addends: Sequence[Addend]) -> list[Token]:
    """The tokens of a sum of addends, with their signs."""
    return [
        token
        for addend in addends
        for token in (Token("operator", addend.sign, addend.start, addend.start), *addend.tokens)
    ]


def split_sides(text: str, tokens: Sequence[Token]) -> tuple[tuple[Token, ...], tuple[Token, ...]]:
    """The tokens before and after the tilde; one that turns a condition divides nothing."""
    inside = depths(tokens)
    tildes = [
        index
        for index, token in enumerate(tokens)
        if token.is_operator("~") and not (inside[index] and _negates(tokens, index))
    ]
    if not tildes:
        message = "A formula needs a '~' between the response and the terms: response ~ terms."
        raise FormulaError(message, formula=text, position=len(text.rstrip()))
    if len(tildes) > 1:
        message = "A formula has one '~'; remove this one."
        raise FormulaError(message, formula=text, position=tokens[tildes[1]].start)
    (tilde,) = tildes
    if inside[tilde] > 0:
        message = "The '~' must not be inside brackets."
        raise FormulaError(message, formula=text, position=tokens[tilde].start)
    return tuple(tokens[:tilde]), tuple(tokens[tilde + 1 :])


def split_sum(text: str, tokens: Sequence[Token]) -> Iterator[Addend]:
    """The addends of a sum; signs inside brackets belong to the addend.

    A sign that follows another operator is part of the addend (``x^-1``); several signs in a row
    combine as in arithmetic.
    """
    sign: Sign = "+"
    collected: list[Token] = []
    last_sign: Token | None = None
    for token, depth in zip(tokens, depths(tokens), strict=True):
        if depth == 0 and token.is_operator("+", "-") and not _awaits_operand(collected):
            if collected:
                yield Addend(sign, tuple(collected))
                collected, sign = [], "+"
            if token.text == "-":
                sign = "-" if sign == "+" else "+"
            last_sign = token
        else:
            collected.append(token)
    if collected:
        yield Addend(sign, tuple(collected))
    elif last_sign is not None:
        message = f"Nothing follows this {last_sign.text!r}: add a term or remove it."
        raise FormulaError(message, formula=text, position=last_sign.start)


def _awaits_operand(tokens: Sequence[Token]) -> bool:
    """Whether an operand must follow, so that a sign belongs to it; a dot is an operand."""
    return bool(tokens) and tokens[-1].kind == "operator" and tokens[-1].text != "."


def _negates(tokens: Sequence[Token], index: int) -> bool:
    """Whether the tilde at `index` turns a condition, as in ``I(~done)``."""
    before = tokens[index - 1] if index else None
    return before is not None and before.kind in ("open", "operator")


def top_level_bars(tokens: Sequence[Token]) -> list[int]:
    """Indices of the ``|`` and ``||`` that no bracket encloses."""
    return [
        index
        for index, depth in enumerate(depths(tokens))
        if depth == 0 and tokens[index].is_operator("|", "||")
    ]
