"""Which values are missing together, and when subjects leave: see `mixedmodels.missingness`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mixedmodels.data import Frame, encode
from mixedmodels.errors import DataError
from mixedmodels.options import require_option

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Patterns:
    """Combinations of columns that are missing together.

    Attributes
    ----------
    names : tuple of str
        The c columns with missing values, the most often missing first.
    missing : bool array (k, c)
        Per pattern which of them are missing; the most frequent pattern first.
    counts : array (k,)
        Rows of each.
    """

    names: tuple[str, ...]
    missing: NDArray[np.bool_]
    counts: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Leaving:
    """When subjects were seen last.

    Attributes
    ----------
    value, time : str
        The column that is followed, and that of the visits.
    visits : tuple of str
        In order, V of them.
    values : array (subjects, V)
        nan where a visit was missed or has no row.
    last : array (subjects,)
        The place of the last visit with a value, -1 without one.
    """

    value: str
    time: str
    visits: tuple[str, ...]
    values: Vector
    last: NDArray[np.intp]

    @property
    def remaining(self) -> NDArray[np.int64]:
        """Subjects (V,) seen at a visit or later."""
        places = np.arange(len(self.visits))
        return np.asarray((self.last[:, None] >= places).sum(axis=0))

    @property
    def seen(self) -> NDArray[np.int64]:
        """Subjects (V,) seen at a visit."""
        return np.asarray((~np.isnan(self.values)).sum(axis=0))


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Missingness:
    """What is missing, as `mixedmodels.missingness` returns it. It never changes.

    Attributes
    ----------
    frame : Frame
        The data.
    names : tuple of str
        The columns that were looked at.
    found : Patterns
        What is missing together.
    leaving : Leaving or None
        When subjects leave, if `by` and `time` were given.
    """

    frame: Frame
    names: tuple[str, ...]
    found: Patterns
    leaving: Leaving | None

    @property
    def columns(self) -> Any:
        """Table `column, n_missing, share` of all columns."""
        counts = np.array([self.frame.column(name).n_missing for name in self.names])
        shares = counts / self.frame.nrows
        return self.frame.table({"column": list(self.names), "n_missing": counts, "share": shares})

    @property
    def patterns(self) -> Any:
        """Table of patterns, the most frequent first: a column of True (missing) and False per
        incomplete column, then `n_rows, n_missing`.
        """
        cells = {name: self.found.missing[:, j] for j, name in enumerate(self.found.names)}
        sizes = {"n_rows": self.found.counts, "n_missing": self.found.missing.sum(axis=1)}
        return self.frame.table(cells | sizes)

    @property
    def dropout(self) -> Any:
        """Table `visit, n_seen, n_remaining, share`: subjects with a value at a visit, those seen
        then or later, and their share of all.

        Raises
        ------
        DataError
            If no subjects and visits were named.
        """
        found = self._followed()
        return self.frame.table(
            {
                "visit": list(found.visits),
                "n_seen": found.seen,
                "n_remaining": found.remaining,
                "share": found.remaining / len(found.last),
            }
        )

    @property
    def profiles(self) -> Any:
        """Table `last_visit, visit, n, mean`: means of the value by visit, of those who were seen
        last at the same visit.

        Raises
        ------
        DataError
            If no subjects and visits were named.
        """
        found = self._followed()
        rows = [
            (found.visits[last], found.visits[j], len(own), float(np.mean(own)))
            for last in range(len(found.visits))
            for j in range(last + 1)
            if len(own := seen_values(found, last, j))
        ]
        columns = list(zip(*rows, strict=True)) if rows else [()] * 4
        names = ("last_visit", "visit", "n", "mean")
        return self.frame.table({n: list(c) for n, c in zip(names, columns, strict=True)})

    def plot(self, kind: Literal["patterns", "dropout", "profiles"] = "patterns") -> Any:
        """A matplotlib Figure.

        Parameters
        ----------
        kind : {"patterns", "dropout", "profiles"}
            Which columns are missing together; the share of subjects that remain by visit; mean
            profiles of those who left at the same visit, which tell whether leaving goes with what
            was seen before.

        Raises
        ------
        DataError
            If `kind` is none of these, nothing is missing, or no subjects and visits were named.
        """
        require_option("kind", kind, ("patterns", "dropout", "profiles"))
        plots = import_module("mixedmodels.plots.missingness_plots")
        if kind == "patterns":
            if not self.found.names:
                raise DataError("Nothing is missing.\nDo:   plot data with missing values.")
            found = self.found
            return plots.patterns(found.names, found.missing, found.counts, self.frame.nrows)
        lines = self._followed()
        if kind == "dropout":
            return plots.dropout(lines.visits, lines.remaining / len(lines.last), lines.time)
        means = [
            (last, [seen_values(lines, last, j) for j in range(last + 1)])
            for last in range(len(lines.visits))
        ]
        return plots.profiles(lines.visits, means, lines.value, lines.time)

    def _followed(self) -> Leaving:
        if self.leaving is None:
            raise DataError(
                "No subjects and visits were named.\n"
                'Do:   write missingness(data, value="y", by="subject", time="visit").'
            )
        return self.leaving

    def __repr__(self) -> str:
        n, complete = self.frame.nrows, 0
        for missing, count in zip(self.found.missing, self.found.counts, strict=True):
            complete += int(count) if not missing.any() else 0
        lines = [f"{complete:,} of {n:,} rows are complete in {len(self.names)} columns"]
        for name in self.found.names[:20]:
            lost = self.frame.column(name).n_missing
            lines.append(f"  {name}: {lost:,} missing ({100 * lost / n:.1f}%)")
        if self.leaving is not None:
            last = int(self.leaving.remaining[-1])
            lines.append(
                f"  {last:,} of {len(self.leaving.last):,} subjects have {self.leaving.value} at "
                f"the last visit, {self.leaving.visits[-1]}"
            )
        return "\n".join(lines)


def seen_values(found: Leaving, last: int, visit: int) -> Vector:
    """Values at a visit of the subjects that were seen last at another."""
    values = found.values[found.last == last, visit]
    return np.asarray(values[~np.isnan(values)])


def missingness(
    data: object,
    columns: Sequence[str] | None = None,
    *,
    value: str | None = None,
    by: str | None = None,
    time: str | None = None,
) -> Missingness:
    """See `mixedmodels.missingness`.

    Raises
    ------
    DataError
        If there is no such column, or some of `value`, `by` and `time` are given without others.
    """
    frame = Frame.of(data)
    names = frame.columns if columns is None else tuple(columns)
    for name in (*names, *(n for n in (value, by, time) if n is not None)):
        if name not in frame.columns:
            raise DataError(f"The data have no column {name!r}.\nDo:   name columns of the data.")
    asked = (value, by, time)
    leaving = None
    if value is not None and by is not None and time is not None:
        leaving = _leaving(frame, value, by, time)
    elif any(name is not None for name in asked):
        raise DataError(
            "value, by and time belong together.\n"
            'Do:   give all three, as value="y", by="subject", time="visit".'
        )
    return Missingness(frame, names, _patterns(frame, names), leaving)


def _patterns(frame: Frame, names: Sequence[str]) -> Patterns:
    masks = {name: frame.column(name).missing for name in names}
    lost = {name: mask for name, mask in masks.items() if mask is not None}
    order = sorted(lost, key=lambda name: -int(lost[name].sum()))
    if not order:
        return Patterns((), np.zeros((1, 0), dtype=np.bool_), np.array([frame.nrows]))
    found, counts = np.unique(
        np.column_stack([lost[name] for name in order]), axis=0, return_counts=True
    )
    place = np.argsort(-counts, kind="stable")
    return Patterns(tuple(order), found[place], counts[place])


def _leaving(frame: Frame, value: str, by: str, time: str) -> Leaving:
    column = frame.column(value)
    if column.numbers is None:
        raise DataError(f"The column {value!r} holds no numbers.\nDo:   name one that does.")
    subjects, visits = encode(frame.column(by)), encode(frame.column(time))
    known = (subjects.codes >= 0) & (visits.codes >= 0)
    cells = subjects.codes[known].astype(np.int64) * len(visits.values) + visits.codes[known]
    if len(np.unique(cells)) < len(cells):
        raise DataError(
            f"Some levels of {by!r} have a value of {time!r} twice.\n"
            "Do:   name a column of visits that tells rows of a subject apart."
        )
    values = np.full((len(subjects.values), len(visits.values)), np.nan)
    values.ravel()[cells] = column.floats()[known]
    places = np.where(np.isnan(values), -1, np.arange(len(visits.values)))
    return Leaving(value, time, visits.levels, values, places.max(axis=1))
