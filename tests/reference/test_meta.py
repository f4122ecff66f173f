"""Meta-analyses against metafor 3.8-1: rma(), rma.mv(), test = "knha", confint()."""

import json
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError
from tests import structured_dense as dense
from tests.reference.load import FOLDER, Method

FORMULAS = {
    "bcg": "yi ~ 1 + (1 | id)",
    "bcg_moderators": "yi ~ ablat + alloc + (1 | id)",
    "schools_nested": "yi ~ 1 + (1 | district/school)",
    "delinquency_nested": "yi ~ pubstatus + (1 | study/esid)",
}

SIMPLE = ("bcg", "bcg_moderators")

CASES = [(name, method) for name in FORMULAS for method in ("REML", "ML")]

every_fit = pytest.mark.parametrize(("name", "method"), CASES)

SCORING = 1e-3
"""Relative: metafor's scoring stops at steps of 1e-5 in tau^2."""

ROOTS = 2e-3
"""Relative, of limits: R's uniroot stops at 1e-4 of their units."""


@cache
def stored(name: str) -> dict[str, Any]:
    return json.loads((FOLDER / "meta" / f"{name}.json").read_text("utf-8"))


def data(name: str) -> pd.DataFrame:
    return mm.datasets.load(stored(name)["data"].removesuffix(".csv"))


@cache
def fit(name: str, method: Method) -> mm.LinearMixedModel:
    table = data(name)
    return mm.lmm(FORMULAS[name], table, sigma=1.0, weights=1 / table["vi"], reml=method == "REML")


@every_fit
def test_criterion(name: str, method: Method) -> None:
    """metafor adds log|X'X| to the restricted log-likelihood, lme4 and this package do not."""
    model, theirs = fit(name, method), stored(name)[method]
    X = model.fit.matrices.coordinates.original(model.fit.matrices.X)
    constant = np.linalg.slogdet(X.T @ X)[1] if method == "REML" else 0.0
    assert model.objective - constant == pytest.approx(theirs["minus2logLik_metafor"], abs=1e-6)


@every_fit
def test_criterion_of_the_judge(name: str, method: Method) -> None:
    model = fit(name, method)
    m, table = model.fit.matrices, data(name)
    V = np.diag(table["vi"])
    for term, Sigma in zip(m.terms, model.fit.covariances, strict=True):
        V = V + dense.random_effects(term.Z, m.groupings[term.group].codes, Sigma)
    judged = dense.evaluate(m.y, m.coordinates.original(m.X), V, reml=method == "REML")
    assert model.objective == pytest.approx(judged.criterion, abs=1e-9)
    np.testing.assert_allclose(model.params, judged.beta, rtol=1e-8)
    np.testing.assert_allclose(model.bse, np.sqrt(np.diag(judged.cov_beta)), rtol=1e-8)


@every_fit
def test_variances(name: str, method: Method) -> None:
    found, theirs = fit(name, method).heterogeneity(), stored(name)[method]
    tau2 = [v.tau2 for v in found.variances]
    np.testing.assert_allclose(tau2, theirs["tau2"], rtol=SCORING)
    np.testing.assert_allclose(found.Q, theirs["QE"], rtol=1e-10)
    assert found.df == theirs["QE_df"]
    if theirs["se_tau2"] is not None:
        np.testing.assert_allclose(
            [v.std_error for v in found.variances], theirs["se_tau2"], rtol=SCORING
        )
        assert 100 * found.i2 == pytest.approx(theirs["I2"][0], rel=SCORING)


@every_fit
def test_coefficients(name: str, method: Method) -> None:
    model, theirs = fit(name, method), stored(name)[method]
    errors = np.sqrt(np.diag(theirs["vcov"]["values"]))
    np.testing.assert_allclose((model.params - theirs["fixef"]["values"]) / errors, 0, atol=1e-3)
    np.testing.assert_allclose(model.bse, errors, rtol=SCORING)


@pytest.mark.parametrize(("name", "method"), [c for c in CASES if c[0] in SIMPLE])
def test_knapp_hartung(name: str, method: Method) -> None:
    theirs = stored(name)[method]["knapp_hartung"]
    table = fit(name, method).coef_table(ddf="knapp-hartung")
    np.testing.assert_allclose(table["std_error"], theirs["se"], rtol=SCORING)
    assert set(table["df"]) == {theirs["df"]}
    np.testing.assert_allclose(table["p_value"], theirs["p"], rtol=SCORING)


