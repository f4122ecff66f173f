"""The text of a residual standard deviation: ``~ arm + Time``, ``power(fitted)``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, get_args

from formulaic import SimpleFormula

from mixedmodels.errors import FormulaError
from mixedmodels.formula.structure import split_options
from mixedmodels.formula.syntax import Addend, signed_tokens, split_sum
from mixedmodels.formula.terms import read_sum
from mixedmodels.formula.tokens import CONSTANTS, closing, quote, render, tokenize

PowerKind = Literal["power", "constpower"]

FITTED = "fitted"
"""Stands for the fitted values in ``power(fitted)``; a column of that name goes in backticks."""

EXAMPLE = 'sigma="~ arm" or sigma="power(x)"'


@dataclass(frozen=True, slots=True)
class PowerTerm:
    """``power(x)`` or ``constpower(x)``, functions of the size of x.

    Attributes
    ----------
    kind
        ``power`` multiplies the standard deviation with size^delta, ``constpower`` with
        c + size^delta.
    column
        The covariate; None for the fitted values.
    by
        The column whose levels have parameters of their own, if any.
    """

    kind: PowerKind
    column: str | None
    by: str | None = None
    start: int = field(default=0, compare=False)
    stop: int = field(default=0, compare=False)

    def __str__(self) -> str:
        inside = FITTED if self.column is None else quote(self.column)
        if self.column == FITTED:
            inside = f"`{FITTED}`"
        return f"{self.kind}({inside}{'' if self.by is None else f', by={quote(self.by)}'})"


@dataclass(frozen=True, slots=True)
class ScaleFormula:
    """What the residual standard deviation is a function of.

    Attributes
    ----------
    text
        As the user wrote it; positions refer to it.
    linear
        Source text of the sum that the log of the standard deviation is linear in, empty if there
        is none.
    sum
        Its terms; the intercept among them stands for sigma.
    powers
        The power functions.
    """

    text: str
    linear: str
    sum: SimpleFormula = field(compare=False, repr=False)
    powers: tuple[PowerTerm, ...]

    def __str__(self) -> str:
        return "~ " + " + ".join([*([self.linear] if self.linear else []), *map(str, self.powers)])


@lru_cache(maxsize=256)
def parse_scale(text: str) -> ScaleFormula:
    """Read ``~ terms``, in which a term may be ``power(x)`` or ``constpower(x)``.

    Parameters
    ----------
    text
        A sum of terms after a tilde, which may be left out before a power function.

    Raises
    ------
    FormulaError
        With a caret under what cannot be read.

    Examples
    --------
    >>> scale = parse_scale("~ year + power(time)")
    >>> scale.linear, [str(power) for power in scale.powers]
    ('year', ['power(time)'])
    """
    tokens = tokenize(text)
    has_tilde = bool(tokens) and tokens[0].is_operator("~")
    right = tokens[1:] if has_tilde else tokens
    if not right:
        message = f"No term is named: write {EXAMPLE}, or a number if sigma is known."
        raise FormulaError(message, formula=text, position=0)
    addends = tuple(split_sum(text, right))
    powers = tuple(_power(text, addend) for addend in addends if _is_power(addend))
    linear = tuple(addend for addend in addends if not _is_power(addend))
    if linear and not has_tilde:
        raise _stray(text, linear[0])
    for addend in linear:
        _check_linear(text, addend)
    return ScaleFormula(text, _joined(linear), read_sum(text, signed_tokens(linear)), powers)


def _is_power(addend: Addend) -> bool:
    tokens = addend.tokens
    is_call = len(tokens) > 2 and tokens[0].kind == "name" and tokens[1].text == "("
    return is_call and tokens[0].text in get_args(PowerKind)


def _power(text: str, addend: Addend) -> PowerTerm:
    word, tokens = addend.tokens[0], addend.tokens
    if addend.sign == "-" or closing(tokens, 1) != len(tokens) - 1:
        message = f"{word.text}(…) can only be added: write {word.text}(x) + …"
        raise _at(text, addend, message)
    inside, options = split_options(text, tokens[2:-1])
    if len(inside) != 1 or not inside[0].is_name or inside[0].text in CONSTANTS:
        message = f"{word.text}() takes one column, or fitted: write {word.text}(x)."
        raise _at(text, addend, message)
    wrong = next((option for option in options if option.name != "by"), None)
    if wrong is not None:
        message = f"{word.text}() has no option {wrong.name!r}, only by=, as {word.text}(x, by=f)."
        length = wrong.stop - wrong.start
        raise FormulaError(message, formula=text, position=wrong.start, length=length)
    by = next((tokenize(option.text)[0].name for option in options), None)
    token = inside[0]
    column = None if token.kind == "name" and token.text == FITTED else token.name
    kind: PowerKind = "power" if word.text == "power" else "constpower"
    return PowerTerm(kind, column, by, addend.start, addend.stop)


def _check_linear(text: str, addend: Addend) -> None:
    """Refuse a missing intercept, a bar, and a power function within a product."""
    shown = render(addend.tokens)
    if (addend.sign, shown) in (("+", "0"), ("-", "1")):
        message = "The intercept of the log of sigma is sigma itself and stays: leave this out."
        raise _at(text, addend, message)
    bar = next((token for token in addend.tokens if token.is_operator("|", "||")), None)
    if bar is not None and "(" not in shown.split("|")[0]:
        message = "Random effects on sigma are not available: name columns only."
        raise FormulaError(message, formula=text, position=bar.start)
    inner = next((t for t in addend.tokens if t.text in get_args(PowerKind)), None)
    if inner is not None and inner.kind == "name":
        message = f"{inner.text}(x) is a term of its own: add it. Use {inner.text}(x, by=f) for "
        message += "parameters of their own for each level."
        raise FormulaError(message, formula=text, position=inner.start, length=len(inner.text))


def _stray(text: str, addend: Addend) -> FormulaError:
    message = (
        f"{render(addend.tokens)!r} is no function of the residual sd: write {EXAMPLE}, with a "
        "'~' before terms."
    )
    return _at(text, addend, message)


def _joined(addends: Sequence[Addend]) -> str:
    text = ""
    for addend in addends:
        sign = f" {addend.sign} " if text else ("-" if addend.sign == "-" else "")
        text += sign + render(addend.tokens)
    return text


def _at(text: str, addend: Addend, message: str) -> FormulaError:
    length = addend.stop - addend.start
    return FormulaError(message, formula=text, position=addend.start, length=length)
