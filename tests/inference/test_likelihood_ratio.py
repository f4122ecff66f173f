"""Comparisons of models: R's tables, nestedness, mixtures at the boundary, refusals."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import stats

import mixedmodels as mm
from mixedmodels.engine.settings import Control
from mixedmodels.errors import ConvergenceWarning, DataError
from mixedmodels.inference.maximum import maximum_of
from mixedmodels.inference.mixture import Mixture, mixture
from mixedmodels.inference.nested import lost_directions
from tests.inference.references import fitted, fitted_formula, python_text
from tests.reference.load import models, reference

LOGLIK = 1e-6  # what the references promise

LRT = [(name, row) for name in models() for row in range(len(reference(name).raw.get("lrt", [])))]


@pytest.mark.parametrize(("name", "row"), LRT)
def test_tables_are_those_of_r(name, row):
    stored = reference(name).raw["lrt"][row]
    small = fitted_formula(name, python_text(stored["against"]), "ML")
    table = mm.compare(fitted(name, "ML"), small)
    for ours, theirs in (
        ("aic", "AIC"), ("bic", "BIC"), ("llf", "logLik"), ("deviance", "deviance"),
    ):  # fmt: skip
        np.testing.assert_allclose(table[ours], stored[theirs], atol=2 * LOGLIK, rtol=0)
    assert table["npar"].tolist() == stored["npar"]
    assert table["model"].tolist() == [small.formula, fitted(name, "ML").formula]
    assert table["statistic"][1] == pytest.approx(stored["Chisq"][1], abs=2 * LOGLIK)
    assert table["df"][1] == stored["Df"][1]
    assert table["p_value"][1] == pytest.approx(stored["Pr(>Chisq)"][1], rel=1e-5)
    assert table.loc[0, ["statistic", "df", "p_value"]].isna().all()
    assert "refitted" not in " ".join(table["note"])


@pytest.fixture(scope="module")
def data():
    """Four rows in every cell of three factors f, h (two levels each) and g, with covariates."""
    random = np.random.default_rng(5)
    g, f, h, copy = (v.ravel() for v in np.indices((12, 3, 2, 4)))
    frame = pd.DataFrame({"g": g, "f": [f"f{i}" for i in f], "h": h, "copy": copy})
    frame["x"] = random.normal(size=len(g)) + 2000
    frame["z"] = random.normal(size=len(g))
    frame["same_as_g"] = [f"level {11 - i}" for i in g]
    frame["cell"] = 3 * g + f
    effects = random.normal(size=(12, 3))[g, f] + random.normal(size=12)[g]
    frame["y"] = effects + (frame.x - 2000) + random.normal(size=len(g))
    return frame


CASES = {
    # smaller random part, larger one: variances that become zero, in any order
    ("0", "(1 | g)"): (1,),
    ("(1 | g)", "(1 | g)"): (0,),
    ("(1 | g)", "(x | g)"): (1,),
    ("(1 | g)", "(x || g)"): (0, 1),
    ("(x || g)", "(x | g)"): (0,),
    ("(1 | g) + (0 + x | g)", "(x | g)"): (0,),
    ("(1 | g)", "(x + z | g)"): (2,),
    ("(x | g)", "(x + z | g)"): (1,),
    ("(x || g)", "(x + z | g)"): (1,),
    ("(x | g)", "(I(x - 2000) | g)"): (0,),
    ("(x || g)", "(I(x - 2000) || g)"): None,
    ("(x | g)", "(x || g)"): None,
    ("(0 + x | g)", "(1 | g)"): None,
    ("(z | g)", "(x | g)"): None,
    ("(1 | g)", "(1 | same_as_g)"): (0,),
    ("(1 | g:f)", "(1 | cell)"): (0,),
    ("(1 | g)", "(1 | g:f)"): None,
    ("(1 | g:f)", "(1 | g)"): None,
    ("(1 | g)", "(1 | g/f)"): (0, 1),
    ("(1 | g)", "(0 + f | g)"): (2,),
    ("(1 | g) + (1 | g:f)", "(0 + f | g)"): (0,),
    ("(1 | g) + (1 | g:f)", "(f | g)"): (0,),
    ("(1 | g:f)", "(0 + f || g)"): (0, 0, 0),
    ("(1 | g)", "(0 + f || g)"): None,
    ("(1 | cell)", "(f | same_as_g)"): (0,),
    ("(1 | g)", "(1 | g) + (1 | h)"): (0, 1),
    ("(1 | h)", "(x | g)"): None,
    ("(1 | h) + (1 | g)", "(x | g)"): None,
}  # fmt: skip


@pytest.mark.parametrize(("small", "large"), CASES)
def test_nestedness_of_random_parts(data, small, large):
    first, second = (
        mm.lmm(f"y ~ {part}" if part != "0" else "y ~ 1", data).fit for part in (small, large)
    )
    found = lost_directions(first.matrices, second.matrices)
    expected = CASES[small, large]
    assert (found if found is None else tuple(sorted(found))) == expected


@pytest.mark.parametrize(
    ("small", "large", "nested"),
    [
        ("x", "x + z", True),
        ("x", "poly(x, 2)", True),
        ("I(x - 2000)", "x", None),  # the same space: nothing to test
        ("z", "x", False),
        ("f", "f * z", True),
        ("0 + f", "f", None),
        ("1", "0 + f", True),
        ("z", "0 + z + f", True),
    ],
)
def test_nestedness_of_fixed_parts(data, small, large, nested):
    pair = [mm.lmm(f"y ~ {part} + (1 | g)", data, reml=False) for part in (small, large)]
    table = mm.compare(*pair)
    note = table["note"][1]
    if nested is True:
        assert note == "" and table["df"][1] >= 1 and table["p_value"][1] >= 0
    else:
        words = "the same model in other words" if nested is None else "not nested (fixed effects)"
        assert words in note
        assert table.loc[1, ["statistic", "df", "p_value", "p_value_boundary"]].isna().all()
    assert table["aic"].notna().all()


def test_reml_fits_with_the_same_fixed_effects_are_compared_by_reml(data):
    small = mm.lmm("y ~ f + z + (1 | g)", data)
    large = mm.lmm("y ~ z + f + (z | g)", data)
    table = mm.compare(large, small)
    assert table["llf"].tolist() == [small.llf, large.llf]
    assert table["statistic"][1] == pytest.approx(2 * (large.llf - small.llf))
    assert all("compared by REML" in note for note in table["note"])


@pytest.mark.parametrize(
    ("second", "arguments", "reason"),
    [
        ("y ~ f + z + (1 | g)", {}, "different fixed effects"),
        ("y ~ f + (z | g)", {"contrasts": {"f": "sum"}}, "different codings"),
        ("y ~ f + (z | g)", {"reml": False}, "ML fits"),
    ],
)
def test_other_reml_fits_are_refitted_and_the_table_says_so(data, second, arguments, reason):
    models = [mm.lmm("y ~ f + (1 | g)", data), mm.lmm(second, data, **arguments)]
    table = mm.compare(*models)
    expected = [model.update(reml=False).llf for model in models]
    np.testing.assert_allclose(table["llf"], expected, atol=LOGLIK)
    for model, note in zip(models, table["note"], strict=True):
        assert ("refitted by ML" in note and reason in note) == model.reml


def test_weights_are_relative_likelihoods(data):
    formulas = ["y ~ 1 + (1 | g)", "y ~ z + (1 | g)", "y ~ z + f + (1 | g)"]
    table = mm.compare(*(mm.lmm(f, data, reml=False) for f in formulas), names=["a", "b", "c"])
    ratios = np.exp((table["aic"].min() - table["aic"]) / 2)
    np.testing.assert_allclose(table["weight"], ratios / ratios.sum())
    assert table["model"].tolist() == ["a", "b", "c"]
    assert table["npar"].is_monotonic_increasing


def test_one_variance_is_half_a_chi_square(data):
    small, large = mm.lmm("y ~ x + (1 | g)", data), mm.lmm("y ~ x + (1 | g) + (1 | h)", data)
    row = mm.compare(small, large).iloc[1]
    chi = stats.chi2.sf(row["statistic"], 1)
    assert row["p_value"] == pytest.approx(chi)
    assert row["p_value_boundary"] == pytest.approx(chi / 2 if row["statistic"] > 0 else 1)


def test_a_slope_and_its_covariance_are_stram_and_lee(data):
    small, large = mm.lmm("y ~ x + (1 | g)", data), mm.lmm("y ~ x + (z | g)", data)
    row = mm.compare(small, large).iloc[1]
    halves = stats.chi2.sf(row["statistic"], [1, 2]).mean()
    assert row["p_value_boundary"] == pytest.approx(halves)


def test_fixed_effects_beside_a_variance_add_to_both_components(data):
    small = mm.lmm("y ~ 1 + (1 | g)", data, reml=False)
    large = mm.lmm("y ~ z + f + (z | g)", data, reml=False)
    row = mm.compare(small, large).iloc[1]
    assert row["df"] == 5
    halves = stats.chi2.sf(row["statistic"], [4, 5]).mean()
    assert row["p_value_boundary"] == pytest.approx(halves)


def test_correlations_alone_are_not_on_a_boundary(data):
    small, large = mm.lmm("y ~ x + (z || g)", data), mm.lmm("y ~ x + (z | g)", data)
    row = mm.compare(small, large).iloc[1]
    assert row["df"] == 1
    assert np.isnan(row["p_value_boundary"])


DRAWS = 40_000
MONTE_CARLO = 4 * 0.5 / DRAWS**0.5  # four standard errors of a proportion


def projected(kind, draws):
    """Squared lengths of projections of normal vectors on a cone: the limit of a test."""
    random = np.random.default_rng(1)
    if kind == "half-space":
        e = random.normal(size=(draws, 3))
        return e[:, 0].clip(0) ** 2 + (e[:, 1:] ** 2).sum(axis=1)
    if kind == "orthant":
        e = random.normal(size=(draws, 3))
        return (e.clip(0) ** 2).sum(axis=1)
    e = random.normal(size=(draws, 2, 2))
    values = np.linalg.eigvalsh((e + e.transpose(0, 2, 1)) / 2**0.5 / 2**0.5 * 2**0.5 / 2**0.5)
    return (values.clip(0) ** 2).sum(axis=1) + (random.normal(size=(draws, 2)) ** 2).sum(axis=1)


@pytest.mark.parametrize(
    ("kind", "df", "lost", "exact"),
    [("half-space", 3, (1,), True), ("orthant", 3, (1, 1, 1), True), ("psd", 5, (2,), False)],
)
def test_mixtures_are_projections_on_cones(kind, df, lost, exact):
    draws = projected(kind, DRAWS)
    weights = mixture(df, lost)
    assert isinstance(weights, Mixture)
    assert sum(weights.weights) == 1
    for at in (0.5, 2.0, 5.0, 9.0):
        share, tail = (draws >= at).mean(), weights.tail(at)
        assert tail >= share - MONTE_CARLO
        assert tail < stats.chi2.sf(at, df)
        if exact:
            assert tail <= share + MONTE_CARLO


SIMULATIONS = 1500
RATE = 4 * (0.05 * 0.95 / SIMULATIONS) ** 0.5  # four standard errors


@pytest.mark.parametrize(
    ("null", "alternative", "asymptotic"),
    [("y ~ x", "y ~ x + (1 | g)", 0.005), ("y ~ x + (1 | g)", "y ~ x + (x | g)", 0.01)],
)
def test_the_mixture_keeps_its_level_where_the_chi_square_does_not(null, alternative, asymptotic):
    random = np.random.default_rng(20)
    g = np.repeat(np.arange(60), 6)
    frame = pd.DataFrame({"g": g, "x": random.normal(size=len(g))})
    frame["y"] = random.normal(size=len(g))
    small, large = mm.lmm(null, frame).fit, mm.lmm(alternative, frame).fit
    weights = mixture(len(large.theta) - len(small.theta), (1,))
    mixed, naive = [], []
    for _ in range(SIMULATIONS):
        y = random.normal(size=len(g))
        if "g" in null:
            y += random.normal(size=60)[g]
        objectives = [
            fit.problem.with_response(y).minimise(reml=True, control=Control()).deviance
            for fit in (small, large)
        ]
        statistic = max(objectives[0] - objectives[1], 0.0)
        mixed.append(weights.tail(statistic))
        naive.append(stats.chi2.sf(statistic, weights.df[-1]))
    assert np.mean(np.array(mixed) < 0.05) == pytest.approx(0.05, abs=RATE + asymptotic)
    assert np.mean(np.array(naive) < 0.05) < np.mean(np.array(mixed) < 0.05)


def test_a_search_that_failed_is_in_the_note(data):
    model = mm.lmm("y ~ x + (1 | g)", data, reml=False)
    with pytest.warns(ConvergenceWarning):
        early = mm.lmm("y ~ x + (z | g)", data, reml=False, control=Control(max_evaluations=2))
    table = mm.compare(model, early)
    assert "did not converge" in table["note"][1]


def test_singular_fits_are_in_the_note():
    model = fitted("dyestuff2", "ML")
    table = mm.compare(model, fitted_formula("dyestuff2", "Yield ~ 1", "ML"))
    assert "singular fit: (1 | Batch)" in table["note"][1]
    assert table["statistic"][1] == 0
    assert table["p_value_boundary"][1] == 1


def test_a_fit_that_is_searched_again_is_the_fit_by_the_other_criterion(data):
    fit = mm.lmm("y ~ x + (z | g)", data).fit
    again = mm.lmm("y ~ x + (z | g)", data, reml=False)
    assert maximum_of(fit, reml=False).objective == pytest.approx(again.objective, abs=LOGLIK)


def test_after_a_refit_the_new_response_is_compared(data):
    y = data["y"] + data["z"]
    models = [mm.lmm(f"y ~ {part} + (1 | g)", data).refit(y) for part in ("x", "x + z")]
    fresh = [mm.lmm(f"w ~ {part} + (1 | g)", data.assign(w=y)) for part in ("x", "x + z")]
    np.testing.assert_allclose(mm.compare(*models)["llf"], mm.compare(*fresh)["llf"], atol=LOGLIK)


def test_tables_come_in_the_library_of_the_data(data):
    frame = pl.from_pandas(data)
    table = mm.compare(*(mm.lmm(f"y ~ {part} + (1 | g)", frame) for part in ("1", "x")))
    assert isinstance(table, pl.DataFrame)
    assert table["statistic"].to_list()[0] is None


def test_weights_of_one_are_no_weights(data):
    ones = mm.lmm("y ~ x + (1 | g)", data, weights=np.ones(len(data)))
    assert "same model" in mm.compare(ones, mm.lmm("y ~ x + (1 | g)", data))["note"][1]


def test_an_offset_that_the_larger_model_estimates_is_nested(data):
    fixed = mm.lmm("y ~ 1 + (1 | g)", data, reml=False, offset="z")
    free = mm.lmm("y ~ z + (1 | g)", data, reml=False)
    assert mm.compare(fixed, free)["df"][1] == 1
    other = mm.lmm("y ~ x + (1 | g)", data, reml=False)
    assert "not nested" in mm.compare(fixed, other)["note"][1]


def refusals(data):
    model = mm.lmm("y ~ x + (1 | g)", data)
    holes = data.assign(z=data["z"].where(data["copy"] != 3))
    fewer = mm.lmm("y ~ x + z + (1 | g)", holes)
    other_holes = mm.lmm("y ~ x + (1 | g)", data.assign(x=data["x"].where(data["copy"] != 2)))
    log = mm.lmm("np.exp(y / 10) ~ x + (1 | g)", data)
    moved = mm.lmm("y ~ x + (1 | g)", data.sample(frac=1, random_state=1))
    weighted = mm.lmm("y ~ x + (1 | g)", data, weights=np.arange(1, len(data) + 1))
    return {
        "none": ((), {}, "at least two"),
        "one": ((model,), {}, "at least two"),
        "rows": ((model, fewer), {}, "different rows, 288 and 216"),
        "which rows": ((fewer, other_holes), {}, "different rows, 216 and 216"),
        "transformed": ((model, log), {}, r"responses y and np.exp\(y / 10\)"),
        "order": ((model, moved), {}, "different values of the response"),
        "weights": ((model, weighted), {}, "different weights"),
        "type": ((model, "y ~ x"), {}, "of type str"),
        "list": (([model, model],), {}, "of type list"),
        "names": ((model, model), {"names": ["one"]}, "does not name the 2 models"),
        "text": ((model, model), {"names": "ab"}, "does not name the 2 models"),
    }


@pytest.mark.parametrize(
    "case",
    ["none", "one", "rows", "which rows", "transformed", "order", "weights", "type", "list",
     "names", "text"],
)  # fmt: skip
def test_refusals(data, case):
    models, arguments, words = refusals(data)[case]
    with pytest.raises(DataError, match=words) as error:
        mm.compare(*models, **arguments)
    assert "Do:   " in str(error.value)


def test_names_tell_models_apart_that_differ_in_their_residuals():
    children = mm.datasets.load("orthodont")
    formula = "distance ~ age + (1 | Subject)"
    models = [
        mm.lmm(formula, children),
        mm.lmm(formula, children, sigma="~ Sex"),
        mm.lmm(formula, children, residual="ar1(age | Subject)"),
    ]
    assert mm.compare(*models)["model"].tolist() == [
        formula,
        f"{formula}, sigma=~ Sex",
        f"{formula}, residual=ar1(age | Subject)",
    ]
