"""Residual standard deviations that are a power of the fitted values."""

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm

FIXED_POINT = 1e-6
"""Relative error of estimates: the iteration ends at a change of 1e-9 of the fitted values."""

SPREAD = 0.05
"""Relative error of a standard deviation over 4,000 replicates, four standard errors."""


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    g, x = np.repeat(np.arange(30), 8), np.tile(np.arange(8.0), 30)
    mean = 20 + x + 8 * rng.normal(size=30)[g]
    y, again = (mean + 0.1 * np.abs(mean) * rng.normal(size=len(g)) for _ in range(2))
    # a column with the name of the fitted values, and nothing to do with them
    return pd.DataFrame({"y": y, "again": again, "x": x, "g": g, "fitted": rng.uniform(1, 4, 240)})


@pytest.fixture(scope="module")
def model(data: pd.DataFrame) -> mm.LinearMixedModel:
    return mm.lmm("y ~ x + (1 | g)", data, sigma="power(fitted)")


@pytest.mark.parametrize("response", ["y", "again"])
def test_a_refit_goes_by_its_own_fitted_values(model, data, response: str) -> None:
    expected = mm.lmm(f"{response} ~ x + (1 | g)", data, sigma="power(fitted)")
    found = model.refit(data[response])
    assert found.theta.to_numpy() == pytest.approx(expected.theta.to_numpy(), rel=FIXED_POINT)
    assert found.params.to_numpy() == pytest.approx(expected.params.to_numpy(), rel=FIXED_POINT)


def test_new_groups_have_the_spread_of_their_own_means(model, data) -> None:
    """Groups are exchangeable in simulated responses, on the rows of the fit as on others."""
    own, other = (
        np.asarray(model.simulate(4000, seed=1, newdata=rows)).reshape(30, 8, 4000)
        for rows in (None, data)
    )
    spreads = [(y - y.mean(axis=1, keepdims=True)).std(axis=(1, 2)) for y in (own, other)]
    assert spreads[0] == pytest.approx(np.full(30, spreads[0].mean()), rel=SPREAD)
    assert spreads[0] == pytest.approx(spreads[1], rel=SPREAD)


def test_a_column_called_fitted_is_a_covariate(data) -> None:
    renamed = data.rename(columns={"fitted": "z"})
    found = mm.lmm("y ~ x + (1 | g)", data, sigma="power(`fitted`)")
    expected = mm.lmm("y ~ x + (1 | g)", renamed, sigma="power(z)")
    low, other = (
        np.asarray(m.predict(d.head(9), interval="prediction")["conf_low"])
        for m, d in ((found, data), (expected, renamed))
    )
    assert low == pytest.approx(other, rel=1e-12)
    drawn, same = (
        np.asarray(m.simulate(2, seed=1, newdata=d))
        for m, d in ((found, data), (expected, renamed))
    )
    np.testing.assert_array_equal(drawn, same)
