"""Blocks of correlated residuals that new data bring, whose rows stand among themselves alone."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design import NewResidual
from mixedmodels.design.occasions import order_of_rows
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.prediction.rows import Rows

Vector = NDArray[np.float64]
Int = NDArray[np.int64]


def places_in_blocks(fit: Fit, new: NewResidual) -> Vector:
    """The positions (n, d) of new rows in blocks of the new data; nan without a place.

    Raises
    ------
    DataError
        If two rows of a block are at one place, or its rows belong to several parts.
    """
    spec, used = fit.spec.residual, fit.matrices.residual
    if spec is None or spec.blocks is None or used is None:
        return new.positions
    positions = new.positions
    if spec.blocks.occasions.reading == "order":
        positions = order_of_rows(new.blocks)
        if used.occasions:
            positions = np.where(positions < len(used.occasions), positions, np.nan)
    blocks = new.blocks.astype(np.float64)
    blocks[new.blocks < 0] = np.nan
    if not spec.blocks.structure.nugget and _has_repeats(np.column_stack([blocks, positions])):
        raise DataError(
            f"Two of the new rows are at one place of a block of {spec.blocks.term}.\n"
            "Do:   leave out repeated rows.\n"
            "Why:  rows at one place have a correlation of 1 in this structure."
        )
    parts = np.unique(np.column_stack([new.blocks, new.part])[new.blocks >= 0], axis=0)
    if len(parts) > len(np.unique(parts[:, 0])):
        raise DataError(
            f"Within a block of the new rows the column {spec.blocks.by!r} of {spec.blocks.term} "
            "has several values.\n"
            "Do:   give every row of a block the same one.\n"
            "Why:  by= gives whole blocks a covariance of their own."
        )
    return positions


def _has_repeats(keys: Vector) -> bool:
    """Whether two rows are alike; none is that has a nan."""
    whole = keys[np.isfinite(keys).all(axis=1)]
    return len(np.unique(whole, axis=0)) < len(whole)


def blocks_of_new_rows(fit: Fit, rows: Rows) -> Iterator[tuple[Int, Vector]]:
    """The rows of every block of new data, and C between them.

    Raises
    ------
    DataError
        If a block is one of the fit's, the place of a row is not told, or is another row's too.
    """
    new, used = rows.residual, fit.matrices.residual
    if new is None or used is None:
        raise ValueError("the residuals of these rows have no blocks")
    if (new.codes >= 0).any():
        where = f", such as {used.levels[int(new.codes.max())]!r}" if used.levels else ""
        raise DataError(
            f"New rows belong to blocks of residuals that have rows already{where}: they are "
            "correlated with those.\n"
            "Do:   fit the model anew with these rows; rows of new blocks can be added, all rows "
            "of a block at once."
        )
    positions = places_in_blocks(fit, new)
    told = (new.blocks >= 0) & (new.part >= 0) & np.isfinite(positions).all(axis=1)
    if not told.all():
        raise DataError(
            f"{np.count_nonzero(~told)} of the new rows have no place in the covariance of the "
            "residuals that the fit knows.\nDo:   use occasions of the fit."
        )
    for block in np.unique(new.blocks).tolist():
        at = np.flatnonzero(new.blocks == block)
        part = int(new.part[at[0]])
        yield at, fit.problem.residual_covariance(fit.theta, part, positions[at])
