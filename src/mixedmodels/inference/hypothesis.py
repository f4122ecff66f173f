"""Hypotheses about fixed effects, from text or numbers to L beta = c.

A text names coefficients as tables do: ``"days = 0"``, ``"recipe[T.B] = recipe[T.C]"``,
``"2 * x + z / 3 = 1, w = 0"``. A part without ``=`` is compared with zero.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from mixedmodels.data import Frame, as_pandas, by_name, is_unlabelled
from mixedmodels.design import ModelMatrices, ModelSpec
from mixedmodels.errors import DataError

Vector = NDArray[np.float64]

NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
WORD = re.compile(r"[^\s+\-*/=,()]+(\([^()]*\))?[^\s+\-*/=,]*")


class Designed(Protocol):
    """Anything with the coefficients of a design: a fit, or what is yet to be fitted."""

    @property
    def spec(self) -> ModelSpec:
        """The recipe."""

    @property
    def matrices(self) -> ModelMatrices:
        """The columns."""


@dataclass(frozen=True, slots=True)
class LinearHypothesis:
    """L beta = c.

    Attributes
    ----------
    L : array (k, p)
        Over the columns of X.
    rhs : array (k,)
        c.
    labels : tuple of str
        One per row, for tables.
    """

    L: Vector
    rhs: Vector
    labels: tuple[str, ...]


def read_hypothesis(fit: Designed, h: str | Sequence[str] | ArrayLike) -> LinearHypothesis:
    """The hypothesis that `h` stands for at a fit.

    A Series, a dict or the columns of a table go by the names of the coefficients; those that they
    do not name count zero.

    Raises
    ------
    DataError
        If a name is not that of a coefficient, or of one that was dropped because others determine
        it; if the text is not linear; or if a matrix has the wrong number of columns.
    """
    if isinstance(h, str):
        return _from_text(fit, h)
    if isinstance(h, (list, tuple)) and h and all(isinstance(part, str) for part in h):
        return _from_text(fit, ", ".join(str(part) for part in h))
    return _from_matrix(fit, h)


def _by_coefficient(h: object, names: Sequence[str]) -> object:
    """Numbers that name coefficients as a matrix over all of them; those not named count zero."""
    if isinstance(h, Mapping):
        labels, values = list(h), [list(h.values())]
    elif isinstance(h, pd.Series) and not is_unlabelled(h.index):
        labels, values = h.index.tolist(), [h.tolist()]
    elif isinstance(h, pd.DataFrame) and not is_unlabelled(h.columns):
        labels, values = h.columns.tolist(), h.to_numpy().tolist()
    elif hasattr(h, "columns") and not isinstance(h, pd.DataFrame):
        frame = Frame.of(h)
        labels = list(frame.columns)
        values = np.transpose([as_pandas(frame.column(name)) for name in labels]).tolist()
    else:
        return h
    if not labels:
        raise DataError(
            "The hypothesis names no coefficient.\nDo:   give a number for at least one."
        )
    places = by_name("The hypothesis", labels, names)
    matrix = np.zeros((len(values), len(names)))
    matrix[:, places] = np.array(values, dtype=np.float64)
    return matrix


def _from_matrix(fit: Designed, h: object) -> LinearHypothesis:
    names = fit.matrices.x_names
    try:
        L = np.atleast_2d(np.asarray(_by_coefficient(h, names), dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise DataError(
            f"The hypothesis is of type {type(h).__name__}, which is neither text nor numbers.\n"
            'Do:   give a matrix, or text such as "x = 0".'
        ) from error
    if L.ndim != 2 or L.shape[1] != len(names) or not len(L):
        raise DataError(
            f"The hypothesis has shape {L.shape}, but the model has {len(names)} coefficients.\n"
            f"Do:   give one column for each of {', '.join(names[:8])}"
            f"{', …' if len(names) > 8 else ''}."
        )
    if not np.isfinite(L).all():
        raise DataError("The hypothesis has a value that is not finite.\nDo:   give numbers.")
    labels = tuple(_label(row, names) for row in L)
    return LinearHypothesis(fit.matrices.coordinates.columns(L), np.zeros(len(L)), labels)


def _label(row: Vector, names: Sequence[str]) -> str:
    parts = [
        (f"- {name}" if f < 0 else f"+ {name}")
        if abs(f) == 1
        else f"{'-' if f < 0 else '+'} {abs(f):g} {name}"
        for f, name in zip(row, names, strict=True)
        if f
    ]
    return " ".join(parts).removeprefix("+ ") or "0"


def _from_text(fit: Designed, text: str) -> LinearHypothesis:
    reader = _Reader(text, fit.matrices.x_names, fit.spec.aliased)
    rows: list[Vector] = []
    labels: list[str] = []
    while True:
        start = reader.at
        left = reader.sum()
        right = reader.sum() if reader.take("=") else np.zeros_like(left)
        rows.append(left - right)
        labels.append(" ".join(text[start : reader.at].split()))
        if not reader.take(","):
            break
    reader.require_end()
    whole = np.array(rows)
    constant = [label for label, row in zip(labels, whole, strict=True) if not row[:-1].any()]
    if constant:
        raise reader.problem(f"{constant[0]!r} says nothing about a coefficient")
    L = fit.matrices.coordinates.columns(whole[:, :-1])
    return LinearHypothesis(L, -whole[:, -1], tuple(labels))


class _Reader:
    """Reads sums of multiples of coefficients; a value is (p + 1,), the constant last."""

    def __init__(self, text: str, names: Sequence[str], aliased: Sequence[str]) -> None:
        self.text, self.names, self.aliased = text, list(names), list(aliased)
        self.ordered = sorted([*names, *aliased], key=len, reverse=True)
        self.at = 0

    def sum(self) -> Vector:
        """Products joined by + and -."""
        value = self.product()
        while True:
            if self.take("+"):
                value = value + self.product()
            elif self.take("-"):
                value = value - self.product()
            else:
                return value

    def product(self) -> Vector:
        """Signed factors joined by * and /, at most one with a coefficient."""
        value = self.factor()
        while True:
            if self.take("*"):
                value = self._times(value, self.factor())
            elif self.take("/"):
                divisor = self.factor()
                if divisor[:-1].any() or not divisor[-1]:
                    raise self.problem("only division by a number other than zero is linear")
                value = value / divisor[-1]
            else:
                return value

    def factor(self) -> Vector:
        """A number, a coefficient, or a sum in parentheses."""
        if self.take("-"):
            return -self.factor()
        if self.take("+"):
            return self.factor()
        self._skip()
        name = next((n for n in self.ordered if self._is_here(n)), None)
        if name is not None:
            self.at += len(name)
            return self._coefficient(name)
        number = NUMBER.match(self.text, self.at)
        if number:
            self.at = number.end()
            return self._constant(float(number.group()))
        if self.take("("):
            value = self.sum()
            if not self.take(")"):
                raise self.problem("a parenthesis is not closed")
            return value
        raise self._unknown()

    def take(self, symbol: str) -> bool:
        """Step over `symbol` if it comes next."""
        self._skip()
        found = self.text.startswith(symbol, self.at)
        self.at += len(symbol) * found
        return found

    def require_end(self) -> None:
        """Refuse what is left."""
        self._skip()
        if self.at < len(self.text):
            raise self._unknown()

    def problem(self, what: str) -> DataError:
        """An error that shows the place."""
        return DataError(
            f"The hypothesis cannot be read: {what}.\n    {self.text}\n    {' ' * self.at}^\n"
            'Do:   write linear constraints joined by commas, as "x = 0, 2 * z = w".'
        )

    def _skip(self) -> None:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def _is_here(self, name: str) -> bool:
        end = self.at + len(name)
        if not self.text.startswith(name, self.at):
            return False
        follows = self.text[end : end + 1]
        return not (follows.isalnum() or follows in set("_[.:"))

    def _constant(self, value: float) -> Vector:
        out = np.zeros(len(self.names) + 1)
        out[-1] = value
        return out

    def _coefficient(self, name: str) -> Vector:
        if name not in self.names:
            raise DataError(
                f"The hypothesis uses {name!r}, which is not estimable: its column was dropped, "
                "as the columns before it determine it.\n"
                f"Do:   use the coefficients {', '.join(self.names[:12])}."
            )
        out = np.zeros(len(self.names) + 1)
        out[self.names.index(name)] = 1.0
        return out

    def _times(self, a: Vector, b: Vector) -> Vector:
        if a[:-1].any() and b[:-1].any():
            raise self.problem("a product of two coefficients is not linear")
        product: Vector = a * b[-1] if not b[:-1].any() else b * a[-1]
        return product

    def _unknown(self) -> DataError:
        word = WORD.match(self.text, self.at)
        if not word:
            return self.problem("a coefficient or a number is missing here")
        near = get_close_matches(word.group(), self.names, n=3, cutoff=0.5)
        hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
        return DataError(
            f"The hypothesis names {word.group()!r}, which is no coefficient of the model.{hint}\n"
            f"    {self.text}\n    {' ' * self.at}{'^' * len(word.group())}\n"
            f"Do:   use the names {', '.join(self.names[:12])}"
            f"{', …' if len(self.names) > 12 else ''}."
        )
