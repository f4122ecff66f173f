"""`MixedLMParams`: the parameters of a model in one object, as statsmodels has it."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixedmodels.engine.templates import lower_root
from mixedmodels.errors import DataError
from mixedmodels.shortening import brief

Vector = NDArray[np.float64]


@dataclass
class MixedLMParams:
    """Fixed effects, covariance of the random columns and variance components.

    Attributes
    ----------
    k_fe, k_re, k_vc : int
        Numbers of fixed effects, of random columns and of variance components.
    fe_params : array (k_fe,)
        Fixed effects.
    cov_re : array (k_re, k_re)
        Covariance of the random columns over the residual variance.
    vcomp : array (k_vc,)
        Variance components over the residual variance.
    """

    k_fe: int
    k_re: int
    k_vc: int = 0
    fe_params: Vector = field(default_factory=lambda: np.zeros(0))
    cov_re: Vector = field(default_factory=lambda: np.zeros((0, 0)))
    vcomp: Vector = field(default_factory=lambda: np.zeros(0))

    __repr__ = brief

    @classmethod
    def from_components(
        cls,
        fe_params: ArrayLike | None = None,
        cov_re: ArrayLike | None = None,
        cov_re_sqrt: ArrayLike | None = None,
        vcomp: ArrayLike | None = None,
    ) -> "MixedLMParams":
        """Parameters from their parts."""
        fe = np.zeros(0) if fe_params is None else np.asarray(fe_params, dtype=np.float64)
        vc = np.zeros(0) if vcomp is None else np.asarray(vcomp, dtype=np.float64)
        root = None if cov_re_sqrt is None else np.asarray(cov_re_sqrt, dtype=np.float64)
        given = np.zeros((0, 0)) if cov_re is None else np.atleast_2d(np.asarray(cov_re, float))
        cov = given if root is None else root @ root.T
        return cls(len(fe), len(cov), len(vc), fe, cov, vc)

    @property
    def is_independent(self) -> bool:
        """Whether `cov_re` is diagonal.

        Raises
        ------
        DataError
            If some covariances are zero and others are not.
        """
        off = self.cov_re[~np.eye(len(self.cov_re), dtype=np.bool_)]
        if np.any(off == 0) and np.any(off != 0):
            raise DataError(
                "cov_re holds some covariances at zero and not others.\n"
                "Do:   write correlated columns in one bar of mixedmodels.lmm and the others in "
                "bars of their own."
            )
        return bool(np.all(off == 0))

    @property
    def roots(self) -> list[Vector]:
        """Lower-triangular T with TT' = `cov_re`, if there is one, then those of the components."""
        out = [lower_root(self.cov_re)] if len(self.cov_re) else []
        return out + [np.array([[v**0.5]]) for v in self.vcomp]

    def get_packed(self, use_sqrt: bool = False, has_fe: bool = False) -> Vector:
        """One vector: fixed effects if asked for, the lower triangle by rows, the components."""
        cov = lower_root(self.cov_re) if use_sqrt else self.cov_re
        parts = [cov[np.tril_indices(len(cov))], np.sqrt(self.vcomp) if use_sqrt else self.vcomp]
        return np.concatenate([self.fe_params, *parts] if has_fe else parts)
