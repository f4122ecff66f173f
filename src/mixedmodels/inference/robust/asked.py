"""`cov=` and `cluster=` as every test takes them: one value with `ddf`."""

from typing import Any, get_args

import numpy as np
import pandas as pd

from mixedmodels.data.unkept import rows_needed
from mixedmodels.errors import DataError
from mixedmodels.fit import fixed_effects
from mixedmodels.fit.degrees_of_freedom import ddf_of
from mixedmodels.fit.fit import Fit
from mixedmodels.inference.degrees_of_freedom.constant import Constant
from mixedmodels.inference.degrees_of_freedom.method import Method
from mixedmodels.inference.degrees_of_freedom.other_covariance import (
    OtherCovariance,
    TestMethod,
    require_test_method,
)
from mixedmodels.inference.robust.cluster_robust import cluster_robust
from mixedmodels.inference.robust.clusters import Clustering, read_clusterings
from mixedmodels.inference.robust.crossed import crossed
from mixedmodels.inference.robust.independence import own_clustering, require_independent
from mixedmodels.inference.robust.own_matrix import working_covariance
from mixedmodels.options import require_option
from mixedmodels.vocabulary import (
    Clusters,
    Covariance,
    CovarianceKind,
    DegreesOfFreedom,
    RobustKind,
)

WHY_NOT: dict[DegreesOfFreedom, str] = {
    "satterthwaite": "Satterthwaite's method needs to know how the covariance was estimated.",
    "clusters": "nothing says which clusters the covariance was estimated from.",
}
"""Of a matrix of the caller's own."""


def test_method(
    fit: Fit,
    ddf: DegreesOfFreedom | None = None,
    cov: Covariance = None,
    cluster: Clusters = None,
) -> TestMethod:
    """How to test: `ddf` itself with the model's covariance, else `ddf` and the other covariance.

    Parameters
    ----------
    fit : Fit
    ddf : str, optional
        By default Satterthwaite's method where there is one: of a linear model with its own or with
        a cluster-robust covariance. The fewest clusters less one where clusters cross; normal for a
        generalised model, and for a matrix.
    cov : str or matrix (p, p), optional
        ``"CR0"``, ``"CR1"``, ``"CR1p"``, ``"CR1S"``, ``"CR2"``, ``"CR3"``, or the covariance of the
        coefficients, by name or in their order. By default that of the model.
    cluster : str, list of str or array, optional
        The clusters; by default the coarsest group of the model, in which all others are nested.

    Raises
    ------
    DataError
        If a kind, column or method is not known, clusters are missing in a row used, or the model
        makes rows of different clusters dependent.
    """
    if cov is None:
        if cluster is not None:
            raise DataError(
                "cluster= says whose rows belong together, but no robust covariance is asked for.\n"
                'Do:   write cov="CR2" too.'
            )
        return ddf_of(fit, ddf)
    if ddf is not None:
        require_test_method(ddf)
    if isinstance(cov, str):
        require_option("cov", cov, get_args(RobustKind))
        return _robust(fit, cov, cluster, ddf)  # type: ignore[arg-type]  # one of RobustKind
    if cluster is not None:
        raise DataError(
            "cov= is a matrix, and cluster= has no part in it.\n"
            'Do:   leave cluster= out, or write cov="CR2".'
        )
    C = working_covariance(fit, cov)
    n = float(len(fit.matrices.y) - len(fit.beta))
    methods: dict[DegreesOfFreedom, Method] = {"normal": Constant(C, np.inf)}
    if fit.generalised is None:
        methods["residual"] = Constant(C, n)
    return _with(fit, "a given covariance of the estimates", methods, ddf, WHY_NOT)


def cov_params(
    fit: Fit, kind: CovarianceKind | RobustKind | None = None, cluster: Clusters = None
) -> pd.DataFrame:
    """The covariance of the coefficients by name, of any kind.

    Raises
    ------
    DataError
        As `test_method`, and as `fit.fixed_effects.cov_params`.
    """
    if kind not in get_args(RobustKind):
        if cluster is not None:
            test_method(fit, None, None, cluster)
        require_option("kind", kind, (None, *get_args(CovarianceKind), *get_args(RobustKind)))
        return fixed_effects.cov_params(fit, kind)  # type: ignore[arg-type]  # no RobustKind
    method: Any = test_method(fit, None, kind, cluster)
    names = pd.Index(fit.matrices.x_names, dtype=object)
    C = fit.matrices.coordinates.reported_covariance(method.at(fit).covariance)
    return pd.DataFrame(C, index=names, columns=names)


def _robust(
    fit: Fit, kind: RobustKind, cluster: Clusters, ddf: DegreesOfFreedom | None
) -> OtherCovariance:
    require_rows_of_linear(fit)
    if cluster is None:
        clusterings: tuple[Clustering, ...] = (own_clustering(fit),)
    else:
        clusterings = read_clusterings(fit, cluster)
        require_independent(fit, clusterings)
    counted = ", ".join(f"{c.count} clusters of {c.name}" for c in clusterings)
    title = f"cluster-robust covariance ({kind}, {counted})"
    methods: dict[DegreesOfFreedom, Method]
    if len(clusterings) > 1:
        several = crossed(fit, kind, clusterings)
        methods = {"clusters": several, "normal": several.normal()}
        return _with(fit, title, methods, ddf, {"satterthwaite": "clusters cross."})
    one = cluster_robust(fit, kind, clusterings[0])
    methods = {
        "satterthwaite": one,
        "clusters": one.by("clusters"),
        "normal": one.by("normal"),
    }
    return _with(fit, title, methods, ddf, {})


def require_rows_of_linear(fit: Fit) -> None:
    """Refuse a fit that has no residuals with a marginal covariance, or no rows.

    Raises
    ------
    DataError
        For a generalised model, and for a fit without rows.
    """
    if fit.generalised is not None:
        raise DataError(
            "Cluster-robust covariances are not available for a generalised model.\n"
            "Do:   allow for what clusters share by random effects, or resample clusters: "
            'bootstrap(kind="case");\n      a covariance of your own can be given as a matrix.\n'
            "Why:  they are made of residuals and their marginal covariance, which the random "
            "effects of\n      this model give no formula for."
        )
    if not fit.matrices.has_rows:
        raise rows_needed()


def _with(
    fit: Fit,
    title: str,
    methods: dict[DegreesOfFreedom, Method],
    ddf: DegreesOfFreedom | None,
    why_not: dict[DegreesOfFreedom, str],
) -> OtherCovariance:
    chosen = next(iter(methods)) if ddf is None else ddf
    if chosen not in methods:
        why = why_not.get(chosen, "its rule is for the model's own covariance.")
        raise DataError(
            f'ddf="{chosen}" is not available with {title}.\n'
            f"Do:   leave ddf out, or use one of {', '.join(repr(word) for word in methods)}.\n"
            f"Why:  {why}"
        )
    return OtherCovariance(fit, chosen, title, methods)
