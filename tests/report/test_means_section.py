"""Marginal means in the report: their numbers, pairs, letters and picture; nothing unasked."""

import html
import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError
from tests.report.test_page import Tables


@pytest.fixture(scope="module")
def model() -> mm.LinearMixedModel:
    cake = mm.datasets.load("cake")
    return mm.lmm("angle ~ recipe * temperature + (1 | recipe:replicate)", cake)


def written(model: mm.LinearMixedModel, folder: Path, **options) -> str:
    return html.unescape(model.report(folder / "page.html", **options).read_text("utf-8"))


def headings(text: str) -> list[str]:
    return re.findall(r"<h2>(.*?)</h2>", text)


def test_each_spec_has_a_section(model, tmp_path) -> None:
    plain = written(model, tmp_path)
    assert "Marginal means" not in plain
    assert "Pairwise differences" not in plain
    specs = ["temperature", "recipe | temperature", ["recipe", "temperature"], "1"]
    text = written(model, tmp_path, means=specs)
    titles = [title for title in headings(text) if title.startswith("Marginal means of angle")]
    assert [title.partition(": ")[2] for title in titles] == [
        "temperature", "recipe | temperature", "recipe, temperature", "1",
    ]  # fmt: skip
    assert text.count("Pairwise differences") == 3  # a single mean has none
    # A picture for each, and one for narrow screens where there are panels.
    assert text.count("data:image/png") == plain.count("data:image/png") + 5
    assert text.count("<h3>temperature = 185</h3>") == 2
    assert "Letters" not in text
    assert not plt.get_fignums()


def test_numbers_are_those_of_the_tables(model, tmp_path) -> None:
    rows = Tables.of(written(model, tmp_path, means="temperature", ddf="kenward-roger"))
    means = model.emmeans("temperature", ddf="kenward-roger")
    start = rows.index(["temperature", "Estimate", "Std. error", "df", "2.5%", "97.5%"])
    for row, found in zip(rows[start + 1 :], means.table().itertuples(), strict=False):
        numbers = [found.estimate, found.std_error, found.df, found.conf_low, found.conf_high]
        assert row[0] == found.temperature
        assert [float(cell) for cell in row[1:]] == pytest.approx(numbers, abs=0.06)
    start = rows.index(["Contrast", "Estimate", "Std. error", "df", "t", "p"])
    pairs = list(means.pairs().table().itertuples())
    assert len(pairs) == 15
    for row, found in zip(rows[start + 1 : start + 16], pairs, strict=True):
        assert row[0] == found.contrast
        assert float(row[1]) == pytest.approx(found.estimate, abs=6e-4)
        assert float(row[5].lstrip("<")) == pytest.approx(found.p_value, abs=6e-4)


def test_letters_stand_beside_their_means(model, tmp_path) -> None:
    text = written(model, tmp_path, means=["temperature"], letters=True)
    rows = {row[0]: row[-1] for row in Tables.of(text) if len(row) == 7}
    letters = model.emmeans("temperature").letters().set_index("temperature")["letters"]
    assert rows.pop("temperature") == "Letters"
    assert rows == letters.str.strip().to_dict()
    assert len(set(rows.values())) > 1
    assert "does not show that they are equal" in " ".join(text.split())


def test_what_is_not_estimable_is_said(tmp_path) -> None:
    oats = mm.datasets.load("oats").astype({"nitro": str})
    data = oats[~((oats["Variety"] == "Victory") & (oats["nitro"] == "0.6"))]
    with pytest.warns(mm.errors.DroppedColumnsWarning):
        model = mm.lmm("yield ~ Variety * nitro + (1 | Block)", data)
    with pytest.warns(mm.errors.NotEstimableWarning, match="Victory"):
        text = written(model, tmp_path, means=["nitro | Variety"])
    assert text.count("not estimable</td>") == 1 + 3


def test_too_many_means_are_told_instead_of_drawn(tmp_path) -> None:
    frame = mm.datasets.load("sleepstudy")
    frame["day"] = [f"day {i % 61}" for i in range(len(frame))]
    model = mm.lmm("Reaction ~ day + (1 | Subject)", frame)
    text = written(model, tmp_path, means="day")
    assert "Arrows compare at most 60 means, and there are 61." in text
    assert "more rows: see table()" in text


@pytest.mark.parametrize(
    ("means", "message"),
    [
        (["recipe", "recipie"], "Did you mean 'recipe'"),
        (3, "not a list of means"),
        ([3], "names no columns"),
        ({"recipe": 1}, "not a list of means"),
        ("recipe | temperature | recipe", "two bars"),
    ],
)
def test_nothing_is_written_where_means_cannot_be_had(model, tmp_path, means, message) -> None:
    target = tmp_path / "page.html"
    with pytest.raises(DataError, match=message):
        model.report(target, means=means)
    with pytest.raises(DataError, match="letters"):
        model.report(target, means="recipe", letters="yes")
    assert not target.exists()
