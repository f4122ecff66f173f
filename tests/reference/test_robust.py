"""Cluster-robust covariances against clubSandwich 0.5.8 on fits of lme4 1.1-31.

vcovCR(fit, type), coef_test(fit, V, "Satterthwaite"), conf_int(fit, V),
Wald_test(fit, constrain_zero(columns), V, test = "HTZ")
"""

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError
from tests.reference.load import FOLDER, Reference, reference, translated

NAMES = sorted(path.stem for path in (FOLDER / "robust").glob("*.json"))
KINDS = ("CR0", "CR1", "CR1p", "CR1S", "CR2", "CR3")
TESTED = ("CR0", "CR1", "CR2", "CR3")

COVARIANCE = 1e-9
"""Relative to the largest entry: what two searches leave of theta."""

DF = 1e-7
P = 1e-8


def stored(name: str) -> Reference:
    return reference(f"robust/{name}")


@cache
def fit(name: str) -> mm.LinearMixedModel:
    return mm.lmm(stored(name).python_formula, stored(name).data())


def names_of(name: str, theirs: list[str]) -> list[str]:
    return [translated(text, stored(name).fixed_columns) for text in theirs]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_covariance(name: str, kind: Any) -> None:
    theirs = stored(name).raw[kind]["vcov"]
    labels = names_of(name, theirs["rows"])
    values = np.array(theirs["values"], dtype=float)
    if np.isnan(values).all():  # CR1p divides by clusters less coefficients: 6 - 6
        assert (name, kind) == ("oats", "CR1p")
        with pytest.raises(DataError, match="more clusters than the 6 coefficients"):
            fit(name).cov_params(kind)
        return
    ours = fit(name).cov_params(kind).loc[labels, labels].to_numpy()
    np.testing.assert_allclose(ours, values, rtol=0, atol=COVARIANCE * np.abs(values).max())


@pytest.mark.parametrize("kind", TESTED)
@pytest.mark.parametrize("name", NAMES)
def test_coefficients_and_limits(name: str, kind: Any) -> None:
    theirs = stored(name).raw[kind]
    tests, limits = theirs["coef_test_satterthwaite"], theirs["conf_int"]
    table = pd.DataFrame(fit(name).coef_table(cov=kind)).set_index("term")
    ours = table.loc[names_of(name, tests["_rows"])]
    np.testing.assert_allclose(ours["std_error"], tests["SE"], rtol=COVARIANCE)
    np.testing.assert_allclose(ours["df"], tests["df_Satt"], rtol=DF)
    np.testing.assert_allclose(ours["p_value"], tests["p_Satt"], rtol=1e-6, atol=P)
    errors = np.array(limits["SE"])
    np.testing.assert_allclose((ours["conf_low"] - limits["CI_L"]) / errors, 0, atol=1e-7)
    np.testing.assert_allclose((ours["conf_high"] - limits["CI_U"]) / errors, 0, atol=1e-7)


@pytest.mark.parametrize("name", NAMES)
def test_joint_tests(name: str) -> None:
    theirs = stored(name).raw
    labels = names_of(name, theirs["fixef"]["names"])
    for joint in theirs["CR2"]["wald"]:
        tested = [f"{labels[column - 1]} = 0" for column in joint["columns"]]
        ours = pd.DataFrame(fit(name).wald_test(tested, cov="CR2")).iloc[0]
        expected = {key: values[0] for key, values in joint["HTZ"].items()}
        assert ours["num_df"] == expected["df_num"]
        assert ours["statistic"] == pytest.approx(expected["Fstat"], rel=1e-8)
        assert ours["den_df"] == pytest.approx(expected["df_denom"], rel=DF)
        assert ours["p_value"] == pytest.approx(expected["p_val"], rel=1e-6, abs=P)
