"""Intervals: nlme's and R's values, coverage by construction, and what is refused."""

import numpy as np
import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError
from mixedmodels.inference.coefficients import coef_table
from mixedmodels.inference.intervals import conf_int
from tests.inference.dense_hessian import deviance, hessian, relative
from tests.inference.exact import fit
from tests.reference.load import models, reference, translated

# nlme 3.1-162, intervals(lme(..., method = "REML")): normal on the scale of log sd. Its standard
# errors are from differences of the log-likelihood, which are good for some three digits.
NUMERICAL = 2e-3
NLME = {
    "yield ~ nitro * Variety + (1 | Block/Variety)": (
        "oats",
        {
            ("Block", "Intercept"): (6.77103765529588, 31.6756566894731),
            ("Block:Variety", "Intercept"): (5.62831246642425, 19.2144974065943),
            ("Residual", "sd"): (10.6989292159993, 15.7726053611725),
        },
    ),
    "score ~ Machine + (1 | Worker) + (1 | Worker:Machine)": (
        "machines",
        {
            ("Worker", "Intercept"): (2.24976918050495, 10.1603511697433),
            ("Worker:Machine", "Intercept"): (2.38284000462471, 5.83734432840802),
            ("Residual", "sd"): (0.762964658303964, 1.21189048775083),
        },
    ),
    "follicles ~ sin(2*pi*Time) + cos(2*pi*Time) + (sin(2*pi*Time) || Mare)": (
        "ovary",
        {
            ("Mare", "Intercept"): (1.9375347506489, 4.80793124399949),
            ("Mare", "sin(2 * pi * Time)"): (1.24235716792364, 3.48010883588215),
            ("Residual", "sd"): (2.86754540291629, 3.37914759308063),
        },
    ),
}

DIFFERENCES = 1e-4  # relative: extrapolated second differences of a deviance of some 1e3
EXACT = 1e-12
NORMAL_90 = 1.6448536269514722  # 95 % quantile

WALD = 1e-4  # of a standard error: where two searches ended, at a search carried further

LARGE = {"fhch2010", "insteval", "insteval_fixed", "star_math", "verbagg"}
COMPARED = [name for name in models() if reference(name).raw.get("confint_wald")]


@pytest.mark.parametrize("formula", NLME)
def test_sd_agree_with_nlme(formula):
    dataset, stored = NLME[formula]
    data = mm.datasets.load(dataset).assign(pi=np.pi)
    table = conf_int(mm.lmm(formula, data).fit, which="variance")
    found = table.set_index(["group", "term"])[["conf_low", "conf_high"]]
    assert len(found) == len(stored)
    for (label, limits), row in zip(stored.items(), found.itertuples(), strict=True):
        assert row.Index[0] == label[0]
        np.testing.assert_allclose(row[1:], limits, rtol=NUMERICAL)


@pytest.mark.parametrize("name", ["sleepstudy_slope", "machines_factor_re"])
def test_variance_part_is_normal_on_its_own_scale(name):
    """The Hessian is taken on the scale of log sd and Fisher's z itself: no delta method."""
    model = fit(name)
    table = conf_int(model.fit, which="variance", level=0.9)
    correlated = table["term"].str.startswith("cor(").to_numpy()

    def to(values):
        return np.where(correlated, np.arctanh(np.where(correlated, values, 0)), np.log(values))

    def back(values):
        return np.where(correlated, np.tanh(values), np.exp(values))

    with np.errstate(invalid="ignore"):
        centre, low, high = (to(table[c].to_numpy()) for c in ("estimate", "conf_low", "conf_high"))
    np.testing.assert_allclose(low + high, 2 * centre, atol=EXACT)
    H = hessian(
        lambda values: deviance(model, *relative(model, back(values), "sd")), centre, high - low
    )
    error = np.sqrt(np.diag(2 * np.linalg.inv(H)))
    np.testing.assert_allclose(high - low, 2 * NORMAL_90 * error, rtol=DIFFERENCES)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.large] if n in LARGE else []) for n in COMPARED]
)
def test_fixed_part_agrees_with_lme4_when_normal(name):
    ref = reference(name)
    model = fit(name)
    stored = ref.raw["confint_wald"]
    table = conf_int(model.fit, ddf="normal").set_index("term")
    names = [translated(r, ref.fixed_columns) for r in stored["_rows"]]
    assert sorted(names) == sorted(table.index)
    error = model.bse[names].to_numpy()
    for column, theirs in (("conf_low", "2.5 %"), ("conf_high", "97.5 %")):
        difference = (table.loc[names, column].to_numpy() - stored[theirs]) / error
        assert np.abs(difference).max() < WALD


def test_fixed_part_is_that_of_the_table_of_coefficients():
    model = fit("cake_factorial")
    for ddf in ("satterthwaite", "kenward-roger", "residual"):
        table = conf_int(model.fit, 0.8, ddf=ddf)
        coefficients = coef_table(model.fit, ddf, level=0.8)
        columns = ["term", "estimate", "conf_low", "conf_high"]
        assert table[columns].equals(coefficients[columns])
        assert table["group"].isna().all()


def test_order_of_all():
    table = conf_int(fit("sleepstudy_slope").fit, which="all")
    assert list(table.columns) == ["group", "term", "estimate", "conf_low", "conf_high"]
    assert table["term"].tolist() == [
        "Intercept",
        "Days",
        "cor(Intercept, Days)",
        "sd",
        "Intercept",
        "Days",
    ]
    assert table["group"].tolist()[:4] == ["Subject"] * 3 + ["Residual"]
    assert table["group"].isna().tolist()[4:] == [True, True]


def test_boundary_has_an_estimate_and_no_limits():
    table = conf_int(fit("igf_boundary").fit, which="variance")
    assert table["estimate"].notna().all()
    assert table["conf_low"].isna().tolist() == [True, True, True, False]
    assert table["conf_high"].isna().tolist() == [True, True, True, False]


@pytest.mark.parametrize("backend", ["polars", "pyarrow"])
def test_tables_come_in_the_library_of_the_data(backend):
    data = mm.datasets.load("sleepstudy", backend=backend)
    model = mm.lmm("Reaction ~ Days + (Days | Subject)", data)
    for which in ("fixed", "variance", "all"):
        table = conf_int(model.fit, which=which)
        assert type(table).__module__.startswith(backend)
        assert len(table) == {"fixed": 2, "variance": 4, "all": 6}[which]


def test_no_fixed_effects(sleepstudy):
    model = mm.lmm("Reaction ~ 0 + (1 | Subject)", sleepstudy)
    assert len(conf_int(model.fit)) == 0
    assert conf_int(model.fit, which="all")["term"].tolist() == ["Intercept", "sd"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"level": 2}, "level = 2 is not a probability"),
        ({"level": 0}, "level = 0 is not a probability"),
        ({"which": "foo"}, r"which = 'foo' is not known.*\n.*'fixed', 'variance', 'all'"),
        ({"method": "foo"}, r"method = 'foo' is not known.*\n.*'wald'"),
        ({"ddf": "foo"}, r"ddf = 'foo' is not known.*\n.*'satterthwaite'"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(DataError, match=message):
        conf_int(fit("dyestuff").fit, **arguments)
