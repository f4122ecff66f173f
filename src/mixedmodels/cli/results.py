"""The results of a fit as text, and as plain lists and mappings for JSON."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mixedmodels.fit.auxiliary import part_estimates
from mixedmodels.fit.variance_components import residual_sd
from mixedmodels.means import Means
from mixedmodels.model import MixedModel
from mixedmodels.report import sections, text
from mixedmodels.vocabulary import DegreesOfFreedom, IntervalMethod, SumOfSquares

Plain = dict[str, Any]

SEED = 0
"""Of bootstrap intervals, so that a command repeats."""


@dataclass(frozen=True, slots=True)
class Extras:
    """What is asked for beside the summary.

    Attributes
    ----------
    ddf : str
        Degrees of freedom of all tests.
    anova : {1, 2, 3}, optional
        An analysis of variance of this type.
    conf_int : str, optional
        Intervals of all parameters by this method.
    means : tuple of str
        Marginal means with their pairs.
    """

    ddf: DegreesOfFreedom = "satterthwaite"
    anova: SumOfSquares | None = None
    conf_int: IntervalMethod | None = None
    means: tuple[str, ...] = ()


def shown(model: MixedModel, extras: Extras) -> str:
    """The summary, and what else was asked for."""
    parts = [str(model.summary(extras.ddf))]
    if extras.anova is not None and len(model.params):
        section = sections.analysis_of_variance(model.fit, extras.anova, extras.ddf)
        parts.append(text.render_section(section))
    if extras.conf_int is not None:
        found = sections.intervals(model.fit, method=extras.conf_int, ddf=extras.ddf, seed=SEED)
        parts.append(text.render_section(found))
    for means, pairs in _means(model, extras):
        parts += [str(means)] if pairs is None else [str(means), str(pairs)]
    return "\n\n".join(parts)


def results(model: MixedModel, extras: Extras | None = None, *, notes: Sequence[str] = ()) -> Plain:
    """Everything that is printed, at full precision; undefined and infinite are None."""
    extras = extras or Extras()
    report = model.convergence
    out = {
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
        "theta": model.theta.to_dict(),
        "ngroups": model.ngroups,
        "ddf": extras.ddf,
        "coefficients": records(model.coef_table(extras.ddf)),
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
        "notes": list(notes),
    }
    out |= _of_kind(model)
    if extras.anova is not None:
        out["anova"] = records(model.anova(extras.anova, ddf=extras.ddf))
    if extras.conf_int is not None:
        found = model.conf_int(method=extras.conf_int, which="all", ddf=extras.ddf, seed=SEED)
        out["conf_int"] = records(found)
    if extras.means:
        out["means"] = [
            {
                "specs": specs,
                "means": records(means.table()),
                "pairs": [] if pairs is None else records(pairs.table()),
            }
            for specs, (means, pairs) in zip(extras.means, _means(model, extras), strict=True)
        ]
    return out


def _of_kind(model: MixedModel) -> Plain:
    """What linear models have, and what generalised ones."""
    fit = model.fit
    if fit.generalised is None:
        return {"sigma": residual_sd(fit)}
    parts = part_estimates(fit)
    return {
        "family": fit.family.name,
        "link": fit.family.link,
        "nodes": fit.generalised.nodes,
        "parts": {
            part.kind: dict(zip(part.names, part.estimates.tolist(), strict=True)) for part in parts
        },
    }


def _means(model: MixedModel, extras: Extras) -> list[tuple[Means, Means | None]]:
    """The means that are asked for, and their pairs where there are any."""
    found = [model.emmeans(specs, ddf=extras.ddf) for specs in extras.means]
    return [
        (means, means.pairs() if max(map(len, means.functions.families)) > 1 else None)
        for means in found
    ]


def records(table: Any) -> list[Plain]:
    """The rows of a pandas table, missing and infinite values as None."""
    return [
        {name: _plain(value) for name, value in row.items()} for row in table.to_dict("records")
    ]


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
