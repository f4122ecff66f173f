"""Whether rows of different clusters are independent in a model, and which clusters are its own."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mixedmodels.design import ResidualMatrix, TermMatrix, incidence
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.inference.robust.clusters import Clustering, of_keys

Int = NDArray[np.int64]


def own_clustering(fit: Fit) -> Clustering:
    """The clusters of the model itself: the coarsest grouping, in which all others are nested.

    Raises
    ------
    DataError
        If there is none: the model has no groups, or they cross.
    """
    m = fit.matrices
    candidates = [of_keys(g.name, g.codes) for g in m.groupings if (g.codes >= 0).all()]
    residual = correlated_residual(fit)
    if residual is not None:
        candidates.append(of_keys(residual.group, residual.codes))
    for candidate in sorted(candidates, key=lambda c: -c.count):
        if not straddling(fit, (candidate,)):
            return candidate
    if not candidates:
        raise DataError(
            "The model has no groups: nothing says which rows belong together.\n"
            'Do:   name the clusters, cluster="school"; for rows that are independent, of unequal '
            "variance\n      (HC0 to HC3), write cluster=range(n) with n rows."
        )
    raise _no_own_clusters(fit, candidates)


def _no_own_clusters(fit: Fit, groups: list[Clustering]) -> DataError:
    names = [group.name for group in groups]
    several = (
        f", or let\n      cluster={names!r} count all ways of belonging together"
        if len(names) > 1 and not straddling(fit, groups)
        else ""
    )
    parts = ", ".join(name for name, _, _ in _dependencies(fit))
    return DataError(
        f"No group of the model makes clusters that are independent in it, with {parts}.\n"
        f"Do:   name a column in which all of them are nested, cluster=...{several}.\n"
        "Why:  a cluster-robust covariance takes rows of different clusters as independent."
    )


def require_independent(fit: Fit, clusterings: Sequence[Clustering]) -> None:
    """Refuse clusters between which the model has covariances.

    Raises
    ------
    DataError
        If random effects or correlated residuals reach over clusters.
    """
    across = straddling(fit, clusterings)
    if across:
        names = " or ".join(c.name for c in clusterings)
        raise DataError(
            f"{', '.join(across)}: rows of different clusters ({names}) are dependent in this "
            "model.\n"
            "Do:   name clusters in which these are nested; where factors cross, name both in a "
            f'list, cluster=["{clusterings[0].name}", …].\n'
            "Why:  a cluster-robust covariance takes rows of different clusters as independent: it "
            "would leave\n      out what they share, and be too small."
        )


def straddling(fit: Fit, clusterings: Sequence[Clustering]) -> list[str]:
    """What makes rows dependent that share no cluster, in words; nothing as a rule."""
    found = []
    for name, row, unit in _dependencies(fit):
        if not any(_is_within(row, unit, c) for c in clusterings):
            found.append(name)
    return found


def correlated_residual(fit: Fit) -> ResidualMatrix | None:
    """The covariance of the residuals, if it has correlations."""
    residual = fit.matrices.residual
    if residual is None or residual.structure is None or residual.structure.is_independent:
        return None
    return residual


def _dependencies(fit: Fit) -> Iterator[tuple[str, Int, Int]]:
    """Per part of the model that makes rows dependent: its name, and rows with units that they
    belong to. Rows of one unit are dependent.
    """
    m = fit.matrices
    for written, term in zip(fit.spec.terms, m.terms, strict=True):
        grouping = m.groupings[term.group]
        A = incidence(grouping.codes, term.members, len(grouping.levels)).tocoo()
        units = _related(term, len(grouping.levels))[A.col]
        yield str(written.term), A.row.astype(np.int64), units
    residual = correlated_residual(fit)
    if residual is not None:
        rows = np.arange(len(m.y), dtype=np.int64)
        yield f"residual={residual.group}", rows, residual.codes.astype(np.int64)


def _related(term: TermMatrix, levels: int) -> Int:
    """Which levels are dependent through a known matrix: those connected in its inverse."""
    if term.precision is None:
        return np.arange(levels, dtype=np.int64)
    labels = sparse.csgraph.connected_components(term.precision.Q, directed=False)[1]
    return np.asarray(labels, dtype=np.int64)


def _is_within(row: Int, unit: Int, clustering: Clustering) -> bool:
    cluster = clustering.codes[row]
    first = np.zeros(int(unit.max(initial=-1)) + 1, dtype=np.int32)
    first[unit] = cluster
    return bool(np.array_equal(first[unit], cluster))
