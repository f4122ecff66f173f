"""Cut a formula into tokens that remember their place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from mixedmodels.errors import FormulaError

TokenKind = Literal["name", "quoted", "number", "string", "operator", "open", "close", "space"]

_TOKEN = re.compile(
    r"""
      (?P<space>    \s+)
    | (?P<quoted>   `[^`]+`)
    | (?P<string>   '(?:\\.|[^'\\])*' | "(?:\\.|[^"\\])*")
    | (?P<number>   (?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<name>     \.?[^\W\d][\w.]*)
    | (?P<operator> %in% | \|\| | \*\* | == | != | <= | >= | // | [~+\-*/:^|.,=<>%@&!])
    | (?P<open>     [(\[{])
    | (?P<close>    [)\]}])
    """,
    re.VERBOSE | re.DOTALL,
)

_PLAIN_NAME = re.compile(r"\.?[^\W\d][\w.]*")

CONSTANTS = ("True", "False", "None")
"""Words that are values, and name a column only in backticks."""

_CLOSER = {"(": ")", "[": "]", "{": "}"}

DEEPEST = 100
"""Brackets within each other; nobody can read more, and Python's parser stops soon after."""

_TIGHT = {":", "^", "**", "=", "."}


@dataclass(frozen=True, slots=True)
class Token:
    """One word or sign of a formula; ``start:stop`` is its place in the source text."""

    kind: TokenKind
    text: str
    start: int
    stop: int

    @property
    def name(self) -> str:
        """The column that a name stands for: its text, without backticks."""
        return self.text[1:-1] if self.kind == "quoted" else self.text

    @property
    def is_name(self) -> bool:
        """Whether it is a word, with or without backticks."""
        return self.kind in ("name", "quoted")

    def is_operator(self, *signs: str) -> bool:
        """Whether it is one of these operators."""
        return self.kind == "operator" and self.text in signs


@lru_cache(maxsize=256)
def tokenize(text: str) -> tuple[Token, ...]:
    """Tokens of `text` without white space, brackets checked to be balanced.

    Raises
    ------
    FormulaError
        At a character that has no meaning in a formula, an unclosed quote, or a bracket without
        its partner.
    """
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _unreadable(text, position)
        kind: TokenKind = match.lastgroup  # type: ignore[assignment]  # the groups are the kinds
        if kind != "space":
            tokens.append(Token(kind, match.group(), position, match.end()))
        position = match.end()
    _check_brackets(text, tokens)
    return tuple(tokens)


def quote(name: str) -> str:
    """`name` as it must be written in a formula: with backticks unless it is a plain word."""
    is_plain = name not in CONSTANTS and _PLAIN_NAME.fullmatch(name)
    return name if is_plain else f"`{name}`"


def unquote(name: str) -> str:
    """The column that a written name stands for: `quote` undone."""
    return name[1:-1] if name.startswith("`") else name


def closing(tokens: Sequence[Token], opening: int) -> int:
    """Index of the bracket that closes the one at index `opening`; brackets must balance."""
    depth = 0
    for index in range(opening, len(tokens)):
        depth += (tokens[index].kind == "open") - (tokens[index].kind == "close")
        if depth == 0:
            return index
    raise ValueError("brackets do not balance")


def depths(tokens: Sequence[Token]) -> list[int]:
    """How many brackets enclose each token; brackets themselves count as inside."""
    result: list[int] = []
    depth = 0
    for token in tokens:
        depth += token.kind == "open"
        result.append(depth)
        depth -= token.kind == "close"
    return result


def render(tokens: Sequence[Token]) -> str:
    """The tokens as text with canonical spacing, the same for any spacing of the source."""
    pieces: list[str] = []
    for index, token in enumerate(tokens):
        before = tokens[index - 1] if index else None
        if token.kind != "operator":
            pieces.append(_gap(before, token) + token.text)
        elif token.text == ",":
            pieces.append(", ")
        elif token.text in _TIGHT or _is_unary(token, before):
            pieces.append(token.text)
        else:
            pieces.append(f" {token.text} ")
    return "".join(pieces).strip()


def _gap(before: Token | None, token: Token) -> str:
    """A space between two words in a row, as in Python's ``x if y else z``."""
    words = ("name", "quoted", "number", "string")
    if before is None or token.kind not in words:
        return ""
    return " " if before.kind in words else ""


def _is_unary(token: Token, before: Token | None) -> bool:
    if token.text not in ("+", "-", "!"):
        return False
    return before is None or before.kind in ("operator", "open")


def _check_brackets(text: str, tokens: Sequence[Token]) -> None:
    opened: list[Token] = []
    for token in tokens:
        if token.kind == "open":
            opened.append(token)
            if len(opened) > DEEPEST:
                message = f"Brackets are nested deeper than {DEEPEST} here: remove some."
                raise FormulaError(message, formula=text, position=token.start)
        elif token.kind == "close":
            if not opened:
                message = f"This {token.text!r} closes nothing: remove it, or open it before."
                raise FormulaError(message, formula=text, position=token.start)
            partner = opened.pop()
            if _CLOSER[partner.text] != token.text:
                expected = _CLOSER[partner.text]
                message = f"Expected {expected!r} here, to close {partner.text!r}."
                raise FormulaError(message, formula=text, position=token.start)
    if opened:
        message = f"This {opened[-1].text!r} is never closed: add {_CLOSER[opened[-1].text]!r}."
        raise FormulaError(message, formula=text, position=opened[-1].start)


def _unreadable(text: str, position: int) -> FormulaError:
    character = text[position]
    if character in "'\"`":
        message = f"This quotation mark {character} is never closed: add a second {character}."
    else:
        message = (
            f"{character!r} has no meaning in a formula. "
            "Put a column name that contains it in backticks: `name`."
        )
    return FormulaError(message, formula=text, position=position)
