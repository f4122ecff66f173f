"""Means taken back to the scale of the response, against the inverse written out."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"f": np.repeat(list("abc"), 40), "g": np.tile(np.arange(10), 12)})
    effect = frame.f.map({"a": 0.0, "b": 0.5, "c": 1.0}).to_numpy()
    noise = rng.normal(size=10)[frame.g] * 0.3 + rng.normal(size=120) * 0.4
    return frame.assign(y=np.exp(2 + effect + noise))


Inverse = Callable[[Any], Any]

TRANSFORMS: list[tuple[str, Inverse, Inverse]] = [
    ("np.log(y)", np.exp, np.exp),
    ("log(y)", np.exp, np.exp),
    ("np.log2(y)", lambda e: 2.0**e, lambda e: np.log(2) * 2.0**e),
    ("np.log10(y)", lambda e: 10.0**e, lambda e: np.log(10) * 10.0**e),
    ("np.log1p(y)", np.expm1, np.exp),
    ("log(y + 2.5)", lambda e: np.exp(e) - 2.5, np.exp),
    ("log(0.5 + y)", lambda e: np.exp(e) - 0.5, np.exp),
    ("np.sqrt(y)", lambda e: e**2, lambda e: 2 * e),
    ("I(y**0.5)", lambda e: e**2, lambda e: 2 * e),
    ("I(y**(1/3))", lambda e: e**3, lambda e: 3 * e**2),
    ("I(y**2)", lambda e: e**0.5, lambda e: 0.5 * e**-0.5),
    ("I(1/y)", lambda e: 1 / e, lambda e: e**-2),
    ("I(1/(y + 1))", lambda e: 1 / e - 1, lambda e: e**-2),
]


@pytest.mark.parametrize(
    ("response", "inverse", "slope"), TRANSFORMS, ids=[t[0] for t in TRANSFORMS]
)
def test_means_and_limits_go_through_the_inverse(
    data: pd.DataFrame, response: str, inverse: Inverse, slope: Inverse
) -> None:
    model = mm.lmm(f"{response} ~ f + (1 | g)", data)
    means = model.emmeans("f")
    plain, shown = means.table(), means.response().table()
    np.testing.assert_allclose(shown["estimate"], inverse(plain["estimate"]))
    np.testing.assert_allclose(shown["std_error"], slope(plain["estimate"]) * plain["std_error"])
    low = np.maximum(plain["conf_low"], 0 if "log" not in response else -np.inf)
    ends = np.sort([inverse(low), inverse(plain["conf_high"])], axis=0)
    np.testing.assert_allclose([shown["conf_low"], shown["conf_high"]], ends)
    np.testing.assert_allclose(shown["p_value"], plain["p_value"])
    rows = means.regrid()
    np.testing.assert_allclose(rows.table()["estimate"], inverse(plain["estimate"]))
    np.testing.assert_allclose(rows.table()["std_error"], shown["std_error"])
    difference = rows.contrast({"b - a": [-1, 1, 0]}).table()["estimate"]
    np.testing.assert_allclose(difference, [np.diff(inverse(plain["estimate"]))[0]])


@pytest.mark.parametrize("response", ["y", "y - 1", "np.exp(y)", "log(y) + 1", "log(2 * y)"])
def test_other_responses_are_left_as_they_are(data: pd.DataFrame, response: str) -> None:
    means = mm.lmm(f"I({response}) ~ f + (1 | g)", data.assign(y=data.y / 20)).emmeans("f")
    with pytest.raises(DataError, match="no transform"):
        means.response()


def test_a_transform_made_before_the_fit_can_be_named(data: pd.DataFrame) -> None:
    within = mm.lmm("np.log(y) ~ f + (1 | g)", data).emmeans("f").response().table()
    before = mm.lmm("l ~ f + (1 | g)", data.assign(l=np.log(data.y)))
    named = before.emmeans("f", transform="log").response().table()
    pd.testing.assert_frame_equal(within, named)
    with pytest.raises(DataError, match="no transform"):
        before.emmeans("f").response()


def test_the_mean_of_a_lognormal_is_approximated_to_second_order(data: pd.DataFrame) -> None:
    model = mm.lmm("np.log(y) ~ f + (1 | g)", data)
    eta = model.emmeans("f").table()["estimate"]
    variance = float(model.cov_re["g"].iloc[0, 0]) + model.scale
    adjusted = model.emmeans("f").response(bias_adjust=True).table()
    np.testing.assert_allclose(adjusted["estimate"], np.exp(eta) * (1 + variance / 2))
    known = model.emmeans("f").response(bias_adjust=True, sigma=0.5).table()
    np.testing.assert_allclose(known["estimate"], np.exp(eta) * (1 + 0.125))


def test_random_slopes_count_in_the_variance_around_the_mean() -> None:
    sleep = mm.datasets.load("sleepstudy")
    model = mm.lmm("np.log(Reaction) ~ Days + (Days | Subject)", sleep)
    Z = np.column_stack([np.ones(180), sleep["Days"]])
    total = np.mean(np.sum((Z @ model.cov_re["Subject"].to_numpy()) * Z, axis=1)) + model.scale
    eta = model.emmeans("1").table()["estimate"]
    found = model.emmeans("1").response(bias_adjust=True).table()["estimate"]
    np.testing.assert_allclose(found, np.exp(eta) * (1 + total / 2))


def test_differences_of_logarithms_are_ratios(data: pd.DataFrame) -> None:
    pairs = mm.lmm("np.log2(y) ~ f + (1 | g)", data).emmeans("f").pairs(adjust="none")
    plain, shown = pairs.table(), pairs.response().table()
    np.testing.assert_allclose(shown["estimate"], 2 ** plain["estimate"])
    np.testing.assert_allclose(shown["conf_low"], 2 ** plain["conf_low"])
    np.testing.assert_allclose(shown["p_value"], plain["p_value"])
    assert "ratios of y" in str(pairs.response()).lower()
    roots = mm.lmm("np.sqrt(y) ~ f + (1 | g)", data).emmeans("f").pairs()
    np.testing.assert_allclose(roots.response().table()["estimate"], roots.table()["estimate"])
    assert "scale of the model" in str(roots.response()).replace("\n    ", " ")


def test_limits_below_every_value_stop_at_the_lowest(data: pd.DataFrame) -> None:
    """A root has no negative values: the limit of its square is zero, not a square from below."""
    wide = mm.lmm("np.sqrt(y) ~ f + (1 | g)", data.assign(y=data.y**6)).emmeans("f", level=0.999999)
    assert (wide.table()["conf_low"] < 0).any()
    shown = wide.response().table()
    assert (shown["conf_low"] >= 0).all()
    assert (shown["conf_low"] <= shown["estimate"]).all()


@pytest.mark.parametrize("method", ["pairwise", "revpairwise", "trt.vs.ctrl", "consec", "eff"])
def test_ratios_are_called_so_whichever_comes_first(data: pd.DataFrame, method: Any) -> None:
    means = mm.lmm("log(y) ~ f + (1 | g)", data).emmeans("f")
    first = means.response().contrast(method).table()
    pd.testing.assert_frame_equal(first, means.contrast(method).response().table())
    assert not first["contrast"].str.contains(" - ").any()
    kept = mm.lmm("np.sqrt(y) ~ f + (1 | g)", data).emmeans("f").response().pairs().table()
    assert kept["contrast"].str.contains(" - ").all()


def test_products_of_ratios_are_called_so(data: pd.DataFrame) -> None:
    two = data.assign(h=np.where(np.arange(120) % 2, "x - y", "z"))
    model = mm.lmm("np.log(y) ~ f * h + (1 | g)", two)
    pairs = model.emmeans("f * h").contrast(interaction="pairwise").response().table()
    assert pairs["f_pairwise"].tolist() == ["a / b", "a / c", "b / c"]
    assert pairs["h_pairwise"][0] == "(x - y) / z"


def test_a_formula_that_leaves_the_range_of_the_response_is_noted(data: pd.DataFrame) -> None:
    """Of eta = y^2 the second-order mean of y is negative where the variance is large beside it."""
    noise = np.random.default_rng(0).normal(size=120)
    wide = data.assign(y=np.exp(1.5 * noise))
    model = mm.lmm("I(y**2) ~ f + (1 | g)", wide)
    adjusted = model.emmeans("f").response(bias_adjust=True)
    is_below = (adjusted.table()["estimate"] < 0).any()
    assert is_below == ("second-order" in str(adjusted).replace("\n    ", " "))
    assert is_below
    assert "second-order" not in str(model.emmeans("f").response())
