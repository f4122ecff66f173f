"""Refits and updates are the fits that they stand for."""

import warnings

import numpy as np
import pandas as pd
import pytest

from mixedmodels.api.models import lmm
from mixedmodels.engine.settings import Control
from mixedmodels.errors import (
    ConvergenceError,
    ConvergenceWarning,
    DataError,
    DroppedColumnsWarning,
    FormulaError,
)

SAME = 1e-7  # absolute, of the criterion


@pytest.fixture(scope="module")
def frame():
    random = np.random.default_rng(11)
    n = 90
    g = np.repeat([f"g{i}" for i in range(9)], 10)
    x = random.normal(size=n)
    effects = np.repeat(random.normal(size=9), 10)
    frame = pd.DataFrame({"g": g, "x": x, "y": 1 + x + effects + random.normal(size=n)})
    frame["other response"] = frame["y"] ** 2
    frame["z"] = random.normal(size=n)
    frame.loc[[4, 70], "z"] = np.nan
    return frame


@pytest.fixture(scope="module")
def model(frame):
    return lmm("y ~ x + (1 | g)", frame)


def test_refit_to_a_column(frame, model):
    expected = lmm("`other response` ~ x + (1 | g)", frame)
    again = model.refit("other response")
    assert again.objective == pytest.approx(expected.objective, abs=SAME)
    assert again.formula == expected.formula
    assert again.update(reml=False).objective == pytest.approx(
        expected.update(reml=False).objective, abs=SAME
    )


def test_refit_to_an_array_leaves_the_model_alone(frame, model):
    before = model.objective
    again = model.refit(frame["other response"].to_numpy())
    assert again.objective == pytest.approx(model.refit("other response").objective, abs=SAME)
    assert model.objective == before
    assert again.update(reml=False).objective == pytest.approx(
        lmm("`other response` ~ x + (1 | g)", frame, reml=False).objective, abs=SAME
    )


def test_refit_takes_kept_rows_or_all_rows(frame):
    model = lmm("y ~ x + z + (1 | g)", frame)
    whole = frame["other response"].to_numpy()
    kept = whole[frame["z"].notna()]
    assert model.refit(whole).objective == pytest.approx(model.refit(kept).objective, abs=1e-12)
    with pytest.raises(DataError, match="88 of 90 rows"):
        model.refit(kept[1:])


def test_an_array_response_stays_aligned_when_rows_change(frame, model):
    again = model.refit(frame["other response"].to_numpy()).update(". ~ . + z")
    expected = lmm("`other response` ~ x + z + (1 | g)", frame)
    assert again.objective == pytest.approx(expected.objective, abs=SAME)


def test_offset_and_weights_stay(frame):
    w, off = np.linspace(1, 2, 90), frame["x"].to_numpy()
    model = lmm("y ~ x + (1 | g)", frame, weights=w, offset=off)
    expected = lmm("`other response` ~ x + (1 | g)", frame, weights=w, offset=off)
    assert model.refit("other response").objective == pytest.approx(expected.objective, abs=SAME)
    np.testing.assert_array_equal(model.update(reml=False).fit.matrices.weights, w)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ("yy", "Did you mean 'y'"),
        ("g", "not numeric"),
        (np.full(90, np.nan), "missing or infinite in 90"),
        (np.ones(90), "constant"),
        (["a"] * 90, "not numeric"),
        ("z", "missing or infinite in 2"),
    ],
)
def test_a_response_that_cannot_be_used(model, y, message):
    with pytest.raises(DataError, match=message):
        model.refit(y)


def test_update(frame, model):
    larger = model.update(". ~ . + z - (1 | g) + (x || g)", reml=False)
    assert larger.formula == "y ~ x + z + (x || g)"
    assert larger.objective == pytest.approx(
        lmm("y ~ x + z + (x || g)", frame, reml=False).objective, abs=SAME
    )
    assert model.update(data=frame.iloc[:50]).nobs == 50
    with pytest.raises(FormulaError, match=r"no term \(1 \| h\)"):
        model.update(". ~ . - (1 | h)")


def test_a_search_cut_short_warns_at_the_users_line(frame):
    with pytest.warns(ConvergenceWarning, match="stopped after") as caught:
        model = lmm("y ~ x + (x | g)", frame, control=Control(max_evaluations=1))
    assert caught[0].filename == __file__
    assert not model.convergence.converged
    assert "Not converged" in str(model.summary())


def test_a_search_cut_short_raises_on_request(frame):
    control = Control(max_evaluations=1, on_failure="raise")
    with pytest.raises(ConvergenceError, match="stopped after"):
        lmm("y ~ x + (x | g)", frame, control=control)


def test_start_has_one_number_per_parameter(frame):
    with pytest.raises(DataError, match="3 finite numbers"):
        lmm("y ~ x + (x | g)", frame, control=Control(start=[1.0]))


def test_start_does_not_change_the_optimum(frame, model):
    again = lmm("y ~ x + (1 | g)", frame, control=Control(start=[5.0]))
    assert again.objective == pytest.approx(model.objective, abs=SAME)


