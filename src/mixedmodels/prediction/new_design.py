"""The matrices of a fit for other rows, to draw responses for them."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.data import Frame
from mixedmodels.design import Grouping, ModelMatrices, ResidualMatrix
from mixedmodels.design.auxiliary_matrix import AuxiliaryMatrix
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.prediction.new_blocks import places_in_blocks
from mixedmodels.prediction.rows import (
    Rows,
    complete_rows,
    group_levels,
    groups_with_own_levels,
    new_rows,
)
from mixedmodels.prediction.structured_errors import has_unseen

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class NewDesign:
    """New rows as a design.

    Attributes
    ----------
    matrices : ModelMatrices
        Of the complete rows, without a response; the levels of its groupings are those of the new
        data, or of the fit.
    complete : array (N,)
        Which rows of the new data these are.
    """

    matrices: ModelMatrices
    complete: NDArray[np.bool_]

    def spread(self, y: Vector) -> Vector:
        """Responses (n, r) on all rows (N, r), nan where a value is missing."""
        whole = np.full((len(self.complete), y.shape[1]), np.nan)
        whole[self.complete] = y
        return whole


def new_design(fit: Fit, newdata: object, *, seen: bool) -> NewDesign:
    """The design of other data.

    Parameters
    ----------
    fit : Fit
        The model.
    newdata : frame
        With the columns that the formula uses but the response, and those of the weights and the
        offset.
    seen : bool
        Number the levels as the fit does, which refuses unseen ones, or those of the new data;
        levels with a known covariance, and those of which a row has several, are the fit's.

    Raises
    ------
    DataError
        If a column is missing or unsuitable, or a level is unseen and must not be.
    """
    frame = Frame.of(newdata)
    groups = range(len(fit.matrices.groupings))
    has_residual = fit.spec.residual is not None
    kept = set(groups) if seen else groups_with_own_levels(fit)
    own = {g: group_levels(fit, frame, g) for g in groups if g not in kept}
    rows = new_rows(
        fit, newdata, kept, residual=has_residual, auxiliary=fit.generalised is not None
    )
    groupings = tuple(
        own[g] if g in own else _as_fitted(rows, g, fit.matrices.groupings[g]) for g in groups
    )
    if fit.generalised is None:
        _require_weights(fit, rows)
    residual = _residual(fit, rows)
    complete = _complete(rows, groupings) & _placed(residual, len(rows.X))
    m = replace(
        fit.matrices,
        y=np.zeros(len(rows.X)),
        X=rows.X,
        groupings=groupings,
        terms=tuple(
            replace(old, Z=new.Z, members=new.members)
            for old, new in zip(fit.matrices.terms, rows.terms, strict=True)
        ),
        weights=rows.weights,
        offset=rows.offset,
        residual=residual,
        index=pd.RangeIndex(len(rows.X)),
        size=rows.size,
        auxiliary=_auxiliary(fit, rows),
        kept=complete,
        n_missing=int(np.count_nonzero(~complete)),
    )
    return NewDesign(m.take(complete), complete)


def _auxiliary(fit: Fit, rows: Rows) -> tuple[AuxiliaryMatrix, ...]:
    """The parts of a generalised model beside the mean, of new rows."""
    pairs = zip(fit.matrices.auxiliary, rows.auxiliary, strict=True)
    none = np.empty((len(rows.X), 0), order="F")  # of thresholds, which are alike in all rows
    return tuple(replace(part, D=none if D is None else D) for part, D in pairs)


def _residual(fit: Fit, rows: Rows) -> ResidualMatrix | None:
    """The covariance of the residuals of new rows, whose blocks are those of the new data."""
    old, new, spec = fit.matrices.residual, rows.residual, fit.spec.residual
    if old is None:
        return None
    if new is None or spec is None:
        n = len(rows.X)
        own = np.arange(n, dtype=np.int32)
        zeros = np.zeros(n, dtype=np.int32)
        return replace(old, codes=own, positions=np.zeros((n, 1)), part=zeros)
    levels = tuple(range(int(new.blocks.max(initial=-1)) + 1))
    return replace(
        old,
        codes=new.blocks,
        levels=levels,
        positions=places_in_blocks(fit, new),
        part=new.part,
        scale=new.scale,
    )


def _placed(residual: ResidualMatrix | None, n: int) -> NDArray[np.bool_]:
    """Which rows have a place in the covariance of the residuals."""
    placed = np.ones(n, dtype=np.bool_)
    if residual is None:
        return placed
    if residual.structure is not None:
        placed &= (residual.codes >= 0) & (residual.part >= 0)
        placed &= np.isfinite(residual.positions).all(axis=1)
    return placed


def _require_weights(fit: Fit, rows: Rows) -> None:
    if fit.matrices.weights is None or rows.weights is not None:
        return
    name = fit.request.weights if isinstance(fit.request.weights, str) else None
    raise DataError(
        "The model has weights, and the new data have none.\n"
        + (
            f"Do:   add the column {name!r}; ones draw rows of weight one."
            if name
            else "Do:   put the weights into a column of the data and fit with its name."
        )
    )


def _as_fitted(rows: Rows, g: int, grouping: Grouping) -> Grouping:
    [term, *_] = [term for term in rows.terms if term.group == g]
    codes, unseen = term.codes, np.flatnonzero(has_unseen(term))
    if len(unseen):
        raise DataError(
            f"{len(unseen)} rows of the new data have a level of {grouping.name} that the fit has "
            f"not seen, or none; the first is row label {rows.index[unseen[0]]!r}.\n"
            'Do:   draw new random effects with re="new", or leave these rows out.\n'
            "Why:  the fit has no random effects of this level, and where levels are related, or "
            "a row\n      has several, knows nothing of how it goes with the others."
        )
    return replace(grouping, codes=codes)


def _complete(rows: Rows, groupings: tuple[Grouping, ...]) -> NDArray[np.bool_]:
    complete = complete_rows(rows)
    for grouping in groupings:
        complete &= grouping.codes >= 0
    return complete
