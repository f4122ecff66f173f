"""Designs have the rows that their words say."""

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError
from mixedmodels.planning import design, resized


def test_crossed_units_and_within_factors():
    frame = design({"subject": 3, "item": 12}, within={"day": range(3), "cond": "ab"}).frame()
    assert frame.columns.tolist() == ["subject", "item", "day", "cond"]
    assert len(frame) == 3 * 12 * 3 * 2
    assert not frame.duplicated().any()
    assert frame["day"].dtype.kind == "i"
    assert frame["cond"].cat.categories.tolist() == ["a", "b"]
    assert frame["item"].cat.categories[0] == "item01"
    assert frame.equals(frame.sort_values(frame.columns.tolist(), kind="stable"))


def test_nested_units_of_unequal_size_have_their_own_names():
    frame = design(
        {"school": 3, "class": 2, "pupil": [4, 5]}, nested={"class": "school", "pupil": "class"}
    ).frame()
    assert len(frame) == 3 * (4 + 5)
    assert frame["pupil"].is_unique
    assert frame.groupby("class", observed=True).size().tolist() == [4, 5] * 3
    assert frame.groupby("class", observed=True)["school"].nunique().eq(1).all()


def test_nested_and_crossed_together():
    frame = design({"class": 3, "item": 4, "pupil": [2, 3]}, nested={"pupil": "class"}).frame()
    assert len(frame) == (2 + 3 + 2) * 4
    assert frame["pupil"].nunique() == 7
    assert frame.groupby(["pupil", "item"], observed=True).size().eq(1).all()
    assert frame.groupby("pupil", observed=True)["class"].nunique().eq(1).all()


def test_between_factors_are_assigned_in_turn():
    frame = design(
        {"subject": 12, "item": 4},
        between={
            "subject": {"group": ["control", "control", "drug"], "sex": ["f", "m"]},
            "item": {"length": [3, 8]},
        },
    ).frame()
    subjects = frame.drop_duplicates("subject")
    assert subjects.groupby(["group", "sex"], observed=True).size().tolist() == [4, 4, 2, 2]
    assert subjects["group"].cat.categories.tolist() == ["control", "drug"]
    assert frame.groupby("subject", observed=True)["group"].nunique().eq(1).all()
    assert frame.groupby("item", observed=True)["length"].nunique().eq(1).all()
    assert frame["length"].mean() == 5.5


def test_counterbalancing_is_a_latin_square():
    study = design({"subject": 6, "item": 9}, counterbalanced={"cond": "abc"}, repeats=2)
    frame = study.frame().drop_duplicates()
    for unit, each in (("subject", 3), ("item", 2)):
        counts = frame.groupby([unit, "cond"], observed=False).size()
        assert (counts == each).all()
    assert len(frame) == 54


def test_two_counterbalanced_factors_are_crossed():
    study = design({"subject": 8, "item": 8}, counterbalanced={"a": "xy", "b": "uv"})
    counts = study.frame().groupby(["subject", "a", "b"], observed=False).size()
    assert (counts == 2).all()


def test_covariates_belong_to_their_unit():
    frame = design(
        {"subject": 500, "item": 2}, covariates={"age": "subject", "noise": "row"}, seed=1
    ).frame()
    ages = frame.groupby("subject", observed=True)["age"]
    assert ages.nunique().eq(1).all()
    assert abs(ages.first().mean()) < 5 / 500**0.5
    assert frame["noise"].nunique() == 1000


def test_dropout_is_for_good_and_at_its_rate():
    study = design(
        {"subject": 4000}, within={"day": [0, 1, 2, 5]}, dropout={"subject": ("day", 0.2)}
    )
    frame = study.frame()
    per_day = frame.groupby("day").size() / 4000
    assert per_day.to_numpy() == pytest.approx(0.8 ** np.arange(4), abs=5 * 0.5 / 4000**0.5)
    last = frame.groupby("subject", observed=True)["day"].agg(["size", "max"])
    assert (last["max"] == np.array([0, 1, 2, 5])[last["size"] - 1]).all()
    assert study.frame().equals(frame)


def test_lost_rows():
    assert len(design({"subject": 100}, within={"t": range(10)}, missing=0.25).frame()) == 750


def test_resized():
    study = design({"school": 4, "pupil": [2, 3]}, nested={"pupil": "school"})
    assert len(resized(study, "school", 7).frame()) == 2 * 4 + 3 * 3
    assert len(resized(study, "pupil", 10).frame()) == 40
    assert len(study.frame()) == 10
    with pytest.raises(DataError, match="unit 'item'"):
        resized(study, "item", 3)
    with pytest.raises(DataError, match="size of 'school' is 0"):
        resized(study, "school", 0)


def test_the_frame_is_pandas_and_public():
    assert isinstance(mm.planning.design({"subject": 2}).frame(), pd.DataFrame)


@pytest.mark.parametrize(
    ("units", "arguments", "message"),
    [
        ({}, {}, "no groups"),
        ({"s": 0}, {}, "size of 's' is 0"),
        ({"s": 2.5}, {}, "size of 's' is 2.5"),
        ({"s": True}, {}, "size of 's'"),
        ({"s": [3, 4]}, {}, "is in no other unit"),
        ({"p": 2, "s": 3}, {"nested": {"p": "s"}}, "comes later"),
        ({"p": 2}, {"nested": {"p": "s"}}, "unit 's'"),
        ({"s": 2}, {"within": {"c": ["a"]}}, "has 1 levels"),
        ({"s": 2}, {"within": {"c": ["a", "a"]}}, "at least two different"),
        ({"s": 2}, {"within": {"s": ["a", "b"]}}, "two columns 's'"),
        ({"s": 2}, {"within": {"c": "ab"}, "between": {"s": {"c": "ab"}}}, "two columns 'c'"),
        ({"s": 2}, {"between": {"t": {"c": "ab"}}}, "unit 't'"),
        ({"s": 2}, {"covariates": {"x": "t"}}, "unit 't'"),
        ({"s": 2}, {"dropout": {"s": ("day", 0.1)}}, "not a factor of `within`"),
        ({"s": 2}, {"within": {"d": "ab"}, "dropout": {"s": ("d", 1)}}, "dropout of s is 1"),
        ({"s": 2}, {"missing": 2}, "missing is 2"),
        ({"s": 2}, {"repeats": 0}, "repeats = 0"),
        ({"s": 2}, {"seed": -4}, "seed = -4"),
    ],
)
def test_designs_that_make_no_sense(units, arguments, message):
    with pytest.raises(DataError, match=message):
        design(units, **arguments)
