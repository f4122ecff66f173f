"""A model refitted with inputs on a common scale, by its formula, so that data stay as they are."""

import ast
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mixedmodels.data.unkept import rows_needed
from mixedmodels.design import TermMatrix
from mixedmodels.design.environment import ELEMENTWISE, IDENTITY
from mixedmodels.errors import ChangedModelWarning, DataError
from mixedmodels.fit.change import update
from mixedmodels.fit.criteria import log_likelihood
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.notices import user_level
from mixedmodels.formula.tokens import Token, closing, render, tokenize
from mixedmodels.options import require_flag, require_positive

Vector = NDArray[np.float64]

SAME = 1e-7
"""Part of a column outside of the span of others that is rounding."""


def standardized(
    fit: Fit, by: float = 2.0, *, response: bool = False, exclude: Sequence[str] = ()
) -> Fit:
    """The fit with every input in ``rescale()``; see `MixedModel.standardize`.

    Raises
    ------
    DataError
        If an option is not what it may be, the model keeps no rows, or `response` is asked of a
        response that is no number.
    """
    by = require_positive("by", by)
    require_flag("response", response)
    kept_out = _excluded(fit, exclude)
    if not fit.matrices.has_rows:
        raise rows_needed()
    formula = fit.spec.formula
    write = _writer(fit, by, kept_out)
    left = formula.response
    if response:
        left = _call(_checked_response(fit), by)
    random = [str(replace(term, lhs=_rewritten(term.lhs, write))) for term in formula.random]
    made = update(fit, " + ".join([f"{left} ~ {_rewritten(formula.fixed, write)}", *random]))
    _warn_of_changes(fit, made, response=response)
    return made


def _excluded(fit: Fit, exclude: object) -> tuple[str, ...]:
    several = (exclude,) if isinstance(exclude, str) else exclude
    known = (*fit.spec.variables, *fit.frame.columns)
    if not isinstance(several, (list, tuple)) or not all(name in known for name in several):
        raise DataError(
            f"exclude = {exclude!r} names what is no column of the model.\n"
            f"Do:   name columns such as {', '.join(map(repr, fit.spec.variables)) or 'none'}."
        )
    return tuple(several)


def _checked_response(fit: Fit) -> str:
    if fit.generalised is not None:
        raise DataError(
            "The response of a generalised model cannot be standardised.\n"
            "Do:   leave response out.\n"
            "Why:  its distribution is that of counts, shares or times as they are."
        )
    if fit.request.response is not None:
        raise DataError(
            "The response of this model is an array that no formula names.\n"
            "Do:   leave response out, or put the array into the data."
        )
    return fit.spec.formula.response


def _call(text: str, by: float) -> str:
    return f"rescale({text})" if by == 2 else f"rescale({text}, by={by:g})"


def _writer(fit: Fit, by: float, exclude: Sequence[str]) -> Callable[[str, str], str]:
    """What becomes of a factor of a term, given its text and the function that it calls."""

    def write(text: str, function: str) -> str:
        if not function:
            return _column(fit, text, by, exclude)
        if any(token.is_name and token.name in exclude for token in tokenize(text)):
            return text
        power = _power(text) if function == IDENTITY else None
        if power is not None:
            return f"I({_call(power[0], by)}**{power[1]})"
        return _call(text, by) if function == IDENTITY or function in ELEMENTWISE else text

    return write


def _column(fit: Fit, text: str, by: float, exclude: Sequence[str]) -> str:
    """A column: of numbers rescaled, of two levels centred, of more as it is."""
    [token] = tokenize(text)
    if token.name in exclude or token.name not in fit.frame.columns:
        return text
    column = fit.frame.column(token.name)
    if column.kind in ("number", "boolean"):
        return _call(text, by)
    if column.codes is None or column.kind != "category":
        return text
    used = column.take(fit.matrices.kept).codes
    levels = () if used is None else used.without_unused().values
    if len(levels) != 2 or not isinstance(levels[1], (str, int, np.integer)):
        return text
    value = levels[1] if isinstance(levels[1], str) else int(levels[1])
    return _call(f"{text} == {value!r}", 2)


