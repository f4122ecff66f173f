"""Pictures of means: what they show, what they leave out, and what their arrows tell."""

import warnings
from collections.abc import Callable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import mixedmodels as mm
from mixedmodels.errors import DataError, MixedModelsWarning
from mixedmodels.means import Means
from mixedmodels.plots.comparison_arrows import arrow_lengths
from mixedmodels.plots.of_means import HOMES
from mixedmodels.posthoc.grid_variables import fixed_variables
from tests.plots.legible import faults
from tests.plots.strange import MODELS


@pytest.fixture(scope="module")
def baked() -> mm.LinearMixedModel:
    cake = mm.datasets.load("cake")
    return mm.lmm("angle ~ recipe * temperature + (1 | recipe:replicate)", cake)


@pytest.fixture(scope="module")
def oats() -> mm.LinearMixedModel:
    return mm.lmm("yield ~ Variety * nitro + (1 | Block/Variety)", mm.datasets.load("oats"))


@pytest.fixture(scope="module")
def many() -> mm.LinearMixedModel:
    """Forty means with very different numbers of rows, on the scale of logarithms."""
    rng = np.random.default_rng(3)
    f = rng.choice(40, 500, p=np.arange(1, 41) / 820)
    f[:40] = np.arange(40)
    y = np.exp(1 + 0.02 * f + 0.3 * rng.normal(size=500))
    frame = pd.DataFrame({"y": y, "f": [f"v{i:02}" for i in f], "g": np.arange(500) % 9})
    return mm.lmm("log(y) ~ f + (1 | g)", frame)


@pytest.fixture(scope="module")
def holed() -> mm.LinearMixedModel:
    """No rows of Victory at the highest dose."""
    oats = mm.datasets.load("oats").astype({"nitro": str})
    data = oats[~((oats["Variety"] == "Victory") & (oats["nitro"] == "0.6"))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MixedModelsWarning)
        return mm.lmm("yield ~ Variety * nitro + (1 | Block/Variety)", data)


def quiet(ask: Callable[[], Means]) -> Means:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MixedModelsWarning)
        return ask()


def overlapping(data: pd.DataFrame) -> np.ndarray:
    low, high = data["arrow_low"].to_numpy(), data["arrow_high"].to_numpy()
    return (low[:, None] <= high) & (low <= high[:, None])


def significant(means: Means, adjust: Any = "tukey") -> np.ndarray:
    k = len(means.table())
    found = np.zeros((k, k), dtype=bool)
    found[np.triu_indices(k, 1)] = means.pairs(adjust=adjust).table()["p_value"] < 0.05
    return found | found.T


@pytest.mark.parametrize("adjust", ["tukey", "none", "holm", "scheffe"])
def test_arrows_overlap_where_means_do_not_differ(baked, oats, adjust) -> None:
    for means in (
        baked.emmeans("temperature"),
        baked.emmeans("recipe"),
        oats.emmeans("Variety"),
        oats.emtrends("Variety", "nitro"),
    ):
        data = means.plot.data("intervals", comparisons=True, adjust=adjust)
        differ = significant(means, adjust)
        np.testing.assert_array_equal(overlapping(data), ~differ)
    assert significant(baked.emmeans("temperature"), adjust).any()


def test_pairs_that_arrows_cannot_show_are_counted_in_the_note(oats) -> None:
    """Along a line differences are precise that are vague between lines."""
    means = oats.emmeans("Variety * nitro")
    shown = overlapping(means.plot.data("intervals", comparisons=True))
    wrong = (shown == significant(means)).sum() // 2
    assert wrong > 2
    [note] = [
        t.get_text() for t in means.plot(comparisons=True).texts if "save for" in t.get_text()
    ]
    assert f"and {wrong - 2} more pairs" in note.replace("\n", " ")


def test_arrows_of_the_scale_of_the_response_tell_the_tests_of_the_model(many) -> None:
    means = many.emmeans("f")
    data = means.response().plot.data("intervals", comparisons=True)
    differ = significant(means)
    assert 0 < differ.sum() < differ.size / 2
    np.testing.assert_array_equal(overlapping(data), ~differ)
    logs = means.plot.data("intervals", comparisons=True)
    np.testing.assert_allclose(data["arrow_low"], np.exp(logs["arrow_low"]), rtol=1e-12)


