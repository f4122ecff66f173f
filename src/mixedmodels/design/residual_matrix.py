"""The covariance of the residuals as plain arrays: where rows stand, and how their sd differs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mixedmodels.covariance import Structure
from mixedmodels.shortening import brief

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Int32 = NDArray[np.int32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Power:
    """A function of |x| that the residual standard deviation is multiplied with.

    Attributes
    ----------
    kind
        ``"power"``: |x|^delta; ``"constpower"``: c + |x|^delta.
    values
        |x| of every row, shape (n,); None for fitted values that are not known yet.
    name
        Of the covariate, ``"fitted"`` for the fitted values.
    rows
        bool, shape (n,): the rows that it is for; None for all.
    part
        The level of ``by=`` that these rows have; empty without ``by=``.
    of_fitted
        Whether x are the fitted values, and no column.
    """

    kind: Literal["power", "constpower"]
    values: Vector | None
    name: str
    rows: Mask | None = None
    part: str = ""
    of_fitted: bool = False

    __repr__ = brief

    def take(self, rows: Mask | NDArray[np.int64]) -> Power:
        """The function on some of its rows, repeated ones too."""
        values = None if self.values is None else self.values[rows]
        return replace(self, values=values, rows=None if self.rows is None else self.rows[rows])


@dataclass(frozen=True, slots=True)
class ScaleModel:
    """How the residual standard deviation of a row differs from sigma: sigma exp(S delta) times
    the power functions.

    Attributes
    ----------
    S
        Shape (n, k), Fortran order: columns of the log of the standard deviation, no intercept.
    names
        Their names, k of them.
    powers
        Power functions of covariates or of the fitted values.
    """

    S: Matrix
    names: tuple[str, ...]
    powers: tuple[Power, ...] = ()

    __repr__ = brief

    @property
    def depends_on_fitted(self) -> bool:
        """Whether it is a function of the fitted values."""
        return any(power.of_fitted for power in self.powers)

    def take(self, rows: Mask | NDArray[np.int64]) -> ScaleModel:
        """The model on some of its rows, repeated ones too."""
        powers = tuple(power.take(rows) for power in self.powers)
        return replace(self, S=np.asfortranarray(self.S[rows]), powers=powers)


@dataclass(frozen=True, slots=True)
class ResidualMatrix:
    """The covariance of the residuals: independent between blocks of rows, structured within.

    Attributes
    ----------
    structure
        Covariance structure within a block; None if all rows are independent.
    group
        Name of the factor whose levels are the blocks; empty if all rows are one block.
    codes
        int32, shape (n,): the block of each row. Without a structure every row is one.
    levels
        The blocks as the user's own values, or as labels such as ``"a1:b1"``.
    positions
        Shape (n, d): where a row stands in its block. For a structure over occasions d = 1 and
        the values are whole numbers from 0: for ``ar1`` and ``arma`` (whose lags are differences
        of them) and, as indices into `occasions`, for the others.
    occasions
        Their labels in order; empty for positions that are no occasions.
    part
        int32, shape (n,): which of `parts` a row belongs to; every block lies in one.
    parts
        The levels of ``by=``, each with a covariance of its own; one empty text without ``by=``.
    scale
        How the standard deviation differs between rows; None if it does not.
    """

    structure: Structure | None
    group: str
    codes: Int32
    levels: tuple[Any, ...]
    positions: Matrix
    occasions: tuple[str, ...]
    part: Int32
    parts: tuple[str, ...] = ("",)
    scale: ScaleModel | None = None

    __repr__ = brief

    def take(self, rows: Mask | NDArray[np.int64]) -> ResidualMatrix:
        """The covariance of some of the rows, repeated ones too."""
        return replace(
            self,
            codes=self.codes[rows],
            positions=self.positions[rows],
            part=self.part[rows],
            scale=None if self.scale is None else self.scale.take(rows),
        )


@dataclass(frozen=True, slots=True)
class NewResidual:
    """Where the rows of new data stand in the residual covariance of a fit.

    Attributes
    ----------
    codes
        int32, shape (n,): the block, an index into the levels of the fit; -1 for a new or
        missing one.
    blocks
        int32, shape (n,): the block among those of the new data, new ones included: rows of one
        new block are correlated with each other; -1 where the level is missing.
    positions
        Shape (n, d), on the scale of the fit; NaN where the fit cannot tell the place: it is
        missing, an occasion that the fit has not seen, or given by the order of rows.
    part
        int32, shape (n,): index into the parts of the fit, -1 for a level that it has not seen.
    scale
        The columns of the standard deviation, NaN where a value is missing; None if the fit has
        none.
    """

    codes: Int32
    blocks: Int32
    positions: Matrix
    part: Int32
    scale: ScaleModel | None
