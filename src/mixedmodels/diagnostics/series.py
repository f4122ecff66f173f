"""Rows as series: which rows belong together, and where each stands in time or space."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mixedmodels.data import encode
from mixedmodels.design import ResidualMatrix
from mixedmodels.errors import DataError
from mixedmodels.fit.complete import require_complete
from mixedmodels.fit.fit import Fit

Vector = NDArray[np.float64]
Int = NDArray[np.int64]

COMPLETE = "name a column that is complete, or fit without these rows"
"""What to do where the place of a row in its series is missing."""


def series(fit: Fit, group: str | None, time: str | None) -> tuple[Int, Int]:
    """The series of every row (n,) and its place there (n,).

    By default those of the covariance of the residuals, if it has structure.
    """
    used = correlated_residuals(fit)
    _, codes = series_codes(fit, group)
    is_own = group is None and time is None
    if is_own and used is not None and used.positions.shape[1] == 1:
        return codes, np.unique(used.positions[:, 0], return_inverse=True)[1].astype(np.int64)
    return codes, order_in_time(fit, codes, time)


def correlated_residuals(fit: Fit) -> ResidualMatrix | None:
    """The covariance of the residuals, if it has correlations."""
    used = fit.matrices.residual
    if used is None or used.structure is None or used.structure.is_independent:
        return None
    return used


def series_codes(fit: Fit, group: str | None) -> tuple[str, Int]:
    """The group whose levels are series, and the series of every row (n,).

    By default the blocks of the covariance of the residuals, if it has structure, or the random
    effects' group of the most levels; the whole data where there is none.
    """
    used = correlated_residuals(fit)
    if group is None and used is not None:
        return used.group, used.codes.astype(np.int64)
    groupings = {grouping.name: grouping for grouping in fit.matrices.groupings}
    if group is None:
        if not groupings:
            return "", np.zeros(len(fit.matrices.y), dtype=np.int64)
        group = max(groupings, key=lambda name: len(groupings[name].levels))
    if group in groupings:
        return group, groupings[group].codes.astype(np.int64)
    return group, _codes(fit, group, "group")


def order_in_time(fit: Fit, codes: Int, time: str | None) -> Int:
    """The place (n,) of every row in its series: the rank of its time among all times of the data,
    so that a missing one leaves a gap; without `time` its rank among the rows of the series.

    Raises
    ------
    DataError
        If two rows of a series have the same time.
    """
    if time is None:
        order = np.argsort(codes, kind="stable")
        starts = np.searchsorted(codes[order], codes[order])
        places = np.empty(len(codes), dtype=np.int64)
        places[order] = np.arange(len(codes)) - starts
        return places
    places = _codes(fit, time, "time")
    both, counts = np.unique(np.column_stack([codes, places]), axis=0, return_counts=True)
    if counts.max(initial=0) > 1:
        twice = both[int(np.argmax(counts))]
        rows = np.flatnonzero((codes == twice[0]) & (places == twice[1]))[:2]
        first, second = (repr(label) for label in fit.matrices.index[rows].tolist())
        raise DataError(
            f"Rows {first} and {second} belong to one series and have the same {time}.\n"
            "Do:   name as `group` what has one row per time, such as subject:item.\n"
            "Why:  a lag is a number of steps in time from one row to another."
        )
    return places


def places_in_space(fit: Fit, position: str | Sequence[str]) -> Vector:
    """The coordinates (n, d) of every row from numeric columns of the data."""
    names = [position] if isinstance(position, str) else list(position)
    if not names:
        raise DataError("position names no column.\nDo:   name one or more numeric columns.")
    columns = []
    for name in names:
        _require_column(fit, name, "position")
        numbers = fit.frame.column(name).numbers
        if numbers is None or fit.frame.column(name).kind != "number":
            raise DataError(
                f"Column {name!r} is not numeric: it has no distances.\n"
                "Do:   name numeric columns as `position`, such as a time or coordinates."
            )
        columns.append(numbers[fit.matrices.kept].astype(np.float64))
    places = np.column_stack(columns)
    missing = np.asarray(~np.isfinite(places).all(axis=1))
    require_complete(fit, missing, ", ".join(names), do=COMPLETE)
    return places


def _codes(fit: Fit, name: str, what: str) -> Int:
    """The levels of a column on the rows used."""
    _require_column(fit, name, what)
    codes = encode(fit.frame.column(name)).codes[fit.matrices.kept].astype(np.int64)
    require_complete(fit, codes < 0, name, do=COMPLETE)
    return codes


def _require_column(fit: Fit, name: object, what: str) -> None:
    if not isinstance(name, str) or name not in fit.frame.columns:
        raise DataError(
            f"{what} = {name!r} is not a column of the data.\n"
            f"Do:   name one of {', '.join(map(str, fit.frame.columns[:12]))}."
        )
