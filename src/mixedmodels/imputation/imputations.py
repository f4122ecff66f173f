"""`Imputations`: completed tables, with what is to be known of how they were found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mixedmodels.data import Frame, stacked
from mixedmodels.errors import DataError
from mixedmodels.options import require_flag, require_option

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ColumnTrace:
    """One column that was filled in.

    Attributes
    ----------
    name, formula, method : str
        The column and its model.
    rows : array
        Where it had no value.
    means, sds : arrays (cycles,)
        Of what was filled in, cycle by cycle; of a factor of the numbers of its levels.
    """

    name: str
    formula: str
    method: str
    rows: NDArray[np.intp]
    means: Vector
    sds: Vector


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Imputations:
    """Completed tables, as `mixedmodels.impute` and `impute_trial` return them. It never changes.

    `lmm`, `glmm` and `mmrm` fit a model to each and pool. Iterating gives the tables.

    Attributes
    ----------
    original : Frame
        The incomplete data.
    completed : tuple of Frame
        One per imputation.
    columns : tuple of ColumnTrace
        The columns that were filled in.
    burn_in : int
        Cycles before the first imputation was taken.
    notes : tuple of str
        What a reader must know.

    Examples
    --------
    >>> import mixedmodels as mm
    >>> data = mm.datasets.load("sleepstudy")
    >>> data.loc[::6, "Reaction"] = None
    >>> imputed = mm.impute(data, "Reaction ~ Days + (Days | Subject)", n=5, seed=1)
    >>> len(imputed), imputed.frames[0]["Reaction"].isna().sum()
    (5, np.int64(0))
    >>> mm.lmm("Reaction ~ Days + (Days | Subject)", imputed).m
    5
    """

    original: Frame
    completed: tuple[Frame, ...]
    columns: tuple[ColumnTrace, ...]
    burn_in: int = 0
    notes: tuple[str, ...] = ()

    @property
    def frames(self) -> tuple[Any, ...]:
        """The completed tables, in the library of the data."""
        return tuple(frame.native for frame in self.completed)

    def __len__(self) -> int:
        return len(self.completed)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.frames)

    def __getitem__(self, i: int) -> Any:
        return self.completed[i].native

    def long(self, imp: str = ".imp", *, original: bool = False) -> Any:
        """All tables one below the other, with a first column that numbers them from 1.

        Parameters
        ----------
        imp : str
            What that column is called.
        original : bool
            Whether the incomplete data come first, as number 0.

        Raises
        ------
        DataError
            If the data have a column of that name.
        """
        require_flag("original", original)
        if imp in self.original.columns:
            raise DataError(f"The data have a column {imp!r}.\nDo:   give another name as imp=.")
        frames = [*([self.original] if original else []), *self.completed]
        first = 0 if original else 1
        return stacked(frames, imp, range(first, first + len(frames)))

    @property
    def trace(self) -> Any:
        """Table `cycle, column, mean, sd` of what was filled in: level lines without a trend say
        that the chain has settled.
        """
        cycles = [len(column.means) for column in self.columns]
        return self.original.table(
            {
                "cycle": np.concatenate([np.arange(1, c + 1) for c in cycles]),
                "column": [
                    c.name for c, k in zip(self.columns, cycles, strict=True) for _ in range(k)
                ],
                "mean": np.concatenate([column.means for column in self.columns]),
                "sd": np.concatenate([column.sds for column in self.columns]),
            }
        )

    @property
    def models(self) -> Any:
        """Table `column, n_missing, method, formula`."""
        return self.original.table(
            {
                "column": [column.name for column in self.columns],
                "n_missing": np.array([len(column.rows) for column in self.columns]),
                "method": [column.method for column in self.columns],
                "formula": [column.formula for column in self.columns],
            }
        )

    def plot(self, kind: Literal["values", "trace"] = "values") -> Any:
        """A matplotlib Figure with one panel per column.

        Parameters
        ----------
        kind : {"values", "trace"}
            What was observed against what was filled in, as densities or shares of levels; or the
            means and standard deviations of what was filled in, cycle by cycle.

        Raises
        ------
        DataError
            If `kind` is neither, or there is no chain to look at.
        """
        require_option("kind", kind, ("values", "trace"))
        return import_module("mixedmodels.plots.imputation_plots").imputations(
            self.original,
            self.completed,
            [(c.name, c.rows, c.means, c.sds) for c in self.columns],
            kind=kind,
            burn_in=self.burn_in,
        )

    def __repr__(self) -> str:
        times = f"{len(self)} imputation{'' if len(self) == 1 else 's'}"
        lines = [f"{times} of {self.original.nrows:,} rows"]
        lines += [
            f"  {c.name}: {len(c.rows):,} values by {c.method}: {c.formula}"[:110]
            for c in self.columns[:20]
        ]
        return "\n".join([*lines, *(f"Note: {note}." for note in self.notes)])
