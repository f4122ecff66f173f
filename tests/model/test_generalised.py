"""What a generalised model is asked for it answers, or says in one error why it has no meaning."""

from collections.abc import Callable

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError, FormulaError

mpl.use("Agg")

RANDOM = np.random.default_rng(3)
N = 160
DATA = pd.DataFrame(
    {
        "g": np.repeat(np.arange(8), 20).astype(str),
        "x": RANDOM.normal(size=N),
        "f": RANDOM.choice(list("uvw"), N),
        "time": RANDOM.uniform(1, 3, N),
        "size": RANDOM.integers(3, 9, N),
    }
)
ETA = 0.5 * DATA["x"] + RANDOM.normal(0, 0.6, 8).repeat(20)
DATA["y"] = RANDOM.binomial(DATA["size"], 1 / (1 + np.exp(-ETA)))
DATA["count"] = RANDOM.negative_binomial(2, 2 / (2 + np.exp(ETA + 1))) * RANDOM.binomial(1, 0.7, N)
DATA["grade"] = pd.Categorical.from_codes(
    np.digitize(ETA + RANDOM.logistic(size=N), [-1, 0.5]), ["a", "b", "c"], ordered=True
)
NEW = DATA.groupby("f").head(1)

MODELS = {
    "binomial": lambda: mm.glmm("y / size ~ x + f + (1 | g)", DATA),
    "counts": lambda: mm.glmm(
        "count ~ x + f + (1 | g)", DATA, "nb2", zero="~ x", dispersion="~ f", exposure="time"
    ),
    "ordinal": lambda: mm.glmm("grade ~ x + f + (1 | g)", DATA, "ordinal"),
}

KINDS = ("response", "pearson", "standardized", "normalized", "marginal", "studentized", "scaled")

QUESTIONS: dict[str, Callable[[mm.GeneralisedMixedModel], object]] = {
    "summary": str,
    "html": lambda m: m._repr_html_(),
    "coefficients": lambda m: m.coef_table(),
    "intervals": lambda m: m.conf_int(which="all"),
    "cov_variance": lambda m: m.cov_variance(),
    "covariance_parameters": lambda m: m.covariance_parameters(),
    "variance_components": lambda m: m.variance_components,
    "random effects": lambda m: (m.random_effects, m.ranef_table(), m.re_pca()),
    "auxiliary": lambda m: (m.auxiliary_params, m.auxiliary_table()),
    "shares": lambda m: (m.r2(), m.icc()),
    **{f"{kind} residuals": lambda m, k=kind: m.residuals(k, seed=1) for kind in KINDS},
    "series": lambda m: m.acf("g"),
    "variogram": lambda m: m.variogram("x"),
    "leverage": lambda m: m.hat_values(),
    "influence": lambda m: m.influence("g"),
    "check": lambda m: m.check(),
    "anova": lambda m: [m.anova(kind) for kind in (1, 2, 3)],
    "hypotheses": lambda m: (m.t_test("x = 0"), m.wald_test("x = 0")),
    "bootstrap": lambda m: m.bootstrap(3, seed=1),
    "random terms": lambda m: m.ranova(),
    "drop1": lambda m: m.drop1(),
    "compare": lambda m: mm.compare(m, m.update("~ . - x")),
    "means": lambda m: m.emmeans("f").pairs(),
    "means of the response": lambda m: m.emmeans("f").response(),
    "averages": lambda m: (m.predictions("f"), m.comparisons("x"), m.slopes("x")),
    "trends": lambda m: m.emtrends("f", "x"),
    "joint tests": lambda m: m.joint_tests(),
    "predictions": lambda m: m.predict(NEW, se=True),
    "simulation": lambda m: m.simulate(2, seed=1),
    "refit": lambda m: m.refit(m.fit.matrices.y),
    "update of data": lambda m: m.update(data=DATA.head(100)),
    "picture of effects": lambda m: m.plot.effects("f"),
    "power": lambda m: mm.power(m, "x", n=2, seed=1),
    "reml": lambda m: m.reml,
    "satterthwaite": lambda m: m.coef_table("satterthwaite"),
    "nonsense": lambda m: m.update("~ . + nonsense"),
}

OF_NONE = {"marginal residuals", "satterthwaite", "nonsense"}

NOT_OF = {
    "binomial": OF_NONE,
    "counts": OF_NONE,
    "ordinal": OF_NONE
    | {f"{kind} residuals" for kind in KINDS if kind != "scaled"}
    | {"series", "variogram", "means of the response"},
}
"""What has no meaning for a family, and nothing else is refused."""


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    return request.param, MODELS[request.param]()


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.filterwarnings("ignore::mixedmodels.errors.MixedModelsWarning")
def test_it_is_answered_or_refused_with_what_to_do(model, question):
    name, fitted = model
    try:
        answer = QUESTIONS[question](fitted)
    except FormulaError as error:
        assert question == "nonsense"
        assert "no column 'nonsense'" in str(error)
    except DataError as error:
        assert "Do:" in str(error)
        assert question in NOT_OF[name]
    else:
        assert answer is not None
        assert question not in NOT_OF[name]
    plt.close("all")


def test_nothing_that_belongs_to_a_residual_variance_is_there():
    fitted = MODELS["counts"]()
    for name in ("sigma", "scale", "heterogeneity"):
        assert not hasattr(fitted, name)
