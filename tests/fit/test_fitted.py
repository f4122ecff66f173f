"""Fitted values and the four kinds of residuals."""

import numpy as np
import pandas as pd
import pytest

from mixedmodels.api.models import lmm
from mixedmodels.errors import DataError


@pytest.fixture(scope="module")
def frame():
    random = np.random.default_rng(5)
    n = 120
    g = np.repeat(np.arange(12), 10)
    x = random.normal(size=n)
    y = 2 + x + random.normal(size=12)[g] + random.normal(size=12)[g] * x + random.normal(size=n)
    frame = pd.DataFrame({"y": y, "x": x, "g": g, "w": random.uniform(0.5, 3, n), "off": x**2})
    frame.index = pd.Index([f"row {i}" for i in range(n)])
    frame.loc[["row 3", "row 50"], "x"] = np.nan
    return frame


@pytest.fixture(scope="module")
def model(frame):
    return lmm("y ~ x + (x | g)", frame, weights="w", offset="off")


@pytest.fixture(scope="module")
def kept(frame):
    return frame.dropna()


def test_index_is_that_of_the_kept_rows(model, kept):
    assert model.fittedvalues.index.equals(kept.index)
    assert model.resid.index.equals(kept.index)
    assert model.n_missing == 2


def test_fitted_values_add_all_parts(model, kept):
    b = model.random_effects["g"].loc[kept["g"]].to_numpy()
    expected = (
        model.params["Intercept"]
        + b[:, 0]
        + (model.params["x"] + b[:, 1]) * kept["x"]
        + kept["off"]
    )
    assert model.fittedvalues.to_numpy() == pytest.approx(expected.to_numpy(), rel=1e-12)


def test_residual_kinds(model, kept):
    response = kept["y"] - model.fittedvalues
    pearson = response * np.sqrt(kept["w"])
    marginal = kept["y"] - kept["off"] - model.params["Intercept"] - model.params["x"] * kept["x"]
    for kind, expected in {
        "response": response,
        "pearson": pearson,
        "standardized": pearson / model.sigma,
        "marginal": marginal,
    }.items():
        pd.testing.assert_series_equal(model.residuals(kind), expected, check_names=False)
    pd.testing.assert_series_equal(model.resid, model.residuals())


def test_unknown_kind(model):
    with pytest.raises(DataError, match="kind = 'anscombe' is not known"):
        model.residuals("anscombe")
