"""Columns of the second level: the same in all rows of a group, and group means of others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.data import Frame, encode, interaction

Codes = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Grouped:
    """Predictors seen from a group.

    Attributes
    ----------
    group : tuple of str
        Its columns.
    means : tuple of (str, str)
        A name for the group mean of each number that varies within it, and the number's column.
    varying : tuple of str
        All predictors that vary within it.
    """

    group: tuple[str, ...]
    means: tuple[tuple[str, str], ...]
    varying: tuple[str, ...]


def codes_of(frame: Frame, group: Sequence[str]) -> Codes:
    """The level of every row, -1 for none."""
    return interaction(*(encode(frame.column(name)) for name in group)).codes


def constant_within(frame: Frame, name: str, groups: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The group with the fewest levels within which a column has one value, as far as it has any;
    none if there is no such group whose levels have several rows.
    """
    found: tuple[int, tuple[str, ...]] | None = None
    for group in groups:
        codes = codes_of(frame, group)
        n = int(codes.max(initial=-1)) + 1
        if n == frame.nrows or varies(frame, name, codes) or not _is_repeated(frame, name, codes):
            continue
        if found is None or n < found[0]:
            found = (n, group)
    return () if found is None else found[1]


def is_nested(frame: Frame, inner: tuple[str, ...], outer: tuple[str, ...]) -> bool:
    """Whether every level of one group is in one level of another, of which there are fewer."""
    codes, above = codes_of(frame, inner), codes_of(frame, outer)
    there = (codes >= 0) & (above >= 0)
    pairs = pd.DataFrame({"inner": codes[there], "outer": above[there]})
    within = bool((pairs.groupby("inner")["outer"].nunique() == 1).all())
    return within and pairs["outer"].nunique() < pairs["inner"].nunique()


def has_rows(frame: Frame, group: tuple[str, ...]) -> bool:
    """Whether some level of a group has two rows, without which it has no effects of its own."""
    codes = codes_of(frame, group)
    return bool((np.bincount(codes[codes >= 0]) > 1).any())


def varies(frame: Frame, name: str, codes: Codes) -> bool:
    """Whether a column has two values within a level."""
    values, _ = pd.factorize(values_of(frame, name))
    there = (values >= 0) & (codes >= 0)
    pairs = pd.DataFrame({"level": codes[there], "value": values[there]})
    return bool((pairs.groupby("level")["value"].nunique() > 1).any())


def _is_repeated(frame: Frame, name: str, codes: Codes) -> bool:
    """Whether some level has two rows with a value."""
    values, _ = pd.factorize(values_of(frame, name))
    return bool((np.bincount(codes[(values >= 0) & (codes >= 0)]) > 1).any())


def values_of(frame: Frame, name: str) -> pd.Series:
    """A column as numbers with nan, or as an ordered categorical, on 0, 1, …"""
    column = frame.column(name)
    if column.numbers is None:
        codes = encode(column)
        dtype = pd.CategoricalDtype(list(codes.levels), ordered=frame.is_ordered(name))
        return pd.Series(pd.Categorical.from_codes(codes.codes, dtype=dtype), name=name)
    return pd.Series(column.floats(), name=name)


def group_of(frame: Frame, predictors: Sequence[str], group: tuple[str, ...]) -> Grouped:
    """Which predictors vary within a group, and the means of the numbers among them."""
    if not group:
        return Grouped((), (), ())
    codes = codes_of(frame, group)
    own = [name for name in predictors if name not in group]
    varying = tuple(name for name in own if varies(frame, name, codes))
    means = tuple(
        (_free_name(frame, f"mean of {name} by {':'.join(group)}"), name)
        for name in varying
        if frame.column(name).numbers is not None and not _is_balanced(frame, name, codes)
    )
    return Grouped(group, means, varying)


def _free_name(frame: Frame, name: str) -> str:
    """The name, with as many primes as it needs to be that of no column of the data."""
    while name in frame.columns:
        name += "'"
    return name


def _is_balanced(frame: Frame, name: str, codes: Codes) -> bool:
    """Whether a complete column has the same mean in every level, which then says nothing."""
    values = values_of(frame, name)
    if values.isna().any():
        return False
    means = values.groupby(codes).mean()
    return bool(np.ptp(means) <= 1e-12 * max(float(np.abs(values).max()), 1e-300))
