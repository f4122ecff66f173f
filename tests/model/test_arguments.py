"""Arguments of a wrong type: one clear error of the package's, whatever was passed."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest

import mixedmodels as mm
from mixedmodels.errors import MixedModelsError

N = 60
RANDOM = np.random.default_rng(0)
DATA = pd.DataFrame(
    {
        "y": RANDOM.normal(size=N) + np.repeat(RANDOM.normal(size=6), 10),
        "x": RANDOM.normal(size=N),
        "g": np.repeat(np.arange(6), 10),
        "f": np.tile(list("abc"), N // 3),
    }
)
FORMULA = "y ~ x + f + (1 | g)"
MODEL = mm.lmm(FORMULA, DATA)
WRONG = {
    "number": 3,
    "fraction": 3.5,
    "text": "text",
    "bytes": b"x",
    "list": [1, 2],
    "list of text": ["a"],
    "list of None": [None],
    "ragged list": [[1, 2], [3]],
    "complex": [1j],
    "tuple": (1, "a"),
    "dict": {"a": 1},
    "dict of a list": {"f": ["a"]},
    "dict of a ragged list": {"f": [[1, 2], [3]]},
    "dict with a number": {1: 2},
    "object": object(),
    "function": len,
    "class": Exception,
    "array": np.zeros(3),
    "array of two dimensions": np.zeros((2, 2)),
    "array without dimensions": np.array(3),
    "masked array": np.ma.masked_array([1.0, 2]),
    "pandas Series": pd.Series([1, 2]),
    "pandas table": pd.DataFrame({"a": [1]}),
    "polars Series": pl.Series(["a"]),
    "polars table": pl.DataFrame({"a": [1]}),
    "date": datetime.date(2024, 1, 1),
    "nan": float("nan"),
    "NA": pd.NA,
    "NaT": pd.NaT,
    "iterator": [1],  # made one for each call, since it can be read once
}
CALLS = {
    "formula": lambda value: mm.lmm(value, DATA),
    "data": lambda value: mm.lmm(FORMULA, value),
    "column": lambda value: mm.lmm("y ~ x", {"y": DATA["y"].to_numpy(), "x": value}),
    "reml": lambda value: mm.lmm(FORMULA, DATA, reml=value),
    "weights": lambda value: mm.lmm(FORMULA, DATA, weights=value),
    "offset": lambda value: mm.lmm(FORMULA, DATA, offset=value),
    "contrasts": lambda value: mm.lmm(FORMULA, DATA, contrasts=value),
    "contrasts of f": lambda value: mm.lmm(FORMULA, DATA, contrasts={"f": value}),
    "missing": lambda value: mm.lmm(FORMULA, DATA, missing=value),
    "control": lambda value: mm.lmm(FORMULA, DATA, control=value),
    "start": lambda value: mm.lmm(FORMULA, DATA, control=mm.Control(start=value)),
    "on_failure": lambda value: mm.Control(on_failure=value),
    "newdata": lambda value: MODEL.predict(value),
    "re": lambda value: MODEL.predict(re=value),
    "new_levels": lambda value: MODEL.predict(DATA, new_levels=value),
    "se": lambda value: MODEL.predict(DATA, se=value),
    "interval": lambda value: MODEL.predict(DATA, interval=value),
    "refit": lambda value: MODEL.refit(value),
    "update": lambda value: MODEL.update(value),
    "update reml": lambda value: MODEL.update(reml=value),
    "update data": lambda value: MODEL.update(data=value),
    "hypothesis": lambda value: MODEL.t_test(value),
    "compare": lambda value: mm.compare(MODEL, value),
    "type": lambda value: MODEL.anova(value if value is not WRONG["number"] else 4),
    "kind": lambda value: MODEL.residuals(value),
    "influence of": lambda value: MODEL.influence(by=value),
    "theta": lambda value: MODEL.influence(by="g", theta=value),
    "names": lambda value: mm.compare(MODEL, MODEL, MODEL, names=value),
}


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.parametrize("call", CALLS)
def test_what_cannot_be_is_refused(call, kind):
    with pytest.raises(MixedModelsError, match=r"(?s)."):
        CALLS[call](iter(WRONG[kind]) if kind == "iterator" else WRONG[kind])


@pytest.mark.parametrize("value", [None, "a", [], 0, -1, 2.5, True, float("nan"), np.zeros(2)])
def test_settings_that_cannot_be_are_refused(value):
    with pytest.raises(MixedModelsError, match="max_evaluations"):
        mm.Control(max_evaluations=value)
    if isinstance(value, float) and value > 0:
        return
    with pytest.raises(MixedModelsError, match="tolerance"):
        mm.Control(tolerance=value)


def test_masked_values_are_missing():
    weights = np.ma.masked_array(np.ones(N), mask=np.arange(N) == 3)
    with pytest.raises(MixedModelsError, match="missing"):
        mm.lmm(FORMULA, DATA, weights=weights)
    assert mm.lmm(FORMULA, DATA, offset=weights).nobs == N - 1
