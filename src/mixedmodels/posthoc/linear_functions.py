"""`LinearFunctions`: labelled rows L beta + c of one fit, and how they are to be tested."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mixedmodels.fit.fit import Fit
from mixedmodels.posthoc.transforms import Transform
from mixedmodels.prediction.streams import Seed
from mixedmodels.vocabulary import Adjustment, DegreesOfFreedom, Side

Vector = NDArray[np.float64]

Kind = Literal["mean", "trend", "contrast", "effect size"]
"""What the rows are."""


@dataclass(frozen=True, slots=True)
class Testing:
    """How rows are tested, and what their limits cover.

    Attributes
    ----------
    ddf
        Method of degrees of freedom.
    level
        Coverage of the limits: of all of a family together where `adjust` is one that limits have.
    adjust
        Adjustment within a family: the rows of one group of `by`.
    cross_adjust
        Further adjustment over the groups of `by`, row by row.
    side
        The alternative, or equivalence, non-inferiority and the like with the margin `delta`.
    null
        Value of the hypothesis.
    delta
        Margin, positive.
    seed
        For ``"mvt"``.
    """

    ddf: DegreesOfFreedom = "satterthwaite"
    level: float = 0.95
    adjust: Adjustment = "none"
    cross_adjust: Adjustment = "none"
    side: Side = "two-sided"
    null: float = 0.0
    delta: float = 0.0
    seed: Seed = None


@dataclass(frozen=True, eq=False)
class LinearFunctions:
    """Rows of L beta + c.

    Attributes
    ----------
    fit : Fit
        The model.
    kind : {"mean", "trend", "contrast", "effect size"}
        What the rows are.
    labels : mapping
        Per column that names rows its k values.
    by : tuple of str
        The columns of `labels` within whose values rows belong together.
    L : array (k, columns)
        Over all columns of the fixed part, dropped ones too; nan where there is no such row.
    constant : array (k,)
        c: an offset; and of what is not linear in beta, the rest of its linear approximation.
    testing : Testing
        How the rows are tested.
    n_means : array (k,)
        Of how many means the rows of a family are all the pairwise differences, else zero.
    transform : Transform or None
        Of the response, if the rows are on its scale.
    is_ratio : bool
        Whether the rows are differences of logarithms.
    added : array (k,)
        Variance that the estimates have beside that of L beta (of an estimated divisor).
    most_df : float
        Degrees of freedom that a row may have at most.
    is_approximate : bool
        Whether L and c are a linear approximation at the estimates of this fit.
    notes : tuple of str
        What a reader must know.
    back : float or None
        None for results on the scale of the model. Else they are shown on that of the response,
        and this is the variance of whose second-order effect they are freed; zero for none.
    """

    fit: Fit
    kind: Kind
    labels: Mapping[str, NDArray[Any]]
    by: tuple[str, ...]
    L: Vector
    constant: Vector
    testing: Testing
    n_means: NDArray[np.int64]
    transform: Transform | None = None
    is_ratio: bool = False
    added: Vector | None = None
    most_df: float = np.inf
    is_approximate: bool = False
    notes: tuple[str, ...] = ()
    back: float | None = None

    @property
    def size(self) -> int:
        """Number of rows."""
        return len(self.L)

    @property
    def is_log(self) -> bool:
        """Whether the rows are logarithms."""
        return self.transform is not None and self.transform.is_log

    @property
    def shows_ratios(self) -> bool:
        """Whether differences are shown as ratios."""
        return self.back is not None and self.is_ratio

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that name rows within a group of `by`."""
        return tuple(name for name in self.labels if name not in self.by)

    @cached_property
    def families(self) -> list[NDArray[np.intp]]:
        """The rows of each group of `by`, in order of appearance."""
        if not self.by:
            return [np.arange(self.size)]
        keys = list(zip(*(self.labels[name].tolist() for name in self.by), strict=True))
        places: dict[Any, list[int]] = {}
        for row, key in enumerate(keys):
            places.setdefault(key, []).append(row)
        return [np.array(rows, dtype=np.intp) for rows in places.values()]

    @cached_property
    def estimable(self) -> NDArray[np.bool_]:
        """Which rows (k,) the data determine."""
        there = np.asarray(~np.isnan(self.L).any(axis=1))
        L = np.where(there[:, None], self.L, 0.0)
        return there & self.fit.spec.columns.estimable_functions(L)

    @cached_property
    def rows(self) -> Vector:
        """L (k, p) over the working columns of X; nan where a row is not estimable."""
        L = np.where(self.estimable[:, None], self.L, np.nan)
        return np.asarray(self.fit.spec.columns.kept_of(L))
