"""The calls of a formula that learn from all rows: factors made in it, and stateful transforms."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from formulaic.parser.types import Factor

from mixedmodels.design.environment import CATEGORICAL, STATEFUL
from mixedmodels.design.place import Place
from mixedmodels.formula import Formula
from mixedmodels.formula.expression import expression_of
from mixedmodels.formula.tokens import unquote


@dataclass(frozen=True, slots=True)
class Call:
    """One of them.

    Attributes
    ----------
    name
        Of the function.
    text
        The call as it is written, under which its state is kept.
    node
        Its syntax tree.
    place
        The factor that it is in.
    round
        In which pass over the data it can learn: after what its argument is made of has learned.
    """

    name: str
    text: str
    node: ast.Call
    place: Place
    round: int

    @property
    def is_factor(self) -> bool:
        """Whether it makes levels."""
        return self.name in CATEGORICAL


def calls_of(formula: Formula, factors: Collection[str]) -> tuple[Call, ...]:
    """The calls of a formula, each once.

    Parameters
    ----------
    formula
        The formula.
    factors
        The columns that are categorical: what is made of them waits until their levels are known.
    """
    found: dict[str, Call] = {}
    for factor in _factors(formula):
        if factor.eval_method is not Factor.EvalMethod.PYTHON:
            continue
        place = Place.of(factor.metadata)
        for node in ast.walk(expression_of(factor.expr).tree):
            name = _learner(node)
            if name is not None and isinstance(node, ast.Call) and _has_to_learn(node, factors):
                text = ast.unparse(node)
                depth = _depth(node.args[0], factors)
                found.setdefault(text, Call(name, text, node, place, depth))
    return tuple(found.values())


def _factors(formula: Formula) -> Iterator[Factor]:
    yield formula.response_factor
    for terms in (formula.fixed_sum, *(term.sum for term in formula.random)):
        for term in terms:
            yield from term.factors


def _learner(node: ast.AST) -> str | None:
    """The function of a call that learns."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return None
    name = unquote(node.func.id)
    return name if name in STATEFUL or name in CATEGORICAL else None


def _has_to_learn(node: ast.Call, factors: Collection[str]) -> bool:
    """Not a factor that is made of one, as by ``C(f, contr.sum)``: its levels are that one's."""
    if not node.args:
        return False
    first = node.args[0]
    is_column = isinstance(first, ast.Name) and unquote(first.id) in factors
    return not (is_column and _learner(node) in ("C", "factor"))


def _depth(node: ast.expr, factors: Collection[str]) -> int:
    """How many passes have to go before: for calls within each other, and for levels."""
    deepest = 0
    for part in ast.iter_child_nodes(node):
        if isinstance(part, ast.expr | ast.keyword):
            deepest = max(deepest, _depth(part, factors))  # type: ignore[arg-type]
    if isinstance(node, ast.Name) and unquote(node.id) in factors:
        return max(deepest, 1)
    return deepest + (_learner(node) is not None)
