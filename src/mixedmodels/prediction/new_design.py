"""The matrices of a fit for other rows, to draw responses for them."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.data import Frame
from mixedmodels.design import Grouping, ModelMatrices
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.prediction.rows import Rows, group_levels, new_rows

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
        Number the levels as the fit does, which refuses unseen ones, or those of the new data.

    Raises
    ------
    DataError
        If a column is missing or unsuitable, or a level is unseen and must not be.
    """
    frame = Frame.of(newdata)
    groups = range(len(fit.matrices.groupings))
    if seen:
        rows = new_rows(fit, newdata, groups)
        groupings = tuple(_as_fitted(rows, g, fit.matrices.groupings[g]) for g in groups)
    else:
        groupings = tuple(group_levels(fit, frame, g) for g in groups)
        rows = new_rows(fit, newdata, ())
    _require_weights(fit, rows)
    complete = _complete(rows, groupings)
    m = replace(
        fit.matrices,
        y=np.zeros(len(rows.X)),
        X=rows.X,
        groupings=groupings,
        terms=tuple(
            replace(old, Z=new.Z) for old, new in zip(fit.matrices.terms, rows.terms, strict=True)
        ),
        weights=rows.weights,
        offset=rows.offset,
        index=pd.RangeIndex(len(rows.X)),
        kept=complete,
        n_missing=int(np.count_nonzero(~complete)),
    )
    return NewDesign(m.take(complete), complete)


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
    [codes, *_] = [term.codes for term in rows.terms if term.group == g]
    unseen = np.flatnonzero(codes < 0)
    if len(unseen):
        raise DataError(
            f"{len(unseen)} rows of the new data have a level of {grouping.name} that the fit has "
            f"not seen, or none; the first is row label {rows.index[unseen[0]]!r}.\n"
            'Do:   draw new random effects with re="new".\n'
            'Why:  re="fitted" keeps those of the fit, which has none for this level.'
        )
    return replace(grouping, codes=codes)


def _complete(rows: Rows, groupings: tuple[Grouping, ...]) -> NDArray[np.bool_]:
    complete = np.ones(len(rows.X), dtype=np.bool_)
    for columns in (rows.X, *(term.Z for term in rows.terms)):
        complete &= np.isfinite(columns).all(axis=1)
    for grouping in groupings:
        complete &= grouping.codes >= 0
    for values in (rows.offset, rows.weights):
        if values is not None:
            complete &= np.isfinite(values)
    return complete
