"""The models of a well-known introduction to mixed models in Python, against lme4 1.1-31."""

import numpy as np
import pandas as pd
import pytest

from mixedmodels.api.models import lmm

RELATIVE = 1e-3  # the reference is printed with this accuracy
LIKELIHOOD = 1e-5  # absolute, of a criterion printed with six decimals


@pytest.fixture(scope="module")
def small():
    random = np.random.RandomState(0)
    return pd.DataFrame(
        {
            "subject": np.repeat(["A", "B", "C", "D"], 5),
            "time": np.tile(range(5), 4),
            "treatment": np.repeat(["control", "treatment"], 10),
            "response": random.normal(0, 1, 20),
        }
    )


@pytest.fixture(scope="module")
def crossed():
    """The crossed data, whole and with 100 draws of missing responses."""
    random = np.random.RandomState(42)
    whole = pd.DataFrame(
        {
            "subject": np.repeat(range(50), 30),
            "item": np.tile(range(30), 50),
            "condition": random.choice(["A", "B"], 1500),
            "response": random.normal(0, 1, 1500),
        }
    )
    holes = whole.copy()
    holes.loc[random.choice(holes.index, 100), "response"] = np.nan
    return whole, holes


def variances(model):
    table = model.variance_components
    return table[table["term2"].isna()]["vcov"].to_numpy()


def test_random_intercept(small):
    model = lmm("response ~ time + treatment + (1 | subject)", small)
    expected = {"Intercept": 0.7640, "treatment[T.treatment]": -0.3374, "time": -0.0130}
    for name, value in expected.items():
        assert model.params[name] == pytest.approx(value, abs=5e-5)
    assert variances(model) == pytest.approx([0.428388, 0.564498], rel=RELATIVE)
    assert model.llf == pytest.approx(-24.975982, abs=LIKELIHOOD)
    assert model.aic == pytest.approx(59.95196, abs=LIKELIHOOD)


def test_maximum_likelihood(small):
    model = lmm("response ~ time + treatment + (1 | subject)", small, reml=False)
    assert model.aic == pytest.approx(57.78579, abs=LIKELIHOOD)
    assert model.bic == pytest.approx(62.76445, abs=LIKELIHOOD)


def test_no_random_term_is_least_squares(small):
    model = lmm("response ~ time + treatment", small, reml=False)
    assert model.llf == pytest.approx(-24.72619, abs=LIKELIHOOD)
    assert model.aic == pytest.approx(57.45239, abs=LIKELIHOOD)


def test_strings_categories_and_booleans_are_coded_alike(small):
    expected = lmm("response ~ time + treatment + (1 | subject)", small).objective
    coded = small.assign(treatment=small["treatment"] == "treatment")
    coded["subject"] = coded["subject"].astype("category")
    assert lmm("response ~ time + treatment + (1 | subject)", coded).objective == pytest.approx(
        expected, abs=1e-9
    )


def test_random_slope_at_the_boundary(small):
    model = lmm("response ~ time + treatment + (time | subject)", small)
    assert variances(model) == pytest.approx([0.203752, 0.018566, 0.526849], rel=RELATIVE)
    assert model.llf >= -24.817391 - 5e-7
    errors = model.bse[["Intercept", "treatment[T.treatment]", "time"]].to_numpy()
    assert errors == pytest.approx([0.503197, 0.702083, 0.133465], rel=RELATIVE)
    assert model.is_singular
    assert "correlation of Intercept and time = 1.00" in model.convergence.message
    assert (model.aic, model.bic) == pytest.approx((63.6348, 70.6049), abs=1e-4)
    assert model.update(reml=False).aic == pytest.approx(61.5288, abs=1e-4)


def test_crossed_factors(crossed):
    model = lmm("response ~ condition + (1 | subject) + (1 | item)", crossed[0])
    assert model.params.to_numpy() == pytest.approx([0.064164, -0.003617], rel=RELATIVE)
    assert model.bse.to_numpy() == pytest.approx([0.039901, 0.051147], rel=RELATIVE)
    subject, item, residual = variances(model)
    assert subject <= 1e-6
    assert (item, residual) == pytest.approx((0.008789, 0.975572), rel=RELATIVE)
    assert model.llf == pytest.approx(-2119.055632, abs=LIKELIHOOD)
    assert model.is_singular


def test_levels_may_be_strings(crossed):
    named = crossed[0].assign(item=[f"word {i}" for i in crossed[0]["item"]])
    formula = "response ~ condition + (1 | subject) + (1 | item)"
    assert lmm(formula, named).objective == pytest.approx(
        lmm(formula, crossed[0]).objective, abs=1e-9
    )


def test_missing_responses(crossed):
    model = lmm("response ~ condition + (1 | subject) + (1 | item)", crossed[1])
    assert (model.nobs, model.n_missing) == (1403, 97)
    assert model.params.to_numpy() == pytest.approx([0.073022, -0.005279], rel=RELATIVE)
    assert variances(model) == pytest.approx([0.001883, 0.012315, 0.960750], rel=RELATIVE)
    assert model.llf == pytest.approx(-1974.55233, abs=LIKELIHOOD)
    kept = crossed[1].index[crossed[1]["response"].notna()]
    assert model.resid.index.equals(kept)


def test_interaction(small):
    product = small.assign(
        time_treatment=small["time"] * (small["treatment"] == "treatment").astype(int)
    )
    by_hand = lmm("response ~ time + treatment + time_treatment + (1 | subject)", product)
    crossed_out = lmm("response ~ time * treatment + (1 | subject)", small)
    assert by_hand.objective == pytest.approx(crossed_out.objective, abs=1e-9)
    assert sorted(by_hand.params) == pytest.approx(
        sorted([0.361004, 0.188510, 0.468593, -0.402985]), rel=RELATIVE
    )
    assert sorted(by_hand.bse) == pytest.approx(
        sorted([0.606967, 0.156336, 0.858381, 0.221093]), rel=RELATIVE
    )
    assert crossed_out.update(reml=False).aic == pytest.approx(56.3789, abs=1e-4)
