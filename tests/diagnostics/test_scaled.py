"""Scaled residuals are uniform where the model is right, and the tests see where it is not."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import mixedmodels as mm
from mixedmodels.diagnostics.scaled import scaled_tests
from mixedmodels.errors import DataError


def made(shape: str, n: int = 1200, seed: int = 5) -> mm.LinearMixedModel:
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(n // 6), 6)
    x = rng.normal(size=n)
    noise = {
        "normal": lambda: rng.normal(size=n),
        "skewed": lambda: rng.exponential(size=n) ** 1.5,
        "heavy": lambda: rng.standard_t(2.2, size=n),
    }[shape]()
    y = x + 0.6 * rng.normal(size=n // 6)[g] + noise
    return mm.lmm("y ~ x + (1 | g)", pd.DataFrame({"y": y, "x": x, "g": g}))


def test_many_replicates_give_the_normal_distribution_function() -> None:
    model = mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))
    values = model.residuals("scaled", seed=1)
    Z = model.fit.matrices.terms[0].Z
    variance = np.einsum("ia,ab,ib->i", Z, model.cov_re["Subject"], Z) + model.scale
    exact = stats.norm.cdf(model.residuals("marginal") / np.sqrt(variance))
    # binomial errors of 250 replicates have sd of at most 0.032
    assert np.abs(values - exact).max() < 0.13
    assert np.abs(values - exact).mean() < 0.03


def test_seed() -> None:
    model = made("normal")
    pd.testing.assert_series_equal(
        model.residuals("scaled", seed=4), model.residuals("scaled", seed=4)
    )
    assert scaled_tests(model.fit, seed=4) == scaled_tests(model.fit, seed=4)


def test_a_true_model_passes() -> None:
    tests = scaled_tests(made("normal").fit, seed=1)
    assert min(test.share for _, test in tests.rows()) > 0.01
    assert tests.dispersion.value == pytest.approx(1, abs=0.1)


def test_skewed_residuals_are_not_uniform() -> None:
    found = scaled_tests(made("skewed").fit, seed=1).uniformity
    assert found.share < 0.01
    assert found.value > 2 * found.expected


def test_heavy_tails_lie_outside() -> None:
    found = scaled_tests(made("heavy").fit, seed=1).outliers
    assert found.value > 1.5 * found.expected


def test_a_sample_of_the_rows() -> None:
    tests = scaled_tests(made("normal").fit, 50, seed=1, rows=100)
    assert (tests.n_rows, tests.n_replicates) == (100, 50)


def test_too_few_replicates() -> None:
    with pytest.raises(DataError, match="too few"):
        scaled_tests(made("normal").fit, 10)
