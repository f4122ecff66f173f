"""What the package maketables asks of a model, to put several side by side in one table.

That it asks is the work of `introduction`, which every model brings along.
"""

from collections.abc import Callable
from functools import partial

import pandas as pd

from mixedmodels.fit.criteria import aic, bic, log_likelihood
from mixedmodels.fit.degrees_of_freedom import ddf_of
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.variance_components import residual_sd
from mixedmodels.inference.coefficients import coefficient_tests
from mixedmodels.inference.r2 import r2


def coef_table(fit: Fit) -> pd.DataFrame:
    """Columns `b, se, t, p, ci95l, ci95u` by coefficient, as `coef_table` has them by default."""
    tests = coefficient_tests(fit, ddf_of(fit))
    columns = {
        "b": tests.estimate, "se": tests.std_error, "t": tests.statistic, "p": tests.p_value,
        "ci95l": tests.conf_low, "ci95u": tests.conf_high,
    }  # fmt: skip
    return pd.DataFrame(columns, index=pd.Index(fit.matrices.x_names, name="Coefficient"))


def stat(fit: Fit, key: str) -> float | None:
    """A number about the whole fit, None where there is none of that name."""
    names = {label: key for key, label in STAT_LABELS.items()}
    facts: dict[str, Callable[[], float]] = {
        "N": lambda: len(fit.matrices.y),
        "aic": lambda: aic(fit),
        "bic": lambda: bic(fit),
        "ll": lambda: log_likelihood(fit),
        **({} if fit.generalised is not None else {"sigma": lambda: residual_sd(fit)}),
        "r2_marginal": lambda: r2(fit)["marginal"],
        "r2_conditional": lambda: r2(fit)["conditional"],
        "n_groups": lambda: sum(len(g.levels) for g in fit.matrices.groupings),
        **{f"{LEVELS}{g.name}": partial(len, g.levels) for g in fit.matrices.groupings},
    }
    key = names.get(key, key)
    return facts[key]() if key in facts else None


LEVELS = "Levels of "
"""Key and label of the number of levels of a group, before its name."""

STAT_LABELS = {
    "r2_marginal": "R² marginal",
    "r2_conditional": "R² conditional",
    "n_groups": "Levels of groups",
    "sigma": "σ",
}


def default_stats(fit: Fit) -> list[str]:
    """The numbers below the coefficients: rows, levels per group, shares of the variance.

    Under their labels, as maketables takes labels from the first of several models alone.
    """
    groups = [f"{LEVELS}{grouping.name}" for grouping in fit.matrices.groupings]
    return ["N", *groups, STAT_LABELS["r2_marginal"], STAT_LABELS["r2_conditional"]]
