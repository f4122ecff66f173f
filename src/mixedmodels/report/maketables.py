"""What the package maketables asks of a model, to put several side by side in one table."""

from collections.abc import Callable

import pandas as pd

from mixedmodels.fit.criteria import aic, bic, log_likelihood
from mixedmodels.fit.fit import Fit
from mixedmodels.inference.coefficients import coefficient_tests
from mixedmodels.inference.r2 import r2


def coef_table(fit: Fit) -> pd.DataFrame:
    """Columns `b, se, t, p` by coefficient, tested with Satterthwaite's degrees of freedom."""
    tests = coefficient_tests(fit, "satterthwaite")
    columns = {"b": tests.estimate, "se": tests.std_error, "t": tests.statistic, "p": tests.p_value}
    return pd.DataFrame(columns, index=pd.Index(fit.matrices.x_names, name="Coefficient"))


def stat(fit: Fit, key: str) -> float | None:
    """A number about the whole fit, None where there is none of that name."""
    facts: dict[str, Callable[[], float]] = {
        "N": lambda: len(fit.matrices.y),
        "aic": lambda: aic(fit),
        "bic": lambda: bic(fit),
        "ll": lambda: log_likelihood(fit),
        "sigma": lambda: fit.sigma,
        "r2_marginal": lambda: r2(fit)["marginal"],
        "r2_conditional": lambda: r2(fit)["conditional"],
        "n_groups": lambda: sum(len(g.levels) for g in fit.matrices.groupings),
    }
    return facts[key]() if key in facts else None


STAT_LABELS = {
    "r2_marginal": "R² marginal",
    "r2_conditional": "R² conditional",
    "n_groups": "Levels of groups",
    "sigma": "σ",
}
