"""Weights, offsets, responses and starts with labels go to where their labels are."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixedmodels.api.models import lmm
from mixedmodels.engine.settings import Control
from mixedmodels.errors import DataError

SAME = 1e-9  # absolute, of the criterion: the same numbers in the same order
N = 40
RANDOM = np.random.default_rng(4)
LABELS = [f"row {i}" for i in range(N)]
DATA = pd.DataFrame(
    {
        "g": np.repeat(np.arange(8), 5),
        "x": RANDOM.normal(size=N),
        "y": RANDOM.normal(size=N) + np.repeat(RANDOM.normal(size=8), 5),
        "w": RANDOM.uniform(0.5, 2, N),
    },
    index=LABELS,
)
FORMULA = "y ~ x + (1 | g)"
EXPECTED = {what: lmm(FORMULA, DATA, **{what: "w"}).objective for what in ("weights", "offset")}


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(N)), st.sampled_from(["weights", "offset"]))
def test_a_series_goes_by_its_labels(order, what):
    model = lmm(FORMULA, DATA, **{what: DATA["w"].iloc[order]})
    assert model.objective == pytest.approx(EXPECTED[what], abs=SAME)
    again = model.update(data=DATA.iloc[order[::-1]])
    assert again.objective == pytest.approx(EXPECTED[what], abs=1e-7)


@pytest.mark.parametrize(
    "made",
    [
        lambda d: d["w"].to_numpy(),
        lambda d: d["w"].tolist(),
        lambda d: pl.Series(d["w"].to_numpy()),
        lambda d: d["w"].astype("Float64"),
        lambda d: d["w"].astype("double[pyarrow]"),
        lambda d: pl.Series(d["w"].to_numpy()).to_arrow(),
    ],
)
@pytest.mark.parametrize("what", ["weights", "offset"])
def test_what_has_no_labels_or_the_same_goes_by_place(made, what):
    assert lmm(FORMULA, DATA, **{what: made(DATA)}).objective == pytest.approx(
        EXPECTED[what], abs=SAME
    )


@pytest.mark.parametrize(
    ("index", "part"),
    [
        (range(N), r"not in the data: 0, 1, .*lacking: 'row 0'"),
        ([*LABELS[1:], "other"], "not in the data: 'other'; lacking: 'row 0'"),
        ([*LABELS[1:], LABELS[1]], "lacking: 'row 0'"),
    ],
)
@pytest.mark.parametrize("what", ["weights", "offset"])
def test_other_labels_are_refused(index, part, what):
    series = pd.Series(DATA["w"].to_numpy(), index=index)
    with pytest.raises(DataError, match=f"{what} has other row labels than the data.*{part}"):
        lmm(FORMULA, DATA, **{what: series})
    with pytest.raises(DataError, match="the new response has other row labels"):
        lmm(FORMULA, DATA).refit(series)


def test_labels_that_repeat_go_by_place_only_if_they_stand_in_the_same_order():
    data = DATA.set_axis(np.repeat(np.arange(8), 5))
    assert lmm(FORMULA, data, weights=data["w"]).objective == pytest.approx(
        EXPECTED["weights"], abs=SAME
    )
    with pytest.raises(DataError, match="row labels that repeat, in another order"):
        lmm(FORMULA, data, weights=data["w"].iloc[::-1])


def test_a_response_goes_by_its_labels():
    data = DATA.assign(x=DATA["x"].where(DATA["w"] < 1.9))
    model = lmm(FORMULA, data)
    assert 0 < model.n_missing < 10
    expected = lmm("w ~ x + (1 | g)", data).objective
    whole = DATA["w"]
    used = whole[model.fittedvalues.index]
    for y in (whole, used, whole.sample(frac=1, random_state=1), used[::-1], whole.to_numpy()):
        assert model.refit(y).objective == pytest.approx(expected, abs=1e-7)


def test_columns_of_a_dict_go_by_their_labels():
    columns = {name: DATA[name].sample(frac=1, random_state=i) for i, name in enumerate(DATA)}
    found = lmm(FORMULA, columns, weights=DATA["w"])
    assert found.objective == pytest.approx(EXPECTED["weights"], abs=1e-7)
    with pytest.raises(DataError, match="column 'x' has other row labels"):
        lmm(FORMULA, {**columns, "x": DATA["x"].reset_index(drop=True)})


def test_a_start_goes_by_its_names():
    model = lmm("y ~ x + (x | g)", DATA)
    settings = {"max_evaluations": 1, "on_failure": "warn"}
    theta = model.theta.add([0.1, 0.2, 0.3])
    with pytest.warns(match="evaluations"):
        first = lmm("y ~ x + (x | g)", DATA, control=Control(start=theta.to_numpy(), **settings))
    for start in (theta, theta[::-1], theta.to_dict(), theta.reset_index(drop=True)):
        with pytest.warns(match="evaluations"):
            again = lmm("y ~ x + (x | g)", DATA, control=Control(start=start, **settings))
        assert again.objective == first.objective
    for start, part in (
        (theta.rename({"g.x": "h.x"}), "names 'h.x', which the model does not have"),
        (theta[:2], "lacks g.x"),
        (pd.Series([1.0, 1, 1], index=["g.x"] * 3), "more than once"),
        (["a", "b", "c"], "not numeric"),
    ):
        with pytest.raises(DataError, match=part):
            lmm("y ~ x + (x | g)", DATA, control=Control(start=start))


@pytest.mark.parametrize(
    "weights", [object(), {"a": 1}, ["a"] * N, np.ones((N, 2)), DATA[["w"]], 3.0, [1j] * N]
)
@pytest.mark.parametrize("what", ["weights", "offset"])
def test_what_is_no_column_of_numbers_is_refused(weights, what):
    with pytest.raises(DataError, match=what):
        lmm(FORMULA, DATA, **{what: weights})
