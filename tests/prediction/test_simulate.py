"""Simulated responses have the moments of the model and depend on seed and replicate alone."""

import numpy as np
import pytest
from scipy import stats

import mixedmodels as mm
from mixedmodels.errors import DataError
from mixedmodels.prediction.simulate import simulate
from mixedmodels.prediction.streams import key_of, stream
from tests import dense

REPLICATES = 4000
SPREAD = 5.0  # standard errors of a moment: some thousands of them are looked at


@pytest.fixture(scope="module")
def model():
    random = np.random.default_rng(11)
    n = 60
    g, h = np.repeat(np.arange(10), 6), np.tile(np.arange(6), 10)
    x = np.round(random.normal(size=n), 2)
    y = 3 + x + random.normal(size=10)[g] * (1 + x) + random.normal(size=6)[h]
    data = {"y": y + random.normal(size=n), "x": x, "g": g, "h": h, "w": 1 + h, "o": 10.0 * x}
    return mm.lmm("y ~ x + (x | g) + (1 | h)", data, weights="w", offset="o")


def covariance(model):
    m = model.fit.matrices
    V = dense.marginal_covariance(m, dense.relative_covariances(m, model.fit.theta))
    return model.scale * V


@pytest.mark.parametrize("shape", ["normal", "t", "skewed"])
def test_mean_and_covariance_are_those_of_the_model(model, shape):
    y = model.simulate(REPLICATES, seed=3, effects=shape, residuals=shape)
    V = covariance(model)
    sd = np.sqrt(np.diag(V))
    mean = model.predict(re="none").to_numpy()
    assert np.abs((y.mean(axis=1) - mean) / sd).max() < SPREAD / REPLICATES**0.5
    inflation = 2.0 if shape == "t" else 1.3  # fourth moments: 9 for t(5), 4.5 for the gamma
    error = np.abs((np.cov(y) - V) / np.outer(sd, sd))
    assert error.max() < inflation * SPREAD * (2 / REPLICATES) ** 0.5


def test_fitted_effects_leave_the_residual(model):
    y = model.simulate(REPLICATES, seed=4, re="fitted")
    noise = (y - model.fittedvalues.to_numpy()[:, None]) / model.sigma
    noise *= np.sqrt(model.fit.matrices.weights)[:, None]
    assert stats.kstest(noise.ravel()[::7], "norm").pvalue > 1e-4
    assert np.abs(np.corrcoef(noise) - np.eye(len(noise))).max() < SPREAD / REPLICATES**0.5


def test_shapes_are_what_they_say(model):
    def noise(shape):
        y = simulate(model.fit, REPLICATES, seed=5, re="fitted", residuals=shape)
        scale = np.sqrt(model.fit.matrices.weights)[:, None] / model.sigma
        return ((y - model.fittedvalues.to_numpy()[:, None]) * scale).ravel()

    assert stats.skew(noise("skewed")) == pytest.approx(1.0, abs=0.05)
    t = noise("t") * np.sqrt(5 / 3)
    assert stats.kstest(t[::7], stats.t(5).cdf).pvalue > 1e-4


def test_a_replicate_does_not_depend_on_the_others(model):
    many = model.simulate(20, seed=6)
    assert (model.simulate(7, seed=6) == many[:, :7]).all()
    assert len(np.unique(many[0])) == 20
    assert (model.simulate(7, seed=7) != many[:, :7]).all()


def test_a_generator_gives_each_call_its_own_stream(model):
    generator = np.random.default_rng(8)
    first, second = (model.simulate(seed=generator) for _ in range(2))
    assert (first != second).all()
    assert (model.simulate(seed=np.random.default_rng(8)) == first).all()
    assert (model.simulate() != model.simulate()).all()


def test_streams_do_not_overlap_at_their_beginnings():
    key = key_of(1)
    draws = np.concatenate([stream(key, i).random(1000) for i in range(50)])
    assert len(np.unique(draws)) == 50_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n = 0 is not a number of replicates"),
        ({"n": 2.5}, "n = 2.5"),
        ({"n": True}, "n = True"),
        ({"re": "old"}, "re = 'old' is not known"),
        ({"effects": "cauchy"}, "effects = 'cauchy'"),
        ({"residuals": "cauchy"}, "residuals = 'cauchy'"),
    ],
)
def test_bad_options(model, arguments, message):
    with pytest.raises(DataError, match=message):
        model.simulate(**arguments)