def test_dropped_columns_are_said(frame):
    frame = frame.assign(x2=2 * frame["x"] + 1)
    with pytest.warns(DroppedColumnsWarning, match="x2") as caught:
        model = lmm("y ~ x + x2 + (1 | g)", frame)
    assert caught[0].filename == __file__
    assert model.aliased == ("x2",)
    assert "x2" in str(model.summary())


def test_a_singular_fit_is_no_alarm():
    frame = pd.DataFrame({"y": [1.0, 2, 3, 4] * 3, "g": np.repeat(["a", "b", "c"], 4)})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = lmm("y ~ 1 + (1 | g)", frame)
    assert model.is_singular
    assert "variance of Intercept = 0" in model.convergence.message
    assert "variance of Intercept = 0" in str(model.summary())


def test_more_coefficients_than_rows(frame):
    few = frame.iloc[[0, 1, 10, 11]]
    with pytest.raises(DataError, match="4 rows for 4 coefficients"):
        lmm("y ~ x + I(x**2) + I(x**3)", few)


def test_control_is_a_control(frame):
    with pytest.raises(DataError, match="control is of type dict"):
        lmm("y ~ x + (1 | g)", frame, control={"tolerance": 1e-4})


@pytest.mark.parametrize("seed", range(8))
def test_a_response_that_a_group_determines(frame, seed):
    noise = np.random.default_rng(seed).normal(size=90)
    exact = frame.assign(y=np.where(frame["g"] == "g3", 1.0, 0.0), x=noise)
    with pytest.raises(DataError, match="exactly"):
        lmm("y ~ x + (1 | g)", exact)
    almost = exact.assign(y=exact["y"] + 1e-6 * frame["z"].fillna(0))
    assert lmm("y ~ x + (1 | g)", almost).sigma == pytest.approx(1e-6, rel=0.3)


def of_groups(seed, *, slope=0.0, noise=0.0):
    """Rows of an unequal design whose response a group determines, up to `slope` and `noise`."""
    random = np.random.default_rng(seed)
    g = np.repeat(np.arange(14), random.integers(3, 9, size=14))
    x, e = random.normal(size=(2, len(g)))
    y = random.normal(size=14)[g] + slope * random.normal(size=14)[g] * x + noise * e
    return pd.DataFrame({"y": y, "x": x, "g": g})


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("slope", [0.0, 1.0])
def test_a_response_that_intercepts_and_slopes_determine(seed, slope):
    """The search stops anywhere on its way to infinity: the columns tell, not where it stopped."""
    with pytest.raises(DataError, match="exactly"):
        lmm("y ~ x + (x | g)", of_groups(seed, slope=slope))
    almost = lmm(f"y ~ x + ({'x' if slope else 1} | g)", of_groups(seed, slope=slope, noise=1e-6))
    assert almost.convergence.converged
    assert almost.sigma == pytest.approx(1e-6, rel=0.4)


@pytest.mark.parametrize("seed", range(6))
def test_a_response_that_an_inner_group_determines(seed):
    data = of_groups(seed)
    data["class"] = data.groupby("g").cumcount() // 2
    data["y"] = data.groupby(["g", "class"])["y"].transform("size") + data["g"].map(np.sin)
    with pytest.raises(DataError, match="exactly"):
        lmm("y ~ 1 + (1 | g/class)", data)


def test_as_many_effects_as_rows_are_no_exact_fit():
    """Of two rows a level, intercepts and slopes reproduce any response."""
    data = of_groups(3, slope=1.0, noise=0.5).groupby("g").head(2)
    model = lmm("y ~ x + (x | g)", data)
    assert model.convergence.converged
    assert model.sigma > 0.01


def test_a_response_without_residual(frame):
    exact = frame.assign(y=3 + 2 * frame["x"])
    with pytest.raises(DataError, match="exactly"):
        lmm("y ~ x + (1 | g)", exact)


CODED = pd.DataFrame(
    {
        "g": np.repeat(np.arange(12), 10),
        "x": np.random.default_rng(29).normal(size=120),
        "f": np.tile(list("abc"), 40),
        "k": np.repeat(["u", "v"], 60),
        "y": np.random.default_rng(30).normal(size=120),
    }
)


@pytest.mark.parametrize(
    ("change", "contrasts"),
    [
        (". ~ . - f", {"k": "sum"}),
        (". ~ . - f - k", None),
        (". ~ . - f + (1 | f)", {"k": "sum"}),
        (". ~ . - f + (0 + f || g)", {"k": "sum", "f": "helmert"}),
        (". ~ x * k + (1 | g)", {"k": "sum"}),
        (". ~ . - k", {"f": "helmert"}),
    ],
)
def test_contrasts_go_with_their_factor(change, contrasts):
    model = lmm("y ~ x + f + k + (1 | g)", CODED, contrasts={"f": "helmert", "k": "sum"})
    changed = model.update(change)
    expected = lmm(changed.formula, CODED, contrasts=contrasts)
    pd.testing.assert_series_equal(changed.params, expected.params)


def test_contrasts_of_a_column_that_is_not_used_at_first_are_refused():
    with pytest.raises(DataError, match="'f', which the formula does not use"):
        lmm("y ~ x + (1 | f)", CODED, contrasts={"f": "sum"})
