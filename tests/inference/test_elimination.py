"""`step` eliminates what lmerTest's does, and its last model is that of a fit of its formula."""

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError, DroppedColumnsWarning
from tests.inference.references import fitted, random_term
from tests.reference.load import reference

# lmerTest 3.1.3, lme4 1.1.31, R 4.2.2: step(lmer(formula, data)). Random: (term, eliminated, npar,
# logLik, LRT, Df); fixed: (term, eliminated, NumDF, DenDF, F). Names in ours.
HAM = "`Informed.liking` ~ Gender * Information * Product + (1 | Consumer) + (1 | Product:Consumer)"
R = {
    "ham": (
        f"{HAM} + (1 | Information:Consumer)",
        [
            ("<none>", 0, 20, -1348.15727515, np.nan, np.nan),
            ("(1 | Information:Consumer)", 1, 19, -1348.91763143, 1.52071255724, 1),
            ("(1 | Consumer)", 0, 18, -1350.42286486, 3.01046686006, 1),
            ("(1 | Product:Consumer)", 0, 18, -1431.04900866, 164.262754466, 1),
        ],
        [
            ("Gender:Information:Product", 1, 3, 315.999984996, 1.199385529689),
            ("Gender:Product", 2, 3, 236.999763678, 0.348374756902),
            ("Gender:Information", 3, 1, 319.000003282, 0.843649410427),
            ("Gender", 4, 1, 78.999999983, 0.878938007871),
            ("Information:Product", 5, 3, 320.000012921, 2.076459900308),
            ("Information", 0, 1, 323.000006717, 3.871429554792),
            ("Product", 0, 3, 240.000003813, 3.829148999217),
        ],
        "`Informed.liking` ~ Information + Product + (1 | Consumer) + (1 | Product:Consumer)",
    ),
    "oats": (
        "yield ~ Variety * nitro + (nitro | Block/Variety)",
        [
            ("<none>", 0, 13, -280.488078937, np.nan, np.nan),
            ("nitro in (nitro | Block)", 1, 11, -280.514423050, 0.0526882261639, 2),
            ("nitro in (nitro | Block:Variety)", 2, 9, -281.618598666, 2.2083512324072, 2),
            ("(1 | Block)", 0, 8, -284.107700704, 4.9782040760972, 1),
            ("(1 | Block:Variety)", 0, 8, -285.965072097, 8.6929468603770, 1),
        ],
        [
            ("Variety:nitro", 1, 2, 51.00000479343, 0.498814833121),
            ("Variety", 2, 2, 9.99994180939, 1.485333822023),
            ("nitro", 0, 1, 52.99988333034, 118.002560796900),
        ],
        "yield ~ nitro + (1 | Block) + (1 | Block:Variety)",
    ),
    "orthodont": (
        "distance ~ I(age - 11) * Sex + (I(age - 11) | Subject)",
        [
            ("<none>", 0, 8, -216.290830751, np.nan, np.nan),
            ("I(age - 11) in (I(age - 11) | Subject)", 1, 6, -216.878624601, 1.17558769842, 2),
            ("(1 | Subject)", 0, 5, -241.779558730, 49.80186825946, 1),
        ],
        [("I(age - 11):Sex", 0, 1, 79.0000002812, 6.30270894654)],
        "distance ~ I(age - 11) * Sex + (1 | Subject)",
    ),
    "machines": (
        "score ~ Machine + (Machine | Worker)",
        [
            ("<none>", 0, 10, -104.155609168, np.nan, np.nan),
            ("Machine in (Machine | Worker)", 0, 5, -143.439100989, 78.5669836414, 5),
        ],
        [("Machine", 0, 2, 4.99985003252, 41.0025980111)],
        "score ~ Machine + (Machine | Worker)",
    ),
}  # fmt: skip

LOGLIK = 2e-5  # lmer's optimiser leaves so much in these fits

F = 5e-5  # of F and its degrees of freedom, which follow from where the optimiser stopped


