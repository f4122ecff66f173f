"""What each imputation says on its own: estimates, covariance and complete-data df."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.errors import DataError
from mixedmodels.fit.degrees_of_freedom import ddf_of
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.fixed_effects import coefficients
from mixedmodels.inference.degrees_of_freedom import method_of
from mixedmodels.inference.degrees_of_freedom.method import Method
from mixedmodels.options import require_positive
from mixedmodels.pooling.rubin import Rubin, rubin
from mixedmodels.vocabulary import DegreesOfFreedom

Vector = NDArray[np.float64]

CompleteDf = DegreesOfFreedom | float | None
"""Degrees of freedom of complete data: each model's own by a method, or a number for all."""


@dataclass(frozen=True, slots=True)
class Methods:
    """The tests of every imputation.

    Attributes
    ----------
    fits : tuple of Fit
        The imputations.
    methods : tuple of Method
        The method of degrees of freedom at each.
    number : float or None
        Degrees of freedom that stand in the place of the methods' own.
    """

    fits: tuple[Fit, ...]
    methods: tuple[Method, ...]
    number: float | None

    def functions(self, rows: Sequence[Vector], constants: Vector) -> Rubin:
        """Pool L beta + c: per imputation `rows` L (k, p) in working coordinates, c (m, k)."""
        pairs = zip(self.fits, rows, strict=True)
        estimates = np.array([L @ fit.beta for fit, L in pairs]) + constants
        covariances = np.array(
            [L @ method.covariance @ L.T for method, L in zip(self.methods, rows, strict=True)]
        )
        return rubin(estimates, covariances, self.single(rows))

    def single(self, rows: Sequence[Vector]) -> Vector:
        """Complete-data df (k,) of every row: the mean over the imputations."""
        if self.number is not None:
            return np.full(len(rows[0]), self.number)
        each = [method.single(L) for method, L in zip(self.methods, rows, strict=True)]
        return np.asarray(np.mean(each, axis=0))

    def joint(self, rows: Sequence[Vector]) -> float:
        """Complete-data df of the joint test of all rows: the mean over the imputations."""
        if self.number is not None:
            return self.number
        each = [method.joint(L)[1] for method, L in zip(self.methods, rows, strict=True)]
        return float(np.mean(each))


def methods_of(fits: Sequence[Fit], ddf: CompleteDf) -> Methods:
    """The tests that `ddf` asks for: a method's name, a number, or None for the models' usual one.

    Raises
    ------
    DataError
        If it is neither, or the method cannot be used with these fits.
    """
    word, number = asked_df(fits[0], ddf)
    return Methods(tuple(fits), tuple(method_of(fit, word) for fit in fits), number)


def asked_df(fit: Fit, ddf: CompleteDf) -> tuple[DegreesOfFreedom, float | None]:
    """The method, and the number that stands in the place of its degrees of freedom, if any.

    Raises
    ------
    DataError
        If `ddf` is neither a method nor a number above zero.
    """
    if ddf is None or isinstance(ddf, str):
        return ddf_of(fit, ddf), None
    return "normal", _number(ddf)


def coefficient_pool(fits: Sequence[Fit], ddf: CompleteDf = None) -> Rubin:
    """The fixed effects pooled, by the columns of the formula."""
    rows = [fit.matrices.coordinates.columns(np.eye(len(fit.beta))) for fit in fits]
    return methods_of(fits, ddf).functions(rows, np.zeros((len(fits), len(fits[0].beta))))


def mean_coefficients(fits: Sequence[Fit]) -> Vector:
    """Pooled fixed effects (p,), by the columns of the formula."""
    return np.asarray(np.mean([coefficients(fit) for fit in fits], axis=0))


def _number(ddf: object) -> float:
    if isinstance(ddf, (int, float, np.number)) and not isinstance(ddf, bool):
        return require_positive("ddf", ddf)
    raise DataError(
        f"ddf = {ddf!r} is neither a method nor a number.\n"
        'Do:   give a method such as "satterthwaite", or the degrees of freedom that complete data '
        "would have."
    )
