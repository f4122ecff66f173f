"""Which rows stand for all others: those with the smallest digests of what is in them.

So the choice is the same however the data are divided and in whatever order they come: rows of one
digest are the same rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pandas.util import hash_array

from mixedmodels.data.dictionary import Dictionary

Keys = NDArray[np.uint64]

FIRST, SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
"""Multipliers of a mixing function (Steele, Lea & Flood 2014, variant 13 of D. Stafford)."""


def row_keys(parts: Sequence[NDArray[Any]], levels: Sequence[Dictionary | None]) -> Keys:
    """Digests (n,) of rows.

    Parameters
    ----------
    parts
        Their columns (n,): numbers, or the codes of levels.
    levels
        Of each column that has codes; None for numbers.
    """
    keys = np.zeros(len(parts[0]), dtype=np.uint64)
    for values, dictionary in zip(parts, levels, strict=True):
        keys = _mixed(keys ^ (_bits(values) if dictionary is None else _named(values, dictionary)))
    return keys


def _bits(values: NDArray[Any]) -> Keys:
    """Those of the numbers as doubles, of one zero."""
    return (values.astype(np.float64) + 0.0).view(np.uint64)


def _named(codes: NDArray[Any], dictionary: Dictionary) -> Keys:
    """A digest of the name of each level."""
    names = np.array([str(value) for value in dictionary.values], dtype=object)
    found: Keys = hash_array(names, categorize=False)[codes]
    return found


def _mixed(keys: Keys) -> Keys:
    keys = (keys ^ (keys >> np.uint64(30))) * FIRST
    keys = (keys ^ (keys >> np.uint64(27))) * SECOND
    return keys ^ (keys >> np.uint64(31))


def chosen(keys: Keys, most: int, levels: Sequence[NDArray[np.int32]]) -> NDArray[np.intp]:
    """The rows of the `most` smallest keys and of the smallest of each level, in order of keys."""
    kept = np.zeros(len(keys), dtype=np.bool_)
    if len(keys) <= most:
        kept[:] = True
    elif most:
        kept[np.argpartition(keys, most)[:most]] = True
    for codes in levels:
        kept[_least_of_each(keys, codes)] = True
    found = np.flatnonzero(kept)
    return found[np.argsort(keys[found], kind="stable")]


def _least_of_each(keys: Keys, codes: NDArray[np.int32]) -> NDArray[np.intp]:
    """One row of each level that is met, with the smallest of its keys."""
    least = np.full(int(codes.max(initial=-1)) + 1, np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(least, codes, keys)
    found = np.flatnonzero(keys == least[codes])
    return found[np.unique(codes[found], return_index=True)[1]]