@every_fit
def test_limits(name: str, method: Method) -> None:
    model, theirs = fit(name, method), stored(name)[method]
    found = model.heterogeneity()
    simple = name in SIMPLE
    assert found.interval == ("q-profile" if simple else "profile")
    tables = [theirs["confint_tau2_Qprofile"]] if simple else theirs["confint_profile"]
    for variance, table in zip(found.variances, tables, strict=True):
        assert variance.conf_low == pytest.approx(table["ci.lb"][0], rel=ROOTS)
        assert variance.conf_high == pytest.approx(table["ci.ub"][0], rel=ROOTS)


def test_standard_errors_by_dense_algebra() -> None:
    """tr(P V_i P V_j) / 2, with P formed."""
    model = fit("schools_nested", "REML")
    m, v = model.fit.matrices, data("schools_nested")["vi"]
    X = np.ones((len(v), 1))
    slopes = [
        dense.random_effects(term.Z, m.groupings[term.group].codes, [[1.0]]) for term in m.terms
    ]
    tau2 = [variance.tau2 for variance in model.heterogeneity().variances]
    V = np.diag(v) + sum(t * G for t, G in zip(tau2, slopes, strict=True))
    inverse = np.linalg.inv(V)
    P = inverse - inverse @ X @ np.linalg.inv(X.T @ inverse @ X) @ X.T @ inverse
    information = np.array([[np.trace(P @ G @ P @ H) / 2 for H in slopes] for G in slopes])
    expected = np.sqrt(np.diag(np.linalg.inv(information)))
    found = [variance.std_error for variance in model.heterogeneity().variances]
    np.testing.assert_allclose(found, expected, rtol=1e-8)


def test_q_at_the_limits_is_the_quantile() -> None:
    found = fit("bcg", "REML").heterogeneity(level=0.9)
    table = data("bcg")
    for tau2, quantile in (
        (found.variances[0].conf_low, 21.026),
        (found.variances[0].conf_high, 5.226),
    ):
        w = 1 / (table["vi"] + tau2)
        mean = np.average(table["yi"], weights=w)
        assert (w * (table["yi"] - mean) ** 2).sum() == pytest.approx(quantile, abs=1e-3)


def test_homogeneous_studies_have_no_heterogeneity() -> None:
    table = pd.DataFrame({"y": [0.1, 0.12, 0.11, 0.09], "v": 0.1, "s": list("abcd")})
    model = mm.lmm("y ~ 1 + (1 | s)", table, sigma=1.0, weights=1 / table["v"])
    found = model.heterogeneity()
    assert model.is_singular
    assert found.variances[0].tau2 == pytest.approx(0, abs=1e-8)
    assert found.variances[0].conf_low == 0
    assert (found.i2, found.h2) == pytest.approx((0, 1), abs=1e-7)


def test_refusals() -> None:
    table = data("bcg")
    estimated = mm.lmm("yi ~ 1 + (1 | alloc)", table)
    with pytest.raises(DataError, match=r"sigma=1\.0"):
        estimated.heterogeneity()
    with pytest.raises(DataError, match=r"sigma=1\.0"):
        estimated.coef_table(ddf="knapp-hartung")
    with pytest.raises(DataError, match="one row per level"):
        fit("schools_nested", "REML").heterogeneity(interval="q-profile")
    with pytest.raises(DataError, match="no random term"):
        mm.lmm("yi ~ 1", table, sigma=1.0, weights=1 / table["vi"]).heterogeneity()
    with pytest.raises(DataError, match="interval"):
        fit("bcg", "REML").heterogeneity(interval="exact")  # type: ignore[arg-type]


def test_units_of_a_moderator_do_not_matter() -> None:
    """Random slopes of calendar years: tau^2 of the slope and its error go with the square."""
    table = data("schools_nested").assign(century=lambda t: (t["year"] - 1985) / 100)
    table["decade"] = table["century"] * 10
    weights = 1 / table["vi"]
    found = [
        mm.lmm(f"yi ~ 1 + ({unit} || district)", table, sigma=1.0, weights=weights).heterogeneity(
            interval="wald"
        )
        for unit in ("century", "decade")
    ]
    for one, other in zip(found[0].variances, found[1].variances, strict=True):
        factor = 100 if one.term == "century" else 1
        assert one.std_error > 0
        assert one.tau2 == pytest.approx(factor * other.tau2, rel=1e-4)
        assert one.std_error == pytest.approx(factor * other.std_error, rel=1e-4)


def test_correlated_slopes_of_years_have_errors_of_their_size() -> None:
    table = data("schools_nested")
    weights = 1 / table["vi"]
    model = mm.lmm("yi ~ 1 + (year | district)", table, sigma=1.0, weights=weights)
    found = model.heterogeneity(interval="wald").variances
    assert all(v.std_error > 0.01 * v.tau2 or np.isnan(v.std_error) for v in found)
    with pytest.raises(DataError, match="without correlations"):
        model.heterogeneity()
