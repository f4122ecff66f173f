"""Rows of the data, or of other data, as cells that averages of them need.

Averages of what the fixed part says of rows need nothing of a row but its values there and its
group. Rows that share them are one cell, so that 73,421 evaluations of a lecture by two factors are
a few dozen of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from mixedmodels.data import Column, Frame, by_row, encode, interaction
from mixedmodels.design.names import near_matches
from mixedmodels.design.spec import matched_columns
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.posthoc.cells import Cells, collected
from mixedmodels.posthoc.grid_variables import GridVariable, fixed_variables, rows_of
from mixedmodels.posthoc.labels import as_labels
from mixedmodels.posthoc.specs import By, require_names
from mixedmodels.prediction.rows import new_offset

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]

GROUP = "\0group"
"""The column of cells that tells their group; no column of a formula is called so."""

MOST_GROUPS = 100_000
"""Groups of `by` beyond which they are refused."""

GRIDS = ("balanced", "mean", "median")
"""Words that other packages take for grids in place of rows."""


@dataclass(frozen=True, slots=True)
class GroupedRows:
    """Rows of a table that averages are taken over, in groups, one by one.

    Attributes
    ----------
    frame : Frame
        The table.
    columns : dict of Column
        The columns of the fixed part, all rows; empty where the table is that of the fit.
    complete : array (N,)
        Which rows of the table these are.
    group : array (n,)
        The group of each.
    labels : dict
        Per column of `by` its value in each group.
    weight, offset : array (n,)
        Weight and offset of each.
    notes : tuple of str
        How many rows there are, and what became of others.
    """

    frame: Frame
    columns: dict[str, Column]
    complete: Mask
    group: NDArray[np.intp]
    labels: dict[str, NDArray[Any]]
    weight: Vector
    offset: Vector
    notes: tuple[str, ...]

    @property
    def n_groups(self) -> int:
        """Number of groups, each with rows."""
        return int(self.group.max(initial=-1)) + 1

    def means(self, values: Vector | sparse.sparray) -> Vector:
        """Weighted means (groups, ...) of values of the rows (n, ...), dense."""
        size = (self.n_groups, len(self.group))
        places = (self.group, np.arange(len(self.group)))
        total = np.bincount(self.group, self.weight)[self.group]
        found = sparse.csr_array((self.weight / total, places), shape=size) @ values
        return np.asarray(found.toarray() if sparse.issparse(found) else found)


@dataclass(frozen=True, slots=True)
class DataRows:
    """Rows in groups.

    Attributes
    ----------
    grid : dict
        Every column of the fixed part, with all values that the rows have of it.
    cells : Cells
        Of these columns and `GROUP`, with the sums of the rows' weights.
    labels : dict
        Per column of `by` its value in each group.
    offset : array (groups,)
        Mean offset of a group.
    notes : tuple of str
        How many rows there are, and what became of others.
    """

    grid: dict[str, GridVariable]
    cells: Cells
    labels: dict[str, NDArray[Any]]
    offset: Vector
    notes: tuple[str, ...]

    @property
    def n_groups(self) -> int:
        """Number of groups, each with rows."""
        return len(self.offset)


def data_rows(
    fit: Fit,
    by: By = None,
    *,
    newdata: object = None,
    wts: str | ArrayLike | None = None,
) -> DataRows:
    """The rows used by the fit, or those of other data, in groups, as cells; see `grouped_rows`."""
    rows = grouped_rows(fit, by, newdata=newdata, wts=wts)
    grid, codes = _on_grid(fit, rows.columns, rows.complete)
    stacked = np.column_stack([*codes, rows.group]).astype(np.intp)
    cells = collected((*grid, GROUP), stacked, rows.weight)
    return DataRows(grid, cells, rows.labels, rows.means(rows.offset), rows.notes)


def grouped_rows(
    fit: Fit,
    by: By = None,
    *,
    newdata: object = None,
    wts: str | ArrayLike | None = None,
) -> GroupedRows:
    """The rows used by the fit, or those of other data, in groups.

    Parameters
    ----------
    fit
        The model.
    by
        Columns of the data within whose values rows are averaged; any that the data have.
    newdata
        Other rows, in a frame of any library.
    wts
        Weights of the rows: the name of a column, or one number per row of the data.

    Raises
    ------
    DataError
        If a column is not there or unsuitable, a factor has a level that the fit has not seen, no
        complete row is left, or weights are negative, missing, or all zero in a group.
    """
    if isinstance(newdata, str):
        raise _grid_not_rows(newdata)
    frame = fit.frame if newdata is None else Frame.of(newdata, may_be_empty=True)
    used = fit.matrices.kept if newdata is None else np.ones(frame.nrows, dtype=np.bool_)
    columns = {} if newdata is None else matched_columns(fit.spec, frame, names=_names(fit))
    offset = _offset(fit, frame, is_new=newdata is not None)
    groups = () if by is None else require_names("by", by)
    named = {name: _column(frame, name, "by") for name in groups}
    weight = _weights(fit, frame, wts)
    complete = used & _complete([*columns.values(), *named.values()], frame.nrows)
    complete &= np.isfinite(offset)
    n = int(np.count_nonzero(complete))
    if not n:
        raise DataError(
            "No row has a value in every column that the average needs.\n"
            "Do:   give at least one row without missing values."
        )
    group, labels, k = _groups(named, complete)
    return GroupedRows(
        frame=frame,
        columns=columns,
        complete=complete,
        group=group,
        labels=labels,
        weight=_required_weights(weight[complete], group, k),
        offset=offset[complete],
        notes=_notes(n, used, newdata, wts),
    )


def _names(fit: Fit) -> list[str]:
    return list(fixed_variables(fit))


def _column(frame: Frame, name: str, what: str) -> Column:
    if name in frame.columns:
        return frame.column(name)
    raise DataError(
        f"The data have no column {name!r}, which {what} names."
        f"{near_matches(name, frame.columns)}\n"
        f"Do:   choose from {', '.join(frame.columns[:12])}"
        f"{', …' if len(frame.columns) > 12 else ''}."
    )


def _offset(fit: Fit, frame: Frame, *, is_new: bool) -> Vector:
    """The offset of all rows of the table; zero where the fit did not use the row."""
    found = np.zeros(frame.nrows)
    own = new_offset(fit, frame) if is_new else fit.matrices.offset
    if own is not None:
        found[slice(None) if is_new else fit.matrices.kept] = own
    return found


def _weights(fit: Fit, frame: Frame, wts: str | ArrayLike | None) -> Vector:
    """Weights of all rows of the table, nan where they are missing."""
    if wts is None:
        return np.ones(frame.nrows)
    if isinstance(wts, str):
        column = _column(frame, wts, "wts")
        if column.numbers is None:
            raise DataError(f"Column {wts!r}, named by wts, is not numeric.\nDo:   give numbers.")
        return column.floats()
    try:
        values = np.array(by_row("wts", wts, frame.index), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            "wts is neither the name of a column nor numbers.\nDo:   give one of the two."
        ) from error
    if values.shape == fit.matrices.y.shape and frame is fit.frame:
        whole = np.full(frame.nrows, np.nan)
        whole[fit.matrices.kept] = values
        return whole
    if values.shape != (frame.nrows,):
        raise DataError(
            f"wts has shape {values.shape}, and the data have {frame.nrows} rows.\n"
            "Do:   give one weight per row."
        )
    return values


def _required_weights(weight: Vector, group: NDArray[np.intp], k: int) -> Vector:
    is_good = np.isfinite(weight) & (weight >= 0)
    if not is_good.all():
        raise DataError(
            f"wts is negative or missing in {np.count_nonzero(~is_good)} of the rows that are "
            "averaged.\nDo:   give weights of zero or more."
        )
    weight = weight / (weight.max() or 1.0)  # so that sums of the largest numbers are finite
    if not np.bincount(group, weight, minlength=k).all():
        raise DataError(
            "wts is zero in all rows of a group.\n"
            "Do:   leave rows of such groups out with newdata, or give them weight."
        )
    return weight


def _complete(columns: Sequence[Column], n: int) -> Mask:
    complete = np.ones(n, dtype=np.bool_)
    for column in columns:
        if column.missing is not None:
            complete &= ~column.missing
    return complete


def _on_grid(
    fit: Fit, columns: Mapping[str, Column], rows: Mask
) -> tuple[dict[str, GridVariable], list[NDArray[Any]]]:
    """Every column of the fixed part with its values, and the index of each row's (n,)."""
    grid, codes = {}, []
    own = rows[fit.matrices.kept] if not columns else rows
    for name, variable in fixed_variables(fit).items():
        if columns:
            column = columns[name]
            held = column.numbers if column.codes is None else column.codes.codes
        else:
            held = rows_of(fit, name)
        values = np.asarray(held)[own]
        if variable.levels:
            grid[name], number = variable, values
        else:
            found, number = np.unique(values, return_inverse=True)
            grid[name] = variable.at(tuple(found.tolist()))
        codes.append(number)
    return grid, codes


