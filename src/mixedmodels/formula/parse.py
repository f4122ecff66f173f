"""Parse a formula: a response, the terms of the fixed part, and bar terms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from formulaic.parser.types import Factor

from mixedmodels.errors import FormulaError
from mixedmodels.formula.bars import is_bar, read_bar
from mixedmodels.formula.expression import read_expression
from mixedmodels.formula.formula import Formula, RandomTerm
from mixedmodels.formula.syntax import (
    Addend,
    Sign,
    signed_tokens,
    split_sides,
    split_sum,
    top_level_bars,
)
from mixedmodels.formula.terms import read_sum
from mixedmodels.formula.tokens import Token, closing, render, tokenize


@dataclass(frozen=True, slots=True)
class SplitTerms:
    """The two kinds of addends of a right-hand side."""

    fixed: tuple[Addend, ...]
    bars: tuple[Addend, ...]


def parse(text: str) -> Formula:
    """Read ``response ~ fixed + (lhs | group) …``.

    Parameters
    ----------
    text
        The formula. Column names that are not plain words stand in backticks.

    Returns
    -------
    Formula
        Its parts as canonical text. ``(1 | a/b)`` has become ``(1 | a)`` and ``(1 | a:b)``.

    Raises
    ------
    FormulaError
        With the formula and a caret under the place that cannot be read.

    Examples
    --------
    >>> formula = parse("strength ~ 1 + (1 | batch/cask)")
    >>> formula.fixed
    '1'
    >>> [term.name for term in formula.random]
    ['batch', 'batch:cask']
    """
    if not isinstance(text, str):
        message = f"A formula is a string such as 'y ~ x + (1 | g)', not {type(text).__name__}."
        raise FormulaError(message, formula=str(text))
    return _parsed(text)


@lru_cache(maxsize=256)
def _parsed(text: str) -> Formula:
    """The formula; the same text is read once, as a `Formula` never changes."""
    tokens = tokenize(text)
    left, right = split_sides(text, tokens)
    _check_response(text, left)
    _check_dots(text, tokens)
    _check_right(text, right)
    split = split_terms(text, right)
    subtracted = next((bar for bar in split.bars if bar.sign == "-"), None)
    if subtracted is not None:
        message = "A bar term cannot be subtracted: leave it out. (update() can remove it.)"
        raise FormulaError(message, formula=text, position=subtracted.start)
    random = tuple(term for bar in split.bars for term in read_bar(text, bar))
    _check_repeats(text, random)
    return Formula(
        text=text,
        response=render(left),
        fixed=join_addends(split.fixed),
        fixed_terms=tuple(_signed(addend) for addend in split.fixed),
        random=random,
        fixed_sum=read_sum(text, signed_tokens(split.fixed)),
        response_factor=_response(text, left),
    )


def split_terms(text: str, tokens: Sequence[Token]) -> SplitTerms:
    """Sort the addends of a right-hand side; brackets that only group bar terms are opened."""
    addends = tuple(_open_brackets(text, tokens, "+"))
    bars = tuple(addend for addend in addends if is_bar(addend))
    fixed = tuple(addend for addend in addends if not is_bar(addend))
    for addend in fixed:
        _check_stray_bar(text, addend)
    return SplitTerms(fixed, bars)


def join_addends(addends: Sequence[Addend]) -> str:
    """The addends as the text of a sum; ``"1"`` if there are none."""
    if not addends:
        return "1"
    text = _signed(addends[0])
    for addend in addends[1:]:
        text += f" {addend.sign} {render(addend.tokens)}"
    return text


def _response(text: str, tokens: Sequence[Token]) -> Factor:
    place = {"start": tokens[0].start, "stop": tokens[-1].stop, "formula": text}
    if len(tokens) == 1 and tokens[0].is_name:
        return Factor(tokens[0].name, eval_method="lookup", metadata=place)
    return Factor(read_expression(text, tokens).text, eval_method="python", metadata=place)


def _signed(addend: Addend) -> str:
    return ("-" if addend.sign == "-" else "") + render(addend.tokens)


def _open_brackets(text: str, tokens: Sequence[Token], sign: Sign) -> Iterator[Addend]:
    """Addends of a sum, going into ``(x + (1 | g))`` but not into ``(a + b)`` or ``(1 | g)``."""
    for addend in split_sum(text, tokens):
        same = addend.sign == sign
        signed = Addend("+" if same else "-", addend.tokens)
        inside = addend.tokens[1:-1]
        if addend.is_bracketed and not is_bar(addend) and _has_bar(text, inside):
            yield from _open_brackets(text, inside, signed.sign)
        else:
            yield signed


def _has_bar(text: str, tokens: Sequence[Token]) -> bool:
    """Whether a sum has a bar term among its addends, at any depth of plain brackets."""
    return any(
        is_bar(addend) or (addend.is_bracketed and _has_bar(text, addend.tokens[1:-1]))
        for addend in split_sum(text, tokens)
    )


def _check_response(text: str, tokens: Sequence[Token]) -> None:
    if not tokens:
        message = "The response is missing: write its column before the '~'."
        raise FormulaError(message, formula=text, position=0)
    if top_level_bars(tokens) or _has_bar(text, tokens):
        bar = next(token for token in tokens if token.is_operator("|", "||"))
        message = "A bar term belongs on the right of the '~'."
        raise FormulaError(message, formula=text, position=bar.start, length=len(bar.text))


def _check_right(text: str, tokens: Sequence[Token]) -> None:
    if not tokens:
        message = "The terms are missing: write 1 after the '~' for an intercept alone."
        raise FormulaError(message, formula=text, position=len(text.rstrip()))


def _check_dots(text: str, tokens: Sequence[Token]) -> None:
    for index, token in enumerate(tokens):
        after_bracket = index > 0 and tokens[index - 1].kind == "close"
        if token.is_operator(".") and not after_bracket:
            message = "'.' stands for the old parts in update(); elsewhere name the columns."
            raise FormulaError(message, formula=text, position=token.start)


def _check_stray_bar(text: str, addend: Addend) -> None:
    """Refuse bars that belong to no term: ``x + 1 | g`` and ``x * (1 | g)``."""
    tokens = addend.tokens
    bars = top_level_bars(tokens)
    if bars:
        bar = tokens[bars[0]]
        message = "A bar needs brackets around its term: write (1 | g)."
        raise FormulaError(message, formula=text, position=bar.start, length=len(bar.text))
    for index, token in enumerate(tokens):
        is_group = token.text == "(" and (index == 0 or not tokens[index - 1].is_name)
        if is_group and _has_bar(text, tokens[index : closing(tokens, index) + 1]):
            message = "A bar term can only be added: write … + (1 | g)."
            raise FormulaError(message, formula=text, position=token.start)


def _check_repeats(text: str, terms: Sequence[RandomTerm]) -> None:
    """Refuse a term that is written twice; the design finds repeats in other words."""
    for index, term in enumerate(terms):
        if str(term) in map(str, terms[:index]):
            message = f"The term {term} occurs twice; remove one: they cannot be told apart."
            length = term.stop - term.start
            raise FormulaError(message, formula=text, position=term.start, length=length)
