"""Robust fits are REML without bounds, consistent at the normal, and bounded away from it."""

import warnings

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError, DroppedColumnsWarning
from mixedmodels.robust_fit.psi import psi_of
from mixedmodels.robust_fit.scales import scales

SLEEP = "Reaction ~ Days + (Days | Subject)"

REML = 1e-6  # relative; what is left by the searches of both

MODELS = [
    (SLEEP, "sleepstudy"),
    ("Reaction ~ Days + (Days || Subject)", "sleepstudy"),
    ("diameter ~ 1 + (1 | plate) + (1 | sample)", "penicillin"),
    ("strength ~ 1 + (1 | batch/cask)", "pastes"),
    ("score ~ Machine + (Machine | Worker)", "machines"),
]


@pytest.fixture(scope="module")
def sleep():
    return mm.datasets.load("sleepstudy").assign(Reaction=lambda d: d["Reaction"].astype(float))


@pytest.mark.parametrize("formula, name", MODELS)
def test_without_bounds_it_is_reml(formula, name):
    data = mm.datasets.load(name)
    robust, plain = mm.rlmm(formula, data, efficiency=1), mm.lmm(formula, data)
    pd.testing.assert_series_equal(robust.params, plain.params, rtol=REML)
    pd.testing.assert_frame_equal(
        robust.cov_params(), plain.cov_params(), rtol=10 * REML, atol=1e-9
    )
    assert robust.sigma == pytest.approx(plain.sigma, rel=REML)
    for group, cov in plain.cov_re.items():
        np.testing.assert_allclose(robust.cov_re[group], cov, rtol=10 * REML, atol=1e-6)
        np.testing.assert_allclose(
            robust.random_effects[group], plain.random_effects[group], rtol=1e-4, atol=1e-4
        )
    assert (robust.row_weights == 1).all()


def test_without_bounds_it_is_reml_with_weights_offset_and_missing_rows(sleep):
    data = sleep.assign(w=np.linspace(0.5, 2, 180), o=np.arange(180.0))
    data.loc[3:7, "Reaction"] = np.nan
    options = {"weights": "w", "offset": "o"}
    robust = mm.rlmm(SLEEP, data, efficiency=1, **options)
    plain = mm.lmm(SLEEP, data, **options)
    pd.testing.assert_series_equal(robust.params, plain.params, rtol=REML)
    pd.testing.assert_series_equal(robust.fittedvalues, plain.fittedvalues, rtol=1e-5)
    assert robust.sigma == pytest.approx(plain.sigma, rel=REML)
    assert robust.n_missing == 5


def test_a_variance_of_zero():
    data = mm.datasets.load("dyestuff2")
    for efficiency in (1, 0.95):
        robust = mm.rlmm("Yield ~ 1 + (1 | Batch)", data, efficiency=efficiency)
        assert robust.cov_re["Batch"].iloc[0, 0] == 0
        assert robust.is_singular
    assert robust.sigma == pytest.approx(mm.rlmm("Yield ~ 1", data).sigma, rel=1e-5)


@pytest.mark.parametrize("psi", ["smoothed_huber", "huber", "bisquare", "t"])
def test_equivariance(sleep, psi):
    """Of the response and of the covariate: scale, shift, and adding what the model fits."""
    base = mm.rlmm(SLEEP, sleep, psi=psi)
    other = sleep.assign(Reaction=-3 * sleep["Reaction"] + 100 - 7 * sleep["Days"])
    moved = mm.rlmm(SLEEP, other, psi=psi)
    expected = -3 * base.params.to_numpy() + [100, -7]
    np.testing.assert_allclose(moved.params, expected, rtol=1e-5)
    assert moved.sigma == pytest.approx(3 * base.sigma, rel=1e-5)
    np.testing.assert_allclose(moved.cov_re["Subject"], 9 * base.cov_re["Subject"], rtol=1e-4)
    np.testing.assert_allclose(moved.row_weights, base.row_weights, rtol=1e-4, atol=1e-6)
    shuffled = sleep.sample(frac=1, random_state=1)
    again = mm.rlmm(SLEEP, shuffled, psi=psi)
    pd.testing.assert_series_equal(again.params, base.params, rtol=1e-5)
    assert again.row_weights.index.equals(shuffled.index)


@pytest.mark.parametrize("psi", ["smoothed_huber", "huber", "bisquare"])
def test_one_row_has_bounded_influence(sleep, psi):
    def estimates(by: float) -> np.ndarray:
        data = sleep.copy()
        data.loc[5, "Reaction"] += by
        model = mm.rlmm(SLEEP, data, psi=psi)
        assert model.row_weights.idxmin() == 5
        return np.concatenate([model.params, [model.sigma], model.cov_re["Subject"].to_numpy()[0]])

    near, far = estimates(1e3), estimates(1e6)
    np.testing.assert_allclose(near, far, rtol=1e-3, atol=0.01)  # a covariance is near zero
    clean = mm.rlmm(SLEEP, sleep, psi="huber")
    assert abs(near[0] - clean.params.iloc[0]) < clean.bse.iloc[0]


