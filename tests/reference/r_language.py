"""The part of R's language in which the stored calls are written, as trees.

A call such as ``pairs(emmeans(fit, ~ a | b), adjust='holm')`` is read by precedence climbing over
tokens. Operators are calls of their sign, as they are in R itself; ``package::name`` is the name.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)"
    r"|(?P<text>'[^']*'|\"[^\"]*\")"
    r"|(?P<name>[A-Za-z.][\w.]*)"
    r"|(?P<sign>::|[-~|+*/:^$=(),]))"
)

# From R's help page Syntax, loosest first; a minus before its operand binds between ^ and *.
BINARY = {"~": 1, "|": 2, "+": 3, "-": 3, "*": 4, "/": 4, ":": 5, "^": 7, "$": 9}
PREFIX = {"~": 1, "-": 6, "+": 6}

CONSTANTS = {"TRUE": True, "FALSE": False, "NULL": None}


@dataclass(frozen=True, slots=True)
class Name:
    """A name that stands for something."""

    text: str


@dataclass(frozen=True, slots=True)
class Value:
    """A number, a text, TRUE, FALSE or NULL."""

    value: float | str | bool | None


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments, each with its name or None."""

    function: str
    arguments: tuple[tuple[str | None, "Node"], ...]


Node = Name | Value | Call


class NotRead(ValueError):
    """The text says something that this reader does not know."""


def parse(text: str) -> Node:
    """The tree of one expression; `NotRead` unless all of the text is read."""
    reader = _Reader(text)
    node = reader.expression(0)
    if reader.sign or reader.kind != "end":
        raise NotRead(f"{reader.token!r} is left over in: {text}")
    return node


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while text[at:].strip():
        found = TOKEN.match(text, at)
        if found is None:
            raise NotRead(f"no token at {text[at:]!r} in: {text}")
        at = found.end()
        kind = str(found.lastgroup)
        yield kind, found[kind]
    yield "end", ""


def _number(text: str) -> float | int:
    return int(text) if text.isdigit() else float(text)


class _Reader:
    """One token ahead of what is read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = _tokens(text)
        self.advance()

    def advance(self) -> str:
        token = getattr(self, "token", "")
        self.kind, self.token = next(self.tokens, ("end", ""))
        return token

    @property
    def sign(self) -> str:
        return self.token if self.kind == "sign" else ""

    def expect(self, sign: str) -> None:
        if self.sign != sign:
            raise NotRead(f"{sign!r} expected, not {self.token!r}, in: {self.text}")
        self.advance()

    def expression(self, loosest: int) -> Node:
        left = self.operand()
        while BINARY.get(self.sign, 0) > loosest:
            sign = self.advance()
            # ^ groups from the right
            right = self.expression(BINARY[sign] - (sign == "^"))
            left = Call(sign, ((None, left), (None, right)))
        return left

    def operand(self) -> Node:
        if self.sign in PREFIX:
            sign = self.advance()
            return Call(sign, ((None, self.expression(PREFIX[sign])),))
        if self.sign == "(":
            self.advance()
            inside = self.expression(0)
            self.expect(")")
            return inside
        match self.kind:
            case "number":
                return Value(_number(self.advance()))
            case "text":
                return Value(self.advance()[1:-1])
            case "name":
                return self.named()
        raise NotRead(f"an operand expected, not {self.token!r}, in: {self.text}")

    def named(self) -> Node:
        name = self.advance()
        if self.sign == "::":
            self.advance()
            name = self.advance()
        if name in CONSTANTS:
            return Value(CONSTANTS[name])
        if self.sign != "(":
            return Name(name)
        self.advance()
        arguments = []
        while self.sign != ")":
            arguments.append(self.argument())
            if self.sign != ")":
                self.expect(",")
        self.expect(")")
        return Call(name, tuple(arguments))

    def argument(self) -> tuple[str | None, Node]:
        value = self.expression(0)
        if self.sign != "=":
            return None, value
        if not isinstance(value, Name):
            raise NotRead(f"a name expected before '=' in: {self.text}")
        self.advance()
        return value.text, self.expression(0)
