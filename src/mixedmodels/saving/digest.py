"""A digest of data: the same for the same values, whatever library holds them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from mixedmodels.data import Column, Frame, label


def data_digest(frame: Frame, columns: Sequence[str]) -> str:
    """SHA-256 of some columns, in the order of their names.

    Numbers count as doubles, levels by their text; a missing value is one, whatever stands for it.
    """
    total = hashlib.sha256()
    for name in sorted(columns):
        total.update(f"{name}\0{frame.nrows}\0".encode())
        total.update(_of_column(frame.column(name)))
    return total.hexdigest()


def _of_column(column: Column) -> bytes:
    digest = hashlib.sha256()
    if column.numbers is not None:
        values = column.floats() + 0.0  # minus zero is zero
        missing = np.isnan(values)
        digest.update(b"numbers")
        digest.update(np.where(missing, 0.0, values).astype("<f8").tobytes())
        digest.update(missing.tobytes())
        return digest.digest()
    codes = column.codes
    assert codes is not None
    labels = sorted({label(value) for value in codes.values})
    place = {text: i for i, text in enumerate(labels)}
    renumber = np.array([*(place[label(v)] for v in codes.values), -1], dtype="<i8")
    own = renumber[codes.codes]
    used = np.unique(own[own >= 0])
    digest.update(b"levels" + "\0".join(labels[i] for i in used).encode())
    digest.update(np.searchsorted(used, own).astype("<i8").tobytes() + (own < 0).tobytes())
    return digest.digest()
