"""Predictions for old rows are the fitted values; for new ones, sums by hand."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from mixedmodels.api.models import lmm
from mixedmodels.errors import DataError, MixedModelsError


@pytest.fixture(scope="module")
def frame():
    random = np.random.default_rng(8)
    n = 160
    g = np.repeat(np.arange(16), 10)
    h = np.tile([f"h{i}" for i in range(8)], 20)
    x = random.normal(size=n)
    kind = np.tile(["a", "b"], n // 2)
    effects = random.normal(size=(16, 2))
    items = dict(zip(sorted(set(h)), random.normal(size=8), strict=True))
    y = 1 + x + effects[g, 0] + effects[g, 1] * x + [items[i] for i in h] + random.normal(size=n)
    return pd.DataFrame({"y": y, "x": x, "kind": kind, "g": g, "h": h})


@pytest.fixture(scope="module")
def model(frame):
    return lmm("y ~ x + kind + (x | g) + (1 | h)", frame)


def population(model, frame):
    return (
        model.params["Intercept"]
        + model.params["x"] * frame["x"]
        + model.params["kind[T.b]"] * (frame["kind"] == "b")
    )


def test_training_rows_give_the_fitted_values(frame, model):
    fitted = model.fittedvalues.to_numpy()
    assert model.predict().to_numpy() == pytest.approx(fitted, abs=1e-12)
    assert model.predict(frame).to_numpy() == pytest.approx(fitted, abs=1e-12)
    assert model.predict(pl.from_pandas(frame)).to_numpy() == pytest.approx(fitted, abs=1e-12)
    assert model.predict(frame.to_dict("list")).to_numpy() == pytest.approx(fitted, abs=1e-12)


def test_population_needs_no_group(frame, model):
    expected = population(model, frame).to_numpy()
    assert model.predict(re="none").to_numpy() == pytest.approx(expected, abs=1e-12)
    new = frame[["x", "kind"]]
    assert model.predict(new, re="none").to_numpy() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("newdata", [True, False])
def test_some_groups(frame, model, newdata):
    expected = population(model, frame) + model.random_effects["h"].loc[frame["h"]].to_numpy()[:, 0]
    given = frame.drop(columns="g") if newdata else None
    found = model.predict(given, re=["h"])
    assert found.to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-12)


def test_new_levels_are_predicted_at_the_population_value(frame, model):
    new = frame.iloc[:3].assign(g=[0, 999, 1])
    found = model.predict(new)
    b = model.random_effects
    expected = population(model, new) + b["h"].loc[new["h"]].to_numpy()[:, 0]
    for row, level in ((0, 0), (2, 1)):
        effect = b["g"].loc[level]
        expected.iloc[row] += effect["Intercept"] + effect["x"] * new["x"].iloc[row]
    assert found.to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-12)


def test_new_levels_may_be_refused(frame, model):
    new = frame.iloc[:3].assign(g=[0, 999, 1])
    with pytest.raises(DataError, match="the first is '999', row label 1"):
        model.predict(new, new_levels="error")
    assert len(model.predict(new, re=["h"], new_levels="error")) == 3


def test_index_is_kept_and_missing_values_give_nan(frame, model):
    new = frame.iloc[[5, 2, 9]].astype({"x": float})
    new.index = ["p", "q", "r"]
    new.loc["q", "x"] = np.nan
    found = model.predict(new)
    assert found.index.tolist() == ["p", "q", "r"]
    assert found.isna().tolist() == [False, True, False]
    assert found["p"] == pytest.approx(model.fittedvalues[5])


def test_fitted_on_data_with_missing_rows(frame):
    holes = frame.astype({"x": float})
    holes.loc[[3, 40], "x"] = np.nan
    model = lmm("y ~ x + kind + (x | g) + (1 | h)", holes)
    assert model.predict().index.equals(model.fittedvalues.index)
    whole = model.predict(holes)
    assert whole.isna().sum() == 2
    assert whole.dropna().to_numpy() == pytest.approx(model.fittedvalues.to_numpy(), abs=1e-12)


def test_offset_column_is_part_of_the_prediction(frame):
    frame = frame.assign(off=frame["x"] ** 2)
    model = lmm("y ~ x + (1 | g)", frame, offset="off")
    assert model.predict(frame).to_numpy() == pytest.approx(model.fittedvalues.to_numpy())
    assert model.predict().to_numpy() == pytest.approx(model.fittedvalues.to_numpy())
    with pytest.raises(DataError, match="no column 'off'"):
        model.predict(frame.drop(columns="off"))


def test_offset_array_cannot_be_predicted_for_new_rows(frame):
    model = lmm("y ~ x + (1 | g)", frame, offset=frame["x"].to_numpy() ** 2)
    with pytest.raises(DataError, match="given as an array"):
        model.predict(frame)


def test_stateful_transforms_are_those_of_the_fit(frame):
    model = lmm("y ~ scale(x) + (scale(x) | g)", frame)
    few = frame.iloc[:7]
    assert model.predict(few).to_numpy() == pytest.approx(model.fittedvalues.iloc[:7].to_numpy())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"re": "g"}, "is not known"),
        ({"re": ["gg"]}, "Did you mean 'g'"),
        ({"new_levels": "drop"}, "is not known"),
    ],
)
def test_options_that_do_not_exist(model, arguments, message):
    with pytest.raises(DataError, match=message):
        model.predict(**arguments)


def test_new_data_must_have_the_columns(frame, model):
    with pytest.raises(MixedModelsError, match="x"):
        model.predict(frame.drop(columns="x"))
    with pytest.raises(MixedModelsError, match="c"):
        model.predict(frame.assign(kind="c"))


EMPTY = {
    "pandas": lambda d: d.iloc[:0],
    "polars": lambda d: pl.from_pandas(d)[:0],
    "arrow": lambda d: pl.from_pandas(d)[:0].to_arrow(),
    "without types": lambda d: {name: [] for name in d},
    "text": lambda d: d.iloc[:0].astype(str),
}


@pytest.mark.parametrize("library", EMPTY)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"re": "none"},
        {"se": True},
        {"interval": "prediction"},
        {"new_levels": "sampled", "seed": 1},
        {"new_levels": "error"},
    ],
)
@pytest.mark.parametrize(
    "formula", ["y ~ x + kind + (x | g) + (1 | h)", "y ~ poly(x, 2) * kind + (1 | g:h)"]
)
def test_no_rows_have_no_predictions(frame, library, options, formula):
    predicted = lmm(formula, frame).predict(EMPTY[library](frame), **options)
    assert len(predicted) == 0


def test_rows_without_columns_are_enough_for_an_intercept(frame):
    model = lmm("y ~ 1 + (1 | g)", frame)
    predicted = model.predict(pd.DataFrame(index=["a", "b"]), re="none")
    assert predicted.to_dict() == dict.fromkeys(["a", "b"], model.params["Intercept"])


@pytest.mark.parametrize("newdata", [3, "rows", [1, 2], object(), np.zeros(3), None.__class__])
def test_what_is_no_table_is_refused(model, newdata):
    with pytest.raises(DataError, match="not a table"):
        model.predict(newdata)


def test_single_effects_of_a_group_add_up_to_the_group(sleepstudy) -> None:
    new = {"Days": [0, 3, 10, 3], "Subject": ["308", "335", "308", "somebody"]}
    for formula in ("Reaction ~ Days + (Days | Subject)", "Reaction ~ Days + (Days || Subject)"):
        model = lmm(formula, sleepstudy)
        none, whole = model.predict(new, re="none"), model.predict(new)
        intercept = model.predict(new, re="(1 | Subject)") - none
        slope = model.predict(new, re=["(0 + Days | Subject)"]) - none
        b = model.random_effects["Subject"].loc[["308", "335", "308"]]
        assert intercept[:3].to_numpy() == pytest.approx(b["Intercept"].to_numpy())
        assert slope[:3].to_numpy() == pytest.approx(b["Days"].to_numpy() * new["Days"][:3])
        assert (none + intercept + slope).to_numpy() == pytest.approx(whole.to_numpy())
        both = model.predict(new, re=["(1 | Subject)", "(0 + Days | Subject)"])
        assert both.to_numpy() == pytest.approx(whole.to_numpy())


def test_single_effects_do_not_depend_on_the_origin_of_a_covariate(sleepstudy) -> None:
    shifted = sleepstudy.assign(Days=sleepstudy["Days"] + 2000)
    model = lmm("Reaction ~ Days + (Days | Subject)", shifted)
    slope = model.predict(shifted, re="(0 + Days | Subject)") - model.predict(shifted, re="none")
    b = model.random_effects["Subject"].loc[shifted["Subject"], "Days"].to_numpy()
    assert slope.to_numpy() == pytest.approx(b * shifted["Days"].to_numpy(), rel=1e-6)


@pytest.mark.parametrize(
    ("re", "message"),
    [
        ("(x | Subject)", "no random effect of x for Subject"),
        ("(1 | Days)", "no random effect of 1 for Days"),
        (["(0 + Days | Subject)", "Subjekt"], "Did you mean 'Subject'"),
    ],
)
def test_effects_that_the_model_does_not_have(sleepstudy, re, message) -> None:
    model = lmm("Reaction ~ Days + (Days | Subject)", sleepstudy)
    with pytest.raises(DataError, match=message):
        model.predict(re=re)


def test_an_observation_of_a_new_group_varies_as_a_whole_whatever_is_included(sleepstudy) -> None:
    model = lmm("Reaction ~ Days + (Days | Subject)", sleepstudy)
    new = {"Days": [0, 8], "Subject": ["new", "new"]}
    tables = [
        model.predict(new, re=re, interval="prediction") for re in ("all", "none", "(1 | Subject)")
    ]
    for table in tables[1:]:
        columns = ["estimate", "df", "conf_low", "conf_high"]
        assert table[columns].to_numpy() == pytest.approx(tables[0][columns].to_numpy(), rel=1e-6)
