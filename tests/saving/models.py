"""Models of every kind on one small table, and the questions that they are asked."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

import mixedmodels as mm
from mixedmodels.model import MixedModel

N, GROUPS, OTHERS = 120, 12, 5


@cache
def table() -> pd.DataFrame:
    """Rows of 12 groups crossed with 5 others; each group has ten occasions in order."""
    rng = np.random.default_rng(20)
    g, h = np.arange(N) % GROUPS, rng.integers(0, OTHERS, N)
    x = rng.uniform(1, 5, N)
    eta = rng.normal(size=GROUPS)[g] + 0.5 * rng.normal(size=OTHERS)[h] + 0.3 * x
    y = eta + rng.normal(size=N)
    return pd.DataFrame(
        {
            "y": y,
            "x": x,
            "a": rng.choice(list("abc"), N),
            "c": pd.Categorical(rng.choice(["u", "v"], N), categories=["v", "u"]),
            "dose": rng.integers(0, 3, N).astype(float),
            "flag": rng.integers(0, 2, N).astype(bool),
            "g": [f"group {i}" for i in g],
            "h": h,
            "t": np.arange(N) // GROUPS,
            "w": rng.uniform(0.5, 2.0, N),
            "count": rng.poisson(np.exp(0.4 * eta - 0.5)),
            "ok": rng.integers(0, 2, N),
            "hits": rng.integers(0, 5, N),
            "misses": rng.integers(1, 5, N),
            "rank": pd.Categorical(
                np.array(["low", "mid", "high"])[np.digitize(y, [0.5, 1.8])],
                categories=["low", "mid", "high"],
                ordered=True,
            ),
            "secret": [f"marker-{i:04d}" for i in range(N)],
        }
    )


FORMULAS: dict[str, Callable[[Any], MixedModel]] = {
    "slopes": lambda d: mm.lmm("y ~ a * x + (x | g)", d),
    "crossed": lambda d: mm.lmm("y ~ c + x + (1 | g) + (1 | h)", d, weights="w"),
    "ml": lambda d: mm.lmm("y ~ x + dose + flag + (1 | g)", d, reml=False, offset="w"),
    "transforms": lambda d: mm.lmm(
        "log(y + 9) ~ poly(x, 2) + bs(w, df=4) + scale(dose) + C(a, contr.sum) + (1 | g)", d
    ),
    "codings": lambda d: mm.lmm("y ~ a * c + (1 | g)", d, contrasts={"a": "helmert", "c": "sum"}),
    "ols": lambda d: mm.lmm("y ~ a + x", d),
    "structured": lambda d: mm.lmm("y ~ a + cs(0 + a | g)", d),
    "residual": lambda d: mm.lmm("y ~ a + (1 | h)", d, residual="ar1(t | g)"),
    "unstructured": lambda d: mm.lmm("y ~ a", d[d["t"] < 3], residual="us(t | g)"),
    "sigma": lambda d: mm.lmm("y ~ a + x + (1 | g)", d, sigma="power(x)"),
    "known_sigma": lambda d: mm.lmm("y ~ x + (1 | g)", d, sigma=1.0, weights="w"),
    "poisson": lambda d: mm.glmm("count ~ a + x + (1 | g) + (1 | h)", d, family="poisson"),
    "binary": lambda d: mm.glmm("ok ~ c + x + (1 | g)", d, family="binomial"),
    "trials": lambda d: mm.glmm("cbind(hits, misses) ~ x + (1 | g)", d, family="binomial"),
    "ordinal": lambda d: mm.glmm("rank ~ x + (1 | g)", d, family="cumulative"),
    "inflated": lambda d: mm.glmm("count ~ x + (1 | g)", d, family="nbinom2", zero="~ 1"),
}

LINEAR = tuple(FORMULAS)[:11]


@cache
def model(kind: str) -> MixedModel:
    """One of the models, fitted to pandas."""
    return FORMULAS[kind](table())


QUESTIONS: dict[str, Callable[[MixedModel], Any]] = {
    "coef_table": lambda m: m.coef_table(),
    "normal": lambda m: m.coef_table(ddf="normal"),
    "kenward_roger": lambda m: m.coef_table(ddf="kenward-roger"),
    "between_within": lambda m: m.coef_table(ddf="between-within"),
    "containment": lambda m: m.coef_table(ddf="containment"),
    "knapp_hartung": lambda m: m.coef_table(ddf="knapp-hartung"),
    "residual_df": lambda m: m.coef_table(ddf="residual"),
    "anova_1": lambda m: m.anova(1),
    "anova_2": lambda m: m.anova(2),
    "anova_3": lambda m: m.anova(3),
    "joint_tests": lambda m: m.joint_tests(),
    "conf_int": lambda m: m.conf_int(which="all"),
    "variance_components": lambda m: m.variance_components,
    "covariance_parameters": lambda m: m.covariance_parameters(),
    "cov_variance": lambda m: m.cov_variance(),
    "theta": lambda m: m.theta,
    "random_effects": lambda m: list(m.random_effects.values()),
    "ranef_table": lambda m: m.ranef_table(),
    "cov_re": lambda m: list(m.cov_re.values()),
    "tidy": lambda m: m.tidy("all"),
    "glance": lambda m: m.glance(),
    "summary": lambda m: str(m.summary()),
    "r2": lambda m: [*m.r2().values()],
    "icc": lambda m: [*m.icc().values()],
    "re_pca": lambda m: list(m.re_pca().values()),
}


def means_of(name: str) -> dict[str, Callable[[MixedModel], Any]]:
    """Questions about the means at a column of the fixed part."""
    return {
        f"means {name}": lambda m: m.emmeans(name).table(),
        f"proportional {name}": lambda m: m.emmeans(name, weights="proportional").table(),
        f"pairs {name}": lambda m: m.emmeans(name).pairs().table(),
        f"trends {name}": lambda m: m.emtrends(name).table(),
    }


def asked(m: MixedModel, question: Callable[[MixedModel], Any]) -> Any:
    """The answer, or the text of the error."""
    try:
        return question(m)
    except mm.errors.MixedModelsError as error:
        return str(error)
