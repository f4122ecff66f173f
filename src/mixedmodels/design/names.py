"""Match the names in a formula with the columns of the data."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from mixedmodels.design.environment import FUNCTION_NAMES, INSTEAD, VALUE_NAMES, OwnFunction
from mixedmodels.errors import FormulaError
from mixedmodels.formula.expression import is_option
from mixedmodels.formula.structure import WORDS
from mixedmodels.formula.syntax import top_level_bars
from mixedmodels.formula.tokens import CONSTANTS, Token, closing, tokenize

_NEAR_MATCHES = 3

_MATRICES = ("cov", "precision")
"""Options whose values name matrices, not columns."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A name in a formula that stands for a column or a function, and whether it is called.

    `has_bar` tells a call of the form of a bar term, such as ``ar1(0 + f | g)``.
    """

    token: Token
    name: str
    is_call: bool
    has_bar: bool = False


def check_names(
    text: str, columns: Sequence[str], own: Mapping[str, Any], *, words: Sequence[str] = ()
) -> None:
    """Refuse a name that is neither a column nor a function.

    Parameters
    ----------
    text
        The formula, or a part of one.
    columns
        The columns of the data.
    own
        The caller's functions and numbers.
    words
        Words with a meaning of their own in this text.

    Raises
    ------
    FormulaError
        With a caret under the first unknown name, and the columns that look like it.
    """
    known = frozenset(columns)
    for reference in references(text):
        name, token = reference.name, reference.token
        if reference.is_call:
            is_known = name in FUNCTION_NAMES or isinstance(own.get(name), OwnFunction)
            is_known |= reference.has_bar and name in WORDS
        else:
            is_known = name in known or (token.kind == "name" and name in (*VALUE_NAMES, *own))
        if is_known or (token.kind == "name" and name in words):
            continue
        raise FormulaError(
            _unknown(reference, columns, own),
            formula=text,
            position=token.start,
            length=len(token.text),
        )


def check_columns_exist(text: str, columns: Sequence[str]) -> None:
    """Refuse a name in a text of columns that the data do not have.

    Raises
    ------
    FormulaError
        With a caret under it, and the columns that look like it.
    """
    for reference in references(text):
        if not reference.is_call and reference.name not in columns:
            token = reference.token
            message = _unknown(reference, columns, {})
            length = len(token.text)
            raise FormulaError(message, formula=text, position=token.start, length=length)


def used_columns(text: str, columns: Collection[str]) -> tuple[str, ...]:
    """The columns that the source text `text` names, in order of appearance."""
    names = (r.name for r in references(text) if not r.is_call and r.name in columns)
    return tuple(dict.fromkeys(names))


@lru_cache(maxsize=512)
def references(text: str) -> tuple[Reference, ...]:
    """The names in a text that stand for columns or functions."""
    tokens = tokenize(text)
    found = []
    for index, token in enumerate(tokens):
        if not token.is_name or is_option(tokens, index) or token.text in CONSTANTS:
            continue
        if index > 1 and tokens[index - 1].is_operator("=") and tokens[index - 2].text in _MATRICES:
            continue
        after = tokens[index + 1] if index + 1 < len(tokens) else None
        is_call = after is not None and after.text == "(" and token.kind == "name"
        has_bar = is_call and _has_bar(tokens, index + 1)
        found.append(Reference(token, token.name, is_call, has_bar))
    return tuple(found)


def _has_bar(tokens: Sequence[Token], opening: int) -> bool:
    """Whether the brackets that open here hold a bar that no others enclose."""
    return bool(top_level_bars(tokens[opening + 1 : closing(tokens, opening)]))


def readable(name: str) -> str:
    """The name of a column of a matrix as the user would write it."""
    return name.replace("`", "")


def near_matches(name: str, candidates: Collection[str]) -> str:
    """`` Did you mean 'x'?`` or nothing."""
    folded = {candidate.casefold(): candidate for candidate in candidates}
    close = difflib.get_close_matches(name.casefold(), folded, n=_NEAR_MATCHES)
    if not close:
        return ""
    return f" Did you mean {' or '.join(repr(folded[match]) for match in close)}?"


def _unknown(reference: Reference, columns: Sequence[str], own: Mapping[str, Any]) -> str:
    name = reference.name
    shown = name if len(name) <= 60 else name[:57] + "…"
    if reference.has_bar:
        hint = near_matches(name, WORDS)
        return (
            f"There is no structure {shown!r}.{hint} Bar terms are (x | g), (x || g), or a "
            "structure such as cs(0 + f | g)."
        )
    if reference.is_call:
        return _unknown_function(name, shown, columns, own)
    if name in FUNCTION_NAMES or name in INSTEAD:
        return f"{shown} is a function: it needs (…) after its name."
    help_text = near_matches(name, columns)
    if not help_text:
        listed = ", ".join(columns[:12]) + (", …" if len(columns) > 12 else "")
        help_text = f" The data have: {listed}."
    return f"The data have no column {shown!r}.{help_text}"


def _unknown_function(name: str, shown: str, columns: Sequence[str], own: Mapping[str, Any]) -> str:
    if name in INSTEAD:
        return INSTEAD[name]
    if name.startswith("np."):
        hint = near_matches(name, FUNCTION_NAMES)
        return f"Formulas know numpy's functions of single values, and {shown} is none.{hint}"
    if "." in name and name.split(".")[0] in columns:
        return f"A formula has no methods, as {shown}(): write a function, as np.clip(x, 0, 1)."
    hint = near_matches(name, [*FUNCTION_NAMES, *own])
    return (
        f"There is no function {shown!r} in formulas.{hint} Functions of your own come by "
        "context={'name': function}."
    )
