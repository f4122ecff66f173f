"""Predictions, marginal means and averages of generalised models against glmmTMB, emmeans, ordinal.

The numbers are those of `r/generalised_predictions.R`, with versions, in
`generalised/predictions.json`.
"""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError

STORED = json.loads((Path(__file__).parent / "generalised" / "predictions.json").read_text())

FIT = 1e-4  # R stops where the gradient is about 1e-4 of a standard error
ERROR = 1e-3  # relative, of standard errors: those of R come from a differenced Hessian

COUNTS = {
    "zip": {"family": "poisson", "zero": "~ FoodTreatment"},
    "zinb2": {"family": "nb2", "zero": "~ FoodTreatment"},
    "hurdle": {"family": "poisson", "hurdle": "~ FoodTreatment"},
    "nb1": {"family": "nb1"},
}


@cache
def cbpp(link):
    data = mm.datasets.load("cbpp")
    return mm.glmm("incidence / size ~ period + (1 | herd)", data, "binomial", link=link)


@cache
def owls(kind):
    formula = "SiblingNegotiation ~ FoodTreatment * SexParent + (1 | Nest)"
    return mm.glmm(formula, mm.datasets.load("owls"), offset="logBroodSize", **COUNTS[kind])


@cache
def ticks():
    data = mm.datasets.load("grouseticks")
    return mm.glmm("TICKS ~ YEAR + cHEIGHT + (1 | BROOD) + (1 | LOCATION)", data, "nb2")


@cache
def wine():
    data = pd.DataFrame(STORED["wine"]["data"])
    data["rating"] = pd.Categorical(data["rating"], sorted(set(data["rating"])), ordered=True)
    return mm.glmm("rating ~ temp + contact + (1 | judge)", data, "ordinal")


def agree(table, stored, names=("fit", "se")):
    columns = (table["estimate"].to_numpy(), table["std_error"].to_numpy())
    for values, name in zip(columns, names, strict=True):
        tolerance = FIT if name == names[0] else ERROR
        expected = np.array(stored[name], dtype=float)
        assert values == pytest.approx(expected, rel=tolerance, abs=FIT * np.abs(expected).max())


LINKS = ["logit", "probit", "cloglog"]


@pytest.mark.parametrize("link", LINKS)
def test_predictions_of_the_rows(link):
    model, stored = cbpp(link), STORED[f"cbpp_{link}"]
    agree(model.predict(type="link", se=True), stored["link"])
    agree(model.predict(se=True), stored["response"])
    agree(model.predict(type="link", re="none", se=True), stored["link_none"])
    agree(model.predict(re="none", se=True), stored["response_none"])


@pytest.mark.parametrize("link", LINKS)
def test_a_new_level_has_the_variance_of_its_effect(link):
    data = mm.datasets.load("cbpp").astype({"herd": str})
    new = pd.concat([data.iloc[:6], data.iloc[:1].assign(herd="new")])
    agree(cbpp(link).predict(new, type="link", se=True), STORED[f"cbpp_{link}"]["new"])


def new_owls():
    data = mm.datasets.load("owls").astype({"Nest": str}).iloc[[0, 1, 99, 199, 299, 0]]
    data.iloc[5, data.columns.get_loc("Nest")] = "new"
    return data


@pytest.mark.parametrize("kind", list(COUNTS))
def test_predictions_of_counts(kind):
    model, stored, new = owls(kind), STORED[f"owls_{kind}"], new_owls()
    agree(model.predict(new, type="link", se=True), stored["link"])
    agree(model.predict(new, se=True), stored["response"])
    if kind == "nb1":
        return
    agree(model.predict(new, type="conditional", se=True), stored["conditional"])
    agree(model.predict(new, type="zero", se=True), stored["zero"])


def test_predictions_with_two_crossed_terms():
    agree(ticks().predict(type="link", se=True), STORED["ticks_nb2"]["link"])
    agree(ticks().predict(se=True), STORED["ticks_nb2"]["response"])


def test_predictions_with_a_random_slope():
    data = mm.datasets.load("sleepstudy")
    model = mm.glmm("Reaction ~ Days + (Days | Subject)", data, "gamma", link="log")
    new = data.astype({"Subject": str}).iloc[[0, 9, 14, 0]].copy()
    new["Subject"] = [*new["Subject"][:3], "new"]
    new["Days"] = [*new["Days"][:3], 3]
    agree(model.predict(new, type="link", se=True), STORED["sleep_gamma"]["link"])
    agree(model.predict(new, se=True), STORED["sleep_gamma"]["response"])


