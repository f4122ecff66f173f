"""The entries of the covariances of the random effects that a table shows, in its order."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design import ModelMatrices
from mixedmodels.fit.labels import column_labels, group_names

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Entry:
    """Sigma_k[row, column] with the names of its group and effects."""

    term: int
    row: int
    column: int
    group: str
    term1: str
    term2: str | None


def entries_of(matrices: ModelMatrices) -> tuple[Entry, ...]:
    """Per term its variances, then its covariances, as `variance_components` has them."""
    labels, groups = column_labels(matrices), group_names(matrices)
    out = []
    for k, term in enumerate(matrices.terms):
        group, names = groups[term.group], labels[k]
        q = len(names)
        out += [Entry(k, i, i, group, names[i], None) for i in range(q)]
        if not term.is_independent:
            pairs = [(i, j) for i in range(q) for j in range(i + 1, q)]
            out += [Entry(k, i, j, group, names[i], names[j]) for i, j in pairs]
    return tuple(out)


def values_of(entries: Sequence[Entry], covariances: Sequence[Vector]) -> Vector:
    """The entries (..., v) of the covariances (..., q_k, q_k) of the terms."""
    shape = covariances[0].shape[:-2] if covariances else ()
    out = np.empty((*shape, len(entries)))
    for i, entry in enumerate(entries):
        out[..., i] = covariances[entry.term][..., entry.row, entry.column]
    return out


def standard(entries: Sequence[Entry], values: Vector) -> Vector:
    """Standard deviations and correlations (r, v) of variances and covariances (r, v)."""
    sd = {
        (e.term, e.row): np.sqrt(values[:, i]) for i, e in enumerate(entries) if e.row == e.column
    }
    out = np.empty_like(values)
    for i, e in enumerate(entries):
        if e.term2 is None:
            out[:, i] = sd[e.term, e.row]
            continue
        product = sd[e.term, e.row] * sd[e.term, e.column]
        ratio = np.full(len(values), np.nan)
        np.divide(values[:, i], product, out=ratio, where=product > 0)
        out[:, i] = np.clip(ratio, -1.0, 1.0)
    return out
