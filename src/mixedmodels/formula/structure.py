"""A covariance structure as a formula writes it: ``ar1(0 + f | g, hom=False)``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import get_args

from mixedmodels.errors import FormulaError
from mixedmodels.formula.tokens import Token, depths, render
from mixedmodels.vocabulary import StructureWord

WORDS = frozenset(get_args(StructureWord))
"""Words that may stand before the bracket of a bar term; `mixedmodels.covariance` knows them."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option ``name=value``; ``start:stop`` is its place in the source text."""

    name: str
    text: str
    start: int = field(compare=False)
    stop: int = field(compare=False)

    @property
    def value(self) -> bool | int | float | str:
        """A truth value or a number, otherwise the text: names of columns or of matrices."""
        if self.text in ("True", "False"):
            return self.text == "True"
        if self.text.isdigit():
            return int(self.text)
        try:
            return float(self.text) if self.text[0] in "0123456789." else self.text
        except ValueError:
            return self.text

    def __str__(self) -> str:
        return f"{self.name}={self.text}"


@dataclass(frozen=True, slots=True)
class StructureCall:
    """The word of a structure and its options; ``start:stop`` is the place of the word.

    Attributes
    ----------
    word
        As written; ``"us"`` for ``(x | g)``, ``"diag"`` for ``(x || g)``.
    options
        As written, in order.
    """

    word: str
    options: tuple[Option, ...] = ()
    start: int = field(default=0, compare=False)
    stop: int = field(default=0, compare=False)

    @property
    def is_plain(self) -> bool:
        """Whether a bar alone says it: ``|`` or ``||``."""
        return self.word in ("us", "diag") and not self.options

    @property
    def is_independent(self) -> bool:
        """Whether it is ``||``: a variance of its own for each column."""
        return self.word == "diag" and not self.options

    def option(self, name: str) -> Option | None:
        """The option of that name, if it was written."""
        if not self.options:
            return None
        return next((option for option in self.options if option.name == name), None)

    def text(self, name: str) -> str | None:
        """The text of an option, if it was written."""
        option = self.option(name)
        return None if option is None else option.text

    def written(self, inside: str) -> str:
        """The call around what stands in its brackets before the options."""
        return f"{self.word}({', '.join([inside, *map(str, self.options)])})"


def split_options(text: str, tokens: Sequence[Token]) -> tuple[Sequence[Token], tuple[Option, ...]]:
    """What the brackets of a structure hold before the first comma, and the options after it.

    Raises
    ------
    FormulaError
        With a caret, if an option is not ``name=value``, has no value, or comes twice.
    """
    commas = [
        index
        for index, depth in enumerate(depths(tokens))
        if depth == 0 and tokens[index].is_operator(",")
    ]
    if not commas:
        return tokens, ()
    options: list[Option] = []
    for first, last in zip(commas, [*commas[1:], len(tokens)], strict=True):
        option = _read_option(text, tokens[first], tokens[first + 1 : last])
        if option.name in (known.name for known in options):
            message = f"The option {option.name} is given twice: keep one."
            raise _at(text, option.start, option.stop, message)
        options.append(option)
    return tokens[: commas[0]], tuple(options)


def _read_option(text: str, comma: Token, tokens: Sequence[Token]) -> Option:
    if not tokens:
        message = "Nothing follows this comma: write an option such as hom=True, or remove it."
        raise _at(text, comma.start, comma.stop, message)
    start, stop = tokens[0].start, tokens[-1].stop
    if len(tokens) < 2 or tokens[0].kind != "name" or not tokens[1].is_operator("="):
        message = (
            f"{render(tokens)!r} is no option: after the comma write name=value, such as hom=True, "
            "rank=2 or by=arm."
        )
        raise _at(text, start, stop, message)
    value = tokens[2:]
    if not value:
        message = f"This option has no value: write {tokens[0].text}=…"
        raise _at(text, start, stop, message)
    is_sum = all(
        token.is_name if index % 2 == 0 else token.is_operator("+", ":")
        for index, token in enumerate(value)
    )
    if not (is_sum and len(value) % 2) and not (len(value) == 1 and value[0].kind == "number"):
        message = (
            "The value of an option is a number, True, False, or names of columns: "
            f"not {render(value)!r}."
        )
        raise _at(text, value[0].start, stop, message)
    return Option(tokens[0].text, render(value), start, stop)


def _at(text: str, start: int, stop: int, message: str) -> FormulaError:
    return FormulaError(message, formula=text, position=start, length=stop - start)
