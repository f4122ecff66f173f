"""The estimated parts of a generalised model beside its mean."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.engine.auxiliary import row_values, split, thresholds
from mixedmodels.fit.fit import Fit
from mixedmodels.options import require_probability
from mixedmodels.vocabulary import AuxiliaryKind

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PartEstimates:
    """The parameters of one part, for the columns of the formula.

    Attributes
    ----------
    kind
        Which part.
    names
        Of the parameters: coefficients of a logarithm or a logit, or the thresholds themselves.
    estimates
        Shape (k,).
    covariance
        Shape (k, k).
    jacobian
        Shape (k, a): derivatives in delta.
    """

    kind: AuxiliaryKind
    names: tuple[str, ...]
    estimates: Vector
    covariance: Vector
    jacobian: Vector


def part_estimates(fit: Fit) -> tuple[PartEstimates, ...]:
    """The parts of a generalised model in the order of its family; none of a linear one."""
    found = fit.generalised
    if found is None:
        return ()
    parts = fit.matrices.auxiliary
    first = len(fit.theta) + len(fit.beta)
    whole = found.covariance[first:, first:]
    made = []
    place = 0
    for part, delta in zip(parts, split(parts, found.auxiliary), strict=True):
        names, values, own = part.names, delta, np.eye(len(delta))
        if part.thresholds is not None:
            values, own = thresholds(part, delta)
            names = part.threshold_names
        else:
            values = part.coordinates.reported(delta.copy())
            own = part.coordinates.reported(own).T
        jacobian = np.zeros((len(values), len(found.auxiliary)))
        jacobian[:, place : place + len(delta)] = own
        place += len(delta)
        covariance = jacobian @ whole @ jacobian.T
        made.append(PartEstimates(part.kind, names, values, covariance, jacobian))
    return tuple(made)


def auxiliary_rows(fit: Fit, *, of_response: bool = False) -> Vector:
    """The auxiliary parameters (n, k) of the kept rows, as the family takes them: with
    `of_response` for the density of what was observed, else for means and variances.
    """
    m = fit.matrices
    return row_values(m.auxiliary, fit.delta, len(m.y), y=m.y if of_response else None)


def auxiliary_params(fit: Fit) -> dict[str, pd.Series]:
    """Per part its parameters by name."""
    return {
        part.kind: pd.Series(
            part.estimates, index=pd.Index(part.names, dtype=object), name="estimate"
        )
        for part in part_estimates(fit)
    }


def auxiliary_table(fit: Fit, *, level: float = 0.95) -> object:
    """Table `part, term, estimate, std_error, statistic, p_value, conf_low, conf_high`.

    Coefficients of the logarithm of the dispersion and the shape, of the logit of an excess of
    zeros, and thresholds on the scale of the linear predictor. A test compares with zero: there is
    none where zero says nothing, of a threshold and of the constant of a logarithm.
    """
    require_probability("level", level)
    z = NormalDist().inv_cdf(0.5 + level / 2)
    parts = part_estimates(fit)
    kinds = [part.kind for part in parts for _ in part.names]
    names = [name for part in parts for name in part.names]
    estimate = np.concatenate([np.empty(0), *(part.estimates for part in parts)])
    error = np.concatenate([np.empty(0), *(np.sqrt(np.diag(p.covariance)) for p in parts)])
    is_tested = np.array(
        [
            k == "zero" or (k == "dispersion" and n != "Intercept")
            for k, n in zip(kinds, names, strict=True)
        ],
        dtype=np.bool_,
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = np.where(is_tested, estimate / error, np.nan)
    return fit.frame.table(
        {
            "part": kinds,
            "term": names,
            "estimate": estimate,
            "std_error": error,
            "statistic": statistic,
            "p_value": np.array([2 * NormalDist().cdf(-abs(value)) for value in statistic]),
            "conf_low": estimate - z * error,
            "conf_high": estimate + z * error,
        }
    )
