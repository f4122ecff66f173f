"""Pedigrees: from a table of animals with their parents to the inverse of their relationships."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixedmodels.covariance.pedigree import Pedigree
from mixedmodels.data import Codes, Frame, encode, label, match_levels, require_distinct_labels
from mixedmodels.engine.pedigree import pedigree_of
from mixedmodels.errors import DataError

Int32 = NDArray[np.int32]

UNKNOWN = ("0", "")
"""How a parent that is not known is written, beside missing values."""


def pedigree(
    data: object, *, animal: str = "animal", sire: str = "sire", dam: str = "dam"
) -> Pedigree:
    """The additive relationships of animals (or plants) from a table of parents.

    Parameters
    ----------
    data : frame
        pandas, polars, pyarrow, anything narwhals takes, or a dict of arrays. Rows in any order;
        an animal may have several rows, as in a table of records, if its parents are the same in
        all.
    animal, sire, dam : str
        Columns with the animals and their parents. A parent that is not known is missing, ``0``
        or empty text. Parents that have no row of their own become founders.

    Returns
    -------
    Pedigree
        `labels`, `precision` (A^-1, sparse), `log_det`, `inbreeding` (a Series), for
        ``known={"A": pedigree}``. A parent may be sire of one animal and dam of another, and both
        of a third (selfing).

    Raises
    ------
    DataError
        If a column is not there, an animal has no name or two pairs of parents, is its own
        ancestor, or so inbred that A is singular.

    Notes
    -----
    Rules of Henderson (1976, Biometrics 32, 69) and Quaas (1976, Biometrics 32, 949) with
    inbreeding; F from columns of A, one per sire (Colleau 2002, Genet. Sel. Evol. 34, 409).

    Examples
    --------
    >>> import mixedmodels as mm
    >>> ped = mm.pedigree({
    ...     "animal": ["calf", "bull", "cow"],
    ...     "sire": ["bull", "old", "old"],
    ...     "dam": ["cow", "", ""],
    ... })
    >>> ped.inbreeding.to_dict()
    {'bull': 0.0, 'calf': 0.125, 'cow': 0.0, 'old': 0.0}
    >>> ped.precision.toarray()[1]
    array([-1.,  2., -1.,  0.])
    """
    frame = Frame.of(data)
    for argument, name in (("animal", animal), ("sire", sire), ("dam", dam)):
        _require_column(frame, argument, name)
    animals = encode(frame.column(animal))
    _check_animals(animal, animals)
    labels = list(animals.values)
    parents = [_parents(frame, name, animal, labels) for name in (sire, dam)]
    n_added = len(labels) - len(animals.values)
    own = [_of_animals(animals, codes, labels, name) for codes, name in parents]
    require_distinct_labels(animal, labels)
    founders = np.full(n_added, -1, dtype=np.int32)
    sires, dams = (np.concatenate([codes, founders]) for codes in own)
    return pedigree_of(labels, sires, dams, n_added=n_added)


def _require_column(frame: Frame, argument: str, name: str) -> None:
    if not isinstance(name, str) or name not in frame.columns:
        listed = ", ".join(map(repr, frame.columns[:12]))
        raise DataError(
            f"The table has no column {name!r}.\nDo:   name the column with {argument}=; "
            f"it has {listed}."
        )


def _is_unknown(value: object) -> bool:
    return label(value).strip() in UNKNOWN


def _check_animals(name: str, animals: Codes) -> None:
    if animals.missing is not None:
        where = int(np.flatnonzero(animals.missing)[0])
        raise DataError(
            f"Column {name!r} has {np.count_nonzero(animals.missing)} missing values, the first "
            f"in row {where} (from 0).\nDo:   give every animal a name, or leave the row out."
        )
    unknown = next((value for value in animals.values if _is_unknown(value)), None)
    if unknown is not None:
        raise DataError(
            f"Column {name!r} has an animal called {unknown!r}.\n"
            "Do:   give it another name.\n"
            "Why:  among parents it stands for one that is not known."
        )


def _parents(frame: Frame, name: str, animal: str, labels: list[Any]) -> tuple[Int32, str]:
    """The number of the parent of each row, -1 for an unknown one; new parents join `labels`."""
    column = encode(frame.column(name))
    named = [value for value in column.values if not _is_unknown(value)]
    found = _numbers(name, animal, named, labels)[:-1]
    new = np.flatnonzero(found < 0)
    found[new] = np.arange(len(labels), len(labels) + len(new), dtype=np.int32)
    labels.extend(named[index] for index in new)
    numbers = np.full(len(column.values) + 1, -1, dtype=np.int32)
    is_named = np.array([not _is_unknown(value) for value in column.values], dtype=np.bool_)
    numbers[:-1][is_named] = found
    return numbers[column.codes], name


def _numbers(name: str, animal: str, parents: Sequence[Any], labels: Sequence[Any]) -> Int32:
    try:
        return match_levels(name, parents, labels)
    except DataError as error:
        raise DataError(
            f"Parents in column {name!r}, as {label(parents[0])!r} "
            f"({type(parents[0]).__name__}), cannot be told from animals in column {animal!r}, as "
            f"{label(labels[0])!r} ({type(labels[0]).__name__}).\n"
            "Do:   convert the columns to one type."
        ) from error


def _of_animals(animals: Codes, rows: Int32, labels: Sequence[Any], name: str) -> Int32:
    """The parent of each animal listed, from that of each row."""
    first = np.full(len(animals.values), -1, dtype=np.int32)
    first[animals.codes[::-1]] = rows[::-1]
    other = np.flatnonzero(first[animals.codes] != rows)
    if len(other):
        row = other[0]
        shown = [
            "unknown" if code < 0 else repr(labels[code])
            for code in (first[animals.codes[row]], rows[row])
        ]
        raise DataError(
            f"The animal {animals.values[animals.codes[row]]!r} has two parents in column "
            f"{name!r}: {shown[0]} and {shown[1]}.\n"
            "Do:   correct one of its rows, or leave one out."
        )
    return first