@pytest.mark.parametrize("name", R)
def test_tables_are_those_of_lmertest(name):
    formula, random, fixed, last = R[name]
    found = mm.lmm(formula, mm.datasets.load(name)).step()
    assert found.model.formula == last
    assert found.random["term"].tolist() == [row[0] for row in random]
    columns = ["eliminated", "npar", "llf", "statistic", "df"]
    np.testing.assert_allclose(
        found.random[columns].to_numpy(), [row[1:] for row in random], rtol=0, atol=2 * LOGLIK
    )
    # lmerTest has kept terms in the order of the formula, as we do
    assert found.fixed["term"].tolist() == [row[0] for row in fixed]
    columns = ["eliminated", "num_df", "den_df", "statistic"]
    np.testing.assert_allclose(found.fixed[columns], [row[1:] for row in fixed], rtol=F)


def test_order_of_steps_does_not_depend_on_what_else_is_reduced():
    # lmerTest 3.1.3: step(m, reduce.random = FALSE), step(m, keep = "Variety")
    model = mm.lmm("yield ~ Variety * nitro + (nitro | Block/Variety)", mm.datasets.load("oats"))
    whole = model.step(reduce_random=False)
    assert len(whole.random) == 0
    expected = [0.438267495738, 2.393859791474, 110.442531043338]
    np.testing.assert_allclose(whole.fixed["statistic"], expected, rtol=1e-4)
    kept = model.step(keep="Variety")
    assert kept.fixed["eliminated"].tolist() == [1, 0, 0]
    assert kept.model.formula == "yield ~ Variety + nitro + (1 | Block) + (1 | Block:Variety)"
    tested = model.step(reduce_fixed=False)
    assert tested.fixed["term"].tolist() == ["Variety:nitro"]
    assert tested.fixed["eliminated"].tolist() == [0]
    assert model.step(keep=["(1 | Block)", "nitro:Variety"]).fixed["term"].tolist() == [
        "Variety:nitro"
    ]


@pytest.mark.parametrize("name", ["oats_linear", "penicillin", "sleepstudy_slope", "dyestuff2"])
def test_first_tests_are_those_of_r_s_ranova(name):
    ref = reference(name)
    stored = ref.raw["ranova"]
    found = fitted(name).step(alpha_random=0.999999).random.set_index("term")
    assert found.loc["<none>", "llf"] == pytest.approx(stored["logLik"][0], abs=LOGLIK)
    for label, ratio in zip(stored["_rows"][1:], stored["LRT"][1:], strict=True):
        assert found.loc[random_term(ref, label), "statistic"] == pytest.approx(ratio, abs=LOGLIK)


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(1)
    n = 240
    table = pd.DataFrame({name: random.normal(size=n) for name in ("x", "z", "w")})
    table["x 2"] = 2 * table["x"]
    table["f"] = random.choice(list("abc"), n)
    table["g"] = random.choice(list("ABCDEFGHIJKLMNOPQRST"), n)
    table["y"] = table["x"] + random.normal(size=n) + table.groupby("g")["w"].transform("mean") * 3
    table.index = [f"row {i}" for i in range(n)]
    return table


CASES = [
    ("y ~ x * z + f + (z | g)", ["z in (z | g)"]),
    ("y ~ x + (x + z || g)", ["x in (0 + x | g)", "z in (0 + z | g)"]),
    ("y ~ x + (0 + f | g)", ["f in (0 + f | g)"]),
    ("y ~ x + (f + z | g)", ["z in (f + z | g)", "f in (f | g)"]),
    ("y ~ x + np.log(1 + w**2) + (0 + f + z | g)", None),
    ("y ~ `x 2` * z + (`x 2` | g)", None),
]


@pytest.mark.parametrize("formula, gone", CASES)
def test_the_model_of_every_step_is_the_fit_of_its_formula(data, formula, gone):
    """The criterion of an eliminated row, from matrices, is that of the formula that follows."""
    model = mm.lmm(formula, data)
    found = model.step(reduce_fixed=False)
    if gone is not None:
        assert set(found.random.loc[found.random["eliminated"] > 0, "term"]) == set(gone)
    last = found.random.loc[found.random["eliminated"] == found.random["eliminated"].max()].iloc[0]
    again = mm.lmm(found.model.formula, data)
    assert found.model.objective == pytest.approx(again.objective, abs=1e-7)
    assert last["llf"] == pytest.approx(again.llf, abs=1e-6)
    assert again.npar == last["npar"]


