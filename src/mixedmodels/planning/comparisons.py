"""What a power analysis asks of means: rows of L beta, tested one by one with an adjustment, or
jointly; in the words of `Means`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from mixedmodels.design import ModelSpec
from mixedmodels.errors import DataError
from mixedmodels.planning.hypothesis import Hypothesis
from mixedmodels.posthoc.adjustment import Family, applicable, require_adjustment
from mixedmodels.posthoc.contrasts import row_names
from mixedmodels.posthoc.emmeans import row_in_words
from mixedmodels.posthoc.linear_functions import LinearFunctions, Testing
from mixedmodels.posthoc.results import across
from mixedmodels.vocabulary import Adjustment, Side

Vector = NDArray[np.float64]

RANK = 1e-10
"""Size of a row's remainder, of unit length, below which the other rows make it."""

CONTRADICTS = 1e-8
"""Difference of constants, relative to them, from which rows contradict each other."""


@dataclass(frozen=True, slots=True)
class Comparisons:
    """W L beta + constant, k rows.

    Attributes
    ----------
    names : tuple of str
        What the rows are called.
    L : array (q, p)
        Linearly independent rows over the columns of X.
    W : array (k, q)
        What the rows are of them.
    constant : array (k,)
        An offset.
    families : tuple of arrays
        The rows that are adjusted together.
    n_means : array (k,)
        Of how many means the rows of a family are all the pairwise differences, else zero.
    testing : Testing
        How they are tested.
    """

    names: tuple[str, ...]
    L: Vector
    W: Vector
    constant: Vector
    families: tuple[NDArray[np.intp], ...]
    n_means: NDArray[np.int64]
    testing: Testing

    @property
    def labels(self) -> tuple[str, ...]:
        """The rows and, of several, whether any or all of them are rejected."""
        return (*self.names, "any", "all") if len(self.names) > 1 else self.names

    @property
    def adjust(self) -> Adjustment:
        """The adjustment that applies to the families, which may not be the one asked for."""
        rows = self.families[0]
        n_means = int(self.n_means[rows].max(initial=0)) or None
        family = Family(n_means, 0, np.empty((len(rows), 0)))
        return applicable(self.testing.adjust, family, len(rows), self.testing.side)

    @property
    def side(self) -> Side:
        """The alternative, or what is to be shown."""
        return self.testing.side


def compared(
    functions: LinearFunctions, spec: ModelSpec, *, testing: Testing, joint: bool
) -> tuple[Hypothesis | Comparisons, ...]:
    """The rows one by one, or a joint test per group of `by`.

    Parameters
    ----------
    functions
        The rows; their adjustments hold.
    spec
        The recipe of the plan that draws the replicates.
    testing
        The side, the null and the margin.
    joint
        Whether all rows of a group make one hypothesis.

    Raises
    ------
    DataError
        If the rows are of another model, are not all estimable, depend on the estimates, or
        contradict each other.
    """
    _require_rows_of(functions, spec)
    require_adjustment(functions.testing.adjust)
    across(functions.families, np.ones(functions.size), functions.testing.cross_adjust)
    L, W = independent(functions.rows)
    if not joint:
        names = tuple(f"{n}{_place(functions, i)}" for i, n in enumerate(row_names(functions)))
        return (
            Comparisons(
                names,
                L,
                W,
                functions.constant,
                tuple(functions.families),
                functions.n_means,
                _with_side(functions.testing, testing),
            ),
        )
    return tuple(_jointly(functions, rows, testing) for rows in functions.families)


def one_row(asked: Hypothesis, testing: Testing) -> Comparisons:
    """A hypothesis of one row as a comparison, which has a side.

    Raises
    ------
    DataError
        If it has several rows.
    """
    if len(asked.L) > 1:
        raise DataError(
            f"The test {asked.label!r} is of {len(asked.L)} coefficients jointly, which has no "
            "side, null or margin.\n"
            "Do:   name one coefficient or a contrast, or leave side, null and delta out."
        )
    none = np.zeros(1)
    everything = (np.arange(1),)
    counts = np.zeros(1, dtype=np.int64)
    return Comparisons((asked.label,), asked.L, np.eye(1), none, everything, counts, testing)


def independent(rows: Vector) -> tuple[Vector, Vector]:
    """Some of the rows (q, p), linearly independent, and W (k, q) that makes all of them.

    Raises
    ------
    DataError
        If a row is zero.
    """
    size = np.linalg.norm(rows, axis=1)
    if not size.all():
        raise DataError(
            "A row of the test is zero whatever the coefficients are.\nDo:   leave it out."
        )
    _, R, order = linalg.qr((rows / size[:, None]).T, mode="economic", pivoting=True)
    rank = int(np.sum(np.abs(np.diag(R)) > RANK))
    L = rows[np.sort(order[:rank])]
    return L, np.asarray(np.linalg.lstsq(L.T, rows.T, rcond=None)[0].T)


def _jointly(functions: LinearFunctions, rows: NDArray[np.intp], testing: Testing) -> Hypothesis:
    """That all rows of a group are `null`."""
    if testing.side != "two-sided":
        raise DataError(
            f'A joint test has no side, and side = "{testing.side}".\n'
            "Do:   leave side and delta out, or joint."
        )
    L, W = independent(functions.rows[rows])
    wanted = testing.null - functions.constant[rows]
    rhs: Vector = np.asarray(np.linalg.lstsq(W, wanted, rcond=None)[0], dtype=np.float64)
    if np.abs(W @ rhs - wanted).max() > CONTRADICTS * (1 + np.abs(wanted).max()):
        raise DataError(
            f"The rows cannot all be null = {testing.null:g}, as some are differences of others.\n"
            "Do:   leave null out."
        )
    return Hypothesis(f"joint test{_place(functions, int(rows[0]))}", L, rhs if rhs.any() else None)


def _place(functions: LinearFunctions, row: int) -> str:
    """The values of `by` at a row: ``, visit = 1``."""
    return "".join(f", {name} = {functions.labels[name][row]}" for name in functions.by)


def _with_side(own: Testing, asked: Testing) -> Testing:
    return Testing(
        adjust=own.adjust,
        cross_adjust=own.cross_adjust,
        side=asked.side,
        null=asked.null,
        delta=asked.delta,
        seed=own.seed,
    )


def _require_rows_of(functions: LinearFunctions, spec: ModelSpec) -> None:
    if functions.fit.spec is not spec:
        raise DataError(
            "The means are those of another model, whose columns may mean something else.\n"
            "Do:   give a function of the model: "
            'lambda model: model.emmeans("arm").pairs().'
        )
    if functions.is_approximate:
        raise DataError(
            "Effect sizes and regridded means depend on the estimates of each replicate, and are "
            "no fixed linear functions.\n"
            "Do:   ask for the power of the contrasts themselves."
        )
    lost = np.flatnonzero(~functions.estimable)
    if len(lost):
        raise DataError(
            f"The design cannot estimate {row_in_words(functions, int(lost[0]))}.\n"
            "Do:   leave it out, or choose a design that has rows of it."
        )