@pytest.mark.parametrize("psi", ["smoothed_huber", "bisquare"])
def test_one_group_has_bounded_influence(sleep, psi):
    def estimates(by: float) -> mm.RobustMixedModel:
        moved = sleep["Reaction"] + by * (sleep["Subject"] == "308")
        return mm.rlmm(SLEEP, sleep.assign(Reaction=moved), psi=psi)

    near, far = estimates(1e4), estimates(1e6)
    np.testing.assert_allclose(near.params, far.params, rtol=2e-3)
    np.testing.assert_allclose(near.cov_re["Subject"], far.cov_re["Subject"], rtol=0.01, atol=2)
    weights = far.group_weights["Subject"].iloc[:, 0]
    assert weights.loc["308"] < 1e-3
    assert weights.drop("308").min() > 0.1
    assert far.row_weights[sleep["Subject"] == "308"].median() > 0.9  # its rows are as they were
    plain = mm.lmm(
        SLEEP, sleep.assign(Reaction=sleep["Reaction"] + 1e4 * (sleep["Subject"] == "308"))
    )
    assert abs(far.params.iloc[0] - 251.4) < 10 < abs(plain.params.iloc[0] - 251.4)


def simulated(random: np.random.Generator, levels: int = 30, n: int = 5) -> pd.DataFrame:
    g = np.repeat(np.arange(levels), n)
    x = np.tile(np.arange(n) - (n - 1) / 2, levels)
    b = random.normal(size=(levels, 2)) @ np.array([[1.0, 0.3], [0.0, 0.6]])
    y = 1 + 0.5 * x + b[g, 0] + b[g, 1] * x + random.normal(size=levels * n)
    return pd.DataFrame({"y": y, "x": x, "g": g})


SMALL_SAMPLE = 0.04
"""What the first-order distribution leaves of a variance of one with 30 levels."""


def test_scales_are_consistent_at_the_normal():
    """Means over samples are those of REML, up to three standard errors of the difference."""
    random = np.random.default_rng(4)
    robust, plain = [], []
    for _ in range(15):
        data = simulated(random)
        for found, model in (
            (robust, mm.rlmm("y ~ x + (x | g)", data, psi="huber")),
            (plain, mm.lmm("y ~ x + (x | g)", data)),
        ):
            cov = model.cov_re["g"].to_numpy()
            found.append([model.sigma, cov[0, 0], cov[1, 1], cov[0, 1]])
    difference = np.array(robust) - np.array(plain)
    error = difference.std(axis=0, ddof=1) / np.sqrt(len(difference))
    assert (np.abs(difference.mean(axis=0)) < 3 * error + SMALL_SAMPLE).all()
    assert (error < 0.06).all()


def test_regression_without_random_terms():
    """At the optimum the estimating equations hold, written out."""
    random = np.random.default_rng(7)
    data = pd.DataFrame({"x": random.normal(size=60)})
    data["y"] = 1 + data["x"] + random.standard_t(2, size=60)
    model = mm.rlmm("y ~ x", data, psi="huber")
    r = model.resid / model.sigma
    psi = np.clip(r, -model.tuning[0], model.tuning[0])
    assert model.tuning == pytest.approx((1.344998,), abs=1e-6)  # Huber's constant for 95 %
    np.testing.assert_allclose([psi.sum(), (psi * data["x"]).sum()], 0, atol=1e-7)
    np.testing.assert_allclose(model.row_weights, np.minimum(1, model.tuning[0] / r.abs()))


def test_tuning_constants_are_the_published_ones():
    # Huber 1981; Holland & Welsch 1977
    data = mm.datasets.load("dyestuff")
    for psi, k in (("huber", 1.345), ("bisquare", 4.685)):  # of scales: Koller 2016, 2.28
        assert psi_of("smoothed_huber", 0.95).k_scale == pytest.approx(2.28, abs=5e-3)
        assert mm.rlmm("Yield ~ 1", data, psi=psi).tuning[0] == pytest.approx(k, abs=5e-4)


def test_predictions_and_tables(sleep):
    model = mm.rlmm(SLEEP, sleep)
    new = pd.DataFrame({"Days": [0, 9, 3], "Subject": ["308", "308", "new"]})
    b = model.random_effects["Subject"].loc["308"]
    beta = model.params
    expected = [beta.iloc[0] + b.iloc[0], beta.iloc[0] + b.iloc[0] + 9 * (beta.iloc[1] + b.iloc[1])]
    np.testing.assert_allclose(model.predict(new)[:2], expected)
    assert model.predict(new)[2] == pytest.approx(beta.iloc[0] + 3 * beta.iloc[1])
    np.testing.assert_allclose(model.fittedvalues, model.predict())
    table = model.weights_table()
    assert len(table) == 18 + 180
    assert table["group"].isna().sum() == 180
    assert model.coef_table()["df"].tolist() == [np.inf, np.inf]
    text = str(model)
    assert "smoothed Huber, 95% efficiency" in text
    assert "26 of 180" in text
    assert "<table" in model._repr_html_()
    assert "95% efficiency" in str(model.summary())
    assert len(repr(model)) < 100
    with pytest.raises(DataError, match="no likelihood"):
        _ = model.aic
    polars = pytest.importorskip("polars")
    other = mm.rlmm(SLEEP, polars.from_pandas(sleep))
    assert isinstance(other.variance_components, polars.DataFrame)
    assert other.params.to_numpy() == pytest.approx(beta.to_numpy())
    lazy = mm.rlmm(SLEEP, polars.from_pandas(sleep).lazy())
    assert lazy.params.to_numpy() == pytest.approx(beta.to_numpy())


