"""Imputation by mixed models: proper draws, observed values, groups, kinds of columns, refusals.

All results hang on seeds, which are fixed here.
"""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError, FormulaError

TAKEN = "mean of y by g"
"""What the mean of y within levels of g is called by itself."""

SLOPES = "Reaction ~ Days + (Days | Subject)"


def with_holes(every: int = 6) -> pd.DataFrame:
    data = mm.datasets.load("sleepstudy")
    data.loc[::every, "Reaction"] = np.nan
    return data


def schools(seed: int, groups: int = 40, rows: int = 8) -> pd.DataFrame:
    """y on x, which varies within schools, w, which does not, and b, of two values."""
    random = np.random.default_rng(seed)
    g = np.repeat(np.arange(groups), rows)
    w = random.normal(size=groups)[g]
    x = 0.5 * w + 0.7 * random.normal(size=groups)[g] + random.normal(size=len(g))
    b = random.uniform(size=len(g)) < 1 / (1 + np.exp(-x))
    y = 1 + 0.5 * x + 0.4 * w + 0.6 * b + 0.6 * random.normal(size=groups)[g]
    y += random.normal(size=len(g))
    return pd.DataFrame({"g": g, "w": w, "x": x, "b": np.where(b, "yes", "no"), "y": y})


def holed(data: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    data = data.copy()
    data.loc[random.uniform(size=len(data)) < 0.2, "x"] = np.nan
    data.loc[random.uniform(size=len(data)) < 0.2, "b"] = None
    data.loc[data["g"].isin([1, 5, 9]), "w"] = np.nan
    data.loc[3, "w"] = np.nan  # of a school whose other rows know it
    return data


def test_a_normal_mean_has_the_spread_of_the_closed_form() -> None:
    y = np.random.default_rng(0).normal(5, 2, 50)
    data = pd.DataFrame({"y": y})
    data.loc[30:, "y"] = np.nan
    imputed = mm.impute(data, {"y": "y ~ 1"}, n=400, seed=3)
    means = np.array([frame["y"].mean() for frame in imputed])
    # the mean of 20 new values has the posterior t with 29 df, scale s^2 (1/30 + 1/20)
    known = y[:30]
    spread = 0.4**2 * known.var(ddof=1) * 29 / 27 * (1 / 30 + 1 / 20)
    assert means.mean() == pytest.approx(known.mean(), abs=4 * np.sqrt(spread / 400))
    assert means.var(ddof=1) == pytest.approx(spread, rel=4 * np.sqrt(2 / 400))
    assert np.array([f["y"][30:].var(ddof=1) for f in imputed]).mean() == pytest.approx(
        known.var(ddof=1) * 29 / 27, rel=0.06
    )


def test_a_response_missing_at_random_gives_back_the_fit_to_what_is_there() -> None:
    data = with_holes()
    pooled = mm.lmm(SLOPES, mm.impute(data, SLOPES, n=100, seed=1))
    model = mm.lmm(SLOPES, data)
    between = np.var([one.params for one in pooled.models], axis=0, ddof=1)
    np.testing.assert_array_less(
        np.abs(pooled.params - model.params), 4 * np.sqrt(between / pooled.m)
    )
    np.testing.assert_allclose(pooled.bse, model.bse, rtol=0.05)
    assert pooled.models[0].fit.sigma == pytest.approx(model.sigma, rel=0.15)


def test_values_missing_by_what_is_observed_are_filled_in_without_bias() -> None:
    """x is missing where y is large: complete rows give a slope that is too small."""
    estimates, errors, complete = [], [], []
    formula = "y ~ x + w + (1 | g)"
    for seed in range(12):
        data = schools(seed, groups=30, rows=6)
        random = np.random.default_rng(100 + seed)
        gone = random.uniform(size=len(data)) < 1 / (1 + np.exp(-2 * (data["y"] - 1.5)))
        data.loc[gone, "x"] = np.nan
        imputed = mm.impute(data[["g", "w", "x", "y"]], formula, n=8, seed=seed, thin=2, burn_in=5)
        pooled = mm.lmm(formula, imputed)
        estimates.append(pooled.params["x"])
        errors.append(pooled.bse["x"])
        complete.append(mm.lmm(formula, data).params["x"])
    truth = 0.5 + 0.6 * 0.21  # b, which is left out, goes with x
    centre, error = np.mean(estimates), np.std(estimates, ddof=1) / np.sqrt(12)
    assert abs(centre - truth) < 3 * error
    assert np.mean(complete) < centre - 2 * error
    assert np.mean(errors) == pytest.approx(np.std(estimates, ddof=1), rel=0.5)


@pytest.mark.parametrize(
    "library", [lambda f: f, pl.from_pandas, pa.Table.from_pandas, lambda f: f.to_dict("list")]
)
def test_observed_values_stay_to_the_bit_in_any_library(library) -> None:
    data = holed(schools(4, groups=12, rows=5))
    given = library(data)
    imputed = mm.impute(given, "y ~ x + w + b + (1 | g)", n=2, seed=2, burn_in=1, thin=1)
    for frame in imputed:
        if not isinstance(given, dict):
            assert type(frame) is type(given)
        made = frame if isinstance(frame, pd.DataFrame) else frame.to_pandas()
        assert not made.isna().any(axis=None)
        for name in data:
            there = data[name].notna().to_numpy()
            assert made[name].to_numpy()[there].tolist() == data[name].to_numpy()[there].tolist()
        assert set(made["b"]) <= {"yes", "no"}
        assert made.groupby("g")["w"].nunique().max() == 1
    assert data.isna().sum().sum() == holed(schools(4, groups=12, rows=5)).isna().sum().sum()


def test_the_same_seed_gives_the_same_and_another_does_not() -> None:
    data = holed(schools(4, groups=12, rows=5))
    one, two, three = (
        mm.impute(data, "y ~ x + w + (1 | g)", n=2, seed=seed, burn_in=1, thin=1)
        for seed in (1, 1, 2)
    )
    pd.testing.assert_frame_equal(one.frames[1], two.frames[1])
    assert not one.frames[1].equals(three.frames[1])
    assert not one.frames[0].equals(one.frames[1])


def test_a_level_without_any_value_gets_effects_of_its_own() -> None:
    data = with_holes()
    data.loc[data["Subject"] == "308", "Reaction"] = np.nan
    imputed = mm.impute(data, SLOPES, n=40, seed=5)
    first = np.array([f.loc[f["Subject"] == "308", "Reaction"].mean() for f in imputed])
    known = np.array([f.loc[[12, 18], "Reaction"].mean() for f in imputed])
    assert first.std() > 20  # that of subjects, not of residuals over ten days
    assert known.std() < 2 * mm.lmm(SLOPES, data).sigma


def test_a_column_of_the_second_level_is_filled_in_by_one_row_per_group() -> None:
    data = schools(7, groups=60, rows=4)
    data.loc[data["g"] < 20, "w"] = np.nan
    imputed = mm.impute(data, {"w": "w ~ 1", "x": "x ~ w + (1 | g)"}, n=200, seed=1)
    assert imputed.models["method"].tolist() == ["linear, level of g"]
    means = np.array([f.groupby("g")["w"].first()[:20].mean() for f in imputed])
    known = data.groupby("g")["w"].first()[20:]
    spread = known.var(ddof=1) * 39 / 37 * (1 / 40 + 1 / 20)
    assert means.var(ddof=1) == pytest.approx(spread, rel=0.4)
    assert means.mean() == pytest.approx(known.mean(), abs=4 * np.sqrt(spread / 200))


def test_models_are_derived_from_that_of_the_analysis() -> None:
    imputed = mm.impute(
        holed(schools(4, groups=12, rows=5)), "y ~ x + w + b + (1 | g)", n=1, seed=2, burn_in=0
    )
    formulas = dict(zip(imputed.models["column"], imputed.models["formula"], strict=True))
    assert formulas["w"] == "w ~ `mean of y by g` + `mean of x by g`"
    assert formulas["x"] == "x ~ y + w + b + `mean of y by g` + (1 | g)"
    assert "linear in all other columns" in imputed.notes[0]
    methods = dict(zip(imputed.models["column"], imputed.models["method"], strict=True))
    assert methods == {"w": "linear, level of g", "x": "linear", "b": "binomial"}


def test_counts_truth_values_and_ordered_levels() -> None:
    random = np.random.default_rng(3)
    data = schools(2, groups=15, rows=6)
    data["n"] = random.poisson(np.exp(0.3 * data["x"]))
    data["t"] = (data["b"] == "yes").astype(object)
    scale = pd.cut(data["y"], [-9, 0, 1.5, 9], labels=["low", "middle", "high"])
    data["o"] = scale.cat.reorder_categories(["low", "middle", "high"], ordered=True)
    data["n"] = data["n"].astype("Int64")
    for name, start in (("n", 0), ("t", 1), ("o", 2)):
        data.loc[start::5, name] = None
    imputed = mm.impute(
        data,
        {"n": "n ~ x + (1 | g)", "t": "t ~ x + (1 | g)", "o": "o ~ x + n + (1 | g)"},
        n=2,
        seed=1,
        burn_in=1,
        thin=1,
        families={"n": "poisson"},
    )
    frame = imputed.frames[0]
    assert str(frame["n"].dtype) == "Int64"
    assert (frame["n"] >= 0).all()
    assert frame["o"].dtype == data["o"].dtype
    assert set(frame["t"]) == {True, False}
    assert not frame.isna().any(axis=None)
    assert imputed.models["method"].tolist() == ["poisson", "binomial", "ordinal"]


def test_the_long_table_and_the_trace() -> None:
    data = holed(schools(4, groups=12, rows=5))
    imputed = mm.impute(data, "y ~ x + w + (1 | g)", n=3, seed=2, burn_in=4, thin=2)
    long = imputed.long(original=True)
    assert long[".imp"].tolist() == [i for i in range(4) for _ in range(len(data))]
    pooled = mm.lmm("y ~ x + w + (1 | g)", long, imp=".imp")
    assert pooled.m == 3
    pd.testing.assert_frame_equal(
        pooled.coef_table(), mm.lmm("y ~ x + w + (1 | g)", imputed).coef_table()
    )
    trace = imputed.trace
    assert trace["cycle"].max() == 4 + 2 * 2 + 1
    last = imputed.frames[-1].loc[data["x"].isna(), "x"]
    assert trace.loc[trace["column"] == "x", "mean"].iloc[-1] == pytest.approx(last.mean())
    with pytest.raises(DataError, match=r"column 'g'"):
        imputed.long("g")


def test_one_incomplete_column_needs_no_chain() -> None:
    one = mm.impute(with_holes(), SLOPES, n=3, seed=1)
    two = mm.impute(with_holes(), SLOPES, n=3, seed=1, burn_in=50, thin=9)
    pd.testing.assert_frame_equal(one.frames[2], two.frames[2])
    assert len(one.trace) == 3


def refused(match: str, data: pd.DataFrame, formulas: object, error=DataError, **how) -> None:
    with pytest.raises(error, match=match):
        mm.impute(data, formulas, n=1, seed=1, burn_in=0, **how)


def test_what_is_refused() -> None:
    data = holed(schools(4, groups=12, rows=5))
    refused("Nothing is missing", schools(4), "y ~ x + (1 | g)")
    refused("neither a formula nor a mapping", data, None)
    refused("'w' has 16 missing values and no model", data, {"x": "x ~ w + (1 | g)"})
    refused("has the response 'y'", data, {"x": "y ~ w + (1 | g)"})
    refused("is not a column of the data", data, "np.log(y) ~ x + (1 | g)")
    refused("no column 'z'", data, {"z": "z ~ x"})
    refused("unknown", data, {"x": "x ~ unknown"}, FormulaError)
    refused("families names 'y'", data, "y ~ x + (1 | g)", families={"y": "poisson"})
    refused("random effects of that group", data, {"w": "w ~ 1 + (1 | g)", "x": "x ~ (1 | g)"})
    levels = data.assign(f=list("abc") * 20)
    levels.loc[0, "f"] = None
    refused("3 levels without an order", levels, {"f": "f ~ y + (1 | g)"})
    none = data.assign(x=np.nan)
    refused("has no value at all", none, {"x": "x ~ y", "w": "w ~ 1"})
    big = data.assign(i=pd.array([2**60 + i for i in range(60)], dtype="Int64"))
    big.loc[0, "i"] = pd.NA
    refused("whole numbers that a float does not hold", big, {"i": "i ~ y"})
    dates = data.assign(day=pd.date_range("2020-01-01", periods=60))
    dates.loc[0, "day"] = pd.NaT
    refused("holds dates", dates, {"day": "day ~ y"})
    flat = data.assign(x=data["x"].where(data["x"].isna(), 1.0))
    refused("model of 'x' cannot be fitted in cycle 1", flat, {"x": "x ~ y"})
    with pytest.raises(DataError, match="seed"):
        mm.impute(data, {"x": "x ~ y + (1 | g)"}, seed=-1)
    with pytest.raises(DataError, match="imputations"):
        mm.impute(data, {"x": "x ~ y + (1 | g)"}, n=0)


def test_means_of_groups_take_no_name_of_a_column() -> None:
    """The data's own column stays what it is, be it a predictor or the column to fill in."""
    data = schools(3)
    own = data.assign(**{TAKEN: np.random.default_rng(1).normal(size=len(data))})
    own["x"] = own["x"].where(np.arange(len(own)) % 5 > 0)
    found = mm.impute(own, f"y ~ x + `{TAKEN}` + (1 | g)", n=1, seed=1)
    np.testing.assert_array_equal(found.frames[0][TAKEN], own[TAKEN])
    renamed = own.rename(columns={TAKEN: "z"})
    plain = mm.impute(renamed, "y ~ x + z + (1 | g)", n=1, seed=1)
    np.testing.assert_allclose(found.frames[0]["x"], plain.frames[0]["x"], rtol=1e-10)


def test_a_column_that_does_not_exist_is_named() -> None:
    with pytest.raises(FormulaError, match="zz"):
        mm.impute(schools(3), "y ~ zz + (1 | g)", n=1, seed=1)
