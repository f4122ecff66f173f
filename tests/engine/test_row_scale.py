"""The standard deviation of a row as a function of covariates, in the engine and in numpy."""

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.engine.row_scale import row_scale


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    n = 300
    data = pd.DataFrame({"x": rng.uniform(0.3, 4, n), "g": rng.choice(["a", "b"], n)})
    sd = np.where(data["g"] == "a", 0.5 + data["x"] ** 1.2, 1.5 + data["x"] ** 0.6)
    return data.assign(y=1 + data["x"] + sd * rng.normal(size=n), w=rng.uniform(0.5, 2, n))


MODELS = {
    "~ g": lambda c, d: np.exp(c[0] * (d["g"] == "b")),
    "~ g + x": lambda c, d: np.exp(c[0] * (d["g"] == "b") + c[1] * d["x"]),
    "power(x)": lambda c, d: d["x"] ** c[0],
    "power(x, by=g)": lambda c, d: d["x"] ** np.where(d["g"] == "a", c[0], c[1]),
    "constpower(x)": lambda c, d: np.exp(c[0]) + d["x"] ** c[1],
    "constpower(x, by=g)": lambda c, d: np.where(
        d["g"] == "a", np.exp(c[0]) + d["x"] ** c[1], np.exp(c[2]) + d["x"] ** c[3]
    ),
}


@pytest.mark.parametrize("sigma", MODELS)
@pytest.mark.parametrize("weights", [None, "w"])
def test_engine_and_numpy_agree_with_the_definition(data, sigma: str, weights) -> None:
    """At any theta; functions of one part leave the rows of others alone."""
    fit = mm.lmm("y ~ x", data, sigma=sigma, weights=weights).fit
    theta = np.linspace(-0.4, 0.9, len(fit.theta))
    expected = np.asarray(MODELS[sigma](theta, data), dtype=np.float64)
    if weights:
        expected = expected / np.sqrt(data["w"].to_numpy())
    assert fit.problem.row_sd(theta) == pytest.approx(expected, rel=1e-12)
    found = row_scale(
        fit.matrices.residual.scale,
        fit.matrices.weights,
        fit.problem.scale_coefficients(theta),
        n=len(data),
    )
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("sigma", MODELS)
def test_the_gradient_is_that_of_the_criterion(data, sigma: str) -> None:
    problem = mm.lmm("y ~ x", data, sigma=sigma).fit.problem
    theta = np.linspace(-0.3, 0.6, problem.n_theta)
    _, gradient = problem.gradient(theta, reml=True)
    steps = 1e-5 * np.eye(problem.n_theta)
    differences = [
        (problem.deviance(theta + s, reml=True) - problem.deviance(theta - s, reml=True)) / 2e-5
        for s in steps
    ]
    assert gradient == pytest.approx(differences, rel=1e-6, abs=1e-6)
