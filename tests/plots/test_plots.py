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
    "acf": {},
    "variogram": {"position": "temp"},
    "collinearity": {},
    "variance_partition": {},
    "effects": {"x": "temp"},
}
"""Plots of one panel, with the arguments they need for the cake data."""

SEVERAL: dict[str, dict[str, Any]] = {
    "qq_ranef": {},
    "caterpillar": {},
    "lines": {},
    "partial_pooling": {},
}


def rendered(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer)
    return buffer.getvalue()


def test_all_are_tested() -> None:
    of_families = {"calibration", "rootogram"}
    assert {*SINGLE, *SEVERAL, *of_families, "check", "all_effects"} == set(HOMES)


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
    assert len(figure.axes) == {"lines": 18, "partial_pooling": 12}.get(name, 2)
    assert rendered(figure)


@pytest.mark.parametrize("name", [*SINGLE, *SEVERAL])
def test_data(cake: mm.LinearMixedModel, name: str) -> None:
    table = cake.plot.data(name, **SINGLE.get(name, {}))
    assert isinstance(table, pd.DataFrame)
    assert len(table) > 0


def test_repr_is_short(sleep: mm.LinearMixedModel) -> None:
    said = repr(sleep.plot)
    assert "Reaction ~ Days" in said
    assert "caterpillar" in said
    assert len(said) < 400


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


def test_effects_are_means_over_all_rows() -> None:
    """Of predictions at the data with one column set, whatever is in a term with it."""
    rng = np.random.default_rng(3)
    n = 901
    data = pd.DataFrame(
        {
            "f": rng.choice(["a", "b", "c"], n, p=[0.7, 0.2, 0.1]),
            "h": rng.choice(["u", "v"], n),
            "x": rng.normal(size=n),
            "z": rng.exponential(size=n),
            "g": np.arange(n) % 30,
        }
    )
    data["y"] = data["x"] * data["z"] ** 2 + (data["f"] == "b") * data["x"] + rng.normal(size=n)
    model = mm.lmm("y ~ x * f * h + x * np.square(z) + (1 | g)", data)
    shown = model.plot.data("effects", x="f", by=["h", "x"])
    for i in (0, 4, 17):
        row = shown.iloc[i]
        x = float(row["panel"].removeprefix("x = "))
        new = data.assign(f=row["x"], h=row["by"], x=x)
        expected = model.predict(new, re="none").mean()
        assert row["estimate"] == pytest.approx(expected, rel=1e-3)  # x is rounded in the label
    alone = model.plot.data("effects", x="f").set_index("x")["estimate"]
    for level in "abc":
        expected = model.predict(data.assign(f=level), re="none").mean()
        assert alone[level] == pytest.approx(expected, rel=1e-10)


