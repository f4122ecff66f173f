"""Match the names in a formula with the columns of the data."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from mixedmodels.design.environment import FUNCTION_NAMES, INSTEAD, VALUE_NAMES, OwnFunction
from mixedmodels.errors import FormulaError
from mixedmodels.formula.bars import RESERVED, STRUCTURES
from mixedmodels.formula.expression import is_option
from mixedmodels.formula.tokens import CONSTANTS, Token, tokenize

_NEAR_MATCHES = 3

_KNOWN_CALLS = FUNCTION_NAMES.union(STRUCTURES, RESERVED)


@dataclass(frozen=True, slots=True)
class Reference:
    """A name in a formula that stands for a column or a function, and whether it is called."""

    token: Token
    name: str
    is_call: bool


def check_names(text: str, columns: Sequence[str], own: Mapping[str, Any]) -> None:
    """Refuse a name that is neither a column nor a function.

    Parameters
    ----------
    text
        The formula, or a part of one.
    columns
        The columns of the data.
    own
        The caller's functions and numbers.

    Raises
    ------
    FormulaError
        With a caret under the first unknown name, and the columns that look like it.
    """
    known = frozenset(columns)
    for reference in references(text):
        name, token = reference.name, reference.token
        if reference.is_call:
            is_known = name in _KNOWN_CALLS or isinstance(own.get(name), OwnFunction)
        else:
            is_known = name in known or (token.kind == "name" and name in (*VALUE_NAMES, *own))
        if is_known:
            continue
        raise FormulaError(
            _unknown(reference, columns, own),
            formula=text,
            position=token.start,
            length=len(token.text),
        )


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
        after = tokens[index + 1] if index + 1 < len(tokens) else None
        is_call = after is not None and after.text == "(" and token.kind == "name"
        found.append(Reference(token, token.name, is_call))
    return tuple(found)


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
