"""The bootstrap of generalised models: every family, replicates that are fits, honest counts."""

import time
from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import special

import mixedmodels as mm
from mixedmodels.errors import DataError
from mixedmodels.inference.bootstrap.resampling import resampling_of
from mixedmodels.prediction.streams import key_of, stream


@pytest.fixture(scope="module")
def frame():
    random = np.random.default_rng(2)
    n, g = 240, np.repeat(np.arange(24), 10)
    x = random.normal(size=n)
    eta = 0.4 + 0.5 * x + 0.6 * random.normal(size=24)[g]
    size = random.integers(2, 9, n)
    cut = np.digitize(eta + random.logistic(size=n), [-0.5, 1.0])
    p = random.beta(4 * special.expit(eta), 4 * special.expit(-eta))
    return pd.DataFrame(
        {
            "x": x,
            "arm": np.where(g % 2, "b", "a"),
            "g": g.astype(str),
            "size": size,
            "time": random.uniform(0.5, 2.0, n),
            "successes": random.binomial(size, special.expit(eta)),
            "clumped": random.binomial(size, p),
            "event": random.binomial(1, special.expit(eta)),
            "count": random.poisson(np.exp(eta)) * (random.random(n) > 0.2),
            "spread": random.negative_binomial(2.0, 2.0 / (2.0 + np.exp(eta))),
            "positive": np.exp(eta) * random.gamma(4.0, 0.25, n),
            "unit": random.beta(5 * special.expit(eta), 5 * special.expit(-eta)),
            "real": eta + 0.7 * random.standard_t(5, n),
            "grade": pd.Categorical(
                np.array(["low", "mid", "high"])[cut], ["low", "mid", "high"], ordered=True
            ),
        }
    )


MODELS = {
    "bernoulli": ("event ~ x + (1 | g)", {"family": "binomial"}),
    "binomial": ("successes / size ~ x + (1 + x | g)", {"family": "binomial", "link": "probit"}),
    "beta_binomial": ("clumped / size ~ x + (1 | g)", {"family": "beta_binomial"}),
    "poisson": ("count ~ x + (1 | g)", {"family": "poisson", "exposure": "time"}),
    "nb2": ("spread ~ x + (1 | g)", {"family": "nb2", "dispersion": "~ arm"}),
    "nb1": ("spread ~ x + (1 | g)", {"family": "nb1"}),
    "zero": ("count ~ x + (1 | g)", {"family": "poisson", "zero": "~ 1"}),
    "hurdle": ("count ~ x + (1 | g)", {"family": "poisson", "hurdle": "~ x"}),
    "gamma": ("positive ~ x + (1 | g)", {"family": "gamma", "dispersion": "~ arm"}),
    "inverse_gaussian": ("positive ~ x + (1 | g)", {"family": "inverse_gaussian"}),
    "beta": ("unit ~ x + (1 + x || g)", {"family": "beta"}),
    "student_t": ("real ~ x + (1 | g)", {"family": "student_t"}),
    "gaussian": ("real ~ x + (1 | g)", {"family": "gaussian"}),
    "ordinal": ("grade ~ x + (1 | g)", {"family": "ordinal"}),
    "quadrature": ("event ~ x + (1 | g)", {"family": "binomial", "nodes": 5}),
}


@pytest.fixture(scope="module", params=list(MODELS))
def model(request, frame):
    formula, options = MODELS[request.param]
    return mm.glmm(formula, frame, **options)


def test_a_replicate_is_the_fit_of_its_response(model):
    found = model.bootstrap(6, seed=3).result
    source = resampling_of(model.fit, "parametric", key_of(3))
    for i in range(6):
        y = source.problem(i).matrices.y
        try:
            single = model.refit(y)
        except DataError:
            assert found.refits.failed[i]
            continue
        assert found.refits.deviance[i] == pytest.approx(single.fit.objective, abs=1e-5)
        assert found.refits.singular[i] == bool(single.convergence.singular)
        error = np.abs(found.refits.beta[i] - single.fit.beta) / single.bse.to_numpy()
        assert error.max() < 1e-2


def test_parts_of_a_batch_are_those_of_the_whole(model):
    whole = model.bootstrap(7, seed=4).result
    source = resampling_of(model.fit, "parametric", key_of(4))
    part = source.run(5, 2)
    assert np.array_equal(part.psi, whole.refits.psi[5:], equal_nan=True)
    assert np.array_equal(
        model.bootstrap(3, seed=4).replicates, whole.replicates[:3], equal_nan=True
    )


