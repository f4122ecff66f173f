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
