"""Marginal means against the grid that they stand for, built row by row and predicted."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import special

import mixedmodels as mm
from mixedmodels.errors import DataError, NotEstimableWarning

Vector = NDArray[np.float64]

ROUNDING = 1e-9


@pytest.fixture(scope="module")
def unbalanced() -> pd.DataFrame:
    """Three crossed factors, a covariate, groups; no two cells of one size."""
    rng = np.random.default_rng(4)
    n = 400
    frame = pd.DataFrame(
        {
            "a": rng.choice(["p", "q", "r"], n, p=[0.5, 0.3, 0.2]),
            "b": rng.choice(["u", "v"], n, p=[0.7, 0.3]),
            "c": rng.choice(["k", "l", "m", "o"], n, p=[0.1, 0.2, 0.3, 0.4]),
            "x": rng.normal(3, 1, n),
            "g": rng.integers(0, 20, n),
        }
    )
    frame["y"] = rng.normal(size=n) + frame.x + (frame.a == "q") * 2 + (frame.b == "v") * frame.x
    return frame


@pytest.fixture(scope="module")
def model(unbalanced: pd.DataFrame) -> mm.LinearMixedModel:
    return mm.lmm("y ~ a * b * x + c + (1 | g)", unbalanced)


def grid_of(frame: pd.DataFrame, **at: list[Any]) -> pd.DataFrame:
    """Every combination, covariates at their mean."""
    values = {name: sorted(frame[name].unique()) for name in "abc"}
    values |= {"x": [frame.x.mean()], **at}
    return pd.DataFrame(list(product(*values.values())), columns=list(values))


WEIGHTS: dict[str, Callable[[pd.DataFrame, pd.DataFrame], Vector]] = {
    "equal": lambda grid, frame: np.ones(len(grid)),
    "proportional": lambda grid, frame: _counts(grid, frame, ["b", "c"]),
    "outer": lambda grid, frame: _counts(grid, frame, ["b"]) * _counts(grid, frame, ["c"]),
    "cells": lambda grid, frame: _counts(grid, frame, ["a", "b", "c"]),
    "flat": lambda grid, frame: (_counts(grid, frame, ["a", "b", "c"]) > 0) * 1.0,
}


def _counts(grid: pd.DataFrame, frame: pd.DataFrame, names: list[str]) -> Vector:
    count = frame.groupby(names).size()
    keys = grid[names].itertuples(index=False, name=None)
    return np.array([count.get(k if len(names) > 1 else k[0], 0) for k in keys], dtype=float)


@pytest.mark.parametrize("weights", WEIGHTS)
def test_means_average_the_predictions_on_the_grid(
    model: mm.LinearMixedModel, unbalanced: pd.DataFrame, weights: Any
) -> None:
    grid = grid_of(unbalanced)
    grid["mean"] = model.predict(grid.assign(g=0), re="none").to_numpy()
    grid["w"] = WEIGHTS[weights](grid, unbalanced)
    expected = grid.groupby("a")[["mean", "w"]].apply(lambda d: np.average(d["mean"], weights=d.w))
    found = model.emmeans("a", weights=weights).table()
    assert found["a"].tolist() == ["p", "q", "r"]
    np.testing.assert_allclose(found["estimate"], expected, rtol=ROUNDING)


def test_weights_of_ones_own(model: mm.LinearMixedModel, unbalanced: pd.DataFrame) -> None:
    """A vector goes over the combinations of the other factors, the first one fastest."""
    grid = grid_of(unbalanced)
    grid["mean"] = model.predict(grid.assign(g=0), re="none").to_numpy()
    own = dict(zip(product("klmo", "uv"), np.arange(1.0, 9.0), strict=True))
    grid["w"] = [own[c, b] for b, c in zip(grid.b, grid.c, strict=True)]
    expected = grid.groupby("a")[["mean", "w"]].apply(lambda d: np.average(d["mean"], weights=d.w))
    found = model.emmeans("a", weights=np.arange(1.0, 9.0)).table()
    np.testing.assert_allclose(found["estimate"], expected, rtol=ROUNDING)
    shares = model.emmeans("a", weights={"b": [1, 3]}).table()
    grid["w"] = np.where(grid.b == "u", 1, 3)
    expected = grid.groupby("a")[["mean", "w"]].apply(lambda d: np.average(d["mean"], weights=d.w))
    np.testing.assert_allclose(shares["estimate"], expected, rtol=ROUNDING)


def test_a_nuisance_factor_counts_alike_whatever_the_weights(
    model: mm.LinearMixedModel, unbalanced: pd.DataFrame
) -> None:
    grid = grid_of(unbalanced)
    grid["mean"] = model.predict(grid.assign(g=0), re="none").to_numpy()
    grid["w"] = _counts(grid, unbalanced, ["b"])
    expected = grid.groupby("a")[["mean", "w"]].apply(lambda d: np.average(d["mean"], weights=d.w))
    found = model.emmeans("a", weights="proportional", nuisance="c").table()
    np.testing.assert_allclose(found["estimate"], expected, rtol=ROUNDING)


@pytest.mark.parametrize(
    ("reduce", "values"),
    [
        ("median", np.median),
        ("range", lambda x: [x.min(), x.max()]),
        (lambda x: np.quantile(x, [0.1, 0.9]), lambda x: np.quantile(x, [0.1, 0.9])),
        ({"x": "median"}, np.median),
    ],
)
def test_covariates_are_reduced_as_asked(
    model: mm.LinearMixedModel, unbalanced: pd.DataFrame, reduce: Any, values: Callable[..., Any]
) -> None:
    at = list(np.atleast_1d(values(unbalanced.x.to_numpy())))
    grid = grid_of(unbalanced, x=at)
    grid["mean"] = model.predict(grid.assign(g=0), re="none").to_numpy()
    found = model.emmeans("a", cov_reduce=reduce).table()
    np.testing.assert_allclose(found["estimate"], grid.groupby("a")["mean"].mean(), rtol=ROUNDING)


def test_standard_errors_and_limits_are_those_of_the_row(
    model: mm.LinearMixedModel,
) -> None:
    means = model.emmeans("a", by="b")
    table = means.table()
    np.testing.assert_allclose(table["estimate"], means.linfct.to_numpy() @ model.params)
    variance = means.linfct.to_numpy() @ model.cov_params().to_numpy() @ means.linfct.to_numpy().T
    np.testing.assert_allclose(table["std_error"], np.sqrt(np.diag(variance)), rtol=ROUNDING)
    half = special.stdtrit(table["df"], 0.975) * table["std_error"]
    np.testing.assert_allclose(table["conf_high"], table["estimate"] + half, rtol=ROUNDING)


def test_rows_come_with_the_first_column_fastest(model: mm.LinearMixedModel) -> None:
    found = model.emmeans("b | a").table()
    assert list(zip(found["b"], found["a"], strict=True)) == [(b, a) for a in "pqr" for b in "uv"]


@pytest.mark.parametrize("specs", ["a | b", "~ a | b", " a|b ", ("a",), ["a"], "C(a) | b", "~a|b"])
def test_specs_are_read_in_many_ways(model: mm.LinearMixedModel, specs: Any) -> None:
    by = None if isinstance(specs, str) else "b"
    found = model.emmeans(specs, by).table()
    assert list(found.columns[:2]) == ["a", "b"]
    assert len(found) == 6


def test_the_overall_mean(model: mm.LinearMixedModel, unbalanced: pd.DataFrame) -> None:
    grid = grid_of(unbalanced)
    expected = model.predict(grid.assign(g=0), re="none").mean()
    for found in (model.emmeans("1"), model.emmeans(), model.emmeans([])):
        np.testing.assert_allclose(found.table()["estimate"], [expected], rtol=ROUNDING)


def test_twelve_factors_need_no_grid_of_their_combinations() -> None:
    rng = np.random.default_rng(1)
    names = [f"f{i}" for i in range(12)]
    frame = pd.DataFrame({name: rng.integers(0, 5, 600).astype(str) for name in names})
    frame["g"], frame["y"] = rng.integers(0, 20, 600), rng.normal(size=600)
    model = mm.lmm(f"y ~ {' + '.join(names)} + (1 | g)", frame)
    found = model.emmeans("f3").table()["estimate"]
    others = [
        model.params[[n for n in model.params.index if n.startswith(f"{f}[")]].sum() / 5
        for f in names
        if f != "f3"
    ]
    own = [0.0, *(model.params[f"f3[T.{level}]"] for level in "1234")]
    np.testing.assert_allclose(found, model.params["Intercept"] + sum(others) + np.array(own))


def test_a_grid_of_more_than_a_million_rows_is_refused() -> None:
    rng = np.random.default_rng(1)
    names = [f"f{i}" for i in range(4)]
    frame = pd.DataFrame({name: rng.integers(0, 40, 600) for name in names}, dtype=float)
    frame["g"], frame["y"] = rng.integers(0, 20, 600), rng.normal(size=600)
    model = mm.lmm("y ~ f0 * f1 * f2 * f3 + (1 | g)", frame)
    with pytest.raises(DataError, match="nuisance"):
        model.emmeans("1", cov_reduce=False)
    with pytest.raises(DataError, match="2,560,000 means"):
        model.emmeans(names, cov_reduce=False)


def test_nested_factors_are_averaged_within_what_they_are_nested_in() -> None:
    """Levels of the inner factor count alike within one of the outer, and these alike."""
    rng = np.random.default_rng(2)
    inner = {"n": ["c1", "c2"], "s": ["c3", "c4", "c5"]}
    frame = pd.DataFrame(
        [(r, c, t) for r in inner for c in inner[r] for t in "xy" for _ in range(6)],
        columns=["region", "county", "trt"],
    )
    frame["g"] = rng.integers(0, 8, len(frame))
    frame["y"] = rng.normal(size=len(frame)) + frame.county.str[1].astype(float)
    with pytest.warns(mm.errors.DroppedColumnsWarning):
        model = mm.lmm("y ~ region / county + trt + (1 | g)", frame)
    cells = frame[["region", "county", "trt"]].drop_duplicates()
    cells["mean"] = model.predict(cells.assign(g=0), re="none").to_numpy()
    by_county = cells.groupby(["region", "county"])["mean"].mean()
    regions = model.emmeans("region").table()
    expected = by_county.groupby("region").mean()
    np.testing.assert_allclose(regions["estimate"], expected, rtol=ROUNDING)
    counties = model.emmeans("county").table()
    assert list(counties.columns[:2]) == ["county", "region"]
    np.testing.assert_allclose(counties["estimate"], by_county, rtol=ROUNDING)
    [overall] = model.emmeans("1").table()["estimate"]
    np.testing.assert_allclose(overall, expected.mean(), rtol=ROUNDING)
    tests = model.joint_tests()
    assert tests["term"].tolist() == ["region", "trt", "region:county"]
    assert tests["num_df"].tolist() == [1, 1, 3]
    assert "nested" in str(model.emmeans("region"))


def test_means_that_the_data_do_not_determine_are_marked() -> None:
    frame = pd.DataFrame(list(product("ab", "xyz", range(8))), columns=["r", "s", "g"])
    frame = frame[~((frame.r == "b") & (frame.s == "z"))].reset_index(drop=True)
    frame["y"] = np.random.default_rng(0).normal(size=len(frame))
    with pytest.warns(mm.errors.DroppedColumnsWarning):
        model = mm.lmm("y ~ r * s + (1 | g)", frame)
    with pytest.warns(NotEstimableWarning, match="r = b"):
        means = model.emmeans("r")
    table = means.table()
    assert np.isfinite(table["estimate"][0])
    assert table.loc[1, ["estimate", "std_error", "df", "p_value", "conf_low"]].isna().all()
    assert "not estimable" in str(means)
    with pytest.warns(NotEstimableWarning):
        within = model.emmeans("s | r")
    # Differences that the empty cell has no part in are estimable.
    known = within.contrast("pairwise").table()["estimate"].notna()
    assert known.tolist() == [True, True, True, True, False, False]
    additive = mm.lmm("y ~ r + s + (1 | g)", frame)
    assert additive.emmeans("r").table()["estimate"].notna().all()
    assert additive.emmeans(["r", "s"]).table()["estimate"].notna().all()


@pytest.mark.parametrize("reader", ["pandas", "polars", "pyarrow"])
def test_tables_come_in_the_library_of_the_data(reader: Any) -> None:
    data = mm.datasets.load("cake", backend=reader)
    model = mm.lmm("angle ~ recipe + (1 | recipe:replicate)", data)
    assert type(model.emmeans("recipe").table()) is type(data)
    assert type(model.emmeans("recipe").pairs().table()) is type(data)
    assert type(model.joint_tests()) is type(data)


def test_an_offset_belongs_to_means_and_not_to_contrasts() -> None:
    cake = mm.datasets.load("cake").assign(shift=np.linspace(0, 5, 270))
    model = mm.lmm("angle ~ recipe + (1 | recipe:replicate)", cake, offset="shift")
    plain = mm.lmm(
        "rest ~ recipe + (1 | recipe:replicate)", cake.assign(rest=cake.angle - cake["shift"])
    )
    means, without = model.emmeans("recipe"), plain.emmeans("recipe")
    difference = means.table()["estimate"] - without.table()["estimate"]
    np.testing.assert_allclose(difference, 2.5, rtol=1e-6)
    pairs = means.pairs().table()["estimate"], without.pairs().table()["estimate"]
    np.testing.assert_allclose(*pairs, rtol=1e-6)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"specs": "aa"}, "not a column"),
    ({"specs": "y"}, "not a column"),
    ({"specs": "g"}, "not a column"),
    ({"specs": "x"}, "distinct values, too many"),
    ({"specs": "a | b", "by": "c"}, "has a bar"),
    ({"specs": "a * a"}, "more than once"),
    ({"specs": "pairwise ~ a"}, r'contrast\("pairwise"\)'),
    ({"specs": 3}, "names no columns"),
    ({"specs": "a", "at": {"b": "w"}}, "does not know: w"),
    ({"specs": "a", "at": {"b": []}}, "gives no value"),
    ({"specs": "a", "at": {"x": "high"}}, "give numbers"),
    ({"specs": "a", "at": {"x": [np.inf]}}, "not a finite"),
    ({"specs": "a", "at": {"d": 1}}, "not a column"),
    ({"specs": "a", "at": [1, 2]}, "not a mapping"),
    ({"specs": "a", "weights": "equally"}, "not known"),
    ({"specs": "a", "weights": [1, 2]}, "8 numbers are needed"),
    ({"specs": "a", "weights": {"z": [1, 2]}}, "averaged over"),
    ({"specs": "a", "weights": {"b": [-1, 2]}}, "negative"),
    ({"specs": "a", "nuisance": "a"}, "whose means are asked for"),
    ({"specs": "a", "ddf": "exact"}, "not known"),
    ({"specs": "a", "level": 95}, "probability"),
    ({"specs": "a", "cov_reduce": "mode"}, "not known"),
    ({"specs": "a", "transform": "cube"}, "not known"),
    ({"specs": "a", "nesting": {"a": "q"}}, "not a column"),
]


@pytest.mark.parametrize(("options", "message"), BAD, ids=[m for _, m in BAD])
def test_bad_input_is_refused_in_one_message(
    model: mm.LinearMixedModel, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        model.emmeans(**options).table()


def test_near_names_are_suggested() -> None:
    cake = mm.lmm("angle ~ recipe + (1 | replicate)", mm.datasets.load("cake"))
    with pytest.raises(DataError, match="Did you mean 'recipe'"):
        cake.emmeans("recipes")
