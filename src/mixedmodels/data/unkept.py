"""Rows that are not kept: arrays of which nothing but the shape is known.

The matrices of a model whose data were read in batches hold them where others hold rows, so that
whatever needs rows says so in one way, and never works with something else instead.
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
        "This needs the rows of the data, which a model of data read in batches does not keep.\n"
        "Do:   give rows where the method takes them, as newdata=; or fit the model to a table in "
        "memory,\n"
        "      such as a sample of the rows.\n"
        "Why:  the data were read once and summed, so that they need not fit in memory. What "
        "follows from\n"
        "      the estimates works: tables, tests, random effects, means, predictions of new rows."
    )
