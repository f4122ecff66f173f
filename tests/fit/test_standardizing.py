"""Standardised inputs are the same model in other coordinates, or it is said that they are not."""

import warnings

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.errors import ChangedModelWarning, DataError

SLEEP, ORTHODONT = mm.datasets.load("sleepstudy"), mm.datasets.load("orthodont")

SAME = 1e-6  # log-likelihoods of two searches for one maximum


def mixed() -> pd.DataFrame:
    random = np.random.default_rng(3)
    table = pd.DataFrame(
        {
            "x": random.normal(50, 9, 200),
            "my col": random.gamma(2, size=200),
            "g": np.arange(200) % 20,
        }
    )
    table["arm"] = np.where(random.random(200) < 0.3, "b's", "a")
    table["site"] = np.array(["p", "q", "r"])[random.integers(3, size=200)]
    table["flag"] = random.random(200) < 0.4
    table["y"] = table.x / 9 + random.normal(size=200) + random.normal(size=20)[table.g]
    return table


MIXED = mixed()

FORMULAS = [
    "y ~ x * arm + site + (x | g)",
    "y ~ x + I(x**2) + np.log(`my col`) + flag + (1 | g)",
    "y ~ poly(x, 2) + `my col` * (arm + flag) + (1 | g)",
    "y ~ x:arm + x + arm + (arm | g)",
    "y ~ x",
]


@pytest.mark.parametrize("formula", FORMULAS)
def test_the_same_model_in_other_coordinates(formula):
    model = mm.lmm(formula, MIXED, reml=False)
    scaled = model.standardize()
    assert scaled.llf == pytest.approx(model.llf, abs=SAME)
    assert scaled.fittedvalues.to_numpy() == pytest.approx(model.fittedvalues.to_numpy(), abs=1e-3)
    new = MIXED.head(3).assign(x=[30.0, 50.0, 70.0])
    assert scaled.predict(new).to_numpy() == pytest.approx(model.predict(new).to_numpy(), abs=1e-3)


def test_generalised_models():
    data = mm.datasets.load("contraception")
    model = mm.glmm("use == 'Y' ~ age * urban + livch + (1 | district)", data)
    scaled = model.standardize()
    assert scaled.llf == pytest.approx(model.llf, abs=SAME)
    with pytest.raises(DataError, match="response of a generalised model"):
        model.standardize(response=True)


def test_restricted_likelihoods_differ_by_the_units_of_the_columns():
    model = mm.lmm("distance ~ age + (1 | Subject)", ORTHODONT)
    scaled = model.standardize()
    unit = 2 * ORTHODONT.age.std()
    assert scaled.sigma == pytest.approx(model.sigma)
    # |X'V⁻¹X| is that of X times |A|², A = [[1, -mean / unit], [0, 1 / unit]]
    assert scaled.llf - model.llf == pytest.approx(np.log(unit), abs=SAME)


def test_coefficients_are_those_of_columns_made_by_hand():
    table = MIXED.assign(
        z=(MIXED.x - MIXED.x.mean()) / (2 * MIXED.x.std()),
        b=(MIXED.arm == "b's") - (MIXED.arm == "b's").mean(),
    )
    by_hand = mm.lmm("y ~ z * b + (z | g)", table)
    scaled = mm.lmm("y ~ x * arm + (x | g)", MIXED).standardize()
    assert scaled.params.to_numpy() == pytest.approx(by_hand.params.to_numpy(), abs=1e-5)
    assert scaled.bse.to_numpy() == pytest.approx(by_hand.bse.to_numpy(), abs=1e-5)


def test_options():
    model = mm.lmm("y ~ x + arm + (1 | g)", MIXED)
    halved = model.standardize(by=1).params.iloc[1] * 2
    assert halved == pytest.approx(model.standardize().params.iloc[1])
    assert str(model.standardize(exclude=["x", "arm"]).formula) == str(model.formula)
    whole = model.standardize(response=True)
    ratio = model.standardize().params.iloc[1] / whole.params.iloc[1]
    assert ratio == pytest.approx(2 * MIXED.y.std())
    assert model.standardize().standardize().formula == model.standardize().formula


def test_rows_that_are_dropped_do_not_count():
    table = MIXED.copy()
    table.loc[5, "y"], table.loc[5, "x"] = np.nan, 1e6
    scaled = mm.lmm("y ~ x + (1 | g)", table).standardize()
    expected = mm.lmm("y ~ x + (1 | g)", table.drop(index=5)).standardize()
    assert scaled.params.to_numpy() == pytest.approx(expected.params.to_numpy())


@pytest.mark.parametrize(
    ("formula", "what"),
    [
        ("Reaction ~ Days + (Days || Subject)", r"\(Days \|\| Subject\)"),
        ("Reaction ~ Days + (0 + Days | Subject)", r"\(0 \+ Days \| Subject\)"),
        ("Reaction ~ 0 + Days + (1 | Subject)", "the fixed effects"),
        ("Reaction ~ Days + cs(Days | Subject, hom=True)", "cs"),
    ],
)
def test_another_model_is_said_to_be_one(formula, what):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mm.errors.SingularFitWarning)
        model = mm.lmm(formula, SLEEP, reml=False)
        with pytest.warns(ChangedModelWarning, match=what):
            scaled = model.standardize()
    assert abs(scaled.llf - model.llf) > SAME


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": 0}, "by = 0"),
        ({"by": "two"}, "by = 'two'"),
        ({"response": 1}, "response"),
        ({"exclude": ["z"]}, "exclude"),
        ({"exclude": 3}, "exclude"),
    ],
)
def test_refusals(options, message):
    model = mm.lmm("y ~ x", MIXED)
    with pytest.raises(DataError, match=message):
        model.standardize(**options)


def test_a_column_of_one_value():
    with pytest.raises(DataError, match="one value"):
        mm.lmm("y ~ rescale(x) + (1 | g)", MIXED.assign(x=1.0))


@pytest.mark.parametrize("thresholds", ["flexible", "equidistant"])
def test_thresholds_take_up_what_centring_moves(thresholds):
    table = SLEEP.assign(grade=pd.qcut(SLEEP["Reaction"], 4, labels=False))
    model = mm.glmm("grade ~ Days + (1 | Subject)", table, family="ordinal", thresholds=thresholds)
    assert model.standardize().llf == pytest.approx(model.llf, abs=1e-5)
