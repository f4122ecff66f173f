"""Numbers of an impossible unit are refused by name; all others are fitted, and units change
nothing but units.
"""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mixedmodels as mm
from mixedmodels.errors import DataError

SLEEP = mm.datasets.load("sleepstudy")
FORMULA = "Reaction ~ Days + (Days | Subject)"
REFERENCE = mm.lmm(FORMULA, SLEEP)
WHERE = ["Reaction", "Days", "weights", "offset"]


def scaled(what, unit):
    if what in SLEEP.columns:
        return mm.lmm(FORMULA, SLEEP.assign(**{what: SLEEP[what] * unit}))
    return mm.lmm(FORMULA, SLEEP, **{what: np.full(len(SLEEP), unit)})


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["Reaction", "Days", "weights"]), st.floats(-71, 71))
def test_units_change_nothing_but_units(what, exponent):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = scaled(what, 10.0**exponent)
        assert model.tvalues["Days"] == pytest.approx(REFERENCE.tvalues["Days"], rel=1e-6)
        assert model.r2() == pytest.approx(REFERENCE.r2(), rel=1e-4)
        assert np.isfinite(model.conf_int(which="variance")["conf_low"]).all()
        assert str(model.summary())
        table = model.coef_table("kenward-roger")
    assert table["df"][1] == pytest.approx(17, rel=1e-3)


@pytest.mark.parametrize("what", WHERE)
@pytest.mark.parametrize("exponent", [-320, -300, -200, -150, -100, 100, 150, 200, 300])
def test_what_squares_cannot_hold_is_refused_by_name(what, exponent):
    with (
        warnings.catch_warnings(),
        pytest.raises(DataError, match=f"(?s){what}.*numbers of the order .*choose a unit"),
    ):
        warnings.simplefilter("error")
        scaled(what, float(f"1e{exponent}"))


def test_a_product_of_columns_is_refused_too():
    frame = SLEEP.assign(a=SLEEP["Days"] * 1e50)
    with pytest.raises(DataError, match=r"column 'a:b' has numbers of the order 8e\+101"):
        mm.lmm("Reaction ~ a:b + (1 | Subject)", frame.assign(b=frame["a"]))
    with pytest.raises(DataError, match="new response has numbers of the order"):
        REFERENCE.refit(SLEEP["Reaction"].to_numpy() * 1e200)


@pytest.mark.parametrize("text", ["x:z", "x * z", "z:x", "Days + (0 + x:z | Subject)"])
def test_an_infinite_product_is_refused_by_name(text):
    frame = SLEEP.assign(x=np.inf, z=0.0)
    random = "" if "Subject" in text else " + (1 | Subject)"
    with (
        warnings.catch_warnings(),
        pytest.raises(DataError, match="is infinite or not a number in 180 rows"),
    ):
        warnings.simplefilter("error")
        mm.lmm(f"Reaction ~ {text}{random}", frame)
