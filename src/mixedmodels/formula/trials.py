"""A response of successes in trials: ``successes / trials`` or ``cbind(successes, failures)``."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from formulaic.parser.types import Factor

from mixedmodels.errors import FormulaError
from mixedmodels.formula.expression import expression_of
from mixedmodels.formula.formula import Formula
from mixedmodels.formula.tokens import unquote

CBIND = "cbind"
"""R's word for a response of two columns, successes and failures."""


@dataclass(frozen=True, slots=True)
class TrialsResponse:
    """The two parts of a response of successes in trials.

    Attributes
    ----------
    successes
        What counts the successes.
    other
        What counts the trials, or the failures.
    of_failures
        Which of the two.
    """

    successes: Factor = field(compare=False)
    other: Factor = field(compare=False)
    of_failures: bool


def trials_response(formula: Formula) -> TrialsResponse | None:
    """The parts of a response that is a quotient or a `cbind`; None for any other.

    Raises
    ------
    FormulaError
        If `cbind` has not two arguments.
    """
    factor = formula.response_factor
    if factor.eval_method is Factor.EvalMethod.LOOKUP:
        return None
    tree = expression_of(factor.expr).tree
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Div):
        return TrialsResponse(_part(tree.left, factor), _part(tree.right, factor), False)
    if not isinstance(tree, ast.Call) or ast.unparse(tree.func) != CBIND:
        return None
    if len(tree.args) != 2 or tree.keywords:
        message = f"{CBIND} takes two columns: write {CBIND}(successes, failures)."
        raise FormulaError(message, formula=formula.text, position=0)
    return TrialsResponse(_part(tree.args[0], factor), _part(tree.args[1], factor), True)


def _part(node: ast.expr, whole: Factor) -> Factor:
    """A part of the response as what is evaluated; it stands where the response does. A number is
    a literal, the same in every row.
    """
    if isinstance(node, ast.Constant):
        return Factor(ast.unparse(node), eval_method="literal", metadata=whole.metadata)
    if isinstance(node, ast.Name):
        return Factor(unquote(node.id), eval_method="lookup", metadata=whole.metadata)
    return Factor(ast.unparse(node), eval_method="python", metadata=whole.metadata)
