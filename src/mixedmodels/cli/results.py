"""The results of a fit as plain lists and mappings, for JSON."""

import math
from typing import Any

from mixedmodels.model import LinearMixedModel
from mixedmodels.vocabulary import DegreesOfFreedom

Plain = dict[str, Any]


def results(model: LinearMixedModel, *, ddf: DegreesOfFreedom = "satterthwaite") -> Plain:
    """Everything that the summary shows, at full precision; undefined and infinite are None."""
    report = model.convergence
    return {
        "formula": model.formula,
        "reml": model.reml,
        "nobs": model.nobs,
        "n_missing": model.n_missing,
        "npar": model.npar,
        "objective": model.objective,
        "llf": model.llf,
        "aic": model.aic,
        "aicc": model.aicc if math.isfinite(model.aicc) else None,
        "bic": model.bic,
        "sigma": model.sigma,
        "theta": model.theta.to_dict(),
        "ngroups": model.ngroups,
        "ddf": ddf,
        "coefficients": records(model.coef_table(ddf)),
        "variance_components": records(model.variance_components),
        "aliased": list(model.aliased),
        "is_singular": model.is_singular,
        "convergence": {
            "converged": report.converged,
            "status": report.status,
            "message": report.message,
            "n_evaluations": report.n_evaluations,
            "gradient_norm": report.gradient_norm,
        },
    }


def records(table: Any) -> list[Plain]:
    """The rows of a pandas table, missing and infinite values as None."""
    return [
        {name: _plain(value) for name, value in row.items()} for row in table.to_dict("records")
    ]


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
