"""`drop1` gives R's likelihood ratios and F tests, and is the fit without the term."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError
from mixedmodels.inference.contrast import f_test
from mixedmodels.inference.drop1 import hypothesis_of_columns
from tests.inference.references import fitted, fixed_term
from tests.reference.load import models, reference

LOGLIK = 1e-6  # what the references promise

F = 1e-4  # relative: variances are those of two searches

NAMES = [name for name in models() if "drop1" in reference(name).raw]

ROWS_DIFFER = {"gcsemv_missing"}  # R refuses, as dropping a term brings more rows


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ROWS_DIFFER])
@pytest.mark.parametrize("method", ["REML", "ML"])
def test_likelihood_ratios_are_those_of_r(name, method):
    stored = reference(name).raw["drop1"]["LRT_ML"]
    table = fitted(name, method).drop1().set_index("term")
    labels = [fixed_term(label) for label in stored["_rows"]]
    assert table.index.tolist() == labels
    np.testing.assert_allclose(table["aic"], stored["AIC"], atol=2 * LOGLIK, rtol=0)
    for i, label in enumerate(labels[1:], 1):
        row = table.loc[label]
        assert row["df"] == stored["npar"][i]
        assert row["statistic"] == pytest.approx(stored["LRT"][i], abs=2 * LOGLIK)
        if stored["Pr(Chi)"][i] is None:
            assert np.isnan(row["p_value"])
            assert "nothing to test" in row["note"]
        else:
            assert row["p_value"] == pytest.approx(stored["Pr(Chi)"][i], rel=1e-5)
    assert table.loc["<none>", ["statistic", "df", "p_value"]].isna().all()
    assert ("refitted by ML" in table["note"].iloc[0]) == (method == "REML")


@pytest.mark.parametrize("name", NAMES)
def test_f_statistics_are_those_of_r(name):
    stored = reference(name).raw["drop1"]["F_Satterthwaite"]
    table = fitted(name).drop1("f", ddf="normal").set_index("term")
    labels = [fixed_term(label) for label in stored["_rows"]]
    assert table.index.tolist() == labels
    for i, label in enumerate(labels):
        row = table.loc[label]
        if stored["F value"][i] is None:
            assert row["num_df"] == 0
            assert np.isnan(row["statistic"])
            assert "nothing to test" in row["note"]
            continue
        assert row["num_df"] == stored["NumDF"][i]
        assert row["statistic"] == pytest.approx(stored["F value"][i], rel=F)


DENOMINATOR = 1e-3  # relative: R's derivatives are numerical

# Satterthwaite's joint denominator depends on the basis of the hypothesis. Where the model has one
# term R writes it in the rows of the sequential test, here it is in those of the coefficients.
OTHER_BASIS = {"cbpp_weights"}

SINGULAR = {name for name in NAMES if reference(name).values("REML").singular}  # indicative only


@pytest.mark.parametrize("name", [name for name in NAMES if name not in SINGULAR | OTHER_BASIS])
def test_denominators_are_those_of_r(name):
    stored = reference(name).raw["drop1"]["F_Satterthwaite"]
    table = fitted(name).drop1("f").set_index("term")
    for i, label in enumerate(stored["_rows"]):
        if stored["DenDF"][i] is not None:
            row = table.loc[fixed_term(label)]
            assert row["den_df"] == pytest.approx(stored["DenDF"][i], rel=DENOMINATOR)
            assert row["p_value"] == pytest.approx(stored["Pr(>F)"][i], rel=1e-2)


@pytest.mark.parametrize("name", sorted(OTHER_BASIS))
def test_in_the_basis_of_r_the_denominator_is_that_of_r(name):
    fit = fitted(name).fit
    stored = reference(name).raw["drop1"]["F_Satterthwaite"]
    X = fit.matrices.X
    upper = np.linalg.cholesky(X.T @ X).T
    L = (upper / np.diag(upper)[:, None])[1:]
    test = f_test(fit, L, ddf="satterthwaite")
    assert test.den_df == pytest.approx(stored["DenDF"][0], rel=DENOMINATOR)
    mine = fitted(name).drop1("f")
    assert mine["statistic"][0] == pytest.approx(test.statistic)
    assert mine["den_df"][0] == pytest.approx(test.den_df, rel=5e-3)


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(3)
    g = np.repeat(np.arange(10), 12)
    frame = pd.DataFrame({"g": g, "a": np.tile(list("uvw"), 40), "b": np.tile(list("pq"), 60)})
    frame["x"] = random.normal(size=120) + 2000
    frame["z w"] = random.normal(size=120)
    frame["y"] = random.normal(size=10)[g] + (frame["a"] == "v") + random.normal(size=120)
    return frame


@pytest.mark.parametrize(
    ("fixed", "reduced"),
    [
        ("1", {}),
        ("x", {"x": "1"}),
        ("0 + x", {"x": "0"}),
        ("a", {"a": "1"}),
        ("0 + a", {"a": "0"}),
        ("0 + a + b", {"a": "0 + b", "b": "0 + a"}),
        ("a * x", {"a:x": "a + x"}),
        ("a * b + x", {"x": "a * b", "a:b": "a + b + x"}),
        ("a + b + a:x", {"b": "a + a:x", "a:x": "a + b"}),
        ("poly(x, 2) + `z w`", {"poly(x, 2)": "`z w`", "z w": "poly(x, 2)"}),
        ("x + I(x**2)", {"x": "I(x**2)", "I(x ** 2)": "x"}),
        ("a * b * x - a:b:x", {"a:b": "a*x + b*x", "a:x": "a*b + b*x", "b:x": "a*b + a*x"}),
    ],
)
def test_rows_are_fits_without_the_term(data, fixed, reduced):
    model = mm.lmm(f"y ~ {fixed} + (1 | g)", data)
    full = model.update(reml=False)
    table = model.drop1().set_index("term")
    joint = model.drop1("f", ddf="residual").set_index("term")
    assert table.index.tolist() == ["<none>", *reduced]
    assert joint.index.tolist() == list(reduced)
    for label, text in reduced.items():
        expected = mm.lmm(f"y ~ {text} + (1 | g)", data, reml=False)
        row = table.loc[label]
        assert row["npar"] == expected.npar
        assert row["aic"] == pytest.approx(expected.aic, abs=2 * LOGLIK)
        assert row["statistic"] == pytest.approx(2 * (full.llf - expected.llf), abs=2 * LOGLIK)
        assert row["df"] == joint.loc[label, "num_df"] == full.npar - expected.npar
        assert joint.loc[label, "den_df"] == model.nobs - len(model.params)


def test_f_of_ordinary_least_squares_is_that_of_two_residual_sums(data):
    model, without = mm.lmm("y ~ a * b + x", data), mm.lmm("y ~ a + b + x", data)
    rss, larger = (model.resid**2).sum(), (without.resid**2).sum()
    row = model.drop1("f", ddf="residual").set_index("term").loc["a:b"]
    df = model.nobs - len(model.params)
    assert row["den_df"] == df
    assert row["statistic"] == pytest.approx((larger - rss) / 2 / (rss / df))


@pytest.mark.parametrize("coding", ["treatment", "sum", "helmert"])
def test_f_does_not_depend_on_the_coding(data, coding):
    model = mm.lmm("y ~ a * b + (1 | g)", data, contrasts={"a": coding, "b": coding})
    plain = mm.lmm("y ~ a * b + (1 | g)", data)
    mine, theirs = (m.drop1("f", ddf="normal")["statistic"].tolist() for m in (model, plain))
    assert mine == pytest.approx(theirs, rel=1e-6)


def test_the_hypothesis_is_that_the_mean_is_in_the_smaller_space(data):
    fit = mm.lmm("y ~ a * x + (1 | g)", data).fit
    X = fit.matrices.X
    smaller = mm.lmm("y ~ x + (1 | g)", data).fit.matrices.X
    L = hypothesis_of_columns(X, smaller)
    assert L.shape == (4, 6)
    beta = np.zeros(6)
    beta[[fit.matrices.x_names.index(name) for name in ("Intercept", "x")]] = 3.0, -0.1
    np.testing.assert_allclose(L @ L.T, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(L @ beta / np.linalg.norm(beta), 0, atol=1e-9)
    own = np.zeros((4, 6))
    for i, name in enumerate(n for n in fit.matrices.x_names if "a[" in n):
        own[i, fit.matrices.x_names.index(name)] = 1
    mine, theirs = f_test(fit, L, ddf="normal"), f_test(fit, own, ddf="normal")
    assert mine.statistic == pytest.approx(theirs.statistic, rel=1e-6)


def test_the_rows_of_the_model_are_kept(data):
    holes = data.assign(x=data["x"].where(data["z w"] < 1))
    holes.loc[holes["x"].isna(), "a"] = "only here"  # a level that the fit never sees
    model = mm.lmm("y ~ a + x + (1 | g)", holes)
    table = model.drop1().set_index("term")
    kept = holes[holes["x"].notna()]
    for label, text in {"a": "x", "x": "a"}.items():
        expected = mm.lmm(f"y ~ {text} + (1 | g)", kept, reml=False)
        assert table.loc[label, "aic"] == pytest.approx(expected.aic, abs=2 * LOGLIK)
    more = len(data) - model.nobs
    assert f"{more} more would be complete" in table.loc["x", "note"]
    assert table.loc["a", "note"] == ""


def test_tables_come_in_the_library_of_the_data(data):
    model = mm.lmm("y ~ a + (1 | g)", pl.from_pandas(data))
    for table in (model.drop1(), model.drop1("f", ddf="normal")):
        assert isinstance(table, pl.DataFrame)


def test_unknown_test(data):
    with pytest.raises(DataError, match=r"test = .chisq. is not known.\nDo:   give one of .lrt"):
        mm.lmm("y ~ a + (1 | g)", data).drop1("chisq")


def test_what_is_held_stays_so_without_the_term():
    """The smaller model has the same fixed standard deviation."""
    data = mm.datasets.load("oats")
    held = {"fixed": {"sd(Block:Intercept)": 10.0}, "reml": False}
    model = mm.lmm("yield ~ nitro + Variety + (1 | Block)", data, **held)
    found = model.drop1().set_index("term")
    for term, formula in (("nitro", "yield ~ Variety"), ("Variety", "yield ~ nitro")):
        smaller = mm.lmm(f"{formula} + (1 | Block)", data, **held)
        ratio = smaller.objective - model.objective
        assert found.loc[term, "statistic"] == pytest.approx(ratio, abs=1e-6)
        assert found.loc[term, "npar"] == smaller.npar
        lrt = model.anova(2, test="lrt").set_index("term").loc[term, "statistic"]
        assert lrt == pytest.approx(ratio, abs=1e-6)