@given(
    st.lists(st.tuples(st.floats(-9, 9), st.floats(0.05, 9)), min_size=2, max_size=12),
    st.floats(0.1, 4),
)
@settings(max_examples=150, deadline=None)
def test_arrows_name_the_pairs_that_they_show_wrongly(means, z) -> None:
    means = sorted(means)
    m, variance = np.array(means).T
    i, j = np.triu_indices(len(m), 1)
    difference = m[j] - m[i]
    critical = z * np.sqrt(variance[i] + variance[j])
    differs = difference > critical
    (right, left), wrong = arrow_lengths(difference, critical, differs)
    assert (right >= 0).all()
    assert (left >= 0).all()
    overlaps = np.append(right, 0)[i] + np.insert(left, 0, 0)[j] >= difference
    np.testing.assert_array_equal(overlaps[~wrong], ~differs[~wrong])
    if len(m) == 2:
        assert not wrong.any()


@given(st.lists(st.floats(-9, 9), min_size=2, max_size=15), st.floats(0.1, 9))
@settings(max_examples=100, deadline=None)
def test_arrows_of_equal_precision_are_half_the_critical_difference(means, critical) -> None:
    """Then lengths of critical / 2 are right for every pair that is not just at the limit."""
    m = np.sort(means)
    i, j = np.triu_indices(len(m), 1)
    difference = m[j] - m[i]
    if np.min(np.abs(difference - critical)) < 0.01 * max(difference.max(), critical):
        return
    c = np.full(len(i), critical)
    (right, left), wrong = arrow_lengths(difference, c, difference > critical)
    assert not wrong.any()
    np.testing.assert_allclose(right, critical / 2, rtol=1e-6)
    np.testing.assert_allclose(left, critical / 2, rtol=1e-6)


def test_equal_means_that_differ_cannot_be_shown() -> None:
    differs = np.array([True, False, False])
    _, wrong = arrow_lengths(np.zeros(3), np.array([0.5, 3.0, 0.5]), differs)
    assert wrong.tolist() == [True, False, False]


def test_intervals_are_those_of_the_table(baked, holed) -> None:
    for means in (
        baked.emmeans("recipe | temperature"),
        baked.emmeans("temperature").pairs(),
        baked.emmeans("1"),
        quiet(lambda: holed.emmeans("nitro | Variety")),
    ):
        shown, table = means.plot.data(), means.table()
        numbers = ["estimate", "conf_low", "conf_high"]
        names = [name for name in table if name not in (*numbers, "std_error", "df", "statistic",
                                                        "p_value")]  # fmt: skip
        pd.testing.assert_frame_equal(shown, table[[*names, *numbers]])
        drawn = means.plot()
        axes = drawn.axes if isinstance(drawn, Figure) else [drawn]
        marked = [x for ax in axes for x in ax.lines[-1].get_xdata()]
        np.testing.assert_array_equal(marked, table["estimate"])


def test_contrasts_have_a_line_where_nothing_differs(baked, many) -> None:
    at = [line.get_xdata()[0] for line in baked.emmeans("recipe").pairs().plot().lines[:1]]
    assert at == [0]
    pairs = many.emmeans("f", at={"f": ["v00", "v20", "v39"]}).response().pairs()
    ax = pairs.plot()
    assert ax.lines[0].get_xdata()[0] == 1
    assert ax.get_xlabel() == "Ratio"
    assert len(baked.emmeans("recipe").plot().lines) == 1


def test_notes_name_the_limits_that_are_drawn(baked, oats) -> None:
    """Holm's method and false discovery rates have Bonferroni's limits."""
    means = baked.emmeans("temperature")
    for adjust, name in (("tukey", "Tukey"), ("holm", "Bonferroni"), ("fdr", "Bonferroni")):
        pairs = means.pairs(adjust=adjust)
        [note] = [t.get_text() for t in pairs.plot().texts if "intervals" in t.get_text()]
        assert name in note
        drawn = pairs.plot.data()["conf_low"]
        limits = means.pairs(adjust="bonferroni" if name == "Bonferroni" else adjust).table()
        np.testing.assert_allclose(drawn, limits["conf_low"], rtol=1e-9)
    assert [t for t in means.plot().texts if "together" in t.get_text()] == []
    slopes = oats.slopes("nitro", by="Variety").plot()
    assert slopes.get_ylabel() == "Variety"
    assert slopes.get_yticklabels()[0].get_text() == "Victory"


def test_gaps_are_told(holed) -> None:
    means = quiet(lambda: holed.emmeans("nitro * Variety"))
    for ax in (means.plot(), means.plot(comparisons=True), means.plot("interaction")):
        assert any("Gaps: not estimable" in text.get_text() for text in ax.texts)
    data = means.plot.data(comparisons=True)
    assert data.isna().any(axis=1).sum() == 1
    cells = means.plot.data("p_values")
    gone = cells["level1"].eq("0.6, Victory") | cells["level2"].eq("0.6, Victory")
    assert cells.loc[gone, "estimate"].isna().all()
    assert cells.loc[~gone, "estimate"].notna().all()


