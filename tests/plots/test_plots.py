"""Pictures: what they return, say and show; their data are tables. No pixel is compared."""

import io
import subprocess
import sys
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import mixedmodels as mm
from mixedmodels.errors import DataError
from mixedmodels.plots import style
from mixedmodels.plots.accessor import HOMES

SINGLE = {
    "residuals": {},
    "scale_location": {},
    "qq": {},
    "scaled": {},
    "shrinkage": {},
    "leverage": {},
    "influence": {},
    "dfbetas": {},
    "group_spread": {},
    "autocorrelation": {},
    "collinearity": {},
    "effects": {"x": "temp"},
}
"""Plots of one panel, with the arguments they need for the cake data."""

SEVERAL: dict[str, dict[str, Any]] = {"qq_ranef": {}, "caterpillar": {}, "lines": {}}


def rendered(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer)
    return buffer.getvalue()


def test_all_are_tested() -> None:
    assert {*SINGLE, *SEVERAL, "check"} == set(HOMES)


@pytest.mark.parametrize("name", SINGLE)
def test_one_panel(cake: mm.LinearMixedModel, name: str) -> None:
    ax = getattr(cake.plot, name)(**SINGLE[name])
    assert isinstance(ax, Axes)
    assert ax.get_title(loc="left")
    assert ax.get_xlabel()
    assert rendered(ax.figure)


@pytest.mark.parametrize("name", SINGLE)
def test_on_given_axes(cake: mm.LinearMixedModel, name: str) -> None:
    _, ax = plt.subplots()
    assert getattr(cake.plot, name)(**SINGLE[name], ax=ax) is ax
    assert len(plt.get_fignums()) == 1


@pytest.mark.parametrize("name", SEVERAL)
def test_several_panels(sleep: mm.LinearMixedModel, name: str) -> None:
    figure = getattr(sleep.plot, name)()
    assert isinstance(figure, Figure)
    assert len(figure.axes) == {"lines": 18}.get(name, 2)
    assert rendered(figure)


@pytest.mark.parametrize("name", [*SINGLE, *SEVERAL])
def test_data(cake: mm.LinearMixedModel, name: str) -> None:
    table = cake.plot.data(name, **SINGLE.get(name, {}))
    assert isinstance(table, pd.DataFrame)
    assert len(table) > 0


def test_data_go_back_to_the_users_library() -> None:
    model = mm.lmm(
        "Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy", backend="polars")
    )
    for name in ("qq", "caterpillar", "shrinkage", "group_spread", "lines", "effects"):
        table = model.plot.data(name, **({"x": "Days"} if name == "effects" else {}))
        assert type(table).__module__.startswith("polars")


def test_unknown_plot(cake: mm.LinearMixedModel) -> None:
    with pytest.raises(DataError, match="no plot 'histogram'"):
        cake.plot.data("histogram")


@pytest.mark.parametrize("name", ["sleep", "cake", "penicillin"])
def test_check_panel(name: str, request: pytest.FixtureRequest) -> None:
    model = request.getfixturevalue(name)
    figure = model.plot.check()
    assert len(figure.axes) == 9
    words = " ".join(text.get_text() for ax in figure.axes for text in ax.texts)
    assert "✓ good" in words
    assert figure.get_suptitle() == model.formula
    assert rendered(figure)


def test_check_panel_without_random_effects() -> None:
    model = mm.lmm("Reaction ~ Days", mm.datasets.load("sleepstudy"))
    assert len(model.plot.check().axes) == 5


def test_verdicts_of_the_panel_are_those_of_the_table(sleep: mm.LinearMixedModel) -> None:
    by_title = {ax.get_title(loc="left"): ax for ax in sleep.plot.check().axes}
    words = [t.get_text() for t in by_title["Residuals against normal quantiles"].texts]
    assert "! problem" in words
    [row] = [row for row in sleep.check().rows if row.check == "Tails of the residuals"]
    assert row.grade == "problem"


def test_axes_carry_the_names_of_the_columns(sleep: mm.LinearMixedModel) -> None:
    assert sleep.plot.residuals().get_xlabel() == "Fitted Reaction"
    assert sleep.plot.residuals("Days").get_xlabel() == "Days"
    assert sleep.plot.effects("Days").get_ylabel() == "Mean Reaction"
    left, right = sleep.plot.caterpillar().axes
    assert left.get_xlabel() == "Effect on Reaction"
    assert right.get_xlabel() == "Effect on Reaction per unit of Days"


def test_residuals_by_a_category_are_boxes(sleep: mm.LinearMixedModel) -> None:
    ax = sleep.plot.residuals("Subject")
    assert [label.get_text() for label in ax.get_xticklabels()][:2] == ["308", "309"]


def test_qq_data(sleep: mm.LinearMixedModel) -> None:
    data = sleep.plot.data("qq")
    expected = np.sort(sleep.residuals("studentized"))
    np.testing.assert_allclose(data["residual"], expected)
    assert data["row"].iloc[-1] == sleep.residuals("studentized").idxmax()
    assert (data["conf_low"] < data["conf_high"]).all()
    assert data["theoretical"].is_monotonic_increasing


@pytest.mark.parametrize("name", ["qq", "qq_ranef"])
def test_simulated_limits_cover_true_models(name: str) -> None:
    estimate = "residual" if name == "qq" else "estimate"

    def covered(seed: int) -> float:
        rng = np.random.default_rng(seed)
        g = np.repeat(np.arange(40), 8)
        y = rng.normal(size=40)[g] + rng.normal(size=320)
        table = mm.lmm("y ~ 1 + (1 | g)", pd.DataFrame({"y": y, "g": g})).plot.data(name)
        return table[estimate].between(table["conf_low"], table["conf_high"]).mean()

    assert np.mean([covered(seed) for seed in range(12)]) > 0.88


