"""Tables for papers: the models' own numbers, one row per coefficient, every format as it is."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError
from mixedmodels.report.publication.content import plain as text_of
from mixedmodels.report.publication.labels import pieces, readable
from mixedmodels.report.publication.options import merged
from mixedmodels.report.publication.style import STYLES, number, without_zero

SLEEP = mm.datasets.load("sleepstudy")


@pytest.fixture(scope="module")
def slope():
    return mm.lmm("Reaction ~ Days + (1 | Subject)", SLEEP, reml=False)


@pytest.fixture(scope="module")
def slopes():
    return mm.lmm("Reaction ~ Days + (Days | Subject)", SLEEP)


@pytest.fixture(scope="module")
def cake():
    return mm.lmm("angle ~ recipe * temp + (1 | recipe:replicate)", mm.datasets.load("cake"))


@pytest.fixture(scope="module")
def herds():
    return mm.glmm("incidence / size ~ period + (1 | herd)", mm.datasets.load("cbpp"))


def rows(table) -> dict[str, dict[str, str]]:
    """Per label the cells by column, without the empty ones."""
    frame = table.frame()
    return {
        row["term"]: {k: v for k, v in row.items() if k not in ("term", "part") and pd.notna(v)}
        for row in frame.to_dict("records")
    }


def notes(table) -> list[str]:
    return [text_of(note) for note in table.content.notes]


def test_numbers_are_those_of_the_model(slopes):
    found = rows(mm.table(slopes, show=["estimate", "std_error", "conf_int", "df", "p_value"]))
    table = slopes.coef_table()
    for term, row in zip(table.term, table.itertuples(), strict=True):
        low, high = found[term]["95% CI"].strip("[]").split(", ")
        cells = [found[term]["Estimate"], found[term]["Std. error"], low, high]
        expected = [row.estimate, row.std_error, row.conf_low, row.conf_high]
        assert [float(c) for c in cells] == pytest.approx(expected, abs=0.0051)
        assert found[term]["df"] == "17" and found[term]["p"] == "< 0.001"
    components = slopes.variance_components
    assert [
        found[name]["Estimate"]
        for name in ("Subject: SD (Intercept)", "Subject: SD (Days)",
                     "Subject: correlation (Intercept, Days)", "Residual: SD")
    ] == [f"{value:.2f}" for value in components.sdcor[[0, 1, 2, 3]]]  # fmt: skip
    assert found["N"]["Estimate"] == "180" and found["N (Subject)"]["Estimate"] == "18"
    assert found["AIC"]["Estimate"] == f"{slopes.aic:.2f}"
    assert found["R² marginal"]["Estimate"] == f"{slopes.r2()['marginal']:.2f}"
    assert found["ICC"]["Estimate"] == f"{slopes.icc()['adjusted']:.2f}"


def test_a_coefficient_of_several_models_has_one_row(slope, slopes, cake):
    found = rows(mm.table(slope, cake, slopes))
    assert set(found["Days"]) == {"(1)", "(3)"}
    assert set(found["temp"]) == {"(2)"}
    assert list(found)[:3] == ["Intercept", "Days", "recipe [B]"]
    assert [name for name in found if "×" in name] == ["recipe [B] × temp", "recipe [C] × temp"]


def test_methods_and_differences_are_said(slope, slopes, cake, herds):
    said = notes(mm.table(slope, slopes))
    assert "Criteria of REML and ML fits cannot be compared." in said
    assert "Note: Response: Reaction." in said
    said = notes(mm.table(slopes, cake, herds, exponentiate=True))
    assert "Criteria of models of different responses cannot be compared." in said
    assert "(3): Odds ratios; of the intercept, the value itself." in said
    assert any(note.startswith("(3): Tests by z") for note in said)
    assert not [note for note in notes(mm.table(slope, slopes, facts=["nobs"])) if "REML" in note]
    fixed = mm.lmm("Reaction ~ 1 + (Days | Subject)", SLEEP)
    assert [n for n in notes(mm.table(fixed, slopes)) if "different fixed effects" in n]


def test_what_a_reader_must_beware_of_is_said():
    data = mm.datasets.load("oats")
    singular = mm.lmm("yield ~ nitro + (nitro | Block)", data)
    assert singular.is_singular
    data = SLEEP.assign(Reaction=SLEEP.Reaction.where(SLEEP.index != 7))
    missing = mm.lmm("Reaction ~ Days + (1 | Subject)", data)
    with pytest.warns(mm.errors.ConvergenceWarning):
        stopped = mm.lmm(
            "Reaction ~ Days + (Days | Subject)", SLEEP,
            control=mm.Control(max_evaluations=1, on_failure="warn"),
        )  # fmt: skip
    said = notes(mm.table(singular, missing, stopped))
    assert [n for n in said if n.startswith("(1): The covariance of (nitro | Block) is singular")]
    assert "(2): 1 row is left out, where a value is missing." in said
    assert [n for n in said if n.startswith("(3): The search did not converge")]


def test_robust_covariances(slopes, herds):
    found = rows(mm.table(slopes, show=["std_error", "df"], cov="CR2", cluster="Subject"))
    table = slopes.coef_table(cov="CR2")
    assert float(found["Days"]["Std. error"]) == pytest.approx(table.std_error[1], abs=0.0051)
    assert float(found["Days"]["df"]) == pytest.approx(table.df[1], abs=0.0051)
    [said] = [note for note in notes(mm.table(slopes, cov="CR2")) if "degrees" in note]
    assert "CR2" in said
    [said] = [note for note in notes(mm.table(herds, cov=herds.cov_params())) if "Tests" in note]
    assert "Hessian" not in said and "covariance" in said


def test_pooled_fits(slopes):
    random = np.random.default_rng(1)
    frames = [SLEEP.assign(Reaction=SLEEP.Reaction + random.normal(0, 5, 180)) for _ in range(4)]
    pooled = mm.lmm("Reaction ~ Days + (Days | Subject)", frames)
    table = mm.table(pooled, slopes, names=["pooled", "complete"])
    found = rows(table)
    own = pooled.coef_table()
    assert found["Days"]["pooled"].startswith(f"{own.estimate[1]:.2f} ({own.std_error[1]:.2f})")
    assert found["N (Subject)"] == {"pooled": "18", "complete": "18"}
    said = notes(table)
    assert "pooled: Pooled over 4 imputations by Rubin’s rules." in said
    assert not [note for note in said if "Criteria" in note]


def test_ratios_where_there_are_any(slopes, herds):
    found = rows(mm.table(slopes, herds, exponentiate=True))
    ratio = herds.coef_table(exponentiate=True).odds_ratio[1]
    assert found["period [2]"]["(2)"].startswith(f"{ratio:.2f} (")
    assert found["Days"]["(1)"].startswith("10.47 (")
    with pytest.raises(DataError, match="none of these models"):
        mm.table(slopes, exponentiate=True)


def test_apa(cake, herds):
    table = mm.table(cake, style="apa", title="Angles")
    found = rows(table)
    assert [text_of(head) for head in table.content.columns] == [
        "b",
        "SE",
        "95% CI",
        "t",
        "df",
        "p",
    ]
    assert [head[0].italic for head in table.content.columns] == [True, True, False, *[True] * 3]
    assert found["recipe [B]"] == {
        "b": "−3.65", "SE": "8.35", "95% CI": "[−20.09, 12.79]", "t": "−0.44", "df": "254.02",
        "p": ".662",
    }  # fmt: skip
    assert found["temp"]["p"] == "< .001"
    assert found["R² marginal"]["b"] == ".11"
    assert table.latex().count("rule\n") == 3 - table.latex().count("\\midrule\n\\midrule")
    assert r"\textit{p}" in table.latex() and "<em>p</em>" in table.html()
    assert "df" not in rows(mm.table(herds, style="apa"))["period [2]"]


def test_styles_of_numbers():
    apa, ama = STYLES["apa"], STYLES["ama"]
    assert [apa.p_value(p) for p in (0.0004, 0.0123, 1.0, np.nan)] == [
        "< .001",
        ".012",
        "1.000",
        "",
    ]
    assert text_of(ama.p_phrase(0.0123)) == "P=.012" and text_of(apa.p_phrase(1e-9)) == "p < .001"
    assert apa.share(-0.5) == "−.50" and without_zero("10.05") == "10.05"
    assert [number(x, 2) for x in (-0.001, np.inf, -1.5)] == ["0.00", "∞", "−1.50"]
    assert number(1.234e-9, 11) == "1.23 × 10⁻⁹"
    assert ama.interval(1, np.nan, 1) == "1.0 to –"


def test_small_effects_keep_their_digits():
    data = SLEEP.assign(ms=SLEEP.Days * 86_400_000.0)
    model = mm.lmm("Reaction ~ ms + (1 | Subject)", data)
    cells = rows(mm.table(model))["ms"]
    mantissa, power = cells["Estimate"].split(" × 10⁻")
    assert float(mantissa) == pytest.approx(model.params["ms"] * 1e7, abs=0.006) and power == "⁷"
    assert rows(mm.table(model, digits=1))["ms"]["Estimate"] == "0.0"


@pytest.mark.parametrize("wanted", [["Days"], "Days"])
def test_rename_keep_and_drop(slope, slopes, cake, wanted):
    found = rows(mm.table(slope, keep=wanted, rename={"Days": "Days awake", "Subject": "Person"}))
    assert list(found)[:2] == ["Days awake", "Person: SD (Intercept)"]
    assert "N (Person)" in found
    found = rows(mm.table(cake, drop=["recipe:temp", "Intercept"], rename={"B": "beta"}))
    assert list(found)[:3] == ["recipe [beta]", "recipe [C]", "temp"]
    scaled = mm.lmm("Reaction ~ scale(Days) + (1 | Subject)", SLEEP)
    found = rows(mm.table(slope, scaled, rename={"scale(Days)": "Days"}))
    assert set(found["Days"]) == {"(1)", "(2)"}
    with pytest.raises(DataError, match="one label, 'x'"):
        mm.table(slope, rename={"Days": "x", "Intercept": "x"})


def test_names_that_look_alike_stay_apart():
    data = SLEEP.assign(f=np.where(SLEEP.Days > 4, "b", "a"))
    plain_coding = mm.lmm("Reaction ~ f + (1 | Subject)", data)
    sums = mm.lmm("Reaction ~ f + (1 | Subject)", data, contrasts={"f": "sum"})
    names = {*plain_coding.params.index, *sums.params.index}
    assert set(list(rows(mm.table(plain_coding, sums)))[: len(names)]) <= names | {"f [b]", "f [a]"}
    data["a:b"] = np.random.default_rng(0).normal(size=len(data))
    model = mm.lmm("Reaction ~ `a:b` + (1 | Subject)", data)
    assert "a:b" in rows(mm.table(model))


@pytest.mark.parametrize(
    ("term", "label"),
    [
        ("Intercept", "Intercept"),
        ("f[T.a:b]:x", "f [a:b] × x"),
        ("poly(x, 2)[1]:g[S.u]", "poly(x, 2) [1] × g [u]"),
        ("np.log(x + 1)", "np.log(x + 1)"),
        ("C(f, contr.sum)[S.a]", "C(f, contr.sum) [a]"),
        ("f[T.a]b]", "f[T.a]b]"),
        ("f[T.]", "f [T.]"),
        ("f[b]", "f [b]"),
    ],
)
def test_readable(term, label):
    assert readable(term, {}) == label


def test_pieces_need_the_right_number_of_factors():
    assert pieces("a:b", 1) is None and len(pieces("a:b", 2)) == 2


def test_orders_are_merged():
    assert merged([["i", "a", "c"], ["i", "a", "b", "c"], ["i", "d"]]) == list("iabcd")
    assert merged([]) == [] and merged([[], ["x"]]) == ["x"]


def test_layouts(slope, slopes):
    columns = mm.table(slope, slopes, layout="columns", names=["one", "two"])
    assert rows(columns)["Days"]["two: Std. error"] == f"{slopes.bse['Days']:.2f}"
    assert rows(columns)["Subject: SD (Days)"] == {"two: Estimate": "5.92"}
    stacked = mm.table(slopes, layout="stacked", show=["estimate", "conf_int", "statistic", "df"])
    low, high = slopes.conf_int().iloc[1][["conf_low", "conf_high"]]
    assert rows(stacked)["Days"] == {"Reaction": f"10.47 [{low:.2f}, {high:.2f}] t(17) = 6.77"}
    only_p = mm.table(slope, slopes, layout="columns", show=["p_value"])
    assert rows(only_p)["N"] == {"(1): p": "180", "(2): p": "180"}


def test_stars_random_scale_and_facts(slopes, herds):
    table = mm.table(slopes, stars={"+": 0.5, "++": 1e-4}, random="variance", facts=["bic"])
    found = rows(table)
    assert found["Days"]["Estimate"] == "10.47++"
    assert found["Residual: variance"]["Estimate"] == f"{slopes.sigma**2:.2f}"
    assert "+ p < 0.5, ++ p < 0.0001." in notes(table)
    assert list(found)[-1] == "BIC" and "N" not in found
    none = mm.table(slopes, random="none", facts=[])
    assert {part.heading for part in none.content.parts} == {"Fixed effects"}
    assert "Fixed effects" not in none.text()


def test_kinds_of_models_side_by_side(slopes):
    orthodont = mm.datasets.load("orthodont")
    models = {
        "ar1": mm.lmm("distance ~ age", orthodont, residual="ar1(age | Subject)", sigma="~ Sex"),
        "ols": mm.lmm("distance ~ age", orthodont),
        "cauchit": mm.glmm("incidence / size ~ 1 + (1 | herd)", mm.datasets.load("cbpp"),
                           link="cauchit"),
        "nb": mm.glmm("TICKS ~ 1 + (1 | BROOD)", mm.datasets.load("grouseticks"),
                      family="nb2", zero="~ 1"),
    }  # fmt: skip
    table = mm.table(*models.values(), names=[*models])
    found = rows(table)
    rho = models["ar1"].covariance_parameters().estimate[1]
    assert found["Residual: cor"] == {"ar1": f"{rho:.2f}"}
    assert found["Residual: SD"].keys() == {"ar1", "ols"}
    assert "Zero inflation: probability" in found
    assert set(found["R² marginal"]) == {"ar1", "ols", "nb"}
    assert [n for n in notes(table) if n.startswith("cauchit: R^2 and ICC are not available")]


class Pooled:
    """The least that a table reads, in another library than pandas."""

    formula = "y ~ x"
    nobs = 12
    table_notes = ("Pooled over 5 imputations.",)
    variance_components = pl.DataFrame(
        {"group": ["g", "Residual"], "term1": ["Intercept", None], "term2": [None, None],
         "vcov": [4.0, 1.0], "sdcor": [2.0, 1.0]},
        schema_overrides={"term2": pl.String},
    )  # fmt: skip

    def coef_table(self, *, level=0.95):
        return pl.DataFrame({"term": ["Intercept", "x"], "estimate": [1.0, 2.0],
                             "std_error": [0.5, None], "df": [8.25, None]})  # fmt: skip


def test_other_results_that_keep_the_protocol(slopes):
    found = rows(mm.table(Pooled(), slopes, names=["pooled", "fit"]))
    assert found["Intercept"]["pooled"] == "1.00 (0.50)" and found["x"] == {"pooled": "2.00"}
    assert found["g: SD (Intercept)"] == {"pooled": "2.00"}
    assert found["Residual: SD"]["pooled"] == "1.00" and found["N"]["pooled"] == "12"
    said = notes(mm.table(Pooled()))
    assert said == ["Note: Pooled over 5 imputations."]
    with pytest.raises(DataError, match="do not take ddf"):
        mm.table(Pooled(), ddf="residual")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"style": "nature"}, "style = 'nature' is not known"),
        ({"show": ["beta"]}, "show = 'beta' is not known"),
        ({"show": []}, "show is empty"),
        ({"facts": ["r"]}, "facts = 'r' is not known"),
        ({"layout": "wide"}, "layout"),
        ({"random": "all"}, "random = 'all'"),
        ({"digits": 2.5}, "digits = 2.5"),
        ({"stars": "yes"}, "stars = 'yes'"),
        ({"stars": {"*": 5}}, "limit of stars"),
        ({"level": 95}, "level = 95"),
        ({"names": ["a", "b"]}, "names has 2 names"),
        ({"rename": ["Days"]}, "rename is no mapping"),
        ({"keep": ["Dayz"]}, "Did you mean 'Days'"),
        ({"drop": 3}, "drop = 3 is no text"),
        ({"ddf": "satter"}, "satter"),
        ({"exponentiate": "yes"}, "exponentiate"),
    ],
)
def test_refusals(slopes, options, message):
    with pytest.raises(DataError, match=message):
        mm.table(slopes, **options)


@pytest.mark.parametrize("model", [3, "model", pd.DataFrame(), mm.LinearMixedModel])
def test_what_is_no_model(model):
    with pytest.raises(DataError, match="is no model for a table"):
        mm.table(model)
    with pytest.raises(DataError, match="no model"):
        mm.table()


def test_frame_in_the_library_of_the_data():
    model = mm.lmm("Reaction ~ Days + (1 | Subject)", pl.from_pandas(SLEEP))
    assert isinstance(mm.table(model).frame(), pl.DataFrame)


class Robust(Pooled):
    @property
    def llf(self):
        raise DataError("llf is not there: nothing has a likelihood.\nDo:   nothing.")


def test_what_a_result_refuses_is_said(slopes):
    table = mm.table(Robust(), slopes, names=["robust", "fit"])
    assert rows(table)["Log-likelihood"].keys() == {"fit"}
    assert "robust: llf is not there: nothing has a likelihood." in notes(table)