def test_the_matrix_has_every_pair_once(oats) -> None:
    means = oats.emmeans("nitro * Variety")
    data = means.plot.data("p_values").set_index(["level1", "level2"])
    table, pairs = means.table(), means.pairs().table()
    names = [f"{n:g}, {v}" for n, v in zip(table["nitro"], table["Variety"], strict=True)]
    assert len(data) == len(table) + len(pairs)
    row = iter(pairs.itertuples())
    for i, one in enumerate(names):
        assert data.loc[(one, one), "estimate"] == table["estimate"][i]
        for other in names[i + 1 :]:
            pair = next(row)
            cell = data.loc[(other, one)]
            assert cell["estimate"] == pytest.approx(-pair.estimate, rel=1e-9)
            assert cell["p_value"] == pytest.approx(pair.p_value, abs=1e-12)


def test_cells_of_the_matrix_stand_where_their_pair_is(oats) -> None:
    means = oats.emmeans("Variety")
    ax = means.plot("p_values")
    cells = {text.get_position(): text.get_text() for text in ax.texts if text.get_ha() == "center"}
    table, pairs = means.table()["estimate"], means.pairs().table()
    for i in range(3):
        assert float(cells[i, 2 - i]) == pytest.approx(table[i], abs=0.06)
    for row, (i, j) in enumerate([(0, 1), (0, 2), (1, 2)]):
        below, above = cells[i, 2 - j].replace("−", "-"), cells[j, 2 - i]
        assert float(below) == pytest.approx(-pairs["estimate"][row], abs=0.06)
        assert float(above) == pytest.approx(pairs["p_value"][row], abs=6e-4)


def test_interaction_draws_the_rows_of_the_data(baked, oats) -> None:
    cake = mm.datasets.load("cake")
    figure = baked.emmeans("recipe | temperature").plot("interaction")
    assert len(figure.axes) == 6
    for ax, temperature in zip(figure.axes, sorted(cake["temperature"].unique()), strict=True):
        assert f"temperature = {temperature}" in ax.get_title(loc="left")
        points = np.vstack([c.get_offsets() for c in ax.collections if len(c.get_offsets()) > 1])
        own = cake[cake["temperature"] == temperature]
        assert sorted(points[:, 1]) == sorted(own["angle"])
        assert sorted(np.rint(points[:, 0])) == sorted(own["recipe"].map({"A": 0, "B": 1, "C": 2}))
    ax = oats.emmeans("nitro * Variety").plot("interaction")
    data = mm.datasets.load("oats")
    points = np.vstack([c.get_offsets() for c in ax.collections if len(c.get_offsets()) > 1])
    np.testing.assert_array_equal(
        sorted(map(tuple, points)), sorted(zip(data["nitro"], data["yield"], strict=True))
    )
    bare = oats.emmeans("nitro * Variety").plot("interaction", observed=False)
    assert not any(len(c.get_offsets()) > 1 for c in bare.collections)


def test_interaction_is_along_the_column_that_is_asked_for(oats) -> None:
    means = oats.emmeans("Variety | nitro")
    assert len(means.plot("interaction").axes) == 4
    ax = means.plot("interaction", x="nitro")
    assert isinstance(ax, Axes)
    assert ax.get_xlabel() == "nitro"
    assert [t.get_text() for t in ax.get_legend().get_texts()] == [
        "Golden Rain", "Marvellous", "Victory",
    ]  # fmt: skip
    trends = oats.emtrends("Variety", "nitro").plot("interaction")
    assert trends.get_ylabel() == "Slope of yield"


def test_observed_rows_have_the_scale_and_the_offset_of_the_means(many) -> None:
    ax = many.emmeans("f", at={"f": ["v38", "v39"]}).response().plot("interaction")
    data = many.fit.frame
    y = data.column("y").numbers
    points = np.vstack([c.get_offsets() for c in ax.collections if len(c.get_offsets()) > 1])
    assert set(np.round(points[:, 1], 8)) <= set(np.round(y, 8))
    assert any("of 500 rows" in text.get_text() for text in ax.texts)
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"f": list("ab") * 30, "o": rng.normal(size=60), "g": np.arange(60) // 6})
    frame["y"] = rng.normal(size=60) + frame["o"]
    with_offset = mm.lmm("y ~ f + (1 | g)", frame, offset="o")
    ax = with_offset.emmeans("f").plot("interaction")
    points = np.vstack([c.get_offsets() for c in ax.collections if len(c.get_offsets()) > 1])
    expected = frame["y"] - frame["o"] + frame["o"].mean()
    np.testing.assert_allclose(sorted(points[:, 1]), sorted(expected))