@pytest.mark.parametrize("link", LINKS)
def test_marginal_means(link):
    model, stored = cbpp(link), STORED[f"cbpp_{link}"]
    means = model.emmeans("period")
    agree(means.table(), stored["emmeans"], ("emmean", "SE"))
    agree(means.response().table(), stored["response_scale"], ("prob", "SE"))
    adjusted = means.response(bias_adjust=True, sigma=stored["sd"][0])
    agree(adjusted.table(), stored["adjusted"], ("prob", "SE"))
    agree(means.response(bias_adjust=True).table(), stored["adjusted"], ("prob", "SE"))
    agree(means.pairs().table(), stored["pairs"], ("estimate", "SE"))
    agree(means.regrid().pairs().table(), stored["regrid"], ("estimate", "SE"))


@pytest.mark.parametrize("link", LINKS)
def test_ratios_of_means(link):
    stored = STORED[f"cbpp_{link}"]["ratios"]
    pairs = cbpp(link).emmeans("period").pairs()
    table = pairs.response().table()
    if link == "cloglog":  # hazard ratios, of which emmeans shows the logarithm
        ratio = np.exp(stored["estimate"])
        stored = {"estimate": ratio, "SE": ratio * stored["SE"]}
    agree(table, stored, ("odds.ratio" if link == "logit" else "estimate", "SE"))
    mark = " - " if link == "probit" else " / "
    assert all(mark in text for text in table["contrast"])


@pytest.mark.parametrize("kind", list(COUNTS))
def test_marginal_means_of_counts(kind):
    model, stored = owls(kind), STORED[f"owls_{kind}"]
    means = model.emmeans(["FoodTreatment", "SexParent"])
    agree(means.table(), stored["emmeans"], ("emmean", "SE"))
    agree(means.pairs().response().table(), stored["ratios"], ("ratio", "SE"))
    tests = model.joint_tests().set_index("term")
    for term, f in zip(stored["joint"]["model term"], stored["joint"]["F.ratio"], strict=True):
        assert tests.loc[term, "statistic"] == pytest.approx(f, rel=ERROR, abs=1e-3)
    assert np.isinf(tests["den_df"]).all()


def test_trends():
    stored = STORED["ticks_nb2"]["trends"]
    found = ticks().emtrends("YEAR", var="cHEIGHT").table()
    agree(found, stored, ("cHEIGHT.trend", "SE"))


@pytest.mark.parametrize("link", LINKS)
def test_averages_of_predictions(link):
    model, stored = cbpp(link), STORED[f"cbpp_{link}"]
    agree(model.predictions("period", re="all").table(), stored["average"])
    agree(model.predictions("period").table(), stored["average_none"])
    at = model.predictions(at={"period": ["1", "2"]}, re="all")
    agree(at.table(), stored["average_set"])
    covariance = np.reshape(stored["average_set"]["cov"], (2, 2))
    error = np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    low, high = stored["average_set"]["fit"]
    expected = {"fit": [high - low], "se": [error]}
    for found in (
        at.contrast("revpairwise"),
        model.comparisons("period", values=["1", "2"], re="all"),
    ):
        agree(found.table(), expected)


@pytest.mark.parametrize("kind", list(COUNTS))
def test_averages_of_counts(kind):
    data = mm.datasets.load("owls").iloc[:200]
    found = owls(kind).predictions("FoodTreatment", newdata=data, re="all")
    agree(found.table(), STORED[f"owls_{kind}"]["average"])


def test_average_slopes():
    stored = STORED["ticks_nb2"]
    found = ticks().slopes("cHEIGHT", re="all").table()
    agree(found, {"fit": stored["slope"], "se": stored["slope_se"]})


def test_means_of_an_ordered_response():
    model, stored = wine(), STORED["wine"]
    agree(model.emmeans("temp").table(), stored["latent"], ("emmean", "SE"))
    pairs = model.emmeans("temp").pairs()
    agree(pairs.table(), stored["pairs"], ("estimate", "SE"))
    [ratio] = pairs.response().table()["estimate"]
    assert ratio == pytest.approx(np.exp(stored["pairs"]["estimate"][0]), rel=FIT)
    with pytest.raises(DataError, match="no mean on the scale"):
        model.emmeans("temp").response()


def test_probabilities_of_categories():
    model, stored = wine(), STORED["wine"]["prob"]
    grid = pd.DataFrame(
        {"temp": ["cold", "cold", "warm", "warm"], "contact": ["no", "yes", "no", "yes"]}
    )
    found = model.predictions("temp", newdata=grid).table()
    found = found.sort_values(["temp", "category"]).reset_index()
    agree(found, stored, ("prob", "SE"))
    expected = model.predictions("temp", newdata=grid, type="expected").table()
    agree(expected, STORED["wine"]["mean_class"], ("mean.class", "SE"))
    probabilities = model.predict(grid, re="none")
    assert probabilities.columns.tolist() == ["1", "2", "3", "4", "5"]
    assert probabilities.sum(axis=1).to_numpy() == pytest.approx(1.0)