def test_the_rows_of_the_fit_as_new_data_give_the_same(model):
    m = model.fit.matrices
    data = {"x": m.X[:, 1], "g": m.groupings[0].codes, "h": m.groupings[1].codes}
    data |= {"w": m.weights, "o": m.offset}
    for re in ("new", "fitted"):
        alone = model.simulate(3, seed=6, re=re)
        assert model.simulate(3, seed=6, re=re, newdata=data) == pytest.approx(alone, abs=1e-12)


def test_new_rows_have_the_moments_of_the_model():
    fit = mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))
    new = {"Days": [0, 3, 3, np.nan, 5], "Subject": ["a", "a", "b", "b", None]}
    fixed, sd, corr = {"Days": 4.0}, {"Subject": {"Intercept": 2.0, "Days": 0.5}}, {"Subject": -0.4}
    y = fit.simulate(REPLICATES, seed=7, newdata=new, fixed=fixed, sd=sd, corr=corr, sigma=1.5)
    assert np.isnan(y[3:]).all()
    y = y[:3]
    start = fit.params["Intercept"]
    Z = np.array([[1, 0], [1, 3], [1, 3]])
    cov = np.array([[4, -0.4], [-0.4, 0.25]])
    V = Z @ cov @ Z.T * np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]]) + 1.5**2 * np.eye(3)
    spread = SPREAD * np.sqrt(np.diag(V) / REPLICATES)
    assert (np.abs(y.mean(axis=1) - [start, start + 12, start + 12]) < spread).all()
    scale = np.sqrt(np.outer(np.diag(V), np.diag(V)))
    assert np.abs((np.cov(y) - V) / scale).max() < SPREAD * (2 / REPLICATES) ** 0.5


def test_parameters_that_are_not_named_are_as_estimated(model):
    estimates = {
        "fixed": model.params.to_dict(),
        "sd": {"g": {"x": float(np.sqrt(model.cov_re["g"].iloc[1, 1]))}},
        "sigma": float(model.sigma),
    }
    alone = model.simulate(2, seed=8)
    for name, value in estimates.items():
        # the root of a singular covariance has half the digits
        assert model.simulate(2, seed=8, **{name: value}) == pytest.approx(alone, abs=1e-6)
    theta = model.theta.to_numpy()
    assert model.simulate(2, seed=8, theta=theta) == pytest.approx(alone, abs=1e-9)
    # theta is relative to sigma, sd is not
    doubled = model.simulate(2, seed=8, theta=theta, sigma=2 * model.sigma)
    mean = model.predict(re="none").to_numpy()[:, None]
    assert doubled - mean == pytest.approx(2 * (alone - mean), abs=1e-9)
    noisier = model.simulate(2, seed=8, sigma=2 * model.sigma)
    quiet = model.simulate(2, seed=8, theta=theta / 1e6, sigma=1e6 * model.sigma) - mean
    assert np.abs(quiet).max() > 1e5
    assert not np.allclose(noisier, doubled)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fixed": {"z": 1}}, "coefficient 'z'"),
        ({"fixed": [1, 2]}, "has no names"),
        ({"fixed": {"x": "big"}}, "is 'big'"),
        ({"sd": 3}, "has no names"),
        ({"sd": {"g": {"z": 1}}}, "column 'z'"),
        ({"sd": {"g": {"x": -1}}}, "cannot be negative"),
        ({"corr": {"g": 1.5}}, "impossible"),
        ({"corr": {"g": {"x": 0.5}}}, "has the key 'x'"),
        ({"corr": {"g": [[1, "x"], [2, 3]]}}, "corr of g is"),
        ({"sigma": 0}, "no residual sd"),
        ({"sigma": "1"}, "finite number"),
        ({"theta": [1]}, "give 4 finite numbers"),
        ({"theta": "x"}, "give 4 finite numbers"),
        ({"theta": [1, 0, 1, 1], "sd": {"h": 1}}, "given twice"),
        ({"re": "fitted", "sd": {"h": 1}}, "keeps the random effects"),
        ({"newdata": {"x": [1]}}, "g"),
        ({"newdata": {"x": [1], "g": [1], "h": [1], "o": [0]}}, "column 'w'"),
        ({"newdata": {"x": [1], "g": [99], "h": [1], "o": [0], "w": [1]}, "re": "fitted"}, "of g"),
    ],
)
def test_parameters_that_cannot_be(model, arguments, message):
    with pytest.raises(DataError, match=message):
        model.simulate(1, **arguments)
