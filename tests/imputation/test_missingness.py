"""What is missing: counts against pandas, dropout against a small example by hand."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError
from tests.plots.legible import faults

VISITS = pd.DataFrame(
    {
        "who": ["a"] * 3 + ["b"] * 3 + ["c"] * 2 + ["d"] * 3,
        "visit": [1, 2, 3, 1, 2, 3, 1, 2, 1, 2, 3],  # c has no row of visit 3
        "y": [1.0, 2, 3, 4, None, 6, 7, 8, None, None, None],
    }
)


@pytest.mark.parametrize("library", [lambda f: f, pl.from_pandas])
def test_dropout_by_hand(library) -> None:
    found = mm.missingness(library(VISITS), value="y", by="who", time="visit")
    table = found.dropout
    assert list(table["visit"]) == ["1", "2", "3"]
    assert list(table["n_seen"]) == [3, 2, 2]
    assert list(table["n_remaining"]) == [3, 3, 2]
    assert list(table["share"]) == [0.75, 0.75, 0.5]
    profiles = found.profiles
    rows = list(
        zip(*(list(profiles[n]) for n in ("last_visit", "visit", "n", "mean")), strict=True)
    )
    assert rows == [
        ("2", "1", 1, 7.0),
        ("2", "2", 1, 8.0),
        ("3", "1", 2, 2.5),
        ("3", "2", 1, 2.0),
        ("3", "3", 2, 4.5),
    ]
    assert "2 of 4 subjects have y at the last visit, 3" in repr(found)


def test_patterns_are_those_of_the_table() -> None:
    random = np.random.default_rng(1)
    data = pd.DataFrame(random.normal(size=(200, 4)), columns=list("abcd"))
    for name, share in zip("abc", (0.1, 0.3, 0.2), strict=True):
        data.loc[random.uniform(size=200) < share, name] = np.nan
    found = mm.missingness(data)
    table = found.patterns
    assert table.columns.tolist() == ["b", "c", "a", "n_rows", "n_missing"]
    assert table["n_rows"].sum() == 200
    assert (np.diff(table["n_rows"]) <= 0).all()
    wanted = data[["b", "c", "a"]].isna().value_counts()
    for row in table.to_dict("records"):
        assert wanted[row["b"], row["c"], row["a"]] == row["n_rows"]
    assert found.columns["n_missing"].tolist() == data.isna().sum().tolist()
    assert f"{len(data.dropna())} of 200 rows are complete in 4 columns" in repr(found)
    assert mm.missingness(data, ["d"]).patterns["n_rows"].tolist() == [200]


@pytest.mark.parametrize("kind", ["patterns", "dropout", "profiles"])
def test_pictures_are_legible(kind) -> None:
    random = np.random.default_rng(2)
    names = {"y": "the response, with a long name of its own", "z": "another column"}
    data = pd.DataFrame(
        {"who": np.repeat(np.arange(30), 6), "visit": [f"week {4 * j:02d}" for j in range(6)] * 30}
    )
    for name in names.values():
        data[name] = random.normal(size=180)
        data.loc[random.uniform(size=180) < 0.2, name] = np.nan
    found = mm.missingness(data, value=names["y"], by="who", time="visit")
    assert faults(found.plot(kind)) == []


def test_what_is_refused() -> None:
    def refused(match, *given, **how):
        with pytest.raises(DataError, match=match):
            mm.missingness(VISITS, *given, **how)

    refused("no column 'z'", ["z"])
    refused("belong together", value="y", by="who")
    refused("holds no numbers", value="who", by="y", time="visit")
    with pytest.raises(DataError, match="twice"):
        mm.missingness(VISITS.assign(visit=1), value="y", by="who", time="visit")
    with pytest.raises(DataError, match="No subjects and visits"):
        mm.missingness(VISITS).plot("dropout")
    with pytest.raises(DataError, match="Nothing is missing"):
        mm.missingness(VISITS, ["who"]).plot()