def test_effects_in_panels(cake: mm.LinearMixedModel) -> None:
    figure = cake.plot.effects("temp", by=["recipe"])
    assert isinstance(figure, Axes)
    rng = np.random.default_rng(1)
    n = 400
    data = pd.DataFrame({"f": np.arange(n) % 8, "h": np.arange(n) // 8 % 3, "k": np.arange(n) % 15})
    data = data.assign(y=rng.normal(size=n), x=rng.normal(size=n), g=np.arange(n) // 20)
    data[["f", "h", "k"]] = data[["f", "h", "k"]].map(lambda value: f"level {value}")
    model = mm.lmm("y ~ x * f + h + k + (1 | g)", data)
    ax = model.plot.effects("x", by="f")
    assert isinstance(ax, Axes)
    assert len(ax.get_legend().get_texts()) == 8
    assert len(model.plot.effects("x", by=["f", "h"]).axes) == 3
    assert len(model.plot.effects("x", by="k").axes) == 15
    with pytest.raises(DataError, match="several panels"):
        model.plot.effects("x", by=["f", "h"], ax=ax)
    with pytest.raises(DataError, match="too many for one picture"):
        model.plot.effects("x", by=["f", "h", "k"])
    assert [ax.get_title(loc="left") for ax in model.plot.all_effects().axes] == [
        "h",
        "k",
        "x by f",
    ]


def test_effects_need_the_columns_of_the_fixed_part_alone() -> None:
    """lme4 1.1.31: predict(m, data.frame(half = "early"), re.form = NA) gives 259.431."""
    data = mm.datasets.load("sleepstudy")
    data["half"] = np.where(data["Days"] < 5, "early", "late")
    model = mm.lmm("Reaction ~ half + (Days | Subject)", data)
    table = model.plot.data("effects", x="half").set_index("x")
    assert table.loc["early", "estimate"] == pytest.approx(259.431, abs=0.01)
    assert isinstance(model.plot.effects("half"), Axes)
    with pytest.raises(DataError, match="fixed part"):
        model.plot.effects("Days")


def test_lines_join_within_the_innermost_group() -> None:
    rng = np.random.default_rng(2)
    data = pd.DataFrame({"school": np.arange(240) // 60, "class": np.arange(240) // 10})
    data["time"], data["size"] = np.arange(240) % 10, 3.0
    data["arm"] = np.where(data["class"] % 2, "drug", "placebo")
    data["y"] = rng.normal(size=24)[data["class"]] * 5 + rng.normal(size=240)
    model = mm.lmm("y ~ arm + time + (1 | school / class)", data)
    figure = model.plot.lines()
    assert len(figure.axes) == 4
    assert figure.get_supxlabel() == "time"
    for ax in figure.axes:
        lines = [line for line in ax.lines if line.get_linestyle() == "-" and line.get_lw() > 1]
        assert len(lines) == 6
        fitted = [line.get_ydata() for line in lines]
        np.testing.assert_allclose([np.ptp(np.diff(y)) for y in fitted], 0, atol=1e-9)


def test_lines_run_along_factors_and_never_along_a_constant() -> None:
    rng = np.random.default_rng(2)
    data = pd.DataFrame({"g": np.arange(60) // 6, "one": 1.0, "age": np.arange(60) // 6 * 1.0})
    data["arm"] = np.array(["a", "b", "c"])[np.arange(60) % 3]
    data["y"] = rng.normal(size=60)
    model = mm.lmm("y ~ age + arm + (1 | g)", data)
    figure = model.plot.lines()
    assert figure.get_supxlabel() == "arm"  # age does not vary within g
    assert model.plot.data("lines")["x"].unique().tolist() == ["a", "b", "c"]
    assert model.plot.lines("one").get_supxlabel() == "one"
    assert mm.lmm("y ~ age + (1 | g)", data).plot.lines().get_supxlabel() == "age"


def test_wild_estimates_of_small_levels_do_not_set_the_limits() -> None:
    rng = np.random.default_rng(4)
    g, x = np.repeat(np.arange(30), 6), rng.normal(size=180)
    x[g == 0] = 1e-6 * np.arange(6)  # a slope of thousands
    y = (1 + rng.normal(size=30)[g]) * x + rng.normal(size=30)[g] + rng.normal(size=180)
    model = mm.lmm("y ~ x + (x | g)", pd.DataFrame({"y": y, "x": x, "g": g}))
    ax = model.plot.shrinkage()
    assert max(np.abs([*ax.get_xlim(), *ax.get_ylim()])) < 100
    data = model.plot.data("shrinkage")
    pooled = data[data["term"] == "x"]["pooled"]
    assert ax.get_ylim()[0] < pooled.min() < pooled.max() < ax.get_ylim()[1]
    assert "1 level estimated beyond the frame" in " ".join(t.get_text() for t in ax.texts)


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
        (lambda plot: plot.lines("Sbject"), "not a column of the data"),
        (lambda plot: plot.lines(levels=0), "not a number of levels"),
        (lambda plot: plot.check(columns=0), "not a number of columns"),
        (lambda plot: plot.effects(["Days"]), "not a column that the fixed part uses"),
        (lambda plot: plot.effects("Days", by=[["Days"]]), "names no columns"),
        (lambda plot: plot.effects("Days", by=3), "names no columns"),
        (lambda plot: plot.effects("Days", by="Days"), "name a column twice"),
        (lambda plot: plot.effects("Days", ax="axes"), "ax is str, not Axes"),
        (lambda plot: plot.caterpillar(level="high"), "not a probability"),
        (lambda plot: plot.data(["qq"]), "no plot"),
        (lambda plot: plot.data("qq", colour="red"), "have no option 'colour'"),
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


def test_data_take_the_arguments_of_the_plot_in_its_order(sleepstudy) -> None:
    model = mm.lmm("Reaction ~ Days + (Days | Subject)", sleepstudy)
    named = model.plot.data("effects", x="Days", level=0.5)
    pd.testing.assert_frame_equal(model.plot.data("effects", "Days", level=0.5), named)
    with pytest.raises(DataError, match="have 0 options, and 1 are given"):
        model.plot.data("autocorrelation", "Subject")


def test_unregistered_plots_and_reports_leave_pyplot_alone(sleep: mm.LinearMixedModel, tmp_path):
    plt.close("all")
    mine = [plt.figure() for _ in range(plt.rcParams["figure.max_open_warning"])]
    with sleep.plot.unregistered():
        figures = [sleep.plot.qq().figure, sleep.plot.caterpillar(), sleep.plot.check()]
    sleep.report(tmp_path / "sleep.html")
    assert plt.get_fignums() == [figure.number for figure in mine]
    for figure in figures:
        figure.savefig(io.BytesIO())
    plt.close("all")
    sleep.plot.qq()
    assert len(plt.get_fignums()) == 1
    plt.close("all")


def test_quantiles_are_of_the_effects_that_are_reported() -> None:
    """Of a covariate far from zero the intercepts are those at zero, as in the tables."""
    rng = np.random.default_rng(4)
    g, year = np.repeat(np.arange(15), 12), np.tile(np.arange(2001.0, 2013.0), 15)
    y = rng.normal(size=15)[g] + rng.normal(size=15)[g] * (year - 2006) + rng.normal(size=180)
    model = mm.lmm("y ~ year + (year | g)", pd.DataFrame({"y": y, "year": year, "g": g}))
    modes = model.random_effects["g"]
    drawn = model.plot.data("qq_ranef")
    for term in ("Intercept", "year"):
        b = modes[term].sort_values()
        found = drawn[drawn["term"] == term]
        np.testing.assert_allclose(found["estimate"], (b - b.mean()) / b.std(ddof=0))
        assert found["level"].tolist() == [str(level) for level in b.index]
        assert found["estimate"].between(found["conf_low"], found["conf_high"]).mean() > 0.6
