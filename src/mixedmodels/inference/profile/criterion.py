"""The ML criterion at any (theta, sigma), as a function of the covariances of the terms.

With Sigma_k = T_k T_k' relative to sigma^2 the criterion is

    log|V| + n log(2 pi sigma^2) + r^2 / sigma^2.

Where one coefficient is held at l'beta = c instead of its best value,

    r_c^2 = r^2 + (c - l'beta)^2 / l'Cl
    Z'V^-1 (y - X beta_c) = Z'V^-1 (y - X beta) - Z'V^-1 X C l (c - l'beta) / l'Cl

so that no refit with another response is needed. Derivatives go through Sigma_k, in which the
boundary is an ordinary point. Rows of T_k are held relative to the root-mean-square of their column
of Z_k: everything is of order one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mixedmodels.engine.problem import Problem

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The criterion at one point.

    Attributes
    ----------
    deviance
        The criterion.
    G : list of (q_k, q_k) arrays
        Its derivatives in the scaled T_k T_k'.
    share : float
        r^2 / sigma^2.
    variance : float
        sigma^2, given or best.
    slope : float
        Its derivative in the held coefficient.
    """

    deviance: float
    G: list[Vector]
    share: float
    variance: float
    slope: float


@dataclass(frozen=True)
class Entry:
    """One of all entries of the roots that is held, or follows from others.

    Attributes
    ----------
    place
        Among all.
    count
        Of all.
    """

    place: int
    count: int

    @cached_property
    def free(self) -> NDArray[np.bool_]:
        """All but this one."""
        free = np.ones(self.count, dtype=np.bool_)
        free[self.place] = False
        return free

    def among(self, value: float, others: Vector) -> Vector:
        """All entries, this one in its place."""
        entries = np.empty(self.count)
        entries[self.free] = others
        entries[self.place] = value
        return entries


@dataclass(frozen=True)
class Criterion:
    """The criterion of one problem."""

    problem: Problem

    @cached_property
    def n(self) -> int:
        """Rows."""
        return len(self.problem.matrices.y)

    @cached_property
    def scales(self) -> list[Vector]:
        """Per term the root-mean-squares of its columns."""
        return self.problem.column_scales

    @cached_property
    def effects(self) -> list[Vector]:
        """Per term the effects of the formula's columns, as rows over those of the scaled Z_k."""
        terms = zip(self.problem.matrices.terms, self.scales, strict=True)
        return [term.coordinates.reported(np.eye(len(s))).T / s for term, s in terms]

    @cached_property
    def areas(self) -> list[Vector]:
        """Per term the products of two scales."""
        return [np.outer(scale, scale) for scale in self.scales]

    @cached_property
    def slices(self) -> list[slice]:
        """Per term the place of its entries among all."""
        ends = np.cumsum([0, *(len(rows) for rows, _ in self.entries)]).tolist()
        return [slice(a, b) for a, b in pairwise(ends)]

    @cached_property
    def entries(self) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Per term the rows and columns of the entries of T that theta reaches."""
        index = np.array(self.problem.theta_index, dtype=np.intp).reshape(-1, 3)
        return [(index[index[:, 0] == k, 1], index[index[:, 0] == k, 2]) for k in self.terms]

    @cached_property
    def terms(self) -> range:
        """The numbers of the terms."""
        return range(len(self.problem.matrices.terms))

    def entry(self, k: int, row: int, column: int) -> Entry:
        """An entry of T_k among all entries."""
        rows, columns = self.entries[k]
        within = int(np.flatnonzero((rows == row) & (columns == column))[0])
        return Entry(int(self.slices[k].start) + within, int(self.slices[-1].stop))

    def scaled(self, T: Sequence[Vector]) -> list[Vector]:
        """Templates with their rows in scale."""
        return [s[:, None] * t for s, t in zip(self.scales, T, strict=True)]

    def pack(self, matrices: Sequence[Vector]) -> Vector:
        """The entries of every T, or of derivatives in them, one behind the other (m,)."""
        pairs = zip(matrices, self.entries, strict=True)
        return np.concatenate([np.empty(0), *(matrix[at] for matrix, at in pairs)])

    def unpack(self, x: Vector) -> list[Vector]:
        """The T whose entries are `x` (m,)."""
        T = []
        for area, at, here in zip(self.areas, self.entries, self.slices, strict=True):
            t = np.zeros(area.shape)
            t[at] = x[here]
            T.append(t)
        return T

    def evaluate(
        self, T: list[Vector], sigma: float | None = None, held: tuple[Vector, float] | None = None
    ) -> Evaluation:
        """At scaled templates; sigma, and beta but for a held l'beta, at their best."""
        theta = self.pack([t / s[:, None] for t, s in zip(T, self.scales, strict=True)])
        at = self.problem.slopes(theta)
        r2, mix, slope = at.pwrss, np.zeros(len(at.beta) + 1), 0.0
        mix[-1] = 1.0
        if held is not None:
            row, c = held
            C_l = at.cov_beta_unscaled @ row
            spread = float(row @ C_l)
            move = (c - float(row @ at.beta)) / spread
            r2 += move**2 * spread
            mix[:-1] = -C_l * move
            slope = 2 * self.n * move / r2
        variance = r2 / self.n if sigma is None else sigma**2
        G = [
            (trace - gram @ mix @ mix / variance) / area
            for trace, gram, area in zip(at.traces, at.grams, self.areas, strict=True)
        ]
        share = r2 / variance
        deviance = at.log_det + self.n * float(np.log(2 * np.pi * variance)) + share
        return Evaluation(deviance, G, share, variance, slope)
