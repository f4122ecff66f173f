"""The bootstrap: distributions that are known, intervals by definition, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import mixedmodels as mm
from mixedmodels.errors import DataError
from mixedmodels.inference.bootstrap import bootstrap
from mixedmodels.inference.bootstrap.parameters import parameters_of
from mixedmodels.inference.bootstrap.resampling import resampling_of
from mixedmodels.prediction.streams import key_of


@pytest.fixture(scope="module")
def sleep():
    return mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))


@pytest.fixture(scope="module")
def balanced():
    """A one-way layout, whose estimators have known distributions."""
    random = np.random.default_rng(4)
    g = np.repeat(np.arange(15), 6)
    y = 3 + 2 * random.normal(size=15)[g] + random.normal(size=90)
    return mm.lmm("y ~ 1 + (1 | g)", {"y": y, "g": g})


def test_the_parametric_bootstrap_has_the_exact_distributions(balanced):
    b = balanced.bootstrap(4000, seed=1).result
    column = {
        (g, t): b.replicates[:, j] for j, (g, t) in enumerate(zip(b.groups, b.terms, strict=True))
    }
    between = balanced.variance_components["vcov"].iloc[0]
    mean_sd = np.sqrt((between + balanced.scale / 6) / 15)
    standard = (column[None, "Intercept"] - balanced.params["Intercept"]) / mean_sd
    assert stats.kstest(standard, "norm").pvalue > 1e-3
    residual = 75 * column["Residual", "sd"] ** 2 / balanced.scale
    inside = column["g", "Intercept"] > 0
    assert inside.mean() > 0.99
    assert stats.kstest(residual[inside], stats.chi2(75).cdf).pvalue > 1e-3


def test_defaults_are_the_numbers_of_the_model(sleep):
    b = bootstrap(sleep.fit, 10, seed=1)
    found = dict(zip(zip(b.groups, b.terms, strict=True), b.estimate, strict=True))
    table = sleep.conf_int(which="all")
    for group, term, estimate in table[["group", "term", "estimate"]].to_numpy():
        assert found[None if pd.isna(group) else group, term] == pytest.approx(estimate)
    for name, values in (("R2", sleep.r2()), ("ICC", sleep.icc())):
        for term, value in values.items():
            assert found[name, term] == pytest.approx(value, rel=1e-9)


def test_the_residual_bootstrap_draws_what_was_estimated(sleep):
    source = resampling_of(sleep.fit, "residual", key_of(2))
    effects = source.effects[0]
    cov = sleep.cov_re["Subject"].to_numpy()
    np.testing.assert_allclose(effects.T @ effects / len(effects), cov, rtol=1e-9)
    assert source.noise.std() == pytest.approx(sleep.sigma)
    assert abs(source.noise.mean()) < 1e-9
    Y = source._block(0, 300)
    mean = sleep.predict(re="none").to_numpy()
    sd = np.sqrt(np.diag(sleep.fit.matrices.terms[0].Z @ cov @ sleep.fit.matrices.terms[0].Z.T))
    total = np.sqrt(sd**2 + sleep.scale)
    assert np.abs((Y.mean(axis=1) - mean) / total).max() < 5 / 300**0.5


def test_the_case_bootstrap_keeps_groups_whole(sleep):
    source = resampling_of(sleep.fit, "case", key_of(3))
    m = source.problem(0).matrices
    assert len(m.y) == 180
    original = sleep.fit.matrices
    whole = {tuple(original.y[rows]) for rows in original.groupings[0].rows()}
    copies = [tuple(m.y[rows]) for rows in m.groupings[0].rows()]
    assert len(copies) == 18
    assert set(copies) <= whole
    assert len(set(copies)) < 18


def test_the_case_bootstrap_of_nested_groups_draws_the_outermost():
    model = mm.lmm("strength ~ 1 + (1 | batch/cask)", mm.datasets.load("pastes"))
    m = resampling_of(model.fit, "case", key_of(1)).problem(0).matrices
    sizes = {g.name: (len(g.levels), np.bincount(g.codes).tolist()) for g in m.groupings}
    assert sizes["batch"] == (10, [6] * 10)
    assert sizes["batch:cask"] == (30, [2] * 30)


def test_without_random_effects_rows_are_drawn():
    model = mm.lmm("Reaction ~ Days", mm.datasets.load("sleepstudy"))
    drawn = resampling_of(model.fit, "case", key_of(1)).problem(0).matrices
    assert set(drawn.y) < set(model.fit.matrices.y)
    found = model.bootstrap(2000, kind="case", seed=2).conf_int().iloc[2]
    # White's standard error, as rows of one day differ in spread
    m, resid = model.fit.matrices, model.resid.to_numpy()
    bread = np.linalg.inv(m.X.T @ m.X)
    robust = np.sqrt((bread @ (m.X * resid[:, None] ** 2).T @ m.X @ bread)[1, 1])
    assert found["conf_high"] - found["conf_low"] == pytest.approx(2 * 1.96 * robust, rel=0.08)


@pytest.mark.parametrize("kind", ["parametric", "residual", "case"])
def test_a_statistic_of_the_model_agrees_with_the_parameters(sleep, kind):
    plain = sleep.bootstrap(30, kind=kind, seed=5).result
    asked = sleep.bootstrap(
        30, kind=kind, seed=5, statistic=lambda m: {"days": m.params["Days"], "sigma": m.sigma}
    ).result
    assert asked.terms == ("days", "sigma")
    j = [plain.terms.index("Days", 4), plain.terms.index("sd")]
    np.testing.assert_allclose(asked.replicates, plain.replicates[:, j], rtol=1e-6)


@pytest.mark.parametrize("kind", ["parametric", "residual", "case"])
def test_a_replicate_does_not_depend_on_the_others(sleep, kind):
    many = sleep.bootstrap(40, kind=kind, seed=6).replicates
    few = sleep.bootstrap(11, kind=kind, seed=6).replicates
    assert np.array_equal(few, many[:11], equal_nan=True)
    assert not np.array_equal(
        few, sleep.bootstrap(11, kind=kind, seed=7).replicates, equal_nan=True
    )


def test_intervals_by_definition(sleep):
    b = sleep.bootstrap(999, seed=8)
    percentile, basic = (b.conf_int(0.9, method) for method in ("percentile", "basic"))
    ordered = np.sort(b.replicates, axis=0)
    np.testing.assert_allclose(percentile["conf_low"], ordered[49])
    np.testing.assert_allclose(percentile["conf_high"], ordered[949])
    np.testing.assert_allclose(basic["conf_low"], 2 * basic["estimate"] - percentile["conf_high"])


def test_bca_of_a_mean_agrees_with_scipy():
    """One row per group and no random effects but those: the mean of independent rows."""
    random = np.random.default_rng(9)
    x = random.exponential(size=40)
    rows = pd.DataFrame(
        {"y": np.repeat(x, 2) + np.tile([-0.01, 0.01], 40), "g": np.repeat(np.arange(40), 2)}
    )
    model = mm.lmm("y ~ 1 + (1 | g)", rows)
    ours = model.bootstrap(9000, kind="case", seed=1).conf_int(method="bca").iloc[2]
    theirs = stats.bootstrap(
        (x,), np.mean, n_resamples=9000, method="BCa", rng=np.random.default_rng(1)
    ).confidence_interval
    assert ours["term"] == "Intercept"
    assert ours["conf_low"] == pytest.approx(theirs.low, abs=0.02)
    assert ours["conf_high"] == pytest.approx(theirs.high, abs=0.03)


def test_singular_fits_start_inside():
    """From a variance of zero the search must find the variances of samples that have one."""
    model = mm.lmm("Yield ~ 1 + (1 | Batch)", mm.datasets.load("dyestuff2"))
    assert model.is_singular
    b = model.bootstrap(400, seed=1).result
    share = (b.replicates[:, 0] > 0).mean()
    exact = 1 - stats.f.cdf(1, 5, 24)  # the mean square between exceeds that within
    assert share == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 400))
    one = parameters_of(model.fit.problem, model.fit.identification, b.refits)
    assert (one.values[:, 0] >= 0).all()


def test_the_bootstrap_test_of_a_coefficient_is_nearly_the_t_test(balanced):
    data = {"y": balanced.fit.matrices.y, "g": balanced.fit.matrices.groupings[0].codes}
    data["x"] = np.random.default_rng(3).normal(size=15)[data["g"]]
    large = mm.lmm("y ~ x + (1 | g)", data)
    found = mm.bootstrap_compare(large, balanced, n=4000, seed=1)
    exact = large.coef_table()["p_value"].iloc[1]
    assert found.df == 1
    assert found.p_value == pytest.approx(exact, abs=0.03)
    assert found.n_failed == 0
    assert found.table["statistic"].iloc[0] == found.statistic


def test_the_bootstrap_test_of_a_variance_has_a_point_at_zero(balanced):
    data = {"y": np.random.default_rng(1).normal(size=90), "g": np.repeat(np.arange(15), 6)}
    with_group = mm.lmm("y ~ 1 + (1 | g)", data)
    without = mm.lmm("y ~ 1", data)
    found = mm.bootstrap_compare(without, with_group, n=2000, seed=2)
    zero = (found.replicates < 1e-6).mean()
    # the ML estimate is zero where the mean square between, by 15, is below that within
    assert zero == pytest.approx(stats.f.cdf(15 / 14, 14, 75), abs=0.04)


def test_conf_int_and_table(sleep):
    table = sleep.conf_int(method="bootstrap", which="variance", n=200, seed=1)
    assert table["term"].tolist() == ["Intercept", "Days", "cor(Intercept, Days)", "sd"]
    fixed = sleep.conf_int(method="bootstrap", n=200, seed=1)
    assert fixed["term"].tolist() == ["Intercept", "Days"]
    b = sleep.bootstrap(20, seed=1)
    assert list(b.table.columns) == ["replicate", "group", "term", "estimate"]
    assert len(b.table) == 200
    assert "20 replicates" in repr(b)
    assert b.plot(level=0.5).axes


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n = 0 is not a number of replicates"),
        ({"kind": "wild"}, "kind = 'wild' is not known"),
        ({"statistic": lambda m: "text"}, "gave an object of type str"),
    ],
)
def test_bad_arguments(sleep, arguments, message):
    with pytest.raises(DataError, match=message):
        sleep.bootstrap(**{"n": 5, **arguments})


def test_bad_intervals(sleep):
    b = sleep.bootstrap(100, seed=1)
    with pytest.raises(DataError, match="needs the bootstrap of whole groups"):
        b.conf_int(method="bca")
    with pytest.raises(DataError, match="method = 'normal'"):
        b.conf_int(method="normal")
    with pytest.raises(DataError, match="say nothing about the limits"):
        b.conf_int(0.999)
    crossed = mm.lmm("diameter ~ 1 + (1 | plate) + (1 | sample)", mm.datasets.load("penicillin"))
    with pytest.raises(DataError, match="one outermost grouping factor"):
        crossed.bootstrap(5, kind="case")
    other = mm.lmm(
        "Reaction ~ 1 + (1 | Subject)", mm.datasets.load("sleepstudy"), weights=np.arange(1.0, 181)
    )
    with pytest.raises(DataError, match="different weights"):
        mm.bootstrap_compare(sleep, other, n=10)
    with pytest.raises(DataError, match="object of type int"):
        mm.bootstrap_compare(sleep, 3, n=10)
