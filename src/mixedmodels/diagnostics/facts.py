"""What several checks and plots need of a fit, computed once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design import columns_of, is_intercept
from mixedmodels.diagnostics.leverage import Leverage, leverage, studentized
from mixedmodels.diagnostics.quantile import quantile_residuals
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.fitted import fitted_array, residuals
from mixedmodels.fit.linear_predictor import marginal_mean
from mixedmodels.shortening import brief

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Facts:
    """Residuals and leverage of a fit.

    Attributes
    ----------
    fit : Fit
        The fit.
    fitted : array (n,)
        Fitted values; of a generalised model the linear predictor at random effects of zero, as
        residuals grow with the conditional one also where the model is right.
    r : array (n,)
        Studentized residuals; standardized ones where the leverage is out of reach, normalized
        ones where covariances have structure, quantile residuals of generalised models. Rows
        without any freedom have zero.
    leverage : Leverage or None
        None if the factors are too large, which `refusal` says, covariances have structure or the
        model is generalised.
    refusal : str
        Why there is no leverage.
    """

    fit: Fit
    fitted: Vector
    r: Vector
    leverage: Leverage | None
    refusal: str

    __repr__ = brief

    @property
    def kind(self) -> str:
        """What `r` is called."""
        if self.fit.generalised is not None:
            return "quantile"
        if not self.fit.matrices.is_plain:
            return "normalized"
        return "standardized" if self.leverage is None else "studentized"


def facts(fit: Fit) -> Facts:
    """The facts of a fit."""
    if fit.generalised is not None:
        fixed = marginal_mean(fit.matrices.X, fit.beta, fit.matrices.offset)
        return Facts(fit, fixed, quantile_residuals(fit, seed=0), None, "")
    fitted = fitted_array(fit)
    if not fit.matrices.is_plain:
        return Facts(fit, fitted, residuals(fit, "normalized").to_numpy(), None, "")
    try:
        found = leverage(fit)
    except DataError as error:
        r = residuals(fit, "standardized").to_numpy()
        return Facts(fit, fitted, r, None, str(error).splitlines()[0])
    return Facts(fit, fitted, np.nan_to_num(studentized(fit, found), nan=0.0), found, "")


def covariates(fit: Fit) -> dict[str, Vector]:
    """The numeric columns of the data that the fixed part uses, on the rows used."""
    terms = [term for term in fit.spec.fixed.term_slices if not is_intercept(term)]
    used = columns_of(terms, fit.spec)
    found = {}
    for name, variable in fit.spec.variables.items():
        if name in used and variable.kind == "number":
            numbers = fit.frame.column(name).numbers
            if numbers is not None:
                found[name] = numbers[fit.matrices.kept].astype(np.float64)
    return found
