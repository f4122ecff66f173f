"""What must hold for any model: row order, names, units, weights and coding do not matter."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mixedmodels.api.models import lmm

CRITERION = 1e-6  # absolute; twice the tolerance of the search and room for a flat optimum
VALUE = 2e-3  # relative to the standard error or the largest variance
FORMULAS = ["y ~ x + (1 | g)", "y ~ x + (x | g)", "y ~ x + (x || g)", "y ~ x + (1 | g) + (1 | h)"]

some_models = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
seeds = st.integers(0, 10_000)
formulas = st.sampled_from(FORMULAS)
criteria = st.booleans()


def sample(seed, n=48):
    random = np.random.default_rng(seed)
    g = np.repeat([f"g{i}" for i in range(6)], n // 6)
    h = np.tile(["u", "v", "w", "z"], n // 4)
    x = random.normal(size=n)
    b = random.normal(size=(6, 2)) * random.choice([0.0, 1.0], size=2)
    rows = np.repeat(np.arange(6), n // 6)
    y = 2 + x + b[rows, 0] + b[rows, 1] * x + random.normal(size=n)
    return pd.DataFrame({"y": y, "x": x, "g": g, "h": h})


def variances(model):
    return np.array(model.variance_components["vcov"], dtype=float)


def assert_same_fit(found, expected):
    assert found.objective == pytest.approx(expected.objective, abs=CRITERION)
    step = (found.params - expected.params) / expected.bse
    assert np.abs(step).max() < VALUE
    largest = np.abs(variances(expected)).max()
    assert variances(found) == pytest.approx(variances(expected), abs=VALUE * largest)


@some_models
@given(seeds, formulas, criteria)
def test_order_of_rows(seed, formula, reml):
    frame = sample(seed)
    mixed = frame.sample(frac=1, random_state=seed)
    found, expected = lmm(formula, mixed, reml=reml), lmm(formula, frame, reml=reml)
    assert_same_fit(found, expected)
    pd.testing.assert_series_equal(
        found.fittedvalues.sort_index(), expected.fittedvalues, rtol=0, atol=VALUE * expected.sigma
    )


@some_models
@given(seeds, formulas)
def test_names_of_levels(seed, formula):
    frame = sample(seed)
    renamed = frame.assign(g=frame["g"].map({f"g{i}": f"{7 * i % 6} ünï" for i in range(6)}))
    found, expected = lmm(formula, renamed), lmm(formula, frame)
    assert_same_fit(found, expected)
    assert sorted(found.random_effects["g"]["Intercept"]) == pytest.approx(
        sorted(expected.random_effects["g"]["Intercept"]), abs=VALUE * expected.sigma
    )


@some_models
@given(seeds, formulas, criteria, st.sampled_from([1e-6, 0.01, 1e3, 1e7]), st.floats(-50, 50))
def test_unit_and_origin_of_the_response(seed, formula, reml, unit, origin):
    frame = sample(seed)
    expected = lmm(formula, frame, reml=reml)
    found = lmm(formula, frame.assign(y=(frame["y"] + origin) * unit), reml=reml)
    df = expected.nobs - (len(expected.params) if reml else 0)
    assert found.objective - 2 * df * np.log(unit) == pytest.approx(
        expected.objective, abs=10 * CRITERION
    )
    assert found.sigma / unit == pytest.approx(expected.sigma, rel=VALUE)
    assert found.params["x"] / unit == pytest.approx(
        expected.params["x"], abs=VALUE * expected.bse["x"]
    )
    assert found.is_singular == expected.is_singular


@some_models
@given(seeds, formulas, st.sampled_from([1e-5, 0.1, 1e4]))
def test_unit_of_a_covariate(seed, formula, unit):
    frame = sample(seed)
    expected = lmm(formula, frame, reml=False)
    found = lmm(formula, frame.assign(x=frame["x"] * unit), reml=False)
    assert found.objective == pytest.approx(expected.objective, abs=CRITERION)
    assert found.params["x"] * unit == pytest.approx(
        expected.params["x"], abs=VALUE * expected.bse["x"]
    )
    assert found.is_singular == expected.is_singular


@some_models
@given(seeds, st.sampled_from(FORMULAS[:2]), st.floats(-20, 20))
def test_origin_of_a_covariate(seed, formula, origin):
    """Also with a random slope: intercept and slope are free to correlate."""
    frame = sample(seed)
    expected = lmm(formula, frame)
    found = lmm(formula, frame.assign(x=frame["x"] + origin))
    assert found.objective == pytest.approx(expected.objective, abs=CRITERION)


@some_models
@given(seeds, formulas)
def test_a_weight_of_two_is_two_rows_up_to_the_count_of_rows(seed, formula):
    """At a given theta and sigma the weighted row and its two halves differ by a constant only.

    A row y of weight 2 is the mean of two rows y, y: the likelihoods differ by the density of the
    halves' difference (zero), which holds sigma but not theta. So with sigma profiled out, the
    criterion differs, but r^2(theta) and log|M(theta)| do not.
    """
    frame = sample(seed)
    twice = lmm(formula, frame, weights=np.full(len(frame), 2.0), reml=False).fit.problem
    rows = lmm(formula, pd.concat([frame, frame]), reml=False).fit.problem
    theta = np.random.default_rng(seed).normal(size=twice.n_theta)
    weighted, doubled = (p.estimates(theta, reml=False) for p in (twice, rows))
    assert weighted.pwrss == pytest.approx(doubled.pwrss, rel=1e-9)
    assert weighted.beta == pytest.approx(doubled.beta, rel=1e-8, abs=1e-10)
    n = len(frame)
    log_determinant = [
        solution.deviance - rows_ * (1 + np.log(2 * np.pi * solution.pwrss / rows_)) + logs
        for solution, rows_, logs in ((weighted, n, n * np.log(2.0)), (doubled, 2 * n, 0.0))
    ]
    assert log_determinant[0] == pytest.approx(log_determinant[1], abs=1e-7)


@some_models
@given(seeds, formulas, st.floats(0.01, 100))
def test_common_factor_of_the_weights(seed, formula, factor):
    frame = sample(seed)
    w = np.random.default_rng(seed).uniform(0.5, 2, len(frame))
    expected, found = (lmm(formula, frame, weights=v) for v in (w, w * factor))
    assert found.objective == pytest.approx(expected.objective, abs=CRITERION)
    assert found.scale == pytest.approx(expected.scale * factor, rel=VALUE)
    assert found.is_singular == expected.is_singular


@some_models
@given(seeds)
def test_coding_of_a_factor(seed):
    frame = sample(seed)
    expected = lmm("y ~ h + x + (1 | g)", frame)
    for coding in ("sum", "helmert"):
        found = lmm("y ~ h + x + (1 | g)", frame, contrasts={"h": coding})
        assert variances(found) == pytest.approx(variances(expected), rel=VALUE, abs=1e-6)
        assert found.update(reml=False).objective == pytest.approx(
            expected.update(reml=False).objective, abs=CRITERION
        )
        assert found.fittedvalues.to_numpy() == pytest.approx(
            expected.fittedvalues.to_numpy(), abs=VALUE * expected.sigma
        )


@some_models
@given(seeds, st.sampled_from(FORMULAS))
def test_recoding_of_the_fixed_part_shifts_reml_by_the_determinant(seed, formula):
    """X -> XA adds 2 log|A| to the REML criterion and leaves the rest alone."""
    frame = sample(seed)
    expected = lmm(formula, frame)
    recoded = frame.assign(v=4 * frame["x"] + 1)
    found = lmm(formula.replace("y ~ x", "y ~ v"), recoded)
    assert found.objective - 2 * np.log(4.0) == pytest.approx(expected.objective, abs=CRITERION)
    assert found.scale == pytest.approx(expected.scale, rel=VALUE)


@some_models
@given(seeds, formulas)
def test_results_are_finite_and_flat_at_the_optimum(seed, formula):
    model = lmm(formula, sample(seed))
    assert model.convergence.converged
    assert np.isfinite([model.objective, model.aic, model.bic, model.aicc, model.sigma]).all()
    assert np.isfinite(model.bse).all() and np.isfinite(model.fittedvalues).all()
    assert model.convergence.gradient_norm < 1e-3