def test_estimates_have_their_names_and_natural_scales(model):
    found = model.bootstrap(20, seed=5).result
    named = {(g, t): v for g, t, v in zip(found.groups, found.terms, found.estimate, strict=True)}
    for name, value in model.params.items():
        assert named[None, name] == pytest.approx(value)
    components = model.variance_components
    sds = components[components["var2"].isna()] if "var2" in components else components
    assert named["g", "Intercept"] == pytest.approx(float(sds["sdcor"].iloc[0]))
    for kind, values in model.auxiliary_params.items():
        if kind == "thresholds":
            for name, value in values.items():
                assert named["Thresholds", name] == pytest.approx(value)
        elif list(values.index) == ["Intercept"]:
            transform = special.expit if kind == "zero" else np.exp
            [value] = [v for (g, t), v in named.items() if t in (kind, "probability", "sd")]
            assert value == pytest.approx(float(transform(values.iloc[0])))
    assert found.replicates.shape == (20, len(named))
    spread = np.nanstd(found.replicates, axis=0)
    assert (spread > 0).all()
    # the replicates scatter around the estimates, in units of their own spread
    middle = np.nanmedian(found.replicates, axis=0)
    fixed = np.array([group is None for group in found.groups])
    assert (np.abs(middle - found.estimate)[fixed] < 1.5 * spread[fixed]).all()


def test_a_statistic_agrees_with_the_parameters(model):
    plain = model.bootstrap(4, seed=6).result
    asked = model.bootstrap(4, seed=6, statistic=lambda m: m.params.to_dict()).result
    fixed = [group is None for group in plain.groups]
    np.testing.assert_allclose(asked.replicates, plain.replicates[:, fixed], rtol=1e-6)


def test_intervals_cover_the_truth():
    """Of 40 seeded studies: 95 % intervals miss 2 of a slope on average, more than 7 are no chance
    (binomial, P < 0.002).
    """
    random = np.random.default_rng(8)
    missed = 0
    for _ in range(40):
        g = np.repeat(np.arange(20), 8)
        x = random.normal(size=160)
        eta = 0.3 + 0.4 * x + 0.5 * random.normal(size=20)[g]
        model = mm.glmm(
            "y ~ x + (1 | g)", {"y": random.poisson(np.exp(eta)), "x": x, "g": g}, "poisson"
        )
        table = model.conf_int(method="bootstrap", which="fixed", n=200, seed=1)
        low, high = table.loc[1, ["conf_low", "conf_high"]]
        missed += not low < 0.4 < high
    assert missed <= 7


def test_from_a_singular_fit_variances_are_free():
    """The start of every search is lifted off zero, where none would move."""
    random = np.random.default_rng(1)
    g = np.repeat(np.arange(12), 10)
    y = np.tile([0, 1], 60)
    model = mm.glmm("y ~ x + (1 | g)", {"y": y, "g": g, "x": random.normal(size=120)})
    assert model.convergence.singular
    found = model.bootstrap(40, seed=1).result
    assert 5 < found.n_singular < 35
    sd = found.replicates[:, 0]
    assert (sd[~found.refits.singular] > 0.01).all()
    source = resampling_of(model.fit, "parametric", key_of(1))
    for i in range(6):
        single = model.refit(source.problem(i).matrices.y)
        assert found.refits.deviance[i] == pytest.approx(single.fit.objective, abs=1e-5)


def test_a_response_of_one_category_has_no_fit_and_is_counted():
    random = np.random.default_rng(3)
    g = np.repeat(np.arange(10), 3)
    y = np.zeros(30)
    y[[3, 17]] = 1
    model = mm.glmm("y ~ 1 + (1 | g)", {"y": y, "g": g, "x": random.normal(size=30)})
    b = model.bootstrap(200, seed=2)
    source = resampling_of(model.fit, "parametric", key_of(2))
    empty = [not source.problem(i).matrices.y.any() for i in range(200)]
    assert 5 < b.n_failed == sum(empty) < 60
    assert np.isnan(b.replicates[empty]).all()
    assert f"{b.n_failed} without a fit" in repr(b)


def test_searches_that_did_not_converge_are_counted(frame):
    model = mm.glmm("event ~ x + (1 | g)", frame)
    b = model.bootstrap(30, seed=1)
    assert b.n_not_converged == 0
    assert "converged" not in repr(b)
    source = resampling_of(model.fit, "parametric", key_of(1))
    short = replace(source, plan=replace(source.plan, max_evaluations=2)).run(0, 30)
    cut = replace(b, result=replace(b.result, refits=short))
    assert cut.n_not_converged == 30
    assert "30 not converged" in repr(cut)


