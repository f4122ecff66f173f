"""What is said of a data set is true of it, and the sources are named."""

from importlib.resources import files

import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.datasets import Dataset
from mixedmodels.errors import DataError

NAMES = mm.datasets.names()


@pytest.mark.parametrize("name", NAMES)
def test_description_agrees_with_the_values(name: str) -> None:
    table, dataset = mm.datasets.load(name), mm.datasets.describe(name)
    assert len(table) == dataset.rows
    assert list(table.columns) == [column.name for column in dataset.columns]
    assert dataset.source
    assert dataset.reference
    for column in dataset.columns:
        values = table[column.name]
        assert column.categorical == isinstance(values.dtype, pd.CategoricalDtype)
        if column.categorical:
            assert values.cat.ordered == (column.type == "ordered")
            assert values.notna().any()
        if column.levels:
            assert values.cat.categories.tolist() == list(column.levels)


@pytest.mark.parametrize("name", NAMES)
def test_every_category_is_a_documented_level(name: str) -> None:
    """A value outside the levels would have become a missing value."""
    dataset = mm.datasets.describe(name)
    path = files("mixedmodels.datasets").joinpath("values").joinpath(dataset.file)
    with path.open("rb") as stream:
        compression = "gzip" if dataset.file.endswith(".gz") else None
        raw = pd.read_csv(stream, dtype=str, keep_default_na=False, compression=compression)
    table = mm.datasets.load(name)
    assert (raw == "").sum().tolist() == table.isna().sum().tolist()


def test_every_data_set_has_a_row_in_the_sources() -> None:
    text = files("mixedmodels.datasets").joinpath("SOURCES.md").read_text("utf-8")
    assert [name for name in NAMES if f"| `{name}` |" not in text] == []


def test_no_file_lies_about_unused() -> None:
    folder = files("mixedmodels.datasets").joinpath("values")
    stored = sorted(path.name for path in folder.iterdir())
    assert stored == sorted(mm.datasets.describe(name).file for name in NAMES)


def test_classics_are_there() -> None:
    classics = "sleepstudy dyestuff dyestuff2 penicillin pastes cake machines oats orthodont"
    assert {*classics.split(), "ergostool", "ham", "insteval"} <= set(NAMES)


@pytest.mark.parametrize(
    ("name", "column", "levels"),
    [
        ("machines", "Worker", ["6", "2", "4", "1", "3", "5"]),
        ("oats", "Block", ["VI", "V", "III", "IV", "II", "I"]),
        ("alfalfa", "Date", ["None", "S1", "S20", "O7"]),
    ],
)
def test_levels_that_are_not_in_alphabetical_order(
    name: str, column: str, levels: list[str]
) -> None:
    assert mm.datasets.load(name)[column].cat.categories.tolist() == levels


def test_levels_by_rule() -> None:
    insteval, star = mm.datasets.load("insteval"), mm.datasets.load("star")
    assert insteval["d"].cat.categories[:3].tolist() == ["1", "6", "7"]
    assert insteval["s"].cat.categories.size == 2972
    assert star["id"].cat.categories[0] == star["id"].iloc[0]


def test_description_prints() -> None:
    text = str(mm.datasets.describe("sleepstudy"))
    assert isinstance(mm.datasets.describe("sleepstudy"), Dataset)
    assert "Belenky" in text
    assert "Subject: factor, 18 levels: 308 < 309 < 310 < … < 372" in text


def test_unknown_name_suggests_near_ones() -> None:
    with pytest.raises(DataError, match="did you mean sleepstudy"):
        mm.datasets.load("SleepStudy2")
    with pytest.raises(DataError, match="choose one"):
        mm.datasets.describe("qqqqqq")


def test_frames_are_independent() -> None:
    first = mm.datasets.load("rail")
    first["travel"] = 0
    assert mm.datasets.load("rail")["travel"].max() == 100
