"""Trends against derivatives that are known, and against differences of predictions."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError

EXACT = 1e-7


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(8)
    n = 300
    x = rng.uniform(1, 9, n)
    frame = pd.DataFrame({"x": x, "z": rng.normal(size=n), "f": rng.choice(list("ab"), n)})
    frame["g"] = rng.integers(0, 15, n)
    frame["y"] = np.log(x) + 0.3 * frame.z * x + rng.normal(size=n) + (frame.f == "b") * x**2 / 20
    return frame


CURVES = [
    "x * f + z",
    "x + I(x**2) + z:x",
    "poly(x, 3) * f",
    "np.log(x) + f",
    "np.log(x) * z + np.sqrt(x)",
    "bs(x, df=5) + f",
    "cr(x, df=4, constraints='center') + f",
    "scale(x) * f",
    "center(x) + f:center(x)",
]


@pytest.mark.parametrize("fixed", CURVES)
@pytest.mark.parametrize("at", [1.6, 4.2, 8.7])
def test_trends_are_derivatives_of_predictions(data: pd.DataFrame, fixed: str, at: float) -> None:
    model = mm.lmm(f"y ~ {fixed} + (1 | g)", data)
    if "f" not in fixed.split("(")[0] and "f" not in fixed.replace("df", ""):
        specs: Any = "1"
        rows = pd.DataFrame({"f": ["a"]})
    else:
        specs = "f"
        rows = pd.DataFrame({"f": ["a", "b"]})
    rows = rows.assign(z=data.z.mean(), g=0)
    h = 1e-4
    up = model.predict(rows.assign(x=at + h), re="none").to_numpy()
    down = model.predict(rows.assign(x=at - h), re="none").to_numpy()
    found = model.emtrends(specs, "x", at={"x": at}).table()["estimate"]
    np.testing.assert_allclose(found, (up - down) / (2 * h), rtol=1e-5, atol=1e-6)


def test_a_straight_line_has_its_coefficient_as_its_slope(data: pd.DataFrame) -> None:
    far = data.assign(x=data.x + 1e6)
    model = mm.lmm("y ~ x * f + (1 | g)", far)
    found = model.emtrends("f", "x").table()
    np.testing.assert_allclose(found["estimate"][0], model.params["x"], rtol=EXACT)
    np.testing.assert_allclose(found["std_error"][0], model.bse["x"], rtol=EXACT)
    [pair] = model.emtrends("f", "x").pairs(reverse=True).table()["estimate"]
    np.testing.assert_allclose(pair, model.params["x:f[T.b]"], rtol=EXACT)


def test_degrees_are_the_coefficients_of_the_expansion(data: pd.DataFrame) -> None:
    model = mm.lmm("y ~ x + I(x**2) + I(x**3) + (1 | g)", data)
    b, at = model.params.to_numpy(), 4.0
    found = model.emtrends("1", "x", at={"x": at}, max_degree=3).table()
    expected = [b[1] + 2 * b[2] * at + 3 * b[3] * at**2, b[2] + 3 * b[3] * at, b[3]]
    np.testing.assert_allclose(found["estimate"], expected, rtol=1e-5)
    assert found["degree"].tolist() == ["linear", "quadratic", "cubic"]


def test_splines_have_slopes_at_the_ends_of_the_data(data: pd.DataFrame) -> None:
    """Places of the difference stay within the range, where alone a B-spline is defined."""
    model = mm.lmm("y ~ bs(x, df=5) + (1 | g)", data)
    ends = [data.x.min(), data.x.max()]
    found = model.emtrends("x", "x", at={"x": ends}).table()["estimate"]
    h = 1e-6
    low = model.predict(pd.DataFrame({"x": [ends[0], ends[0] + h], "g": 0}), re="none")
    high = model.predict(pd.DataFrame({"x": [ends[1] - h, ends[1]], "g": 0}), re="none")
    np.testing.assert_allclose(found, [np.diff(low)[0] / h, np.diff(high)[0] / h], rtol=1e-3)


def test_an_average_over_several_values_is_the_mean_of_their_slopes(data: pd.DataFrame) -> None:
    model = mm.lmm("y ~ np.log(x) * f + (1 | g)", data)
    ends = [data.x.min(), data.x.max()]
    each = model.emtrends("f | x", "x", at={"x": ends}).table()
    both = model.emtrends("f", "x", cov_reduce="range").table()
    expected = each.groupby("f")["estimate"].mean()
    np.testing.assert_allclose(both["estimate"], expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"specs": "f", "var": "f"}, "is a factor"),
        ({"specs": "f", "var": "w"}, "not a column"),
        ({"specs": "f", "var": "x", "max_degree": 0}, "degrees"),
        ({"specs": "f", "var": "x", "max_degree": 7}, "more than 4"),
        ({"specs": "f"}, "not a column"),
    ],
)
def test_bad_input(data: pd.DataFrame, options: dict[str, Any], message: str) -> None:
    model = mm.lmm("y ~ x * f + (1 | g)", data)
    with pytest.raises(DataError, match=message):
        model.emtrends(**options)
