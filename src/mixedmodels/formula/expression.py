"""Python expressions within a formula, such as ``log(x + 1)``: read as data, never executed.

Python's own parser makes the syntax tree, so that precedence is Python's. It sees no word of the
formula: names stand in for them, so that nothing but operators, brackets, numbers and strings can
act as syntax. What is not on a short list of node types is refused here; what the names mean, and
whether they may be called, `mixedmodels.design` decides.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from mixedmodels.errors import FormulaError
from mixedmodels.formula.tokens import CONSTANTS, Token, quote, tokenize

DEEPEST = 200
"""Operators and brackets within each other; beyond it Python's recursion limit is near."""

LONGEST = 4000
"""Words and signs of one expression; a column made before the fit can do more."""

_OPERATORS = (
    ast.Add,
    ast.Sub,
    ast.Mult,
    ast.Div,
    ast.FloorDiv,
    ast.Mod,
    ast.Pow,
    ast.BitAnd,
    ast.BitOr,
    ast.USub,
    ast.UAdd,
    ast.Invert,
    ast.Eq,
    ast.NotEq,
    ast.Lt,
    ast.LtE,
    ast.Gt,
    ast.GtE,
)

_NODES = (
    ast.BinOp,
    ast.UnaryOp,
    ast.Compare,
    ast.Call,
    ast.Subscript,
    ast.Name,
    ast.List,
    ast.Tuple,
    ast.Dict,
    ast.keyword,
    ast.Load,
)

_LITERALS = (bool, int, float, str, type(None))


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that consists of nothing but what a formula may contain.

    Attributes
    ----------
    text
        Canonical: the same for any spacing and any redundant brackets. It reads back to the same
        expression, and names coefficients.
    tree
        Its syntax tree; names are those of the formula, in backticks unless they are plain words.
    """

    text: str
    tree: ast.expr


def read_expression(text: str, tokens: Sequence[Token]) -> Expression:
    """Read the expression that some tokens of the formula `text` make.

    Raises
    ------
    FormulaError
        With a caret, if it is no expression, too long or too deep, or contains what a formula
        cannot: attributes, `lambda`, comprehensions, assignments, formatted strings and the like.
    """
    if len(tokens) > LONGEST:
        message = (
            f"This expression has {len(tokens):,} words and signs, more than {LONGEST:,}: "
            "make a column of it before the fit."
        )
        raise _at(text, tokens, message)
    power = next((token for token in tokens if token.is_operator("^")), None)
    if power is not None:
        message = "Inside a function '^' is Python's exclusive or: write ** for a power."
        raise _at(text, (power,), message)
    source = _Source.of(tokens)
    tree = _parsed(text, tokens, source)
    for node, depth in _walk(tree):
        if depth > DEEPEST:
            message = f"This is nested deeper than {DEEPEST}: make a column of it before the fit."
            raise _at(text, tokens, message)
        problem = _problem(node)
        if problem is not None:
            raise _at(text, source.tokens_of(node, tokens), problem)
        if isinstance(node, ast.Name):
            if node.id not in source.names:
                raise _at(text, tokens, _unreadable(tokens))
            node.id = quote(source.names[node.id])
    return Expression(ast.unparse(tree), tree)


@lru_cache(maxsize=1024)
def expression_of(text: str) -> Expression:
    """The expression with the canonical text `text`."""
    return read_expression(text, tokenize(text))


@dataclass(frozen=True, slots=True)
class _Source:
    """The tokens as Python source, with stand-ins for the names."""

    text: str
    names: Mapping[str, str]
    starts: Mapping[int, int]

    @staticmethod
    def of(tokens: Sequence[Token]) -> _Source:
        pieces: list[str] = []
        names: dict[str, str] = {}
        starts: dict[int, int] = {}
        length = 0
        for index, token in enumerate(tokens):
            piece = token.text
            if token.is_name and not (is_option(tokens, index) or token.text in CONSTANTS):
                piece = f"_{index}_"
                names[piece] = token.name
            starts[length] = index
            length += len(piece.encode()) + 1
            pieces.append(piece)
        return _Source(" ".join(pieces), names, starts)

    def tokens_of(self, node: ast.AST, tokens: Sequence[Token]) -> Sequence[Token]:
        """The tokens from which a node was made, or all where Python does not say."""
        first = self.starts.get(getattr(node, "col_offset", -1))
        if first is None or getattr(node, "lineno", 1) != 1:
            return tokens
        end = getattr(node, "end_col_offset", -1) + 1
        return tokens[first : self.starts.get(end, len(tokens))] or tokens


def is_option(tokens: Sequence[Token], index: int) -> bool:
    """Whether the name at `index` is that of an argument, as ``df`` in ``bs(x, df=4)``."""
    return index + 1 < len(tokens) and tokens[index + 1].is_operator("=")


def _parsed(text: str, tokens: Sequence[Token], source: _Source) -> ast.expr:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source.text, mode="eval").body
    except (SyntaxError, ValueError) as error:
        raise _at(text, tokens, _unreadable(tokens)) from error
    except (RecursionError, MemoryError) as error:
        message = "This is nested too deep: make a column of it before the fit."
        raise _at(text, tokens, message) from error


def _walk(tree: ast.expr) -> Iterator[tuple[ast.AST, int]]:
    """Every node of a tree with its depth, without recursion."""
    waiting: list[tuple[ast.AST, int]] = [(tree, 1)]
    while waiting:
        node, depth = waiting.pop()
        yield node, depth
        waiting += [(child, depth + 1) for child in ast.iter_child_nodes(node)]


def _problem(node: ast.AST) -> str | None:
    """Why a formula cannot contain a node."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, _LITERALS):
            return None
    elif isinstance(node, ast.Call):
        if isinstance(node.func, ast.Name):
            return None if all(k.arg for k in node.keywords) else "Write the arguments one by one."
        return "Only functions can be called, by their names."
    elif isinstance(node, ast.Dict):
        return None if all(node.keys) else "Write the entries one by one."
    elif isinstance(node, _NODES + _OPERATORS):
        return None
    return (
        "A formula is not a program: it can use columns, numbers, arithmetic, comparisons, &, | "
        "and ~, and the functions that formulas know."
    )


def _unreadable(tokens: Sequence[Token]) -> str:
    for before, token in pairwise(tokens):
        if before.kind == "close" and (token.is_operator(".") or token.text.startswith(".")):
            return "A formula has no methods and attributes: write a function, as np.clip(x, 0, 1)."
    words = {"and": "&", "or": "|", "not": "~"}
    word = next((token.text for token in tokens if token.text in words), None)
    if word is not None:
        return f"Conditions are joined with & and |, and turned with ~: write {words[word]}."
    return "This is not an expression that a formula can have."


def _at(text: str, tokens: Sequence[Token], message: str) -> FormulaError:
    start = tokens[0].start
    return FormulaError(message, formula=text, position=start, length=tokens[-1].stop - start)
