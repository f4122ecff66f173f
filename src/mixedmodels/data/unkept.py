"""Rows that are not kept: arrays of which nothing but the shape is known.

The matrices of a model whose data were read in batches, or that was loaded from a file without its
rows, hold them where others hold rows, so that whatever needs rows says so in one way, and never
works with something else instead.
"""

from __future__ import annotations

from typing import Any, NoReturn

from numpy.lib.mixins import NDArrayOperatorsMixin

from mixedmodels.errors import DataError


class UnkeptRows(NDArrayOperatorsMixin):
    """In place of an array of this shape, first the rows.

    Raises
    ------
    DataError
        Whatever is asked of it but its length and shape.
    """

    def __init__(self, *shape: int) -> None:
        self.shape = shape

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"UnkeptRows{self.shape}"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what Python and NumPy look for by themselves
            raise AttributeError(name)
        raise rows_needed()

    def __array__(self, *args: Any, **options: Any) -> NoReturn:
        raise rows_needed()

    def __array_ufunc__(self, *args: Any, **options: Any) -> NoReturn:
        raise rows_needed()

    def __array_function__(self, *args: Any, **options: Any) -> NoReturn:
        raise rows_needed()

    def __getitem__(self, rows: Any) -> NoReturn:
        raise rows_needed()

    def __iter__(self) -> NoReturn:
        raise rows_needed()

    def __bool__(self) -> NoReturn:
        raise rows_needed()

    def __contains__(self, value: object) -> NoReturn:
        raise rows_needed()

    def __reduce__(self) -> tuple[object, ...]:
        return UnkeptRows, self.shape


def rows_needed() -> DataError:
    """That something needs the rows of a model that has none."""
    return DataError(
        "This needs the rows of the data, which this model does not keep.\n"
        "Do:   give rows where the method takes them, as newdata=. Save a model that is to be "
        "loaded with its\n"
        "      rows by save(path, rows=True); fit one of data read in batches to a table in memory,"
        "\n"
        "      such as a sample of the rows.\n"
        "Why:  a file has no rows unless asked for them, and data that are read in batches are "
        "summed. What follows\n"
        "      from the estimates works: tables, tests, random effects, means, predictions of new "
        "rows."
    )
