"""What means, contrasts and joint tests do not depend on."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.vocabulary import DegreesOfFreedom

FORMULA = "y ~ a * b * x + c + (1 | g)"

METHODS: tuple[DegreesOfFreedom, ...] = ("satterthwaite", "kenward-roger", "normal")

CLOSE = 2e-6  # the fits stop at their own rounding of the optimum

NUMBERS = ["estimate", "std_error", "df", "p_value"]


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(77)
    n = 240
    frame = pd.DataFrame(
        {
            "a": rng.choice(["p", "q", "r"], n, p=[0.5, 0.3, 0.2]),
            "b": rng.choice(["u", "v"], n, p=[0.6, 0.4]),
            "c": rng.choice(["k", "l", "m"], n, p=[0.2, 0.3, 0.5]),
            "x": rng.normal(3, 1, n),
            "g": rng.integers(0, 12, n),
        }
    )
    group = rng.normal(size=12)[frame.g]
    frame["y"] = rng.normal(size=n) + group + frame.x * (frame.b == "v") + (frame.a == "q")
    return frame


def _ordered(data: pd.DataFrame, **levels: list[str]) -> pd.DataFrame:
    made = {name: pd.Categorical(data[name], order) for name, order in levels.items()}
    return data.assign(**made)


Change = Callable[[pd.DataFrame], tuple[pd.DataFrame, dict[str, Any]]]

CHANGES: dict[str, Change] = {
    "sum coding": lambda d: (d, {"contrasts": dict.fromkeys("abc", "sum")}),
    "helmert coding": lambda d: (d, {"contrasts": dict.fromkeys("abc", "helmert")}),
    "poly coding": lambda d: (d, {"contrasts": dict.fromkeys("ac", "poly")}),
    "other reference": lambda d: (d, {"contrasts": {"a": ("treatment", "r")}}),
    "order of levels": lambda d: (_ordered(d, a=["r", "p", "q"], c=["m", "l", "k"]), {}),
    "order of rows": lambda d: (d.sample(frac=1, random_state=3), {}),
    "origin of a covariate": lambda d: (d.assign(x=d.x - d.x.mean()), {}),
    "far origin": lambda d: (d.assign(x=d.x + 1e5), {}),
}


@pytest.fixture(scope="module")
def model(data: pd.DataFrame) -> mm.LinearMixedModel:
    return mm.lmm(FORMULA, data)


@pytest.fixture(scope="module", params=CHANGES)
def changed(request: pytest.FixtureRequest, data: pd.DataFrame) -> mm.LinearMixedModel:
    frame, options = CHANGES[request.param](data)
    return mm.lmm(FORMULA, frame, **options)


def _same(first: pd.DataFrame, second: pd.DataFrame, names: list[str], numbers: list[str]) -> None:
    left = first.sort_values(names)
    right = second.sort_values(names)
    assert left[names].to_numpy().tolist() == right[names].to_numpy().tolist()
    np.testing.assert_allclose(
        left[numbers].to_numpy(dtype=float),
        right[numbers].to_numpy(dtype=float),
        rtol=CLOSE,
        atol=1e-9,
    )


@pytest.mark.parametrize("ddf", METHODS)
@pytest.mark.parametrize("weights", ["equal", "proportional", "outer", "cells", "flat"])
def test_means(
    model: mm.LinearMixedModel, changed: mm.LinearMixedModel, ddf: DegreesOfFreedom, weights: Any
) -> None:
    found = [m.emmeans("a | b", ddf=ddf, weights=weights).table() for m in (model, changed)]
    _same(*found, names=["a", "b"], numbers=NUMBERS)


@pytest.mark.parametrize("ddf", METHODS)
def test_contrasts_with_the_average(
    model: mm.LinearMixedModel, changed: mm.LinearMixedModel, ddf: DegreesOfFreedom
) -> None:
    found = [m.emmeans("a", ddf=ddf).contrast("eff").table() for m in (model, changed)]
    _same(*found, names=["contrast"], numbers=NUMBERS)


@pytest.mark.parametrize("ddf", METHODS)
def test_trends(
    model: mm.LinearMixedModel, changed: mm.LinearMixedModel, ddf: DegreesOfFreedom
) -> None:
    found = [m.emtrends("a | b", "x", ddf=ddf).table() for m in (model, changed)]
    _same(*found, names=["a", "b"], numbers=NUMBERS)


@pytest.mark.parametrize("ddf", METHODS)
@pytest.mark.parametrize("by", [None, "b"])
def test_joint_tests(
    model: mm.LinearMixedModel, changed: mm.LinearMixedModel, ddf: DegreesOfFreedom, by: Any
) -> None:
    found = [m.joint_tests(by=by, ddf=ddf) for m in (model, changed)]
    names = ["term"] if by is None else ["term", "b"]
    _same(*found, names=names, numbers=["num_df", "den_df", "statistic", "p_value"])
