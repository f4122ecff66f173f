"""The finished cells of a table as columns of text."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mixedmodels.report.publication.content import Cell, Content, plain


def grid_of(content: Content) -> dict[str, NDArray[np.object_]]:
    """Columns `part`, `term`, and one per column of the table; null where it has nothing."""
    rows = [(part.heading, row) for part in content.parts for row in part.rows]
    columns: dict[str, list[str | None]] = {
        "part": [part for part, _ in rows],
        "term": [plain(row.label) for _, row in rows],
    }
    names = list(_names(content))
    for name in names:
        columns[name] = []
    for _, row in rows:
        place = 0
        for cell, span in zip(row.cells, content.widths(row), strict=True):
            for offset in range(span):
                columns[names[place + offset]].append(_text(cell) if offset == 0 else None)
            place += span
    return {name: np.array(values, dtype=object) for name, values in columns.items()}


def _names(content: Content) -> Iterator[str]:
    """Of a column: the model, if there are several, and the statistic."""
    heads = iter(content.columns)
    several = len(content.spanners) > 1
    for spanner in content.spanners:
        model = plain(spanner.head[0]) if spanner.head else ""
        for _ in range(spanner.columns):
            own = plain(next(heads))
            parts = [model] if model and (several or not own) else []
            yield ": ".join([*parts, *([own] if own else [])]) or "value"


def _text(cell: Cell) -> str | None:
    return " ".join(map(plain, cell)) or None