REFUSED: dict[str, tuple[Callable[[Means], Any], str]] = {
    "kind": (lambda m: m.plot("bars"), "is not known"),
    "kind of data": (lambda m: m.plot.data("bars"), "is not known"),
    "option": (lambda m: m.plot("p_values", comparisons=True), "has no option 'comparisons'"),
    "arrows of contrasts": (lambda m: m.pairs().plot(comparisons=True), "Arrows compare means"),
    "matrix of contrasts": (lambda m: m.pairs().plot("p_values"), "The matrix shows pairs"),
    "lines of contrasts": (lambda m: m.pairs().plot("interaction"), "Lines join means"),
    "column": (lambda m: m.plot("interaction", x="nope"), "'nope'"),
    "alpha": (lambda m: m.plot(comparisons=True, alpha=5), "alpha"),
    "adjust": (lambda m: m.plot(comparisons=True, adjust="turkey"), "turkey"),
    "axes": (lambda m: m.plot(ax=plt.subplots()[1]), "do not fit on one ax"),
    "columns": (lambda m: m.plot(columns=0), "columns"),
    "flag": (lambda m: m.plot(comparisons="yes"), "comparisons"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(baked, case) -> None:
    draw, message = REFUSED[case]
    with pytest.raises(DataError, match=message):
        draw(baked.emmeans("recipe | temperature"))


def test_too_many_are_refused_with_advice(many) -> None:
    with pytest.raises(DataError, match=r"2 to 15 means, and a group has 40.\nDo: "):
        many.emmeans("f").plot("p_values")
    with pytest.raises(DataError, match=r"40 panels, more than 20.\nDo: "):
        many.emmeans("1", by="f").plot()
    with pytest.raises(DataError, match=r"2 to 15 means, and a group has 1"):
        many.emmeans("1").plot("p_values")


@pytest.mark.parametrize("k", [1, 2, 15, 40])
def test_any_number_of_means_is_legible(many, k) -> None:
    means = many.emmeans("f", at={"f": [f"v{i:02}" for i in range(k)]})
    pictures = [means.plot(), means.plot(comparisons=True), means.plot("interaction")]
    pictures += [means.plot("p_values")] if 1 < k <= 15 else []
    for ax in pictures:
        assert faults(ax.figure) == []
        labels = [*ax.get_yticklabels(), *ax.get_xticklabels()]
        assert sum(text.get_text().startswith("v") for text in labels) >= k


@pytest.mark.parametrize("name", ["trial", "strange", "eight_levels", "small"])
def test_names_of_any_kind_are_legible(name) -> None:
    model = MODELS[name]()
    variables = fixed_variables(model.fit)
    factors = [n for n, v in variables.items() if v.is_factor]
    numbers = [n for n, v in variables.items() if not v.is_factor]
    first, *more = factors
    asked = [model.emmeans(factors), model.emmeans(first, by=more or None), model.emmeans(first)]
    for number in numbers:
        values = model.fit.frame.column(number).numbers
        at = {number: np.quantile(values, [0, 0.3, 1])}
        asked += [model.emmeans([number, first], at=at), model.emmeans([first], [number], at=at)]
    for means in asked[-3:]:
        drawn = [means.plot(comparisons=True), means.plot("interaction")]
        drawn += (
            [means.plot("p_values")] if len(means.functions.families[0]) in range(2, 16) else []
        )
        for one in drawn:
            figure = one if isinstance(one, Figure) else one.figure
            assert faults(figure) == []
            plt.close(figure)


def test_tables_come_in_the_library_of_the_data() -> None:
    polars = pytest.importorskip("polars")
    cake = polars.from_pandas(mm.datasets.load("cake"))
    means = mm.lmm("angle ~ recipe + (1 | recipe:replicate)", cake).emmeans("recipe")
    for kind in HOMES:
        assert isinstance(means.plot.data(kind), polars.DataFrame)
        assert means.plot(kind) is not None


def test_pictures_are_drawn_on_the_axes_that_are_given(baked) -> None:
    means = baked.emmeans("recipe")
    for kind in HOMES:
        figure, ax = plt.subplots(figsize=(4.5, 3.6))
        assert means.plot(kind, ax=ax) is ax
        assert faults(figure) == []


def test_contrasts_have_no_name_along_their_axis() -> None:
    """Each row says what it is; a column of contrasts has no name worth drawing."""
    model = mm.lmm(
        "angle ~ recipe * temperature + (1 | recipe:replicate)", mm.datasets.load("cake")
    )
    figure = model.emmeans("recipe | temperature").pairs().plot()
    assert figure.get_supylabel() == ""
    assert model.emmeans("recipe").pairs().plot().get_ylabel() == ""
