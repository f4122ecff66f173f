"""Pooled fixed effects as tables."""

from collections.abc import Sequence
from typing import get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.fit.fit import Fit
from mixedmodels.fit.variance_components import told_parameters
from mixedmodels.inference.hypothesis import read_hypothesis
from mixedmodels.inference.interval import Intervals
from mixedmodels.options import require_option, require_probability
from mixedmodels.pooling.comparison import Hypothesis
from mixedmodels.pooling.complete import CompleteDf, coefficient_pool, methods_of
from mixedmodels.pooling.rubin import Rubin
from mixedmodels.pooling.variances import back, pooled_parameters
from mixedmodels.vocabulary import Which

Vector = NDArray[np.float64]


def coef_table(fits: Sequence[Fit], ddf: CompleteDf = None, *, level: float = 0.95) -> object:
    """Table `term` and the columns of `columns_of`; see `PooledModel.coef_table`."""
    require_probability("level", level)
    names = list(fits[0].matrices.x_names)
    return fits[0].frame.table({"term": names} | columns_of(coefficient_pool(fits, ddf), level))


def t_test(
    fits: Sequence[Fit], h: Hypothesis, *, ddf: CompleteDf = None, level: float = 0.95
) -> object:
    """Every row of a hypothesis on its own, as a table; see `PooledModel.t_test`."""
    require_probability("level", level)
    hypotheses = [read_hypothesis(fit, h) for fit in fits]
    constants = -np.array([hypothesis.rhs for hypothesis in hypotheses])
    pooled = methods_of(fits, ddf).functions([one.L for one in hypotheses], constants)
    labels = {"contrast": list(hypotheses[0].labels)}
    return fits[0].frame.table(labels | columns_of(pooled, level))


def columns_of(pooled: Rubin, level: float) -> dict[str, object]:
    """`estimate, std_error, df, statistic, p_value, conf_low, conf_high, riv, lambda, fmi`."""
    low, high = pooled.limits(level)
    return {
        "estimate": pooled.estimate,
        "std_error": pooled.std_error,
        "df": pooled.df,
        "statistic": pooled.statistic,
        "p_value": pooled.p_value,
        "conf_low": low,
        "conf_high": high,
        "riv": pooled.riv,
        "lambda": pooled.share,
        "fmi": pooled.fmi,
    }


def conf_int(
    fits: Sequence[Fit], level: float = 0.95, *, which: Which = "fixed", ddf: CompleteDf = None
) -> object:
    """Table `group, term, estimate, conf_low, conf_high`; see `PooledModel.conf_int`."""
    require_probability("level", level)
    require_option("which", which, get_args(Which))
    parts = []
    if which != "fixed":
        names, _ = told_parameters(fits[0])
        links, pooled = pooled_parameters(fits)
        ends = [back(links, v) for v in (pooled.estimate, *pooled.limits(level))]
        parts.append(Intervals(names.groups, names.terms, *ends))
    if which != "variance":
        pooled = coefficient_pool(fits, ddf)
        terms = fits[0].matrices.x_names
        parts.append(Intervals((None,) * len(terms), terms, pooled.estimate, *pooled.limits(level)))
    whole = parts[0] if len(parts) == 1 else parts[0] + parts[1]
    return whole.table(fits[0].frame)


def series(fits: Sequence[Fit], values: Vector, name: str) -> pd.Series:
    """One number per coefficient, by name."""
    return pd.Series(values, index=pd.Index(fits[0].matrices.x_names, dtype=object), name=name)


def cov_params(fits: Sequence[Fit], ddf: CompleteDf = None) -> pd.DataFrame:
    """Covariance T of the pooled coefficients."""
    names = pd.Index(fits[0].matrices.x_names, dtype=object)
    return pd.DataFrame(coefficient_pool(fits, ddf).total, index=names, columns=names)