def test_all_models_have_the_rows_of_the_first(data):
    holes = data.copy()
    holes.loc[holes.index[5:25], "z"] = np.nan
    weights = pd.Series(np.linspace(0.5, 2, len(data)), index=data.index)
    found = mm.lmm("y ~ x + z + (z | g)", holes, weights=weights, offset=0 * weights).step()
    assert found.model.formula == "y ~ x + (1 | g)"
    part = data.drop(data.index[5:25])
    again = mm.lmm("y ~ x + (1 | g)", part, weights=weights[part.index])
    assert found.model.fittedvalues.index.tolist() == part.index.tolist()
    pd.testing.assert_series_equal(found.model.params, again.params, rtol=1e-6)
    polars = pytest.importorskip("polars")
    other = mm.lmm("y ~ x + z + (z | g)", polars.from_pandas(holes), weights=weights.to_numpy())
    assert isinstance(other.step().random, polars.DataFrame)
    assert other.step().model.fittedvalues.index.tolist() == [*range(5), *range(25, 240)]


def test_a_term_that_others_span_goes_first(data):
    with pytest.warns(DroppedColumnsWarning):
        model = mm.lmm("y ~ x + z + `x 2` + (1 | g)", data)
    assert model.step(reduce_fixed=False).fixed["num_df"].tolist() == [0, 1, 0]
    assert model.step(keep="z").fixed["term"].tolist() == ["x 2", "x", "z"]
    found = model.step()
    assert found.fixed["term"].tolist() == ["x 2", "z", "x"]
    assert found.fixed["eliminated"].tolist() == [1, 2, 0]


def test_without_random_terms_it_goes_on_by_least_squares(data):
    data = data.assign(y=np.random.default_rng(2).normal(size=len(data)) + data["x"])
    found = mm.lmm("y ~ x + z + (1 | g)", data, reml=False).step()
    assert found.model.formula == "y ~ x"
    assert found.random["eliminated"].tolist() == [0, 1]
    slope, error = np.polyfit(data["x"], data["y"], 1, cov="unscaled")
    rest = data["y"] - np.polyval(slope, data["x"])
    F_x = slope[0] ** 2 / error[0, 0] / (rest @ rest / 240)  # ML divides by the rows
    assert found.fixed["statistic"].iloc[-1] == pytest.approx(F_x)


def test_generalised_models_by_likelihood_ratios():
    data = mm.datasets.load("cbpp")
    model = mm.glmm(
        "incidence ~ period * size + (1 | herd)",
        data,
        family="poisson",
        offset=np.log(data["size"]),
    )
    found = model.step()
    assert isinstance(found.model, mm.GeneralisedMixedModel)
    assert found.fixed["term"].tolist() == ["period:size", "size", "period"]
    assert found.model.formula == "incidence ~ period + (1 | herd)"
    smaller = model.update("~ period + size + (1 | herd)")
    ratio = 2 * (model.llf - smaller.llf)
    assert found.fixed["statistic"].iloc[0] == pytest.approx(ratio, abs=1e-6)


def test_says_what_selection_does(data):
    found = mm.lmm("y ~ x + (1 | g)", data).step()
    assert "take no\naccount of the selection" in str(found)
    assert "account of the selection" in found._repr_html_()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"keep": "zz"}, "Did you mean 'z'?"),
        ({"keep": 3}, "no list of names"),
        ({"alpha_fixed": 2}, "not a probability"),
        ({"reduce_random": "yes"}, "neither True nor False"),
        ({"ddf": "welch"}, "is not known"),
    ],
)
def test_refusals(data, options, message):
    with pytest.raises(DataError, match=message):
        mm.lmm("y ~ x + z + (1 | g)", data).step(**options)


def test_held_parameters_are_not_eliminated(data):
    model = mm.lmm("y ~ x + z + (1 | g)", data, fixed={"sd(g:Intercept)": 1.0})
    with pytest.raises(DataError, match="held or tied"):
        model.step()
    found = model.step(reduce_random=False).model
    assert found.covariance_parameters()["estimate"].iloc[0] == 1.0
