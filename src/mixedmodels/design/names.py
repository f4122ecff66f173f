"""Match the names in a formula with the columns of the data."""

from __future__ import annotations

import difflib
import keyword
from collections.abc import Collection, Iterator, Sequence

from mixedmodels.design.environment import KNOWN_NAMES
from mixedmodels.errors import FormulaError
from mixedmodels.formula import Formula
from mixedmodels.formula.bars import RESERVED, STRUCTURES
from mixedmodels.formula.tokens import Token, tokenize

_NEAR_MATCHES = 3

_KEYWORD_SUFFIX = "__column"


def check_names(formula: Formula, columns: Sequence[str]) -> None:
    """Refuse a name that is neither a column nor a function.

    Raises
    ------
    FormulaError
        With a caret under the first unknown name, and the columns that look like it.
    """
    text, known = formula.text, frozenset(columns)
    tokens = tokenize(text)
    for index, token in enumerate(tokens):
        if token.is_operator("^") and _inside_call(tokens, index):
            message = "Inside a function '^' is Python's exclusive or: write ** for a power."
            raise FormulaError(message, formula=text, position=token.start)
    for token, is_call in _variables(tokens):
        if token.name in known or (is_call and _is_known_call(token, known)):
            continue
        if token.kind == "name" and _is_python(token.text):
            continue
        raise FormulaError(
            _unknown(token, columns, is_call=is_call),
            formula=text,
            position=token.start,
            length=len(token.text),
        )


def used_columns(text: str, columns: Collection[str]) -> tuple[str, ...]:
    """The columns that the source text `text` names, in order of appearance."""
    names = (_column(token, columns, is_call) for token, is_call in _variables(tokenize(text)))
    return tuple(dict.fromkeys(name for name in names if name is not None))


def evaluable(text: str, columns: Collection[str], *, is_python: bool = False) -> str:
    """`text` with the column names that Python would misread written in another way.

    Names with dots get backticks, names that are keywords (``yield``) a suffix where Python reads
    them: inside functions, or everywhere if `is_python`. `readable` undoes both.
    """
    tokens = tokenize(text)
    pieces: list[str] = []
    done = 0
    for token, _ in _variables(tokens):
        replacement = None
        if token.kind == "name" and token.text in columns:
            if "." in token.text:
                replacement = f"`{token.text}`"
            elif is_python or _inside_call(tokens, tokens.index(token)):
                replacement = python_name(token.text)
        if replacement is not None:
            pieces += [text[done : token.start], replacement]
            done = token.stop
    return "".join([*pieces, text[done:]])


def python_name(column: str) -> str:
    """The name under which Python code finds a column: itself, unless it is a keyword."""
    return column + _KEYWORD_SUFFIX if keyword.iskeyword(column) else column


def readable(name: str) -> str:
    """The name of a column of a matrix as the user would write it."""
    return name.replace("`", "").replace(_KEYWORD_SUFFIX, "")


def near_matches(name: str, candidates: Collection[str]) -> str:
    """`` Did you mean 'x'?`` or nothing."""
    folded = {candidate.casefold(): candidate for candidate in candidates}
    close = difflib.get_close_matches(name.casefold(), folded, n=_NEAR_MATCHES)
    if not close:
        return ""
    return f" Did you mean {' or '.join(repr(folded[match]) for match in close)}?"


def _variables(tokens: Sequence[Token]) -> Iterator[tuple[Token, bool]]:
    """Names that stand for a column or function, with whether they are called."""
    for index, token in enumerate(tokens):
        if not token.is_name:
            continue
        before = tokens[index - 1] if index else None
        after = tokens[index + 1] if index + 1 < len(tokens) else None
        is_attribute = before is not None and before.stop == token.start and before.kind == "close"
        is_keyword_argument = after is not None and after.is_operator("=")
        if not is_attribute and not is_keyword_argument:
            yield token, after is not None and after.text == "(" and token.kind == "name"


def _column(token: Token, columns: Collection[str], is_call: bool) -> str | None:
    """The column that a name stands for: itself, or the owner of a method such as x.clip()."""
    root = token.name.split(".")[0]
    if not is_call and token.name in columns:
        return token.name
    return root if is_call and token.name != root and root in columns else None


def _is_python(text: str) -> bool:
    """Whether a word is a constant such as ``np.pi`` or a keyword such as ``if``."""
    return keyword.iskeyword(text) or text.split(".")[0] in KNOWN_NAMES


def _is_known_call(token: Token, columns: Collection[str]) -> bool:
    root = token.name.split(".")[0]
    return root in KNOWN_NAMES or root in columns or root in (*STRUCTURES, *RESERVED)


def _inside_call(tokens: Sequence[Token], index: int) -> bool:
    """Whether an open bracket before `index` belongs to a function."""
    open_calls: list[bool] = []
    for before, token in zip((None, *tokens), tokens[:index], strict=False):
        if token.kind == "open":
            open_calls.append(before is not None and before.kind == "name")
        elif token.kind == "close":
            open_calls.pop()
    return any(open_calls)


def _unknown(token: Token, columns: Sequence[str], *, is_call: bool) -> str:
    if is_call and token.name == "offset":
        return "An offset is an argument: lmm(…, offset='column')."
    if is_call:
        return f"There is no function {token.name!r}.{near_matches(token.name, KNOWN_NAMES)}"
    shown = token.name if len(token.name) <= 60 else token.name[:57] + "…"
    help_text = near_matches(token.name, columns)
    if not help_text:
        listed = ", ".join(columns[:12]) + (", …" if len(columns) > 12 else "")
        help_text = f" The data have: {listed}."
    return f"The data have no column {shown!r}.{help_text}"
