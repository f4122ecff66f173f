"""Pedigrees by the native engine: codes of parents in, the inverse relationship matrix out."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from mixedmodels import _native
from mixedmodels._native import EngineError
from mixedmodels.covariance.pedigree import Pedigree
from mixedmodels.errors import DataError

MOST_SHOWN = 8
"""Animals of a loop that a message names."""


def pedigree_of(
    labels: Sequence[Any], sires: NDArray[np.int32], dams: NDArray[np.int32], *, n_added: int = 0
) -> Pedigree:
    """The pedigree of animals that are numbered in any order.

    Parameters
    ----------
    labels
        The animals.
    sires, dams
        int32, shape (animals,): the number of each animal's parent, -1 for an unknown one.
    n_added
        How many of the last animals are known as parents alone.

    Raises
    ------
    DataError
        If an animal is its own ancestor, or so inbred that A is singular.
    """
    sires, dams = (np.ascontiguousarray(codes, dtype=np.int32) for codes in (sires, dams))
    try:
        found = _native.relationship(sires, dams)
    except EngineError as error:
        kind, message, animals = error.args
        raise _refusal(kind, message, [labels[animal] for animal in animals or ()]) from error
    n = len(labels)
    precision = sparse.csc_matrix((found.data, found.indices, found.indptr), shape=(n, n))
    precision.has_sorted_indices = True
    index = pd.Index(labels, name="animal", tupleize_cols=False)
    inbreeding = pd.Series(found.inbreeding, index, name="inbreeding")
    return Pedigree(tuple(labels), precision, -found.log_det, sires, dams, inbreeding, n_added)


def _refusal(kind: str, message: str, animals: Sequence[Any]) -> DataError:
    if kind == "loop":
        if len(animals) == 1:
            what = f"The animal {animals[0]!r} is its own parent."
        else:
            shown = [repr(animal) for animal in animals[:MOST_SHOWN]]
            shown += ["…"] * (len(animals) > MOST_SHOWN)
            what = f"Animals are their own ancestors: {' < '.join([*shown, repr(animals[0])])}."
        return DataError(
            f"{what}\n"
            "Do:   correct the parents of one of them (each is followed by one of its parents);\n"
            "      exchanged columns of animals and parents also look like this.\n"
            "Why:  an animal cannot descend from itself."
        )
    if kind == "variance":
        return DataError(
            f"The parents of {animals[0]!r} are so inbred that nothing of its breeding value "
            "varies.\n"
            "Do:   leave out generations of selfing that are not needed.\n"
            "Why:  the relationship matrix has no inverse then, to the precision of the arithmetic."
        )
    return DataError(f"The pedigree cannot be used: {message}.")
