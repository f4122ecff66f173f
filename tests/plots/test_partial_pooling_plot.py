"""Partial pooling: the regressions are those of dummy variables, the model is that of predict."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError, DroppedColumnsWarning
from tests.plots.legible import faults


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(3)
    size = [1, 2, 3, 5, 8, 13, 21, 60]
    g = np.repeat(np.arange(8), size)
    n = len(g)
    table = pd.DataFrame({"g": [f"school {i}" for i in g], "x": random.normal(size=n)})
    table["z"], table["w"] = random.normal(size=n), random.uniform(0.5, 2, n)
    table["treated"] = g % 2
    table["h"] = random.integers(4, size=n)
    table["y"] = (
        random.normal(size=8)[g] + table["x"] * (1 + random.normal(size=8)[g]) + table["treated"]
    )
    table["y"] += random.normal(size=n) + random.normal(size=4)[table["h"]]
    return table


def dummies(table, columns):
    return np.column_stack([columns, pd.get_dummies(table["g"]).to_numpy(float)])


def test_lines_are_those_of_regressions(data):
    data = data.iloc[3:]  # levels with three rows and more
    model = mm.lmm("y ~ x + (x | g)", data)
    table = model.plot.data("partial_pooling").set_index(["pooling", "level"])
    for level, rows in data.groupby("g"):
        none = table.loc[("none", level)]
        line = np.polyval(np.polyfit(rows["x"], rows["y"], 1), none["x"])
        np.testing.assert_allclose(none["estimate"], line, rtol=1e-9, atol=1e-9)
        own = table.loc[("multilevel", level)]
        new = pd.DataFrame({"x": own["x"].to_numpy(), "g": level})
        np.testing.assert_allclose(own["estimate"], model.predict(new), rtol=1e-9)
        both = table.loc[("complete", level)]
        line = np.polyval(np.polyfit(data["x"], data["y"], 1), both["x"])
        np.testing.assert_allclose(both["estimate"], line, rtol=1e-9)


def test_common_slopes_without_random_ones(data):
    """Classical no pooling gives levels intercepts of their own, and weights count."""
    model = mm.lmm("y ~ x + z + (1 | g)", data, weights="w")
    table = model.plot.data("partial_pooling", x="z").query("pooling == 'none'")
    root = np.sqrt(data["w"].to_numpy())[:, None]
    X = dummies(data, data[["x", "z"]])
    beta = np.linalg.lstsq(X * root, data["y"] * root[:, 0], rcond=None)[0]
    lines = table.groupby("level")["estimate"].agg(np.ptp) / np.ptp(table["x"])
    np.testing.assert_allclose(lines, abs(beta[1]), rtol=1e-8)
    first = table.query("level == 'school 7'").iloc[0]
    x = data.query("g == 'school 7'")["x"].mean()
    assert first["estimate"] == pytest.approx(beta @ [x, first["x"], *np.eye(8)[7]])


def test_means_of_levels_with_what_varies_between_them(data):
    """A treatment of whole levels cannot be told from them: they keep their own."""
    model = mm.lmm("y ~ treated + (1 | g) + (1 | h)", data)
    table = model.plot.data("partial_pooling").set_index(["pooling", "level"])
    left = data["y"] - model.random_effects["h"].iloc[:, 0].loc[data["h"]].to_numpy()
    own = left.groupby(data["g"]).mean()
    np.testing.assert_allclose(table.loc["none", "estimate"], own, rtol=1e-9)
    resid = left - own.loc[data["g"]].to_numpy()
    sigma = np.sqrt(resid @ resid / (len(data) - 8))
    np.testing.assert_allclose(
        table.loc["none", "std_error"],
        sigma / np.sqrt(data["g"].value_counts(sort=False)[own.index]),
    )
    new = data.drop_duplicates("g")
    found = model.predict(new, re=["g"], se=True)
    multilevel = table.loc["multilevel"].loc[new["g"]]
    np.testing.assert_allclose(multilevel["estimate"], found["estimate"], rtol=1e-9)
    np.testing.assert_allclose(multilevel["std_error"], found["std_error"], rtol=1e-6)
    assert table.loc["complete", "estimate"].nunique() >= 2


def test_what_the_rows_of_a_level_do_not_tell_is_null(data):
    model = mm.lmm("y ~ x + (x | g)", data)
    table = model.plot.data("partial_pooling").set_index(["pooling", "level"])
    assert table.loc[("none", "school 0"), "estimate"].isna().sum() >= 14  # one row, no slope
    assert table.loc[("none", "school 1"), "estimate"].notna().all()
    assert table.loc[("multilevel", "school 0"), "estimate"].notna().all()


def test_rank_deficient_and_offset(data):
    with pytest.warns(DroppedColumnsWarning):
        model = mm.lmm("y ~ x + I(2 * x) + (x | g)", data, offset=data["z"])
    plain = mm.lmm("y ~ x + (x | g)", data.assign(y=data["y"] - data["z"]))
    one, other = (m.plot.data("partial_pooling") for m in (model, plain))
    shift = data["z"].groupby(data["g"]).mean().loc[one["level"]].to_numpy()
    np.testing.assert_allclose(one["estimate"], other["estimate"] + shift, rtol=1e-6)


def test_pictures_are_legible(data):
    for formula in ("y ~ 1 + (1 | g)", "y ~ treated + (1 | g)", "y ~ x + (x | g)"):
        figure = mm.lmm(formula, data).plot.partial_pooling()
        assert faults(figure) == []
        assert len(figure.axes) == (8 if "x" in formula else 2)
        plt.close(figure)


def test_refusals(data):
    model = mm.lmm("y ~ x + treated + (1 | g)", data)
    with pytest.raises(DataError, match="varies within the levels"):
        model.plot.partial_pooling(x="treated")
    with pytest.raises(DataError, match="not a grouping factor"):
        model.plot.partial_pooling("h")
    generalised = mm.glmm("treated ~ x + (1 | h)", data)
    with pytest.raises(DataError, match="drawn of linear models"):
        generalised.plot.partial_pooling()
