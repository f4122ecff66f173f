"""The conditional AIC, against refits of responses that differ a little."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

import mixedmodels as mm
from mixedmodels.errors import DataError

REFIT = 2e-4
"""Of the sum of derivatives by differences of refits, which stop at a gradient that is not zero."""

MODELS = {
    "slope": ("Reaction ~ Days + (Days | Subject)", "sleepstudy", {}),
    "independent, ML, weights": (
        "Reaction ~ Days + (Days || Subject)",
        "sleepstudy",
        {"reml": False, "weights": "w"},
    ),
    "crossed": ("diameter ~ 1 + (1 | plate) + (1 | sample)", "penicillin", {}),
    "structured": ("Reaction ~ Days + cs(1 + Days | Subject)", "sleepstudy", {}),
    "variance of zero": ("Yield ~ 1 + (1 | Batch)", "dyestuff2", {}),
    "none": ("Reaction ~ Days", "sleepstudy", {}),
}


def effective(model: mm.LinearMixedModel) -> float:
    """The sum of the derivatives of every fitted value in its own response."""
    y, step = model.fit.matrices.y, 1e-4 * model.sigma
    total = 0.0
    for i in range(len(y)):
        ends = []
        for sign in (1, -1):
            moved = y.copy()
            moved[i] += sign * step
            ends.append(model.refit(moved).fittedvalues.to_numpy()[i])
        total += (ends[0] - ends[1]) / (2 * step)
    return total


@pytest.mark.filterwarnings("ignore::mixedmodels.errors.SingularFitWarning")
@pytest.mark.parametrize("name", MODELS)
def test_effective_parameters_are_those_of_refits(name: str) -> None:
    formula, data, options = MODELS[name]
    frame = mm.datasets.load(data)
    frame["w"] = np.linspace(0.5, 2, len(frame))[np.random.default_rng(1).permutation(len(frame))]
    model = mm.lmm(formula, frame, **options)
    found = model.caic()
    assert found.df == pytest.approx(effective(model) + 1, rel=REFIT)
    scale = model.sigma / np.sqrt(frame["w"] if "weights" in options else 1.0)
    expected = norm.logpdf(model.resid, scale=scale).sum()
    assert found.log_likelihood == pytest.approx(expected)
    assert found.caic == pytest.approx(-2 * expected + 2 * found.df)
    assert found.df_known == pytest.approx(model.hat_values().sum() + 1)
    assert found.df >= found.df_known - 1e-8


@pytest.mark.filterwarnings("ignore::mixedmodels.errors.SingularFitWarning")
def test_a_correlation_of_one() -> None:
    rng = np.random.default_rng(4)
    data = pd.DataFrame({"g": np.repeat(np.arange(15), 5), "x": np.tile(np.arange(5.0), 15)})
    u = rng.normal(size=15)[data["g"]]
    data["y"] = u * (1 + data["x"]) + 2 * rng.normal(size=75)
    model = mm.lmm("y ~ x + (x | g)", data)
    assert model.is_singular
    assert model.caic().df == pytest.approx(effective(model) + 1, rel=0.01)


def test_known_residual_variances_count_no_sigma() -> None:
    rng = np.random.default_rng(3)
    data = pd.DataFrame({"w": rng.uniform(1, 9, 20), "id": np.arange(20)})
    data["y"] = rng.normal(size=20) + rng.normal(size=20) / np.sqrt(data["w"])
    model = mm.lmm("y ~ 1 + (1 | id)", data, weights="w", sigma=1)
    assert model.caic().df == pytest.approx(effective(model), rel=REFIT)


def test_scale_and_location_of_the_response() -> None:
    data = mm.datasets.load("sleepstudy")
    first = mm.lmm("Reaction ~ Days + (Days | Subject)", data).caic()
    data["Reaction"] = 1e-3 * data["Reaction"] + 5
    other = mm.lmm("Reaction ~ Days + (Days | Subject)", data).caic()
    assert other.df == pytest.approx(first.df, rel=1e-5)
    assert other.caic == pytest.approx(first.caic - 2 * 180 * np.log(1e3), abs=1e-3)


def test_what_is_refused() -> None:
    data = mm.datasets.load("sleepstudy")
    data["slow"] = (data["Reaction"] > 300) * 1.0
    with pytest.raises(DataError, match="generalised"):
        mm.glmm("slow ~ Days + (1 | Subject)", data).caic()
    with pytest.raises(DataError, match="residuals have structure"):
        mm.lmm("Reaction ~ Days", data, residual="ar1(Days | Subject)").caic()
    with pytest.raises(DataError, match="parameters are held"):
        mm.lmm(
            "Reaction ~ Days + (1 | Subject)", data, fixed={"sd(Subject:Intercept)": 20.0}
        ).caic()
    with pytest.raises(DataError, match="iterative"):
        mm.lmm("Reaction ~ Days + (1 | Subject)", data, method="iterative").caic()
