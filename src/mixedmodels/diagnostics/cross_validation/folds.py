"""Which rows are left out together: single rows, levels of a group or column, or stated folds."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from mixedmodels.data import Codes, by_row, encode, read_values
from mixedmodels.design.names import near_matches
from mixedmodels.errors import DataError
from mixedmodels.fit.complete import require_complete
from mixedmodels.fit.fit import Fit

Int = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Folds:
    """A partition of the rows used.

    Attributes
    ----------
    by : str or None
        What the folds are levels of; None for single rows.
    labels : Index
        One per fold.
    codes : array (n,)
        The fold of every row.
    """

    by: str | None
    labels: pd.Index
    codes: Int

    def rows(self) -> list[Int]:
        """The rows of every fold."""
        order = np.argsort(self.codes, kind="stable")
        ends = np.searchsorted(self.codes[order], np.arange(1, len(self.labels)))
        return np.split(order, ends)

    @property
    def counts(self) -> Int:
        """The number of rows of every fold."""
        return np.bincount(self.codes, minlength=len(self.labels))


def folds_of(fit: Fit, by: str | ArrayLike | None) -> Folds:
    """The folds that `by` names.

    Raises
    ------
    DataError
        If it is no column, has missing values, another length, or a single level; or if rows belong
        to several levels of it.
    """
    m = fit.matrices
    if by is None:
        return Folds(None, m.index, np.arange(len(m.y)))
    if not isinstance(by, str):
        return _of_codes(fit, "fold", encode(read_values("by", _kept(fit, by))))
    for g, grouping in enumerate(m.groupings):
        if grouping.name == by:
            if any(term.group == g and term.members is not None for term in m.terms):
                raise DataError(
                    f"by = {by!r}: rows belong to several levels of {by}, so that leaving out its "
                    "levels one by one\nis no partition of the rows.\n"
                    "Do:   give the folds as an array, one label per row."
                )
            return _of_codes(fit, by, Codes(grouping.codes, grouping.levels))
    if by not in fit.frame.columns:
        if by == "row":
            return folds_of(fit, None)
        raise DataError(
            f"by = {by!r} is neither a grouping factor of the model nor a column of the data."
            f"{near_matches(by, [*(g.name for g in m.groupings), *fit.frame.columns])}\n"
            "Do:   name one, give an array of fold labels, or leave `by` out for single rows."
        )
    codes = encode(fit.frame.column(by))
    return _of_codes(fit, by, Codes(codes.codes[m.kept], codes.values))


def _kept(fit: Fit, by: ArrayLike) -> NDArray[np.generic]:
    """Labels of the rows used, from those of all rows or of the rows used."""
    m = fit.matrices
    values = np.asarray(by_row("by", by, fit.frame.index, m.index))
    if values.shape == (fit.frame.nrows,):
        return np.asarray(values[m.kept])
    if values.shape == (len(m.y),):
        return values
    raise DataError(
        f"by has shape {values.shape}, but the data have {fit.frame.nrows} rows, of which "
        f"{len(m.y)} are used.\nDo:   give one fold label per row, or the name of a column."
    )


def _of_codes(fit: Fit, by: str, given: Codes) -> Folds:
    missing = given.missing
    if missing is not None:
        require_complete(fit, missing, f"by: {by}", do="fill it in, or fit without these rows")
    found = given.without_unused()
    if len(found.values) < 2:
        raise DataError(
            f"by: {by} has one level, so that no rows are left to predict it from.\n"
            "Do:   leave out something with two or more levels."
        )
    labels = pd.Index(found.values, name=by, dtype=object)
    return Folds(by, labels, found.codes.astype(np.int64))