def _power(text: str) -> tuple[str, int] | None:
    """The column and exponent of ``I(x**2)``."""
    tree = ast.parse(text.replace("`", "_"), mode="eval").body
    if isinstance(tree, ast.Call) and isinstance(tree.args[0], ast.BinOp):
        inside = tree.args[0]
        is_power = isinstance(inside.op, ast.Pow) and isinstance(inside.left, ast.Name)
        if is_power and isinstance(inside.right, ast.Constant) and "`" not in text:
            return ast.unparse(inside.left), int(inside.right.value)  # type: ignore[arg-type]
    return None


def _rewritten(text: str, write: Callable[[str, str], str]) -> str:
    """A sum of terms with every factor replaced."""
    tokens = tokenize(text)
    out: list[Token] = []
    place = 0
    while place < len(tokens):
        token = tokens[place]
        stop, function = place, ""
        is_call = token.is_name and place + 1 < len(tokens) and tokens[place + 1].text == "("
        if is_call:
            stop, function = closing(tokens, place + 1), token.name
        if token.is_name:
            while stop + 1 < len(tokens) and tokens[stop + 1].text == "[":
                stop, function = closing(tokens, stop + 1), "["
            written = write(render(tokens[place : stop + 1]), function)
            token = Token("name", written, token.start, tokens[stop].stop)
        out.append(token)
        place = stop + 1
    return render(out)


def _warn_of_changes(old: Fit, new: Fit, *, response: bool) -> None:
    """Say where the new columns are no recoding of the old ones, so that the fit is another."""
    changed = [] if _spans(_with_thresholds(old), new.matrices.X) else ["the fixed effects"]
    terms = zip(old.spec.terms, old.matrices.terms, new.matrices.terms, strict=True)
    changed += [str(written.term) for written, a, b in terms if not _is_recoding(a, b)]
    if not changed:
        return
    llf = ""
    if not response and not old.reml:  # the criterion of REML depends on the units of X
        before, after = log_likelihood(old), log_likelihood(new)
        llf = f"The log-likelihood was {before:.2f} and is {after:.2f}.\n"
    warnings.warn(
        f"Standardising changes {' and '.join(changed)}: the fit is that of another model.\n{llf}"
        "Do:   give the terms an intercept and every interaction its main effects, or leave "
        "columns out by exclude=.\n"
        "Why:  centring moves where an effect is zero, which other terms must be able to take up; "
        "independent\n      random effects are independent at one origin alone.",
        ChangedModelWarning,
        stacklevel=user_level(),
    )


def _with_thresholds(fit: Fit) -> Vector:
    """X with the constant that the thresholds of an ordinal model stand for."""
    X = fit.matrices.X
    return np.column_stack([np.ones(len(X)), X]) if fit.family.response == "ordered" else X


def _spans(old: Vector, new: Vector) -> bool:
    """Whether every new column is a combination of old ones."""
    return _combination(old, new) is not None


def _combination(old: Vector, new: Vector) -> Vector | None:
    """A with new = old A; None if there is none."""
    if not old.shape[1]:
        return np.empty((0, new.shape[1])) if not new.any() else None
    scale = np.linalg.norm(old, axis=0)
    A, *_ = np.linalg.lstsq(old / np.where(scale > 0, scale, 1.0), new, rcond=None)
    left = np.linalg.norm(new - old / np.where(scale > 0, scale, 1.0) @ A, axis=0)
    if (left > SAME * np.maximum(np.linalg.norm(new, axis=0), 1e-300)).any():
        return None
    return np.asarray(A)


def _is_recoding(old: TermMatrix, new: TermMatrix) -> bool:
    """Whether a random term has the same covariances of its effects in both columns."""
    if old.Z.shape[1] != new.Z.shape[1]:
        return False
    if np.array_equal(old.Z, new.Z):
        return True
    A = _combination(old.Z, new.Z)
    if A is None:
        return False
    q = len(A)
    if old.structure.n_parameters(q) == q * (q + 1) // 2:  # any covariance matrix
        return True
    off = np.abs(A - np.diag(np.diag(A))).max()
    return bool(off <= SAME * np.abs(A).max()) and old.structure.kind == "diag"
