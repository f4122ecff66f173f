"""Functions of the caller's: what they get and may give, and that they stay with the model."""

import pickle

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError, FormulaError

RANDOM = np.random.default_rng(12)
N = 120
DATA = pd.DataFrame(
    {
        "x": RANDOM.integers(1, 50, N),
        "flag": RANDOM.integers(0, 2, N).astype(bool),
        "f": np.tile(["u", "v", "w"], N // 3),
        "g": np.repeat(np.arange(12), 10),
    }
)
DATA["y"] = np.log(DATA.x) + RANDOM.normal(size=12)[DATA.g] + RANDOM.normal(size=N)
PLAIN = DATA.assign(h=1 / (1 + np.exp(-DATA.x / 10)))


def logistic(x, scale=10.0):
    return 1 / (1 + np.exp(-x / scale))


def fitted(formula, **context):
    return mm.lmm(formula, DATA, context=context)


def test_a_function_gives_the_column_that_it_computes():
    model = fitted("y ~ logistic(x) + (logistic(x) || g)", logistic=logistic)
    expected = mm.lmm("y ~ h + (h || g)", PLAIN)
    assert model.params.index.tolist() == ["Intercept", "logistic(x)"]
    np.testing.assert_allclose(model.params, expected.params, rtol=1e-10)
    assert model.llf == pytest.approx(expected.llf, abs=1e-9)


def test_functions_get_floats_and_copies():
    seen = []

    def spoil(x, flag):
        seen.append((x.dtype, flag.dtype))
        x += 1
        return x + flag

    before = DATA.copy()
    model = fitted("y ~ spoil(x, flag) + x + (1 | g)", spoil=spoil)
    pd.testing.assert_frame_equal(DATA, before)
    assert set(seen) == {(np.dtype(float), np.dtype(float))}
    assert model.nobs == N


def test_options_numbers_and_factors_are_passed():
    steps = {"u": 0.0, "v": 1.0, "w": 5.0}
    score = np.vectorize(steps.get, otypes=[float])
    model = fitted(
        "y ~ logistic(x, scale=2) + logistic(x, k) + score(f) + (1 | g)",
        logistic=logistic,
        score=lambda labels: score(labels),
        k=4.0,
    )
    X = np.asarray(model.fit.matrices.X)
    np.testing.assert_allclose(X[:, 1], logistic(DATA.x, 2))
    np.testing.assert_allclose(X[:, 2], logistic(DATA.x, 4))
    np.testing.assert_allclose(X[:, 3], DATA.f.map(steps))


def test_the_response_may_be_a_function():
    model = fitted("logistic(y) ~ x + (1 | g)", logistic=logistic)
    np.testing.assert_allclose(model.fit.matrices.y, logistic(DATA.y))


def test_every_later_step_knows_the_function():
    model = fitted("y ~ logistic(x) + f + (1 | g)", logistic=logistic)
    other = mm.lmm("y ~ h + f + (1 | g)", PLAIN)
    new = pd.DataFrame({"x": [3, 70], "f": ["u", "w"], "g": [0, 4]})
    plain = new.assign(h=logistic(new.x))
    np.testing.assert_allclose(model.predict(new), other.predict(plain), rtol=1e-8)
    np.testing.assert_allclose(model.drop1().aic, other.drop1().aic, rtol=1e-9)
    np.testing.assert_allclose(model.anova().p_value, other.anova().p_value, rtol=1e-6)
    changed = model.update(". ~ . - f")
    np.testing.assert_allclose(changed.params, other.update(". ~ . - f").params, rtol=1e-6)
    one, two = model.bootstrap(20, seed=4), other.bootstrap(20, seed=4)
    np.testing.assert_allclose(one.replicates, two.replicates, rtol=1e-4)


def test_a_plan_takes_functions():
    study = mm.planning.design({"g": 20}, within={"t": ["1", "2", "5"]})
    plan = mm.planning.plan(
        study,
        "y ~ late(t) + (1 | g)",
        fixed={"late(t)": 0.4},
        sd={"g": 1},
        sigma=1,
        context={"late": lambda t: t.astype(float) > 1},
    )
    assert plan.params["late(t)"] == 0.4


def test_a_model_with_a_function_of_a_module_can_be_stored():
    model = fitted("y ~ logistic(x) + (1 | g)", logistic=logistic)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(DATA), model.predict(DATA))


def test_a_model_with_a_lambda_says_why_it_cannot_be_stored():
    model = fitted("y ~ f2(x) + (1 | g)", f2=lambda x: x**2)
    with pytest.raises(DataError, match=r"'f2' of context cannot be stored .*lambda"):
        pickle.dumps(model)


def test_the_mapping_is_copied():
    context = {"h": logistic}
    model = mm.lmm("y ~ h(x) + (1 | g)", DATA, context=context)
    before = model.predict(DATA)
    context["h"] = np.zeros_like
    np.testing.assert_array_equal(model.predict(DATA), before)


REFUSED = [
    (lambda x: x - x.mean(), "other values when some"),
    (lambda x: np.cumsum(x), "other values when some"),
    (lambda x: np.argsort(np.argsort(x)), "other values when some"),
    (lambda x: RANDOM.normal(size=len(x)), "other values when some"),
    (lambda x: x[:5], r"shape \(5,\)"),
    (lambda x: np.column_stack([x, x]), r"shape \(120, 2\)"),
    (lambda x: 3.0, r"shape \(\)"),
    (lambda x: ["a"] * len(x), "type <U1"),
    (lambda x: 1 / 0, "ZeroDivisionError"),
    (lambda x: x + np.zeros(N), "ValueError"),
    (lambda: 3, "TypeError"),
]


@pytest.mark.parametrize(("function", "part"), REFUSED)
def test_functions_that_are_not_of_single_rows_are_refused(function, part):
    with pytest.raises(DataError, match=part) as caught:
        fitted("y ~ own(x) + (1 | g)", own=function)
    assert "'own'" in str(caught.value)
    assert "^^^^^^" in str(caught.value)


@pytest.mark.parametrize(
    ("context", "part"),
    [
        ({"log": np.log}, "a meaning in formulas already"),
        ({"np": np}, "a meaning in formulas already"),
        ({"my f": np.log}, "no formula can write"),
        ({"class": np.log}, "no formula can write"),
        ({3: np.log}, "no formula can write"),
        ({"v": DATA.x}, "columns belong in the data"),
        ([np.log], "context is of type list"),
    ],
)
def test_a_context_that_makes_no_sense_is_refused(context, part):
    with pytest.raises(DataError, match=part):
        mm.lmm("y ~ x + (1 | g)", DATA, context=context)


@pytest.mark.parametrize(
    ("formula", "part"),
    [
        ("y ~ own(x) + (1 | g)", "There is no function 'own' in formulas"),
        ("y ~ logistic + (1 | g)", "logistic is no column"),
        ("y ~ logistic(x[0]) + (1 | g)", "picks no rows"),
        ("y ~ k(x) + (1 | g)", "no function 'k'"),
        ("y ~ k + (1 | g)", "no column"),
    ],
)
def test_names_are_looked_up_in_the_context_alone(formula, part):
    with pytest.raises(FormulaError, match=part):
        mm.lmm(formula, DATA, context={"logistic": logistic, "k": 2.0})
