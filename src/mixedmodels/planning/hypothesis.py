"""What a power analysis tests: L beta = 0 for a coefficient, a term or rows of one's own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixedmodels.design import ModelSpec, is_intercept, term_label
from mixedmodels.errors import DataError
from mixedmodels.vocabulary import Adjustment, Side

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """L beta = rhs, jointly.

    Attributes
    ----------
    label : str
        What it is called.
    L : array (k, p)
        Linearly independent rows over the columns of X.
    rhs : array (k,), optional
        None for zero.
    """

    label: str
    L: Vector
    rhs: Vector | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """Its own."""
        return (self.label,)

    @property
    def adjust(self) -> Adjustment:
        """One test needs none."""
        return "none"

    @property
    def side(self) -> Side:
        """Of a joint test."""
        return "two-sided"


Test = str | Mapping[str, float] | ArrayLike
"""One test: the name of a coefficient or a term, factors by coefficient, or a matrix."""


def hypothesis(test: Test, spec: ModelSpec) -> Hypothesis:
    """The hypothesis that `test` means.

    Parameters
    ----------
    test
        The name of a coefficient (``"cond[T.b]"``); of a term (``"cond"``, all its coefficients
        are zero in the coding in use); factors by coefficient (``{"cond[T.b]": 1, "cond[T.c]":
        -1}``); or a matrix with one column per coefficient.
    spec
        The recipe of the fixed part.

    Raises
    ------
    DataError
        If the model cannot make this test.
    """
    names = spec.x_names
    if isinstance(test, str):
        return Hypothesis(test, _working(_rows_of(test, spec), spec))
    if isinstance(test, Mapping):
        for name, value in test.items():
            if name not in names:
                raise _unknown(str(name), list(names))
            if not (is_number(value) and np.isfinite(value)):
                raise DataError(f"The factor of {name} in the test is {value!r}: give a number.")
        row = np.array([[float(test.get(name, 0.0)) for name in names]])
        label = " + ".join(f"{factor:g} {name}" for name, factor in test.items())
        return Hypothesis(label, _working(_independent(row), spec))
    return Hypothesis("contrast", _working(_independent(_matrix(test, names)), spec))


def _matrix(test: ArrayLike, names: Sequence[str]) -> Vector:
    try:
        L = np.atleast_2d(np.asarray(test, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise DataError(
            f"The test {test!r} is no test.\n"
            "Do:   name a coefficient or a term, give factors by coefficient, a matrix of numbers, "
            "or several of these in a list."
        ) from error
    if L.ndim != 2 or L.shape[1] != len(names) or not np.isfinite(L).all():
        raise DataError(
            f"The matrix of the test has the shape {L.shape}, but the model has {len(names)} "
            f"coefficients.\nDo:   give finite rows over {', '.join(names)}."
        )
    return L


def is_number(value: object) -> bool:
    """Whether it is a number, a truth value not being one."""
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _working(L: Vector, spec: ModelSpec) -> Vector:
    """Rows over the columns of X from rows over the coefficients of the formula."""
    return np.ascontiguousarray(spec.coordinates.columns(L))


def _rows_of(test: str, spec: ModelSpec) -> Vector:
    names = spec.x_names
    unit = np.eye(len(names))
    if test in names:
        return unit[[names.index(test)]]
    position = {column: j for j, column in enumerate(spec.x_columns)}
    terms = {
        term_label(term): [position[c] for c in range(columns.start, columns.stop) if c in position]
        for term, columns in spec.fixed.term_slices.items()
        if not is_intercept(term)
    }
    if not terms.get(test):
        raise _unknown(test, list(dict.fromkeys([*names, *terms])))
    return unit[terms[test]]


def _independent(L: Vector) -> Vector:
    if not len(L) or np.linalg.matrix_rank(L) < len(L):
        raise DataError(
            "The rows of the test are zero or repeat each other.\n"
            "Do:   give linearly independent rows."
        )
    return L


def _unknown(test: str, known: list[str]) -> DataError:
    near = get_close_matches(test, known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return DataError(
        f"The test {test!r} is neither a coefficient nor a term of the fixed part.{hint}\n"
        f"Do:   name one of {', '.join(known)}; or give factors by coefficient, or a matrix."
    )