def test_weights_are_no_distribution(frame):
    model = mm.glmm("event ~ x + (1 | g)", frame, weights="time")
    with pytest.raises(DataError, match="weights cannot be drawn"):
        model.bootstrap(10, seed=1)
    again = model.refit(frame["event"].to_numpy())
    assert again.llf == pytest.approx(model.llf)


def test_the_residual_kind_says_what_to_do(frame):
    model = mm.glmm("event ~ x + (1 | g)", frame)
    with pytest.raises(DataError, match='use kind="parametric" or kind="case"'):
        model.bootstrap(10, kind="residual", seed=1)


@pytest.mark.parametrize("name", ["binomial", "hurdle", "ordinal", "poisson"])
def test_whole_groups_are_drawn_with_all_that_belongs_to_their_rows(name, frame):
    formula, options = MODELS[name]
    model = mm.glmm(formula, frame, **options)
    found = model.bootstrap(4, kind="case", seed=7).result
    source = resampling_of(model.fit, "case", key_of(7))
    for i in range(4):
        chosen = stream(key_of(7), i).integers(24, size=24)
        rows = np.concatenate([source.rows[level] for level in chosen])
        drawn = frame.iloc[rows].assign(g=np.repeat(np.arange(24), 10)).reset_index(drop=True)
        single = mm.glmm(formula, drawn, **options)
        assert found.refits.deviance[i] == pytest.approx(single.fit.objective, abs=1e-5)
    asked = model.bootstrap(4, kind="case", seed=7, statistic=lambda m: m.params.to_dict()).result
    fixed = [group is None for group in found.groups]
    np.testing.assert_allclose(asked.replicates, found.replicates[:, fixed], rtol=1e-6)


def test_a_sample_without_a_level_of_a_factor_has_no_fit():
    random = np.random.default_rng(1)
    g = np.repeat(np.arange(6), 5)
    data = {"y": random.integers(0, 3, 30), "arm": np.where(g < 2, "a", "b"), "g": g}
    model = mm.glmm("y ~ arm + (1 | g)", data, "poisson")
    b = model.bootstrap(100, kind="case", seed=1)
    source = resampling_of(model.fit, "case", key_of(1))
    arms = [np.ptp(source.problem(i).matrices.X[:, 1]) > 0 for i in range(100)]
    assert b.n_failed == arms.count(False) > 0


def test_the_likelihood_ratio_of_two_generalised_models(frame):
    large = mm.glmm("count ~ x + (1 | g)", frame, "poisson", zero="~ 1")
    small = mm.glmm("count ~ 1 + (1 | g)", frame, "poisson", zero="~ 1")
    test = mm.bootstrap_compare(large, small, n=60, seed=1)
    assert test.statistic == pytest.approx(2 * (large.llf - small.llf), abs=1e-6)
    assert test.p_value == pytest.approx(1 / 61)
    source = resampling_of(small.fit, "parametric", key_of(1))
    for i in range(3):
        y = source.problem(i).matrices.y
        ratio = 2 * (large.refit(y).llf - small.refit(y).llf)
        assert test.replicates[i] == pytest.approx(ratio, abs=1e-4)


def test_tables_come_in_the_library_of_the_data(frame):
    model = mm.glmm("event ~ x + (1 | g)", pl.from_pandas(frame.drop(columns="grade")))
    b = model.bootstrap(60, seed=1)
    assert isinstance(b.table, pl.DataFrame)
    assert isinstance(b.conf_int(0.8), pl.DataFrame)
    plain = mm.glmm("event ~ x + (1 | g)", frame).bootstrap(60, seed=1)
    np.testing.assert_allclose(b.replicates, plain.replicates, rtol=1e-9)


def test_a_thousand_refits_take_about_as_long_as_a_hundred_single_fits():
    """By a wide margin: single fits go through Python and look for their own start."""
    model = mm.glmm("incidence / size ~ period + (1 | herd)", mm.datasets.load("cbpp"))
    y = model.fit.matrices.y
    started = time.perf_counter()
    for _ in range(50):
        model.refit(y)
    single = (time.perf_counter() - started) / 50
    started = time.perf_counter()
    model.bootstrap(1000, seed=1)
    assert time.perf_counter() - started < 1000 * single
