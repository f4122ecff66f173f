"""Responses drawn from generalised models: their moments, their randomness, what they refuse."""

import numpy as np
import pandas as pd
import pytest
from scipy import special

import mixedmodels as mm
from mixedmodels.errors import DataError

MANY = 4000
ERRORS = 5.0  # Monte-Carlo standard errors


@pytest.fixture(scope="module")
def frame():
    random = np.random.default_rng(2)
    n, g = 200, np.repeat(np.arange(20), 10)
    x = random.normal(size=n)
    eta = 0.4 + 0.5 * x + 0.6 * random.normal(size=20)[g]
    size = random.integers(2, 9, n)
    cut = np.digitize(eta + random.logistic(size=n), [-0.5, 1.0])
    positive = np.exp(eta) * random.gamma(4.0, 0.25, n)
    return pd.DataFrame(
        {
            "x": x,
            "g": g.astype(str),
            "size": size,
            "successes": random.binomial(size, special.expit(eta)),
            "count": random.poisson(np.exp(eta)) * (random.random(n) > 0.2),
            "positive": positive,
            "unit": random.beta(5 * special.expit(eta), 5 * special.expit(-eta)),
            "grade": pd.Categorical(
                np.array(["low", "mid", "high"])[cut], ["low", "mid", "high"], ordered=True
            ),
        }
    )


MODELS = {
    "binomial": ("successes / size ~ x + (1 | g)", {"family": "binomial"}),
    "beta_binomial": ("successes / size ~ x + (1 | g)", {"family": "beta_binomial"}),
    "poisson": ("count ~ x + (1 | g)", {"family": "poisson"}),
    "nb2": ("count ~ x + (1 | g)", {"family": "nb2"}),
    "zero-inflated": ("count ~ x + (1 | g)", {"family": "poisson", "zero": "~ 1"}),
    "hurdle": ("count ~ x + (1 | g)", {"family": "poisson", "hurdle": "~ 1"}),
    "gamma": ("positive ~ x + (1 | g)", {"family": "gamma"}),
    "beta": ("unit ~ x + (1 | g)", {"family": "beta"}),
}


@pytest.mark.parametrize("name", list(MODELS))
def test_means_are_those_of_predictions(name, frame):
    """Of the conditional modes, and over new random effects those that are integrated."""
    formula, options = MODELS[name]
    model = mm.glmm(formula, frame, **options)
    trials = frame["size"].to_numpy() if "binomial" in options["family"] else 1.0
    for re, expected in (
        ("fitted", model.predict()),
        ("new", model.predict(marginal=True)),
    ):
        y = model.simulate(MANY, seed=3, re=re)
        error = y.std(axis=1) / np.sqrt(MANY)
        away = (y.mean(axis=1) - trials * expected.to_numpy()) / error
        assert np.abs(away).max() < ERRORS


def test_categories_are_as_often_as_predicted(frame):
    model = mm.glmm("grade ~ x + (1 | g)", frame, "ordinal")
    y = model.simulate(MANY, seed=1)
    expected = model.predict(marginal=True).to_numpy()
    shares = np.stack([(y == k).mean(axis=1) for k in range(3)], axis=1)
    error = np.sqrt(expected * (1 - expected) / MANY)
    assert np.abs((shares - expected) / error).max() < ERRORS


def test_replicates_depend_on_their_number_alone(frame):
    model = mm.glmm("count ~ x + (1 | g)", frame, "poisson")
    assert np.array_equal(model.simulate(3, seed=5), model.simulate(7, seed=5)[:, :3])
    assert not np.array_equal(model.simulate(3, seed=5), model.simulate(3, seed=6))


def test_levels_share_their_random_effects(frame):
    """Two rows of a level vary together, of two levels they do not."""
    model = mm.glmm("count ~ 1 + (1 | g)", frame, "poisson")
    y = model.simulate(MANY, seed=2, sd={"g": 1.0})
    correlation = np.corrcoef(y[[0, 1, 150]])
    mu = float(np.exp(model.params["Intercept"]))
    mean, same = mu * np.exp(0.5), mu**2 * np.exp(1.0) * (np.exp(1.0) - 1)
    assert correlation[0, 1] == pytest.approx(same / (same + mean), abs=0.15)
    assert abs(correlation[0, 2]) < 0.1


def test_new_rows_have_their_own_levels_trials_and_missing_values(frame):
    model = mm.glmm("successes / size ~ x + (1 | g)", frame, "binomial")
    new = pd.DataFrame({"x": [0.0, 1.0, np.nan], "g": ["a", "b", "b"], "size": [1, 50, 5]})
    y = model.simulate(500, seed=1, newdata=new)
    assert set(np.unique(y[0])) <= {0.0, 1.0}
    assert y[1].max() > 10
    assert np.isnan(y[2]).all()
    with pytest.raises(DataError, match="trials"):
        model.simulate(newdata=new.drop(columns="size"))
    with pytest.raises(DataError, match="level of g"):
        model.simulate(newdata=new, re="fitted")


def test_new_rows_have_the_columns_of_the_other_parts(frame):
    model = mm.glmm("count ~ x + (1 | g)", frame, "poisson", zero="~ x")
    new = pd.DataFrame({"x": [0.0, 3.0], "g": ["a", "b"]})
    y = model.simulate(MANY, seed=1, newdata=new)
    expected = model.predict(new, marginal=True)
    error = y.std(axis=1) / np.sqrt(MANY)
    assert np.abs((y.mean(axis=1) - expected) / error).max() < ERRORS


def test_fixed_effects_can_be_others(frame):
    model = mm.glmm("count ~ x + (1 | g)", frame, "poisson")
    y = model.simulate(MANY, seed=1, fixed={"Intercept": 0.0, "x": 0.0}, sd={"g": 1e-6})
    assert y.mean() == pytest.approx(1.0, abs=0.01)


def test_weights_are_of_no_distribution(frame):
    model = mm.glmm("count ~ x + (1 | g)", frame.assign(w=2.0), "poisson", weights="w")
    with pytest.raises(DataError, match="weights"):
        model.simulate()