def test_rank_deficient(sleep):
    with pytest.warns(DroppedColumnsWarning):
        model = mm.rlmm("Reaction ~ Days + I(2 * Days) + (Days | Subject)", sleep)
    pd.testing.assert_series_equal(model.params, mm.rlmm(SLEEP, sleep).params, rtol=1e-6)
    assert model.aliased


TABULATED = 5e-4
"""Relative error of scales read from splines."""


@pytest.mark.parametrize("psi", ["smoothed_huber", "huber", "bisquare"])
def test_many_different_rows_use_a_table_of_scales(psi):
    """Over 150 kinds of rows, the scales are read from splines; of fewer each is solved for."""
    random, function = np.random.default_rng(5), psi_of(psi, 0.95)
    own, rest = random.uniform(0.02, 0.5, 280), random.uniform(0.0, 0.3, 280)
    halves = [scales(own[at], rest[at], function) for at in (slice(140), slice(140, None))]
    np.testing.assert_allclose(scales(own, rest, function), np.concatenate(halves), rtol=TABULATED)


def test_rows_may_come_in_any_order_where_scales_are_tabulated():
    random = np.random.default_rng(5)
    data = simulated(random, levels=60)
    data["z"] = random.normal(size=len(data))
    model = mm.rlmm("y ~ x + z + (1 | g)", data)
    other = mm.rlmm("y ~ x + z + (1 | g)", data.sample(frac=1, random_state=1))
    assert other.sigma == pytest.approx(model.sigma, rel=1e-7)
    plain = mm.lmm("y ~ x + z + (1 | g)", data)
    assert model.sigma == pytest.approx(plain.sigma, rel=0.15)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"psi": "cauchy"}, "psi = 'cauchy' is not known"),
        ({"efficiency": 1.5}, "no efficiency"),
        ({"efficiency": 0.1}, "too low"),
        ({"df": 4}, "belongs to psi"),
        ({"psi": "t", "df": -1}, "no number of degrees of freedom"),
    ],
)
def test_refused_options(sleep, options, message):
    with pytest.raises(DataError, match=message):
        mm.rlmm(SLEEP, sleep, **options)


@pytest.mark.parametrize(
    "formula", ["Reaction ~ Days + cs(0 + half | Subject)", "Reaction ~ 1 + mm(1 | a + b)"]
)
def test_refused_structures(sleep, formula):
    data = sleep.assign(
        half=np.where(sleep["Days"] < 5, "a", "b"),
        a=sleep["Subject"].astype(str),
        b=sleep["Subject"].astype(str).to_numpy()[::-1],
    )
    with pytest.raises(DataError, match="Robust fits have random terms such as"):
        mm.rlmm(formula, data)


def test_what_is_fitted_exactly_is_refused():
    data = pd.DataFrame({"y": [1.0, 1, 1, 1, 1, 1, 1, 9], "g": list("aabbccdd")})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(DataError, match="no residual variance is left"):
            mm.rlmm("y ~ 1", data)


@pytest.mark.parametrize("psi", ["huber", "smoothed_huber", "bisquare"])
def test_a_group_that_repeats_the_response_is_refused(psi):
    rng = np.random.default_rng(3)
    data = pd.DataFrame({"g": np.arange(60) % 12, "x": rng.normal(size=60)})
    for level in (0.0, 1.0):
        exact = data.assign(y=1 + 2 * data["x"] + level * data["g"])
        with pytest.raises(DataError, match="no residual variance is left"):
            mm.rlmm("y ~ x + (1 | g)", exact, psi=psi)


@pytest.mark.parametrize("psi", ["huber", "smoothed_huber", "bisquare"])
def test_how_far_an_outlier_lies_does_not_matter(psi):
    rng = np.random.default_rng(4)
    g, x = np.arange(60) % 12, rng.normal(size=60)
    data = pd.DataFrame({"g": g, "x": x, "y": x + rng.normal(size=12)[g] + rng.normal(size=60)})
    found = []
    for far in (1e3, 1e9, 1e12):
        model = mm.rlmm(
            "y ~ x + (1 | g)", data.assign(y=data["y"].where(x < x.max(), far)), psi=psi
        )
        found.append([*model.params, model.sigma, *model.cov_re["g"].to_numpy().ravel()])
    np.testing.assert_allclose(found[1:], [found[0]] * 2, rtol=1e-3)
