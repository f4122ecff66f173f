"""Families of contrasts: coefficients over k means, and what each row is called."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise as pairwise_of
from math import gcd, lcm
from typing import Any, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from mixedmodels.data import Frame, as_pandas
from mixedmodels.data.levels import label
from mixedmodels.design.names import near_matches
from mixedmodels.errors import DataError
from mixedmodels.options import require_count, require_option
from mixedmodels.vocabulary import Adjustment, ContrastMethod

Vector = NDArray[np.float64]

Reference = int | str | Sequence[int | str]
Method = ContrastMethod | Mapping[str, ArrayLike | Mapping[Any, float]] | ArrayLike

DEGREES = ("linear", "quadratic", "cubic", "quartic")

USUAL_DEGREE = 6
"""Degree of polynomial contrasts unless another is asked for."""

MOST_NUMBERS = 200_000_000
"""Coefficients of all pairwise differences that are made: those of some 730 means."""

ZERO = 1e-9
"""Sum of coefficients, relative to their sizes, that counts as none."""

JOINED = re.compile(r"[-+*/]")
"""Signs in a label that put it into brackets where it becomes part of another."""


@dataclass(frozen=True, slots=True)
class Coefficients:
    """One family.

    Attributes
    ----------
    C : array (m, k)
        One row per contrast.
    names : tuple of str
        One per contrast.
    adjust : str
        The family's own adjustment.
    is_pairwise : bool
        Whether these are all the pairwise differences.
    """

    C: Vector
    names: tuple[str, ...]
    adjust: Adjustment
    is_pairwise: bool = False

    @property
    def sums_to_zero(self) -> bool:
        """Whether every row is a contrast proper."""
        size = np.abs(self.C).sum(axis=1)
        return bool((np.abs(self.C.sum(axis=1)) <= ZERO * np.maximum(size, 1e-300)).all())


def coefficients(
    method: Method,
    levels: Sequence[str],
    *,
    values: Sequence[str] | None = None,
    ref: Reference | None = None,
    max_degree: int = USUAL_DEGREE,
) -> Coefficients:
    """The contrasts of a family over means called `levels`.

    `values` are other names of theirs, such as ``"175"`` where a level is ``"temperature175"``.

    Raises
    ------
    DataError
        If the family or the reference is not known, or own coefficients do not fit the means.
    """
    require_count("max_degree", max_degree, what="degrees")
    if not isinstance(method, str):
        _refuse_ref(ref, "contrasts of your own")
        return own(method, levels, values)
    require_option("method", method, get_args(ContrastMethod))
    if method not in ("trt.vs.ctrl", "trt.vs.ctrl1", "trt.vs.ctrlk"):
        _refuse_ref(ref, f"method {method!r}")
    if method == "poly":
        return polynomial(len(levels), max_degree)
    if method.startswith("trt.vs.ctrl"):
        place = len(levels) - 1 if method == "trt.vs.ctrlk" else 0
        return against_reference(levels, [place] if ref is None else _places(ref, levels, values))
    return FAMILIES[method](levels)


def joined(label_: str) -> str:
    """A label as a part of a longer one: in brackets if it has a sign in it."""
    return f"({label_})" if JOINED.search(label_) else label_


def pairwise(levels: Sequence[str], *, reverse: bool = False) -> Coefficients:
    """Every mean against every later one, or the other way round."""
    k = len(levels)
    if k * k * (k - 1) // 2 > MOST_NUMBERS:
        raise DataError(
            f"{k:,} means have {k * (k - 1) // 2:,} pairwise differences, too many to hold.\n"
            'Do:   compare each with one, contrast("trt.vs.ctrl"), or with the average, '
            'contrast("eff"); or ask for fewer means with at=.'
        )
    first, second = np.triu_indices(k, 1)
    if reverse:
        order = np.lexsort((first, second))
        first, second = second[order], first[order]
    m = len(first)
    C = np.zeros((m, k))
    C[np.arange(m), first], C[np.arange(m), second] = 1.0, -1.0
    parts = [joined(text) for text in levels]
    names = [f"{parts[i]} - {parts[j]}" for i, j in zip(first, second, strict=True)]
    return Coefficients(C, tuple(names), "tukey", is_pairwise=True)


def against_reference(levels: Sequence[str], ref: Sequence[int]) -> Coefficients:
    """Every other mean against one, or against the average of several."""
    k = len(levels)
    others = [i for i in range(k) if i not in set(ref)]
    C = np.eye(k)[others]
    C[:, list(ref)] -= 1 / len(ref)
    control = joined(levels[ref[0]])
    if len(ref) > 1:
        control = f"avg({','.join(levels[i] for i in ref)})"
    names = tuple(f"{joined(levels[i])} - {control}" for i in others)
    return Coefficients(C.reshape(-1, k), names, "dunnettx")


def effects(levels: Sequence[str]) -> Coefficients:
    """Every mean against the average of all."""
    k = len(levels)
    return Coefficients(np.eye(k) - 1 / k, tuple(f"{x} effect" for x in levels), "fdr")


def effects_without(levels: Sequence[str]) -> Coefficients:
    """Every mean against the average of the others."""
    k = len(levels)
    C = np.eye(k) if k == 1 else np.eye(k) * (k / (k - 1)) - 1 / (k - 1)
    return Coefficients(C, tuple(f"{x} effect" for x in levels), "fdr")


def consecutive(levels: Sequence[str]) -> Coefficients:
    """Every mean less the one before it."""
    C = np.diff(np.eye(len(levels)), axis=0)
    parts = [joined(text) for text in levels]
    names = [f"{b} - {a}" for a, b in pairwise_of(parts)]
    return Coefficients(C, tuple(names), "mvt")


def mean_changes(levels: Sequence[str]) -> Coefficients:
    """The average of the later means less that of the earlier ones, at every place."""
    k = len(levels)
    cut = np.arange(1, k)[:, None]
    later = np.arange(k) >= cut
    C = np.where(later, 1 / (k - cut), -1 / cut)
    names = [f"{a}|{b}" for a, b in pairwise_of(levels)]
    return Coefficients(C.reshape(-1, k), tuple(names), "mvt")


def helmert(levels: Sequence[str]) -> Coefficients:
    """Every mean less the average of those before it."""
    k = len(levels)
    j = np.arange(1, k)[:, None]
    C = np.where(np.arange(k) == j, 1.0, np.where(np.arange(k) < j, -1 / j, 0.0))
    names = [f"{levels[i]} vs {','.join(levels[:i])}" for i in range(1, k)]
    return Coefficients(C.reshape(-1, k), tuple(names), "none")


def identity(levels: Sequence[str]) -> Coefficients:
    """The means themselves."""
    return Coefficients(np.eye(len(levels)), tuple(levels), "none")


def polynomial(k: int, max_degree: int = USUAL_DEGREE) -> Coefficients:
    """Orthogonal polynomials over k equally spaced means, in smallest whole numbers."""
    x = [Fraction(2 * i - k + 1) for i in range(k)]
    basis = [[Fraction(1)] * k]
    for degree in range(1, min(k - 1, max_degree) + 1):
        row = [value**degree for value in x]
        for before in basis:
            share = _product(row, before) / _product(before, before)
            row = [a - share * b for a, b in zip(row, before, strict=True)]
        basis.append(_whole(row))
    C = np.array([[float(value) for value in row] for row in basis[1:]]).reshape(-1, k)
    return Coefficients(C, degree_names(len(basis) - 1), "none")


def degree_names(count: int) -> tuple[str, ...]:
    """``linear``, ``quadratic`` and so on to a degree: what polynomials are called."""
    return tuple(DEGREES[d] if d < len(DEGREES) else f"degree {d + 1}" for d in range(count))


def own(method: Any, levels: Sequence[str], values: Sequence[str] | None = None) -> Coefficients:
    """Coefficients that the caller gives: a mapping or a table by name, or rows of a matrix."""
    if isinstance(method, Mapping):
        rows = [_row(str(name), row, levels, values) for name, row in method.items()]
        names = tuple(map(str, method))
    elif hasattr(method, "columns") or isinstance(method, pd.DataFrame):
        frame = Frame.of(method)
        names = frame.columns
        rows = [_row(name, as_pandas(frame.column(name)), levels, values) for name in names]
    else:
        given = np.ndim(method)
        table = [method] if given == 1 else method if given == 2 else []
        rows = [_row(f"row {i + 1}", row, levels, values) for i, row in enumerate(table)]
        names = tuple(_in_words(row, levels) for row in rows)
    if not rows:
        raise DataError(
            "The contrasts have no coefficients.\n"
            'Do:   give a mapping such as {"high - low": [-1, 0, 1]}, one number per mean.'
        )
    return Coefficients(np.array(rows), names, "none")


FAMILIES: dict[str, Callable[[Sequence[str]], Coefficients]] = {
    "pairwise": pairwise,
    "revpairwise": lambda levels: pairwise(levels, reverse=True),
    "eff": effects,
    "del.eff": effects_without,
    "consec": consecutive,
    "mean_chg": mean_changes,
    "helmert": helmert,
    "identity": identity,
}
"""The families that need nothing but the names of the means."""


def _row(name: str, row: Any, levels: Sequence[str], values: Sequence[str] | None) -> Vector:
    """The coefficients of one contrast, (k,)."""
    if isinstance(row, Mapping):
        by_place = dict.fromkeys(range(len(levels)), 0.0)
        by_place |= {_place(level, levels, values): number for level, number in row.items()}
        row = list(by_place.values())
    try:
        value = np.asarray(row, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"The contrast {name!r} has coefficients that are no numbers.\nDo:   give numbers."
        ) from error
    if value.shape != (len(levels),):
        listed = ", ".join(levels[:12]) + (", …" if levels[12:] else "")
        raise DataError(
            f"The contrast {name!r} has {value.size} coefficients for {len(levels)} means.\n"
            f"Do:   give one for each of {listed}."
        )
    if not np.isfinite(value).all() or not value.any():
        raise DataError(
            f"The contrast {name!r} has a coefficient that is not finite, or none but zeros.\n"
            "Do:   give numbers, at least one of them not zero."
        )
    return value


def _in_words(row: Vector, levels: Sequence[str]) -> str:
    parts = [
        f"{'-' if f < 0 else '+'} {'' if abs(f) == 1 else f'{abs(f):g} '}{joined(name)}"
        for f, name in zip(row, levels, strict=True)
        if f
    ]
    text = " ".join(parts).removeprefix("+ ")
    return f"-{text[2:]}" if text.startswith("- ") else text


def _places(ref: Reference, levels: Sequence[str], values: Sequence[str] | None) -> list[int]:
    several = list(ref) if isinstance(ref, (list, tuple)) else [ref]
    found = [_place(one, levels, values) for one in several]
    if not found or len(set(found)) == len(levels):
        raise DataError(
            f"ref = {ref!r} leaves nothing to compare.\nDo:   name some of the means, not all."
        )
    return list(dict.fromkeys(found))


def _place(ref: Any, levels: Sequence[str], values: Sequence[str] | None) -> int:
    """The mean of a name, a value, or a position (from zero; negative ones from the end)."""
    text = label(ref)
    for names in (levels, values or ()):
        if text in names:
            return list(names).index(text)
    is_position = isinstance(ref, (int, np.integer)) and not isinstance(ref, bool)
    if is_position and -len(levels) <= ref < len(levels):
        return int(ref) % len(levels)
    listed = ", ".join(levels[:12]) + (", …" if levels[12:] else "")
    raise DataError(
        f"{ref!r} is none of the means.{near_matches(text, levels)}\nDo:   choose from {listed}."
    )


def _refuse_ref(ref: Reference | None, what: str) -> None:
    if ref is not None:
        raise DataError(
            f"ref = {ref!r} has no meaning for {what}.\n"
            'Do:   use ref with method="trt.vs.ctrl", or leave it out.'
        )


def _product(a: Sequence[Fraction], b: Sequence[Fraction]) -> Fraction:
    return sum((x * y for x, y in zip(a, b, strict=True)), Fraction(0))


def _whole(row: Sequence[Fraction]) -> list[Fraction]:
    """The same row in the smallest whole numbers, the last one positive."""
    scale = lcm(*(value.denominator for value in row))
    numbers = [int(value * scale) for value in row]
    common = gcd(*numbers) * (1 if numbers[-1] > 0 else -1)
    return [Fraction(number, common) for number in numbers]
