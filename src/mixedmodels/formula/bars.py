"""Read one bar term: ``(lhs | group)``, ``(lhs || group)``, ``ar1(lhs | group, hom=False)``."""

from __future__ import annotations

from collections.abc import Sequence

from mixedmodels.errors import FormulaError
from mixedmodels.formula.formula import MEMBERSHIP, RandomTerm
from mixedmodels.formula.structure import WORDS, StructureCall, split_options
from mixedmodels.formula.syntax import Addend, split_sum, top_level_bars
from mixedmodels.formula.terms import read_sum
from mixedmodels.formula.tokens import CONSTANTS, Token, closing, render


def is_bar(addend: Addend) -> bool:
    """Whether the addend is one bar term, possibly malformed inside."""
    inside = _inside(addend)
    return inside is not None and bool(top_level_bars(inside))


def read_bar(text: str, addend: Addend) -> tuple[RandomTerm, ...]:
    """The random terms that one bar term stands for: several for ``(1 | a/b)``.

    Raises
    ------
    FormulaError
        With a caret, if a side is empty, the group is not made of column names, there are two
        bars, or the options cannot be read.
    """
    inside = _inside(addend)
    if inside is None:
        raise ValueError("not a bar term")
    bars = top_level_bars(inside)
    if len(bars) > 1:
        message = "A term has one bar: write (lhs | group), with separate brackets for each term."
        raise FormulaError(message, formula=text, position=inside[bars[1]].start)
    (bar,) = bars
    left, sign = inside[:bar], inside[bar]
    right, options = split_options(text, inside[bar + 1 :])
    word = _word(text, addend, sign)
    structure = StructureCall(word.text, options, word.start, word.stop)
    lhs, columns = _read_lhs(text, left, sign), read_sum(text, left)
    groups = read_members if word.text == MEMBERSHIP else read_groups
    return tuple(
        RandomTerm(lhs, group, structure, addend.start, addend.stop, columns)
        for group in groups(text, right, sign)
    )


def _inside(addend: Addend) -> tuple[Token, ...] | None:
    """What the brackets of ``( … )`` or ``word( … )`` enclose, for words that mark bar terms."""
    if addend.is_bracketed:
        return addend.tokens[1:-1]
    word = addend.tokens[0]
    if word.kind != "name" or word.text not in WORDS:
        return None
    call = Addend(addend.sign, addend.tokens[1:]) if len(addend.tokens) > 1 else None
    return call.tokens[1:-1] if call is not None and call.is_bracketed else None


def _word(text: str, addend: Addend, bar: Token) -> Token:
    """The word of the structure; of plain brackets the one that says the same as their bar."""
    word = addend.tokens[0]
    if word.kind == "open":
        return Token("name", "diag" if bar.text == "||" else "us", word.start, word.stop)
    if bar.text == "||":
        message = f"Inside {word.text}() write a single bar: {word.text}(x | g)."
        raise FormulaError(message, formula=text, position=bar.start, length=2)
    return word


def _read_lhs(text: str, tokens: Sequence[Token], bar: Token) -> str:
    if not tokens:
        message = "Nothing stands before this bar: write (1 | g) for a random intercept."
        raise FormulaError(message, formula=text, position=bar.start, length=len(bar.text))
    addends = tuple(split_sum(text, tokens))
    nested = next((part for part in addends if is_bar(part)), None)
    if nested is not None:
        message = "A bar term cannot stand inside another one: add it outside, with '+'."
        raise FormulaError(message, formula=text, position=nested.start)
    return render(tokens)


def read_groups(text: str, tokens: Sequence[Token], bar: Token) -> list[tuple[str, ...]]:
    """The grouping factors after the bar: ``a/b`` gives ``(a,)`` and ``(a, b)``.

    Raises
    ------
    FormulaError
        With a caret, if there is none, or it is not made of column names.
    """
    parts = _split(text, _group_tokens(text, tokens, bar), "/")
    groups: list[tuple[str, ...]] = []
    columns: tuple[str, ...] = ()
    for part in parts:
        for name in _split(text, part, ":"):
            columns = (*columns, _read_column(text, name, columns))
        groups.append(columns)
    return groups


def read_members(text: str, tokens: Sequence[Token], bar: Token) -> list[tuple[str, ...]]:
    """The columns after the bar of ``mm(1 | g1 + g2)``, as one group.

    Raises
    ------
    FormulaError
        With a caret, if there are fewer than two, or they are no column names.
    """
    columns: tuple[str, ...] = ()
    found = _group_tokens(text, tokens, bar)
    for part in _split(text, found, "+"):
        columns = (*columns, _read_column(text, part, columns))
    if len(columns) < 2:
        message = "Membership in several levels takes several columns: write mm(1 | g1 + g2)."
        length = found[-1].stop - found[0].start
        raise FormulaError(message, formula=text, position=found[0].start, length=length)
    return [columns]


def _group_tokens(text: str, tokens: Sequence[Token], bar: Token) -> Sequence[Token]:
    """What stands for the group, without brackets around it."""
    if not tokens:
        message = "This bar has no group: write (… | g), where g is the grouping column."
        raise FormulaError(message, formula=text, position=bar.start, length=len(bar.text))
    while tokens[0].text == "(" and closing(tokens, 0) == len(tokens) - 1 > 1:
        tokens = tokens[1:-1]
    return tokens


def _split(text: str, tokens: Sequence[Token], sign: str) -> list[Sequence[Token]]:
    """Parts of a grouping expression between the operators `sign`, none of them empty."""
    parts: list[Sequence[Token]] = []
    first = 0
    for index, token in enumerate(tokens):
        if token.is_operator(sign):
            parts.append(tokens[first:index])
            first = index + 1
    parts.append(tokens[first:])
    if not all(parts):
        message = f"A column name is missing beside this {sign!r}."
        place = next(token for token in tokens if token.is_operator(sign))
        raise FormulaError(message, formula=text, position=place.start)
    return parts


def _read_column(text: str, tokens: Sequence[Token], earlier: tuple[str, ...]) -> str:
    first = tokens[0]
    if len(tokens) == 1 and first.is_name and first.text not in CONSTANTS:
        if first.name not in earlier:
            return first.name
        message = f"The group names {first.name!r} twice; write it once."
        raise FormulaError(message, formula=text, position=first.start, length=len(first.text))
    raise FormulaError(
        _group_help(tokens),
        formula=text,
        position=first.start,
        length=tokens[-1].stop - first.start,
    )


def _group_help(tokens: Sequence[Token]) -> str:
    signs = [token.text for token in tokens if token.kind == "operator"]
    names = [token.text for token in tokens if token.is_name]
    if "+" in signs and len(names) == 2:
        return f"A group is one factor: write two terms, (… | {names[0]}) + (… | {names[1]})."
    if "*" in signs and len(names) == 2:
        a, b = names
        return f"A group is one factor: write (… | {a}) + (… | {b}) + (… | {a}:{b})."
    if "(" in (token.text for token in tokens) and len(names) == 2 and tokens[0].is_name:
        return (
            f"A group is made of column names and is categorical without {names[0]}(): "
            f"write (… | {names[1]}), or make a column of the values first."
        )
    return "A group is made of column names, joined by ':' or '/': write g, a:b or a/b."