def test_caterpillar_data_are_those_of_the_table(sleep: mm.LinearMixedModel) -> None:
    ours = sleep.plot.data("caterpillar").set_index(["term", "level"]).sort_index()
    table = sleep.ranef_table().set_index(["term", "level"]).sort_index()
    for name in ("estimate", "conf_low", "conf_high"):
        np.testing.assert_allclose(ours[name], table[name])


def test_shrinkage_data_are_least_squares_of_each_level(sleep: mm.LinearMixedModel) -> None:
    data = sleep.plot.data("shrinkage")
    frame = mm.datasets.load("sleepstudy")
    one = frame[frame["Subject"] == "335"]
    slope, intercept = np.polyfit(one["Days"], one["Reaction"], 1)
    own = data[data["level"] == "335"].set_index("term")["own"] + sleep.params
    assert own["Days"] == pytest.approx(slope)
    assert own["Intercept"] == pytest.approx(intercept)
    assert data["pooled"].std() < data["own"].std()


def test_shrinkage_of_one_column(penicillin: mm.LinearMixedModel) -> None:
    assert "Intercept by sample" in penicillin.plot.shrinkage("sample").get_title(loc="left")


def test_effects_are_predictions_of_the_population(sleep: mm.LinearMixedModel) -> None:
    data = sleep.plot.data("effects", x="Days")
    expected = sleep.predict(pd.DataFrame({"Days": data["x"]}), re="none")
    np.testing.assert_allclose(data["estimate"], expected)
    assert np.isfinite(data["df"]).all()


def test_effects_by_a_factor(cake: mm.LinearMixedModel) -> None:
    data = cake.plot.data("effects", x="temp", by="recipe")
    assert data["by"].unique().tolist() == ["A", "B", "C"]
    new = pd.DataFrame({"temp": data["x"].astype(int), "recipe": data["by"]})
    np.testing.assert_allclose(data["estimate"], cake.predict(new, re="none"))
    ax = cake.plot.effects("recipe", by="temp")
    assert [label.get_text() for label in ax.get_xticklabels()] == ["A", "B", "C"]
    assert ax.get_legend().get_title().get_text() == "temp"


def test_effects_keep_the_offset() -> None:
    data = mm.datasets.load("sleepstudy").assign(shift=100.0)
    model = mm.lmm("Reaction ~ Days + (1 | Subject)", data, offset="shift")
    table = model.plot.data("effects", x="Days")
    assert table["estimate"].iloc[0] == pytest.approx(model.params["Intercept"] + 100)


def test_influence_data_name_the_coefficient(sleep: mm.LinearMixedModel) -> None:
    data = sleep.plot.data("influence", by="Subject").set_index("label")
    table = sleep.influence("Subject").dfbetas
    assert data.loc["335", "term"] == "Days"
    assert data.loc["335", "dfbetas"] == pytest.approx(table.loc["335", "Days"])


def test_group_spread_is_one_on_average(sleep: mm.LinearMixedModel) -> None:
    data = sleep.plot.data("group_spread")
    assert (data["conf_low"] < data["sd"]).all()
    assert (data["conf_high"] > data["sd"]).all()
    # the weighted mean of the squares is what REML makes one
    assert np.mean(data["sd"] ** 2) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda plot: plot.residuals("Dayz"), "not a column"),
        (lambda plot: plot.effects("Subject"), "not a column that the fixed part uses"),
        (lambda plot: plot.caterpillar("Sbject"), "not a grouping factor"),
        (lambda plot: plot.lines("Subject"), "not a numeric column"),
        (lambda plot: plot.collinearity(), "fewer than two terms"),
        (lambda plot: plot.influence("x"), "not a grouping factor"),
    ],
)
def test_mistakes(sleep: mm.LinearMixedModel, draw: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        draw(sleep.plot)


def test_without_random_effects() -> None:
    plot = mm.lmm("Reaction ~ Days", mm.datasets.load("sleepstudy")).plot
    for draw in (plot.caterpillar, plot.shrinkage, plot.group_spread, plot.lines):
        with pytest.raises(DataError, match="no random effects"):
            draw()
    with pytest.raises(DataError, match="too few rows"):
        plot.autocorrelation()


def test_no_effects_to_draw(penicillin: mm.LinearMixedModel) -> None:
    with pytest.raises(DataError, match="no columns beside the intercept"):
        penicillin.plot.effects("plate")


def test_a_sample_of_the_points_has_the_extremes() -> None:
    assert len(style.some(1000, extreme=np.arange(1000.0), most=200)) == 200
    assert 999 in style.some(1000, extreme=np.arange(1000.0), most=200)


@pytest.mark.large
def test_a_large_fit() -> None:
    rng = np.random.default_rng(0)
    n = 30_000
    g, x = rng.integers(0, 3000, n), rng.normal(size=n)
    y = x + rng.normal(size=3000)[g] + rng.normal(size=n)
    model = mm.lmm("y ~ x + (1 | g)", pd.DataFrame({"y": y, "x": x, "g": g}))
    notes = [text.get_text() for text in model.plot.residuals().texts]
    assert "20,000 of 30,000 rows shown" in notes
    assert rendered(model.plot.check())


def test_nothing_draws_before_it_is_asked() -> None:
    code = (
        "import sys, mixedmodels as mm\n"
        "m = mm.lmm('Yield ~ 1 + (1 | Batch)', mm.datasets.load('dyestuff'))\n"
        "m.check(); m.influence('Batch'); m.plot\n"
        "assert 'matplotlib' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