def _groups(
    named: Mapping[str, Column], rows: Mask
) -> tuple[NDArray[np.intp], dict[str, NDArray[Any]], int]:
    """Group (n,) of every row, the values of each group by column, and how many there are."""
    if not named:
        return np.zeros(np.count_nonzero(rows), dtype=np.intp), {}, 1
    found = interaction(*(encode(column.take(rows)) for column in named.values()))
    k = len(found.members)
    if k > MOST_GROUPS:
        raise DataError(
            f"by has {k:,} groups, more than {MOST_GROUPS:,}.\n"
            "Do:   name columns of fewer values; predict() gives the mean of every row."
        )
    labels = {}
    for j, name in enumerate(named):
        labels[name] = as_labels(found.parts[j])[found.members[:, j]]
    return found.codes.astype(np.intp), labels, k


def _notes(n: int, used: Mask, newdata: object, wts: object) -> tuple[str, ...]:
    total = int(np.count_nonzero(used))
    rows = "row of" if n == 1 else "rows of"
    notes = [f"averages over {n:,} {rows} {'the data' if newdata is None else 'newdata'}"]
    if wts is not None:
        notes[0] += ", weighted"
    if n < total:
        notes.append(f"{total - n:,} rows with missing values are left out")
    return tuple(notes)


def _grid_not_rows(newdata: str) -> DataError:
    if newdata not in GRIDS:
        return DataError(
            f"newdata = {newdata!r} is not a table.\nDo:   give a frame, or leave it out."
        )
    return DataError(
        f"newdata = {newdata!r} is a grid, not rows.\n"
        "Do:   use emmeans, whose grid has every level of the factors and covariates at their "
        'mean (cov_reduce="median" for the median), with contrast() and emtrends(); or give a '
        "frame."
    )
