"""Weights are relative: with c w for w only sigma changes, by the root of c."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mixedmodels as mm

CRITERION = 1e-6
VALUE = 2e-3  # relative, of what depends on where in its tolerance a search ends

FORMULAS = [
    "y ~ x + (x | g)",
    "y ~ x + (x || g)",
    "y ~ x + (1 | g) + (1 | h)",
    "y ~ x + (1 | g)",
    "y ~ x",
]
units = st.floats(-14, 14).map(lambda e: 10.0**e)
properties = settings(max_examples=30, deadline=None, derandomize=True)


def sample(seed):
    random = np.random.default_rng(seed)
    g, h = np.repeat(np.arange(12), 10), np.tile(np.arange(5), 24)
    x = random.normal(size=120)
    u = random.normal(size=(12, 2)) * random.choice([0.0, 1.0], size=2)
    w = random.uniform(0.2, 5, 120)
    y = 1 + x + u[g, 0] + u[g, 1] * x + random.normal(size=5)[h] + random.normal(size=120) / w**0.5
    return pd.DataFrame({"y": y, "x": x, "g": g, "h": h, "w": w})


def in_units(formula, frame, unit):
    return mm.lmm(formula, frame.assign(w=frame["w"] * unit), weights="w")


@properties
@given(st.integers(0, 10_000), st.sampled_from(FORMULAS), units)
def test_only_sigma_has_the_unit_of_the_weights(seed, formula, unit):
    frame = sample(seed)
    found, expected = in_units(formula, frame, unit), in_units(formula, frame, 1.0)
    assert found.llf == pytest.approx(expected.llf, abs=CRITERION)
    assert found.sigma == pytest.approx(expected.sigma * unit**0.5, rel=VALUE)
    assert (
        found.convergence.message.splitlines()[1:]
        == (expected.convergence.message.splitlines()[1:])
    )
    assert found.r2() == pytest.approx(expected.r2(), abs=VALUE)
    for ddf in ("satterthwaite", "kenward-roger"):
        tables = [m.coef_table(ddf)[["estimate", "std_error", "df"]] for m in (found, expected)]
        np.testing.assert_allclose(*tables, rtol=VALUE, atol=VALUE)
    columns = ["estimate", "std_error", "conf_low", "conf_high"]
    tables = [m.predict(interval="prediction")[columns] for m in (found, expected)]
    np.testing.assert_allclose(*tables, rtol=VALUE, atol=VALUE)
    new = frame[["x", "g", "h"]].head(7)
    tables = [m.predict(new, interval="prediction")[columns] for m in (found, expected)]
    np.testing.assert_allclose(*tables, rtol=VALUE, atol=VALUE)
    np.testing.assert_allclose(
        found.simulate(1, seed=2), expected.simulate(1, seed=2), rtol=VALUE, atol=VALUE
    )


@pytest.mark.parametrize("unit", [1e-14, 1e-8, 1e4, 1e14])
def test_intervals_and_diagnostics(unit):
    frame = sample(3)
    found, expected = (in_units("y ~ x + (x | g)", frame, u) for u in (unit, 1.0))
    for method in ("wald", "profile"):
        rows = [
            m.conf_int(method=method, which="variance")[["conf_low", "conf_high"]][:3]
            for m in (found, expected)
        ]
        np.testing.assert_allclose(*rows, rtol=VALUE, atol=VALUE)
    assert found.icc() == pytest.approx(expected.icc(), abs=VALUE)
    for by in (None, "g"):
        distances = [m.influence(by).cooks_distance for m in (found, expected)]
        np.testing.assert_allclose(*distances, rtol=0.01, atol=1e-4)
    tables = [pd.DataFrame(m.ranova())["p_value"] for m in (found, expected)]
    np.testing.assert_allclose(*tables, rtol=0.01)


def test_an_exact_fit_is_refused_in_any_unit():
    frame = sample(4).assign(y=lambda d: 2 * d["x"] + 1 + 1e-13 * d["w"])
    for unit in (1e-14, 1.0, 1e14):
        with pytest.raises(mm.errors.DataError, match="fits the response exactly"):
            in_units("y ~ x + (1 | g)", frame, unit)


def test_r2_takes_the_mean_variance_of_the_rows():
    frame = sample(5)
    model = in_units("y ~ x", frame, 1.0)
    fixed = np.var(model.fittedvalues, ddof=1)
    residual = np.mean(model.sigma**2 / frame["w"])
    assert model.r2()["marginal"] == pytest.approx(fixed / (fixed + residual), rel=1e-9)
