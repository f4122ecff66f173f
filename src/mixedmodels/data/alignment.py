"""Values that carry labels are taken by their labels, not by their place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.errors import DataError

_LISTED = 6


def by_row(what: str, values: Any, *indexes: pd.Index) -> Any:
    """`values` in the order of the first index that has its labels; what has no labels as it is.

    Parameters
    ----------
    what
        What they are called in messages.
    values
        A pandas Series or DataFrame, or anything else, which is returned unchanged.
    indexes
        Row labels of the data, one of which has to fit.

    Raises
    ------
    DataError
        If no index has the same labels, or labels repeat and stand in another order.
    """
    if not isinstance(values, (pd.Series, pd.DataFrame)):
        return values
    own = values.index
    for index in indexes:
        if own.equals(index):
            return values
    for index in indexes:
        if len(own) == len(index) and own.is_unique and index.is_unique:
            places = own.get_indexer(index)
            if (places >= 0).all():
                return values.iloc[places]
    raise _other_rows(what, own, indexes[-1])


def by_name(what: str, labels: Sequence[Any], names: Sequence[str]) -> NDArray[np.intp]:
    """Where each label stands among `names`.

    Raises
    ------
    DataError
        If a label is not among them, or comes twice.
    """
    places = {name: place for place, name in enumerate(names)}
    unknown = [label for label in labels if label not in places]
    twice = sorted({str(label) for label in labels if list(labels).count(label) > 1})
    if unknown or twice:
        wrong = (
            f"names {', '.join(repr(label) for label in unknown[:_LISTED])}, which the model "
            "does not have"
            if unknown
            else f"names {', '.join(twice)} more than once"
        )
        raise DataError(
            f"{what} {wrong}.\n"
            f"Do:   use the names {', '.join(names[:12])}{', …' if len(names) > 12 else ''}, or "
            "give an array without names, in this order."
        )
    return np.array([places[label] for label in labels], dtype=np.intp)


def is_unlabelled(index: pd.Index) -> bool:
    """Whether an index is the one that pandas gives by itself, 0, 1, …."""
    return isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1


def _other_rows(what: str, own: pd.Index, rows: pd.Index) -> DataError:
    if len(own) == len(rows) and not (own.is_unique and rows.is_unique) and _same(own, rows):
        problem = "row labels that repeat, in another order than the data"
    else:
        extra = own.difference(rows, sort=False)[:_LISTED].tolist()
        lacking = rows.difference(own, sort=False)[:_LISTED].tolist()
        problem = f"other row labels than the data ({len(own)} labels for {len(rows)} rows"
        problem += f"; not in the data: {_listed(extra)}" if extra else ""
        problem += f"; lacking: {_listed(lacking)})" if lacking else ")"
    return DataError(
        f"{what} has {problem}.\n"
        "Do:   give it the index of the data, or pass an array (`.to_numpy()`) if its rows are "
        "in the order of the data.\n"
        "Why:  a value goes to the row whose label it has."
    )


def _same(own: pd.Index, rows: pd.Index) -> bool:
    return set(own) == set(rows)


def _listed(labels: Sequence[Any]) -> str:
    return ", ".join(map(repr, labels))
