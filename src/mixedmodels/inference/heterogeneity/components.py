"""What the random terms of a fitted meta-analysis add to the known variances, block by block."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from mixedmodels.design import ModelMatrices, TermMatrix, incidence
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.variance_components import reported_covariances
from mixedmodels.inference.heterogeneity.known_variances import Part, Rows

Vector = NDArray[np.float64]

MOST_ROWS = 3000
"""Rows of one block of V, whose dense inverse takes about a second."""


@dataclass(frozen=True, slots=True)
class Component:
    """One random term.

    Attributes
    ----------
    Z
        Columns of the formula, (n, q).
    W
        How much of each level a row has, sparse (n, levels).
    K
        Known covariance of the levels, (levels, levels); None if they are independent.
    Sigma
        Covariance of the columns within a level, (q, q).
    bases
        Matrices (q, q) that Sigma is a free combination of; empty if it is not linear in its
        parameters.
    """

    Z: Vector
    W: sparse.csr_array
    K: Vector | None
    Sigma: Vector
    bases: tuple[Vector, ...]

    def between(self, rows: Rows) -> Vector:
        """The covariance of the rows if Z b of every level were one effect of variance 1."""
        W = self.W[rows]
        product = W @ W.T if self.K is None else W @ sparse.csr_array(self.K) @ W.T
        return np.asarray(product.toarray())

    @property
    def mean_variance(self) -> float:
        """What the term adds to the variance of a row, on average."""
        own = np.asarray(self.W.multiply(self.W).sum(axis=1)).ravel()
        if self.K is not None:
            own = np.asarray((self.W @ self.K * self.W.toarray()).sum(axis=1)).ravel()
        return float(np.mean(np.einsum("na,ab,nb->n", self.Z, self.Sigma, self.Z) * own))

    @property
    def is_one_effect_per_row(self) -> bool:
        """Whether it adds a variance of its own to every row, and no covariance."""
        per_level = np.bincount(self.W.indices, minlength=self.W.shape[1])
        return self.Z.shape[1] == 1 and self.K is None and bool(per_level.max() == 1)


def components(fit: Fit) -> list[Component]:
    """The random terms, in formula order."""
    m = fit.matrices
    pairs = zip(m.terms, reported_covariances(fit), strict=True)
    return [_component(m, term, Sigma) for term, Sigma in pairs]


def _component(m: ModelMatrices, term: TermMatrix, Sigma: Vector) -> Component:
    grouping = m.groupings[term.group]
    W = incidence(grouping.codes, term.members, len(grouping.levels))
    K = None if term.precision is None else np.linalg.inv(term.precision.Q.toarray())
    return Component(term.coordinates.original(term.Z), W, K, Sigma, tuple(_bases(term)))


def _bases(term: TermMatrix) -> Iterator[Vector]:
    """Entries of Sigma that are free: none where a structure is not linear in its variances."""
    q, structure = len(term.names), term.structure
    if q > 1 and structure.kind in ("us", "diag") and not structure.hom:
        for a in range(q):
            for b in range(a, q if structure.kind == "us" else a + 1):
                E = np.zeros((q, q))
                E[a, b] = E[b, a] = 1.0
                yield E
    elif q == 1 or (structure.hom and structure.kind in ("diag", "cs")):
        yield np.eye(q)
        if q > 1 and structure.kind == "cs":
            yield np.ones((q, q)) - np.eye(q)


def independent_blocks(found: list[Component], n: int) -> list[Rows]:
    """The rows of every set of rows that no random effect links to others.

    Raises
    ------
    DataError
        If one of them is too large.
    """
    links = [c.W if c.K is None else sparse.csr_array(np.ones((n, 1))) for c in found]
    incidence = sparse.hstack(links, format="csr") if links else sparse.csr_array((n, 0))
    _, block = connected_components(incidence @ incidence.T, directed=False)
    order = np.argsort(block, kind="stable")
    blocks = np.split(order, np.flatnonzero(np.diff(block[order])) + 1)
    largest = max(map(len, blocks))
    if largest > MOST_ROWS:
        raise DataError(
            f"Heterogeneity needs the covariance of {largest:,} rows that random effects link.\n"
            'Do:   use model.conf_int(which="variance") and model.variance_components.\n'
            f"Why:  the work grows with the cube of these rows, and {MOST_ROWS:,} are allowed."
        )
    return blocks


def part_of(found: list[Component], v: Vector, rows: Rows) -> Part:
    """V of some rows, and its derivatives in the free entries of every Sigma."""
    V = np.diag(v[rows])
    slopes = []
    for component in found:
        between, Z = component.between(rows), component.Z[rows]
        V = V + between * (Z @ component.Sigma @ Z.T)
        slopes += [between * (Z @ E @ Z.T) for E in component.bases]
    return V, slopes
