"""Pooled fits against mitml 0.4-4 on lme4 1.1-31: testEstimates() and testModels().

`sleepstudy_imputed.csv` holds ten imputations of thirty reaction times, made in R and stored;
`r/pool_public.R` made both files.
"""

import json
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from tests.reference.load import FOLDER

SAME = 1e-6
"""Relative: both programs search to about 1e-8 of the criterion."""

FORMULAS = {
    "full": "Reaction ~ Days + (Days | Subject)",
    "no slope": "Reaction ~ 1 + (Days | Subject)",
    "intercepts": "Reaction ~ Days + (1 | Subject)",
}

TESTS = {
    # name in the file: the smaller model, and how it is compared
    "D1": ("no slope", {"method": "D1", "ddf": "normal"}),
    "D1_df_com_17": ("no slope", {"method": "D1", "ddf": 17}),
    "D2_wald": ("no slope", {"method": "D2", "use": "wald"}),
    "D2_likelihood": ("no slope", {"method": "D2"}),
    "D3": ("no slope", {"method": "D3"}),
    "D4": ("no slope", {"method": "D4"}),
    "D3_variance": ("intercepts", {"method": "D3"}),
    "D4_variance": ("intercepts", {"method": "D4"}),
}


@cache
def stored() -> dict[str, Any]:
    return json.loads((FOLDER / "pool" / "sleepstudy_imputed.json").read_text("utf-8"))


@cache
def pooled(name: str) -> Any:
    data = pd.read_csv(FOLDER / "data" / "sleepstudy_imputed.csv")
    return mm.lmm(FORMULAS[name], data, imp="imputation")


@pytest.mark.parametrize(("name", "ddf"), [("rubin", "normal"), ("rubin_df_com_17", 17)])
def test_coefficients(name: str, ddf: Any) -> None:
    wanted = pd.DataFrame(stored()[name]["values"], columns=stored()[name]["cols"])
    found = pooled("full").coef_table(ddf)
    names = {
        "estimate": "Estimate",
        "std_error": "Std.Error",
        "statistic": "t.value",
        "df": "df",
        "riv": "RIV",
        "fmi": "FMI",
    }
    for ours, theirs in names.items():
        np.testing.assert_allclose(found[ours], wanted[theirs], rtol=SAME)
    # R's 2 * (1 - pt(t)) has no digits left where p is near 1e-16
    np.testing.assert_allclose(found["p_value"], wanted["P(>|t|)"], rtol=SAME, atol=1e-15)


def test_variances_are_means_of_variances() -> None:
    table = pooled("full").variance_components
    wanted = [row[0] for row in stored()["extra"]["values"]]
    scale = np.sqrt(wanted[0] * wanted[1])  # of a covariance that is nearly zero
    np.testing.assert_allclose(table["vcov"][[0, 1, 3]], np.array(wanted)[[0, 1, 3]], rtol=SAME)
    assert table["vcov"][2] == pytest.approx(wanted[2], abs=SAME * scale)


def test_intraclass_correlation_is_the_mean_of_those_of_the_imputations() -> None:
    # mitml's is that of the intercept alone: a model without slopes has the same definition here
    model = pooled("intercepts")
    each = [m.icc()["adjusted"] for m in model.models]
    assert model.icc()["adjusted"] == pytest.approx(np.mean(each), rel=1e-14)
    parts = [m.variance_components["vcov"].to_numpy() for m in pooled("full").models]
    own = np.mean([v[0] / (v[0] + v[3]) for v in parts])
    assert own == pytest.approx(stored()["extra"]["values"][4][0], rel=SAME)


@pytest.mark.parametrize("name", TESTS)
def test_nested_models(name: str) -> None:
    small, how = TESTS[name]
    found = pooled("full").compare(pooled(small), **how)
    columns = ["statistic", "num_df", "den_df", "p_value", "riv"]
    np.testing.assert_allclose(found[columns].to_numpy()[0], stored()[name]["values"], rtol=SAME)
