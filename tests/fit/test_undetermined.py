"""Fits of models in which the data cannot tell every variance parameter, and of sparse ones."""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError, NotIdentifiedWarning
from tests.dense import evaluate

CRITERION = 1e-6  # where two searches end
SEARCH = 5e-4  # of a standard deviation

pytestmark = pytest.mark.filterwarnings("ignore::mixedmodels.errors.NotIdentifiedWarning")


def groups(seed=3, n=60):
    random = np.random.default_rng(seed)
    g = np.repeat(np.arange(6), n // 6)
    x, z = random.normal(size=(2, n))
    y = x + random.normal(size=6)[g] + 0.6 * random.normal(size=6)[g] * x + random.normal(size=n)
    return pd.DataFrame(
        {
            "y": y, "x": x, "z": z, "g": np.array(list("abcdef"))[g], "row": np.arange(n),
            "arm": np.where(g < 3, "t", "c"), "f": np.tile(["p", "q"], n // 2),
        }
    )  # fmt: skip


def fitted(text, data, **options):
    with pytest.warns(NotIdentifiedWarning) as caught:
        model = mm.lmm(text, data, **options)
    told = [str(w.message) for w in caught if w.category is NotIdentifiedWarning]
    assert tuple(told) == model.convergence.undetermined
    assert all(text in str(model.summary()) for text in told)
    assert {w.filename for w in caught} == {__file__}
    return model


def sdcor(model):
    return model.variance_components["sdcor"].to_numpy(dtype=float)


@pytest.mark.parametrize("reml", [True, False])
def test_a_factor_both_fixed_and_random(reml):
    """The tests of the fixed part are those of least squares."""
    data = groups()
    model = fitted("y ~ x + C(g) + (1 | g)", data, reml=reml)
    least_squares = mm.lmm("y ~ x + C(g)", data, reml=reml)
    assert model.objective == pytest.approx(least_squares.objective, abs=CRITERION)
    assert model.npar == least_squares.npar
    assert np.isnan(sdcor(model)[0])
    assert np.isnan(model.cov_re["g"].to_numpy()).all()
    for ddf in ("satterthwaite", "kenward-roger")[: 1 + reml]:
        found, expected = model.anova(ddf=ddf), least_squares.anova(ddf=ddf)
        assert found["num_df"].tolist() == [1, 5]
        np.testing.assert_allclose(found["den_df"], expected["den_df"], rtol=1e-6)
        np.testing.assert_allclose(found["p_value"], expected["p_value"], rtol=1e-6)
    if reml:
        assert found["den_df"].tolist() == pytest.approx([53, 53])


def test_one_cluster_per_arm():
    data = groups()
    data = data[data.g.isin(["a", "f"])]
    model = fitted("y ~ arm + (1 | g)", data)
    table = model.coef_table()
    assert table["df"].tolist() == pytest.approx([18, 18])
    assert "speak of these very levels" in model.convergence.message
    assert {row.grade for row in model.check().rows if "Number of levels" in row.check} == {
        "problem"
    }


def test_all_places_show_one_fact():
    model = fitted("y ~ x + (x | g) + (z | g)", groups(8, n=120))
    unknown = [("g", "Intercept"), ("g", "Intercept.1")]
    components = model.variance_components.set_index(["group", "term1", "term2"])
    for group, term in unknown:
        assert components.loc[(group, term, None)].isna().all()
    for method in ("wald", "profile", "bootstrap"):
        limits = model.conf_int(which="variance", method=method, n=80, seed=1)
        limits = limits.set_index(["group", "term"])
        assert limits.loc[unknown].isna().all(axis=None), method
        assert limits.loc[("Residual", "sd")].notna().all(), method
    assert model.cov_variance().loc[unknown].isna().all(axis=None)
    table = model.check().table().set_index("check")
    [lost] = table.loc[["Variance parameters that the data can tell"], "value"]
    assert lost == 1
    assert model.npar == 2 + 6
    assert model.aic == pytest.approx(model.objective + 2 * 8)
    modes = model.ranef_table().set_index("term")
    assert modes.loc[["Intercept", "Intercept.1"], ["estimate", "std_error"]].isna().all(axis=None)
    assert modes.loc[["x", "z"], ["estimate", "std_error"]].notna().all(axis=None)
    assert model.random_effects["g"]["Intercept"].isna().all()
    assert model.re_pca()["g"].isna().all(axis=None)
    same = fitted("y ~ x + (z | g) + (x | g)", groups(8, n=120))
    np.testing.assert_allclose(model.predict(), same.predict(), atol=1e-3)
    # The sum is determined, and with it R2 and ICC.
    assert np.isfinite(list(model.r2().values())).all()
    assert np.isfinite(list(model.icc().values())).all()
    assert not model.is_singular


def test_the_sum_that_a_message_gives():
    data = groups(8, n=120)
    model = fitted("y ~ x + (x | g) + (z | g)", data)
    [message] = model.convergence.undetermined
    total = float(message.partition(" = ")[2].split()[0])
    T = [model.theta["g.Intercept"], model.theta["g.Intercept.1"]]
    assert total == pytest.approx(model.sigma**2 * np.square(T).sum(), rel=1e-4)


def test_likelihood_ratios_count_what_can_be_told():
    data = groups(8, n=120)
    large = fitted("y ~ x + (x | g) + (z | g)", data)
    small = mm.lmm("y ~ x + (x | g)", data)
    table = mm.compare(small, large)
    assert table["df"].tolist()[1] == 2  # the variance of z and its covariance with the intercept
    one = mm.lmm("y ~ x + C(g)", data)
    row = fitted("y ~ x + C(g) + (1 | g)", data).ranova()
    assert row["npar"].tolist() == [one.npar, one.npar]
    assert np.isnan(row["df"].iloc[1])


def test_a_factor_between_groups_has_variances_but_no_correlation():
    data = groups()
    free = fitted("y ~ x + (0 + arm | g)", data)
    diagonal = mm.lmm("y ~ x + (0 + arm || g)", data)
    assert free.objective == pytest.approx(diagonal.objective, abs=CRITERION)
    assert free.npar == diagonal.npar
    assert np.isnan(sdcor(free)).tolist() == [False, False, True, False]
    np.testing.assert_allclose(sdcor(free)[[0, 1, 3]], sdcor(diagonal), rtol=SEARCH)
    assert "write the term with ||" in free.convergence.message


def test_a_variance_of_zero_is_an_estimate():
    """At a singular fit the criterion is flat only where it ended: nothing is null."""
    data = groups().assign(y=np.random.default_rng(0).normal(size=60))
    data["y"] -= data.groupby("g")["y"].transform("mean")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = mm.lmm("y ~ x + (1 | g)", data)
    assert model.is_singular
    assert sdcor(model)[0] == 0
    assert model.npar == 4


def test_a_start_for_a_model_with_an_effect_that_is_taken_up():
    data = groups()
    model = fitted("y ~ C(g) + (x | g)", data)
    again = fitted("y ~ C(g) + (x | g)", data, control=mm.Control(start=[1.0, 0.3, 0.7]))
    assert again.objective == pytest.approx(model.objective, abs=CRITERION)
    dense = evaluate(
        model.fit.matrices, [np.diag([0.0, model.theta["g.x"] ** 2])], reml=True
    ).criterion
    assert model.objective == pytest.approx(dense, abs=CRITERION)


# lme4 1.1-31 with lmerControl(check.nobs.vs.nlev = "ignore", check.nobs.vs.nRE = "ignore",
# check.nlev.gtr.1 = "ignore"), nlme 3.1-162 and glmmTMB 1.1.5 in R 4.2.2: REML criteria, and
# standard deviations (correlations) in the order of our table. As many of the three as can write a
# model agree: lmer(y ~ x + (x | g)), lme(y ~ t, ~ 1 | subject, weights = varIdent(form = ~ 1 | t)),
# glmmTMB(y ~ gen + diag(1 + gen | env), REML = TRUE), …


def sparse():
    random = np.random.default_rng(17)
    g = np.r_[np.arange(40), np.repeat(np.arange(40, 60), 4)]
    data = pd.DataFrame({"g": g, "x": random.normal(size=120)})
    u = random.normal(size=(60, 2))
    data["y"] = 1 + 0.5 * data.x + u[g, 0] + 0.8 * u[g, 1] * data.x + random.normal(size=120) * 0.4
    return data


def crossover():
    random = np.random.default_rng(31)
    s = np.repeat(np.arange(24), 4)
    t = np.tile([0, 1, 0, 1], 24)
    t[s % 2 == 1] = 1 - t[s % 2 == 1]
    data = pd.DataFrame({"subject": s, "t": t.astype(float), "row": np.arange(96)})
    sd = np.where(t == 1, 0.9, 0.4)
    data["y"] = 5 + 0.3 * t + random.normal(size=24)[s] + random.normal(size=96) * sd
    return data


def trials():
    """One row per variety and environment."""
    k, env = np.repeat(np.arange(5), 12), np.tile(np.arange(12), 5)
    data = pd.DataFrame({"gen": np.char.add("v", k.astype(str)), "env": env})
    random = np.random.default_rng(32)
    sd = np.array([0.4, 0.5, 1.0, 1.3, 0.7])[k]
    data["y"] = 10 + k * 0.5 + random.normal(size=12)[env] * 0.8 + random.normal(size=60) * sd
    return data


def schools():
    """A covariate of the schools."""
    random = np.random.default_rng(33)
    school, size = np.repeat(np.arange(30), 6), random.normal(size=30)
    b = random.normal(size=(2, 30))
    data = pd.DataFrame({"school": school, "size": size[school]})
    data["y"] = (
        2 + data["size"] + (0.6 * b[0] + 0.7 * b[1] * size)[school] + random.normal(size=180)
    )
    return data


def blocks():
    """Two rows per block."""
    random = np.random.default_rng(34)
    data = pd.DataFrame({"block": np.repeat(np.arange(25), 2), "x": random.normal(size=50)})
    b = random.normal(size=(2, 25))[:, data.block]
    data["y"] = 1 + data.x + b[0] + 0.7 * b[1] * data.x + 0.5 * random.normal(size=50)
    return data


def regressions():
    """A random regression within one level."""
    random = np.random.default_rng(35)
    z = random.normal(size=(80, 3))
    data = pd.DataFrame(z, columns=["z0", "z1", "z2"]).assign(one="all")
    data["y"] = 1 + z @ [0.8, -0.5, 0.3] + random.normal(size=80)
    return data


SPARSE = [
    (sparse, "y ~ x + (x | g)", 288.777904545, [0.7315881, 0.8647302, -0.4269749, 0.3262114]),
    (sparse, "y ~ x + (x || g)", 292.168139732, [0.7312587, 0.8630915, 0.3245579]),
    (sparse, "y ~ x + (1 | g) + (0 + x | g)", 292.168139732, [0.7312587, 0.8630915, 0.3245579]),
    (crossover, "y ~ t + (1 | subject) + (0 + t | row)", 224.007369298,
     [0.8905964, 0.7168403, 0.3740246]),
    (trials, "y ~ gen + (gen || env)", 154.573359239,
     [0.8755575, 0.5999772, 1.3259674, 1.3238547, 0.3987802, 0.2040982]),
    (schools, "y ~ size + (size || school)", 547.128631787, [0.4191801, 0.9400297, 0.9553868]),
    (schools, "y ~ size + (1 | school) + (0 + size | school)", 547.128631787,
     [0.4191801, 0.9400297, 0.9553868]),
    (schools, "y ~ size + (size | school)", 546.304664084,
     [0.5157492, 0.8385930, -0.4385552, 0.9553868]),
    (blocks, "y ~ x + (x | block)", 143.153591708, [1.0826111, 0.6632916, -0.2343775, 0.4335258]),
    (regressions, "y ~ 1 + (0 + z0 + z1 + z2 || one)", 222.066868453,
     [0.9689583, 0.5164182, 0.4156922, 0.8953717]),
]  # fmt: skip


@pytest.mark.parametrize(("data", "text", "criterion", "sd"), SPARSE)
def test_models_that_counts_would_refuse_agree_with_r(data, text, criterion, sd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = mm.lmm(text, data())
    assert model.objective == pytest.approx(criterion, abs=CRITERION)
    np.testing.assert_allclose(sdcor(model), sd, atol=SEARCH)


@pytest.mark.parametrize(
    ("one", "other"), [("(x + z || g)", "(z + x || g)"), ("(x || g)", "(1 | g) + (0 + x | g)")]
)
@pytest.mark.parametrize("seed", range(8))
def test_a_model_is_judged_by_what_it_is(one, other, seed):
    """In any order and spelling, also where groups are small and columns constant in them."""
    random = np.random.default_rng(seed)
    g = np.repeat(np.arange(15), 2)
    x = random.integers(0, 3, 30).astype(float)
    x[1::2] = np.where(random.random(15) < 0.5, x[::2], x[1::2])
    y = random.normal(size=30) + random.normal(size=15)[g]
    data = pd.DataFrame({"y": y, "x": x, "z": random.normal(size=30), "g": g})
    first, second = mm.lmm(f"y ~ 1 + {one}", data), mm.lmm(f"y ~ 1 + {other}", data)
    assert first.objective == pytest.approx(second.objective, abs=CRITERION)
    assert first.npar == second.npar


def test_a_residual_variance_per_level_of_a_factor():
    """The sums with the residual variance are those of the model that names one level."""
    data = crossover().assign(f=lambda d: np.where(d.t == 1, "b", "a"))
    model = fitted("y ~ t + (1 | subject) + (0 + f || row)", data)
    named = mm.lmm("y ~ t + (1 | subject) + (0 + t | row)", data)
    assert model.objective == pytest.approx(named.objective, abs=CRITERION)
    assert model.npar == named.npar
    [message] = model.convergence.undetermined
    found = [float(line.rpartition(" = ")[2]) for line in message.splitlines() if " = " in line]
    _, extra, residual = sdcor(named) ** 2
    assert found == pytest.approx([residual, residual + extra], rel=1e-3)


def test_no_likelihood_ratio_where_a_variance_takes_the_place_of_fixed_effects():
    data = groups()
    model = fitted("y ~ x + C(g) + (1 | g)", data)
    table = model.drop1().set_index("term")
    assert table.loc["x", "df"] == 1
    assert table.loc["C(g)", ["statistic", "df", "p_value"]].isna().all()
    assert "no test" in table.loc["C(g)", "note"]
    compared = mm.compare(mm.lmm("y ~ x + (1 | g)", data), model)
    assert compared["p_value"].isna().all()
    # Where the random part alone has something twice, fixed effects are tested as ever.
    twice = fitted("y ~ x + (x | g) + (z | g)", data)
    assert mm.compare(mm.lmm("y ~ 1 + (x | g)", data), twice)["df"].iloc[1] == 3


@pytest.mark.parametrize(
    ("formula", "drawn"),
    [
        ("y ~ x + C(g) + (1 | g)", []),
        ("y ~ x + (0 + arm | g)", []),
        ("y ~ x + (x | g) + (z | g)", ["x", "z"]),
        ("y ~ x + (x | g)", ["Intercept", "x"]),
    ],
)
def test_no_picture_has_effects_of_unknown_variance(formula, drawn, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotIdentifiedWarning)
        model = mm.lmm(formula, groups(8, n=120))
    for plot in ("caterpillar", "shrinkage", "qq_ranef"):
        if not drawn:
            with pytest.raises(DataError, match="cannot be drawn"):
                getattr(model.plot, plot)()
            with pytest.raises(DataError, match="cannot be drawn"):
                model.plot.data(plot)
            continue
        assert sorted(set(model.plot.data(plot)["term"])) == drawn
        getattr(model.plot, plot)()
    model.plot.check()
    page = model.report(tmp_path / "page.html").read_text("utf-8")
    assert ("Random effects with 95 % intervals" in page) == bool(drawn)
    plt.close("all")


@pytest.mark.parametrize(
    ("formula", "re", "known"),
    [("y ~ x + C(g)", None, [False]), ("y ~ x", "0 + arm", [True, False, True])],
)
def test_statsmodels_names_show_no_unknown_variance(formula, re, known):
    results = mm.mixedlm(formula, groups(8, n=120), groups="g", re_formula=re).fit()
    k = results.k_fe
    assert np.isfinite(results.params.iloc[k:]).tolist() == known
    assert np.isfinite(results.bse.iloc[k:]).tolist() == known
    assert np.isfinite(results.conf_int().iloc[k:, 0]).tolist() == known
    assert results.random_effects["a"].isna().all()
    assert results.random_effects_cov["a"].isna().all(axis=None)
    if not known[0]:
        with pytest.raises(DataError, match="cannot tell"):
            results.profile_re(0, "re")


def test_shrinkage_shows_what_a_level_alone_tells():
    """Of (x | g) + (z | g) the intercepts are there twice, the slopes are not."""
    data = groups(8, n=120)
    own = fitted("y ~ x + (x | g) + (z | g)", data).plot.data("shrinkage")
    own = own.pivot(index="level", columns="term", values="own")
    for level, rows in data.groupby("g"):
        Z = np.column_stack([np.ones(len(rows)), rows["x"], rows["z"]])
        slopes = np.linalg.lstsq(Z, rows["y"], rcond=None)[0][1:]
        if level == "a":
            first = slopes
        assert own.loc[level, ["x", "z"]].to_numpy() - own.loc["a", ["x", "z"]].to_numpy() == (
            pytest.approx(slopes - first)
        )
