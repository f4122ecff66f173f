"""Transforms of the response that a formula contains, and their inverses.

With eta = g(mu) the inverse h = g^-1 takes means and limits back, and h' their standard errors
(delta method). The mean of h(eta + e), e of variance v, is h(eta) + h''(eta) v / 2 to second order
(Duan 1983, Journal of the American Statistical Association 78, 605-610, on the bias without it).
"""

import ast
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from formulaic.parser.types import Factor
from numpy.typing import NDArray

from mixedmodels.families import Family
from mixedmodels.fit.fit import Fit
from mixedmodels.formula.expression import expression_of
from mixedmodels.options import require_option
from mixedmodels.prediction.links import LINKS

Vector = NDArray[np.float64]
Function = Callable[[Vector], Vector]


@dataclass(frozen=True, slots=True)
class Transform:
    """The function g of eta = g(y + c).

    Attributes
    ----------
    name : str
        As the formula writes it.
    inverse, slope, bend, third : functions
        The inverse h of eta and its first three derivatives, for y itself.
    of : function
        g, of a mean; of links alone.
    is_log : bool
        Whether differences of eta are logarithms of ratios, of y + c unless `ratios` tells.
    ratios : str
        What these ratios are called, where they are not of y + c.
    shift : float
        The constant c.
    lowest : float
        Values of eta below it are not those of any y.
    rate : float
        Natural logarithm of the base of a logarithm.
    """

    name: str
    inverse: Function
    slope: Function
    bend: Function
    third: Function
    is_log: bool = False
    ratios: str = ""
    of: Function = lambda mean: mean
    shift: float = 0.0
    lowest: float = -np.inf
    rate: float = 1.0


def _log(rate: float, shift: float) -> Transform:
    """Logarithms; `rate` is the natural one of their base."""
    return Transform(
        name="log",
        inverse=lambda eta: np.exp(rate * eta) - shift,
        slope=lambda eta: rate * np.exp(rate * eta),
        bend=lambda eta: rate**2 * np.exp(rate * eta),
        third=lambda eta: rate**3 * np.exp(rate * eta),
        is_log=True,
        shift=shift,
        rate=rate,
    )


def _power(exponent: float, shift: float) -> Transform:
    """Powers, so that y + shift = eta^(1/exponent)."""
    q = 1.0 / exponent
    return Transform(
        name="power",
        inverse=lambda eta: _monomial(1.0, eta, q) - shift,
        slope=lambda eta: _monomial(q, eta, q - 1),
        bend=lambda eta: _monomial(q * (q - 1), eta, q - 2),
        third=lambda eta: _monomial(q * (q - 1) * (q - 2), eta, q - 3),
        shift=shift,
        lowest=0.0,
    )


def _monomial(factor: float, eta: Vector, exponent: float) -> Vector:
    """The product of a factor and eta^exponent; zero where the factor is, also at zero."""
    return factor * np.power(eta, exponent) if factor else np.zeros_like(eta)


LOGARITHMS = {"log": 1.0, "log2": math.log(2), "log10": math.log(10)}
"""Natural logarithms of the bases."""

NAMED = {
    **{name: _log(rate, 0.0) for name, rate in LOGARITHMS.items()},
    "log1p": _log(1.0, 1.0),
    "sqrt": _power(0.5, 0.0),
    "inverse": _power(-1.0, 0.0),
}
"""Transforms that can be asked for by name."""


HALF_LINES = ("sqrt", "inverse", "1/mu^2")
"""Links of which only positive values are those of a mean."""


def transform_of(fit: Fit, name: str | None) -> Transform | None:
    """The transform of the response: that of the formula, or one by name, which comes before it.

    Raises
    ------
    DataError
        If there is no transform of that name.
    """
    if name == "none":
        return None
    if name is not None:
        require_option("transform", name, ("none", *NAMED))
        return NAMED[name]
    if fit.generalised is not None and fit.family.link != "identity":
        return of_link(fit.family)
    factor = fit.spec.formula.response_factor
    if factor.eval_method is Factor.EvalMethod.LOOKUP:
        return None
    return _read(expression_of(factor.expr).tree)


def of_link(family: Family) -> Transform:
    """The link of a generalised model, whose inverse gives means of the response."""
    link, ratio = LINKS[family.link], family.ratio
    of = " of a higher category" if family.response == "ordered" else ""
    return Transform(
        name=link.name,
        inverse=link.inverse,
        slope=link.slope,
        bend=link.bend,
        third=link.third,
        is_log=ratio is not None,
        ratios="" if ratio is None else f"{ratio}s{of}",
        of=link.of,
        lowest=0.0 if link.name in HALF_LINES else -np.inf,
    )


def _read(tree: ast.expr) -> Transform | None:
    """The transform that an expression of one column is, if it is a known one."""
    if isinstance(tree, ast.Call):
        return _read_call(tree)
    if not isinstance(tree, ast.BinOp):
        return None
    exponent = _number(tree.right)
    if isinstance(tree.op, ast.Pow) and exponent and (shift := _shift(tree.left)) is not None:
        return _power(exponent, shift)
    one = _number(tree.left) == 1.0
    if isinstance(tree.op, ast.Div) and one and (shift := _shift(tree.right)) is not None:
        return _power(-1.0, shift)
    return None


def _read_call(call: ast.Call) -> Transform | None:
    if len(call.args) != 1 or call.keywords:
        return None
    name = ast.unparse(call.func).strip("`").removeprefix("np.")
    [inner] = call.args
    if name == "I":
        return _read(inner)
    shift = _shift(inner)
    if shift is None:
        return None
    if name in LOGARITHMS:
        return _log(LOGARITHMS[name], shift)
    if name == "log1p":
        return _log(1.0, 1.0 + shift)
    return _power(0.5, shift) if name == "sqrt" else None


def _shift(tree: ast.expr) -> float | None:
    """The constant c of ``y + c``, ``c + y``, ``y - c``; zero of ``y``; None of anything else."""
    if isinstance(tree, ast.Name):
        return 0.0
    if not isinstance(tree, ast.BinOp) or not isinstance(tree.op, (ast.Add, ast.Sub)):
        return None
    sign = 1.0 if isinstance(tree.op, ast.Add) else -1.0
    left, right = tree.left, tree.right
    if isinstance(right, ast.Name) and sign > 0:
        left, right = right, left
    number = _number(right)
    return sign * number if isinstance(left, ast.Name) and number is not None else None


def _number(tree: ast.expr) -> float | None:
    """The value of an expression of numbers alone."""
    if isinstance(tree, ast.Constant) and isinstance(tree.value, (int, float)):
        return float(tree.value)
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        inner = _number(tree.operand)
        return None if inner is None else -inner
    if isinstance(tree, ast.BinOp):
        left, right = _number(tree.left), _number(tree.right)
        if left is None or right is None:
            return None
        return _arithmetic(tree.op, left, right)
    return None


def _arithmetic(op: ast.operator, left: float, right: float) -> float | None:
    if isinstance(op, ast.Div):
        return left / right if right else None
    known: dict[type[ast.operator], Callable[[float, float], float]] = {
        ast.Add: float.__add__,
        ast.Sub: float.__sub__,
        ast.Mult: float.__mul__,
    }
    apply = known.get(type(op))
    return None if apply is None else apply(left, right)
