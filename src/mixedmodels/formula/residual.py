"""The text of a residual covariance: ``ar1(visit | subject)``, ``expo(x + y, nugget=True)``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from mixedmodels.errors import FormulaError
from mixedmodels.formula.bars import read_groups
from mixedmodels.formula.structure import WORDS, Option, StructureCall, split_options
from mixedmodels.formula.syntax import top_level_bars
from mixedmodels.formula.tokens import CONSTANTS, Token, closing, quote, render, tokenize

EXAMPLE = 'residual="ar1(visit | subject)"'


@dataclass(frozen=True, slots=True)
class ResidualTerm:
    """A covariance of residuals, as it was asked for.

    Attributes
    ----------
    text
        As the user wrote it; positions refer to it.
    structure
        The word and its options.
    positions
        The columns that say where in its block a row stands; none where the order of rows does.
    group
        The columns whose combinations are the blocks; none if all rows are one block.
    place
        Start and stop of the positions in `text`.
    """

    text: str
    structure: StructureCall
    positions: tuple[str, ...]
    group: tuple[str, ...]
    place: tuple[int, int] = field(default=(0, 0), compare=False)

    @property
    def name(self) -> str:
        """The name of the blocks: the columns of the group joined by colons."""
        return ":".join(self.group)

    def __str__(self) -> str:
        left = " + ".join(map(quote, self.positions)) or "1"
        right = ":".join(map(quote, self.group)) or "1"
        return self.structure.written(f"{left} | {right}")


@lru_cache(maxsize=256)
def parse_residual(text: str) -> ResidualTerm:
    """Read ``word(positions | group, options)``.

    Parameters
    ----------
    text
        The word of a structure, and in brackets the columns that tell where in its block a row
        stands (``1`` for the order of rows), a bar, and the group whose levels are the blocks
        (``1``, or no bar, for all rows as one block). ``a/b`` groups by the combinations.

    Raises
    ------
    FormulaError
        With a caret under what cannot be read.

    Examples
    --------
    >>> term = parse_residual("toep(visit | site/subject, hom=True)")
    >>> term.structure.word, term.positions, term.group
    ('toep', ('visit',), ('site', 'subject'))
    >>> str(parse_residual("arma(2, 1)(1 | subject)"))
    'arma(1 | subject, p=2, q=1)'
    """
    tokens = tokenize(text)
    word, orders, inside = _call(text, tokens)
    left, options = split_options(text, inside)
    bars = top_level_bars(left)
    if len(bars) > 1 or (bars and left[bars[0]].text == "||"):
        bar = left[bars[-1]]
        message = f"A residual covariance has one bar: write {word.text}(visit | subject)."
        raise FormulaError(message, formula=text, position=bar.start, length=len(bar.text))
    group: tuple[str, ...] = ()
    positions = left
    if bars:
        bar = left[bars[0]]
        positions, right = left[: bars[0]], left[bars[0] + 1 :]
        if [token.text for token in right] != ["1"]:
            group = read_groups(text, right, bar)[-1]
    if not positions:
        message = (
            "Nothing says where in its group a row stands: write the column, as in "
            f"{word.text}(visit | subject), or 1 for the order of rows."
        )
        raise FormulaError(message, formula=text, position=inside[0].start if inside else 0)
    call = StructureCall(word.text, (*orders, *options), word.start, word.stop)
    place = (positions[0].start, positions[-1].stop)
    return ResidualTerm(text, call, _position_columns(text, positions), group, place)


def _call(text: str, tokens: Sequence[Token]) -> tuple[Token, tuple[Option, ...], Sequence[Token]]:
    """The word, the orders of ``arma(p, q)(…)``, and what the last brackets hold."""
    if not tokens:
        raise FormulaError(f"This is empty: write {EXAMPLE}.", formula=text, position=0)
    word, after = tokens[0], tokens[1:]
    if word.kind != "name" or not after or after[0].text != "(":
        message = f"A residual covariance is a structure and its columns: write {EXAMPLE}."
        raise FormulaError(message, formula=text, position=word.start, length=len(word.text))
    if word.text not in WORDS:
        message = (
            f"There is no structure {word.text!r}. Residuals have us, cs, ar1, car1, arma, toep, "
            "ante, expo, gauss, ratio or matern."
        )
        raise FormulaError(message, formula=text, position=word.start, length=len(word.text))
    stop = closing(after, 0)
    inside, rest = after[1:stop], after[stop + 1 :]
    if not rest:
        return word, (), inside
    if rest[0].text == "(" and closing(rest, 0) == len(rest) - 1:
        return word, _orders(text, word, inside), rest[1:-1]
    message = f"Nothing can follow the brackets: write {EXAMPLE}; random effects go in the formula."
    raise FormulaError(message, formula=text, position=rest[0].start)


def _orders(text: str, word: Token, tokens: Sequence[Token]) -> tuple[Option, ...]:
    """The options p and q of the brackets of ``arma(2, 1)``."""
    numbers = [token for token in tokens if token.kind == "number"]
    if (
        word.text != "arma"
        or len(numbers) != 2
        or render(tokens) != ", ".join(token.text for token in numbers)
    ):
        message = "Write options after the columns, as in arma(1 | subject, p=1, q=1)."
        start = tokens[0].start if tokens else word.start
        raise FormulaError(message, formula=text, position=start)
    return tuple(
        Option(name, token.text, token.start, token.stop)
        for name, token in zip("pq", numbers, strict=True)
    )


def _position_columns(text: str, tokens: Sequence[Token]) -> tuple[str, ...]:
    """The names in ``visit``, ``latitude + longitude``, ``0 + visit`` or ``1``."""
    if [token.text for token in tokens] == ["1"]:
        return ()
    if len(tokens) > 2 and tokens[0].text == "0" and tokens[1].is_operator("+"):
        tokens = tokens[2:]
    names = tokens[::2]
    is_sum = len(tokens) % 2 == 1 and all(token.is_operator("+") for token in tokens[1::2])
    if not is_sum or not all(t.is_name and t.text not in CONSTANTS for t in names):
        message = (
            f"The place of a row is given by columns: {render(tokens)!r} is none. Write "
            "ar1(visit | subject), expo(x + y | field), or 1 for the order of rows; make a column "
            "of a calculation before the fit."
        )
        start = tokens[0].start
        raise FormulaError(message, formula=text, position=start, length=tokens[-1].stop - start)
    twice = next((t for i, t in enumerate(names) if t.name in [n.name for n in names[:i]]), None)
    if twice is not None:
        message = f"The column {twice.name!r} is named twice; write it once."
        raise FormulaError(message, formula=text, position=twice.start, length=len(twice.text))
    return tuple(token.name for token in names)
