"""Groups are told apart by the values of their columns, whatever these read like."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixedmodels.data import Frame
from mixedmodels.design import build, rebuild
from mixedmodels.errors import DataError
from mixedmodels.formula import parse

names = st.lists(st.text('ab:"', max_size=3), min_size=2, max_size=4, unique=True)


def made(text, data):
    spec, m = build(parse(text), Frame.of(data))
    return spec, m.groupings


@given(names, names, names, st.randoms())
def test_any_names_of_levels_give_the_groups_of_the_values(first, second, third, random):
    rows = [(a, b, c) for a in first for b in second for c in third if random.random() < 0.8] * 2
    rows += [(first[0], second[0], third[0]), (first[1], second[1], third[1])] * 2
    rows += [(first[0], second[0], third[1])] * 2  # or p:q:r might repeat p:q
    random.shuffle(rows)
    y = np.arange(len(rows)) ** 2
    data = pd.DataFrame(rows, columns=["p", "q", "r"]).assign(y=y)
    spec, groupings = made("y ~ 1 + (1 | p:q) + (1 | p:q:r)", data)
    for width, grouping in zip((2, 3), groupings, strict=True):
        combinations = sorted({row[:width] for row in rows})
        expected = [combinations.index(row[:width]) for row in rows]
        assert grouping.codes.tolist() == expected
        assert len(set(grouping.levels)) == len(combinations) == len(grouping.levels)
    new = rebuild(spec, Frame.of(data))
    for term, grouping in zip(new.terms, groupings, strict=True):
        np.testing.assert_array_equal(term.codes, grouping.codes)


def test_a_combination_that_did_not_occur_is_new():
    data = pd.DataFrame({"y": [1.0, 2, 4, 3], "p": ["a", "a:b", "a", "a:b"], "q": ["b:c", "c"] * 2})
    spec, _ = made("y ~ 1 + (1 | p:q)", pd.concat([data, data]))
    new = pd.DataFrame({"p": ["a:b", "a", "a:b", None], "q": ["b:c", "b:c", "c", "c"]})
    assert rebuild(spec, Frame.of(new)).terms[0].codes.tolist() == [-1, 0, 1, -1]


N = 24
CROSSED = pd.DataFrame(
    {
        "y": np.random.default_rng(2).normal(size=N),
        "day": pd.to_datetime(np.repeat(["2024-05-01", "2024-05-02", "2024-05-03"], 8)),
        "flag": np.tile([True, False], N // 2),
        "id": np.tile([10, 20, 30, 40], N // 4),
    }
)
OTHER_TYPES = {
    "text": CROSSED.assign(day=CROSSED["day"].astype(str), flag=CROSSED["flag"].astype(str)),
    "dates": CROSSED.assign(day=CROSSED["day"].dt.date, flag=CROSSED["flag"].astype(int)),
    "polars": pl.from_pandas(CROSSED).with_columns(
        pl.col("day").cast(pl.Date), pl.col("id").cast(pl.String)
    ),
    "categories": CROSSED.assign(
        id=pd.Categorical(CROSSED["id"].astype(float)), flag=pd.Categorical(CROSSED["flag"])
    ),
}


@pytest.mark.parametrize("library", OTHER_TYPES)
def test_levels_of_other_types_are_those_of_the_fit(library):
    spec, groupings = made("y ~ 1 + (1 | day) + (1 | flag:id) + (1 | flag)", CROSSED)
    new = rebuild(spec, Frame.of(OTHER_TYPES[library]))
    for term, grouping in zip(new.terms, groupings, strict=True):
        np.testing.assert_array_equal(term.codes, grouping.codes)


@pytest.mark.parametrize(
    "new",
    [
        {"day": CROSSED["day"].dt.strftime("%d/%m/%Y"), "id": CROSSED["id"]},
        {"day": np.arange(N), "id": CROSSED["id"]},
        {"day": [datetime.datetime(2024, 5, 1, 9, tzinfo=datetime.UTC)] * N, "id": CROSSED["id"]},
        {"day": CROSSED["day"], "id": ["S" + str(i) for i in CROSSED["id"]]},
    ],
)
def test_levels_that_cannot_be_compared_are_refused(new):
    spec, _ = made("y ~ 1 + (1 | day) + (1 | id)", CROSSED)
    with pytest.raises(DataError, match="levels of another type than in the fit"):
        rebuild(spec, Frame.of(new))


def test_levels_that_read_the_same_are_refused():
    data = CROSSED.assign(g=pd.Categorical([1, "1", 2, 3] * 6))
    for text in ("y ~ 1 + (1 | g)", "y ~ g"):
        with pytest.raises(DataError, match="two levels that read the same"):
            made(text, data)


def test_the_name_of_the_residual_is_taken():
    data = CROSSED.rename(columns={"id": "Residual"})
    with pytest.raises(DataError, match="'Residual' is the residual in every table"):
        made("y ~ 1 + (1 | Residual)", data)
    assert made("y ~ Residual + (1 | flag:Residual)", data)[1][0].name == "flag:Residual"


def test_two_columns_of_one_name_are_refused():
    data = CROSSED.assign(Intercept=np.arange(N), f=["a", "b"] * 12, one=1.0)
    data["f[T.b]"] = np.arange(N)
    for text, part in (
        ("y ~ Intercept", "fixed part has two columns called 'Intercept'"),
        ("y ~ 1 + (Intercept | id)", r"\(Intercept \| id\) has two columns called 'Intercept'"),
        ("y ~ f + `f[T.b]`", r"two columns called 'f\[T.b\]'"),
    ):
        with pytest.raises(DataError, match=part):
            made(text, data)
    assert build(parse("y ~ 0 + Intercept"), Frame.of(data))[1].x_names == ("Intercept",)


@pytest.mark.parametrize("call", ["C(id)", "factor(id)", "x + C(id, contr.sum)", "C(`id`)"])
def test_factors_of_numbers_that_doubles_would_merge_are_refused(call):
    ids = np.array([2**63 + i for i in range(3)] * 8, dtype=np.uint64)
    data = pd.DataFrame({"y": np.arange(N) ** 2.0, "x": np.arange(N) % 5.0, "id": ids})
    with pytest.raises(DataError, match=r"would merge levels: column 'id'"):
        made(f"y ~ {call}", data)
    _, m = build(parse(f"y ~ {call}"), Frame.of(data.assign(id=ids.astype(str))))
    assert m.X.shape[1] == 3 + ("x" in call)
    _, m = build(parse(f"y ~ {call}"), Frame.of(data.assign(id=ids - np.uint64(2**63 - 2**53))))
    assert m.X.shape[1] == 3 + ("x" in call)
    assert made("y ~ x + (1 | id)", data)[1][0].levels == tuple(sorted({*ids.tolist()}))
