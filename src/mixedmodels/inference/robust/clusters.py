"""Which rows belong together: the argument `cluster=`, read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixedmodels.data import Codes, Column, by_row, encode, interaction, read_values
from mixedmodels.errors import DataError
from mixedmodels.fit.complete import require_complete
from mixedmodels.fit.fit import Fit
from mixedmodels.shortening import brief
from mixedmodels.vocabulary import Clusters

Int32 = NDArray[np.int32]

GIVEN = "given"
"""What clusters are called that came as an array without a name."""

COLUMNS_LISTED = 12

COMPLETE = "give these rows a value, of their own if they have none, or fit without them"
"""What to do where a cluster is missing."""


@dataclass(frozen=True, slots=True)
class Clustering:
    """One way to divide the rows used.

    Attributes
    ----------
    name
        As it was asked for.
    codes
        int32, shape (n,): the cluster of each row; every one has rows.
    count
        How many clusters there are.
    """

    name: str
    codes: Int32
    count: int

    __repr__ = brief

    def within(self, other: "Clustering") -> "Clustering":
        """The intersections of these clusters with others."""
        both = self.codes.astype(np.int64) * other.count + other.codes
        return of_keys(f"{self.name}:{other.name}", both)


def of_keys(name: str, keys: NDArray[np.integer[Any]]) -> Clustering:
    """Rows with the same key belong together."""
    values, codes = np.unique(keys, return_inverse=True)
    return Clustering(name, codes.astype(np.int32).ravel(), len(values))


def read_clusterings(
    fit: Fit, cluster: Clusters, argument: str = "cluster"
) -> tuple[Clustering, ...]:
    """The clusterings that `cluster` names: one, or several where columns come in a list. Messages
    call it `argument`.

    Raises
    ------
    DataError
        If a column does not exist, an array has another length or other labels than the data, or a
        row used has no cluster.
    """
    if isinstance(cluster, str):
        return (_of_columns(fit, cluster, argument),)
    if isinstance(cluster, (list, tuple)) and _names_columns(fit, cluster):
        if len(set(cluster)) < len(cluster) or not cluster:
            raise DataError(
                f"{argument} = {list(cluster)!r} names no column, or one twice.\n"
                "Do:   name every column once."
            )
        return tuple(_of_columns(fit, name, argument) for name in cluster)
    return (_of_values(fit, cluster, argument),)


def _names_columns(fit: Fit, cluster: Sequence[object]) -> bool:
    """Whether a list is of names of columns, not of one value per row."""
    n_rows = {len(fit.matrices.y), len(fit.matrices.kept)}
    return len(cluster) not in n_rows and all(isinstance(name, str) for name in cluster)


def _of_columns(fit: Fit, name: str, argument: str) -> Clustering:
    for grouping in fit.matrices.groupings:
        if grouping.name == name and (grouping.codes >= 0).all():
            return of_keys(name, grouping.codes)
    known = fit.frame.columns
    parts = [name] if name in known else [part.strip() for part in name.split(":")]
    unknown = [part for part in parts if part not in known]
    if unknown:
        listed = ", ".join(map(str, known[:COLUMNS_LISTED]))
        more = ", …" if len(known) > COLUMNS_LISTED else ""
        raise DataError(
            f"{argument} = {name!r}: {unknown[0]!r} is not a column of the data.\n"
            f"Do:   name one of {listed}{more}, or give one value per row."
        )
    codes = [_kept_codes(fit, fit.frame.column(part), argument) for part in parts]
    return of_keys(name, interaction(*codes).codes)


def _kept_codes(fit: Fit, column: Column, argument: str) -> Codes:
    codes = encode(column.take(fit.matrices.kept))
    require_complete(fit, codes.codes < 0, f"{argument} = {column.name!r}", do=COMPLETE)
    return codes


def _of_values(fit: Fit, values: Any, argument: str) -> Clustering:
    kept, n = fit.matrices.kept, len(fit.matrices.y)
    name = getattr(values, "name", None)
    title = name if isinstance(name, str) else GIVEN
    values = by_row(argument, values, fit.matrices.index, fit.frame.index)
    codes = encode(_column(list(values) if isinstance(values, range) else values, argument)).codes
    if len(codes) == len(kept) != n:
        codes = codes[kept]
    if len(codes) != n:
        raise DataError(
            f"{argument} has {len(codes)} values, but the fit uses {n} of {len(kept)} rows.\n"
            f"Do:   give {n} values, one per row used, or {len(kept)}, one per row of the data, or "
            "the name of a column."
        )
    require_complete(fit, codes < 0, argument, do=COMPLETE)
    return of_keys(title, codes)


def _column(values: Any, argument: str) -> Column:
    if not np.isscalar(values) and np.ndim(values) == 1:
        return read_values(argument, values)
    raise DataError(
        f"{argument} is neither the name of a column nor one value per row.\n"
        f'Do:   write {argument}="school", {argument}=["school", "year"] for groups that cross, or '
        "give an array."
    )
