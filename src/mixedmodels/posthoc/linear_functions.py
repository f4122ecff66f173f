"""`LinearFunctions`: labelled rows L beta + c of one fit, and how they are to be tested."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mixedmodels.fit.fit import Fit
from mixedmodels.inference.degrees_of_freedom import TestMethod, method_of
from mixedmodels.posthoc.subspace import combined_rows
from mixedmodels.posthoc.transforms import Transform
from mixedmodels.prediction.links import Link
from mixedmodels.prediction.streams import Seed
from mixedmodels.vocabulary import Adjustment, Side

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

    ddf: TestMethod = "satterthwaite"
    level: float = 0.95
    adjust: Adjustment = "none"
    cross_adjust: Adjustment = "none"
    side: Side = "two-sided"
    null: float = 0.0
    delta: float = 0.0
    seed: Seed = None


@dataclass(frozen=True, slots=True, eq=False)
class Beside:
    """What rows depend on beside the fixed effects, to first order.

    Attributes
    ----------
    columns : array (k, r)
        Per row its derivatives: in variance and auxiliary parameters, and in random effects.
    covariance : array (p + r, p + r)
        Of the estimates of the fixed effects (in working coordinates) and of these, jointly.
    """

    columns: Vector
    covariance: Vector

    def combined(self, C: Vector) -> "Beside":
        """Of rows C times these."""
        return replace(self, columns=combined_rows(C, self.columns))

    def taken(self, rows: NDArray[np.intp]) -> "Beside":
        """Of some of the rows."""
        return replace(self, columns=self.columns[rows])

    def scaled(self, factor: Vector) -> "Beside":
        """Of rows times a factor (k,)."""
        return replace(self, columns=self.columns * factor[:, None])


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
    beside : Beside or None
        What the rows of a generalised model depend on beside the fixed effects.
    bounds : Link or None
        On whose scale the limits of means are symmetric, which are on that of the response.
    back : float or None
        None for results on the scale of the model. Else they are shown on that of the response,
        and this is the variance of whose second-order effect they are freed; zero for none.
    integral : array (m,) or None
        That the mean over a normal variable of the variance `back` is shown, not its second-order
        approximation: the derivatives of the variance in theta.
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
    beside: Beside | None = None
    bounds: Link | None = None
    notes: tuple[str, ...] = ()
    back: float | None = None
    integral: Vector | None = None

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

    @cached_property
    def joint_rows(self) -> Vector:
        """The rows over everything that `covariance` is of."""
        return self.rows if self.beside is None else np.hstack([self.rows, self.beside.columns])

    def covariance(self) -> Vector:
        """Covariance of the estimates that `joint_rows` combine, as the tests take it."""
        if self.beside is not None:
            return self.beside.covariance
        return method_of(self.fit, self.testing.ddf).covariance
