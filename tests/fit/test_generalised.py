"""Fits of generalised models: what must hold whatever the data."""

import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.special import expit, gammaln

import mixedmodels as mm
from mixedmodels.errors import DataError, DroppedColumnsWarning
from mixedmodels.fit.random_effects import conditional_sd, covariance_within

RANDOM = np.random.default_rng(31)
N, LEVELS = 240, 20
SAME = {"rtol": 1e-4, "atol": 3e-5}
"""Between searches that end at the same optimum by other ways: a criterion to 1e-8 is estimates to
1e-4 of a standard error."""


def simulated():
    g = np.repeat(np.arange(LEVELS), N // LEVELS)
    x = RANDOM.normal(size=N)
    size = RANDOM.integers(1, 9, N)
    slope = 0.4 + RANDOM.normal(0, 0.5, LEVELS)[g]
    eta = slope * x - 0.3 + RANDOM.normal(0, 0.8, LEVELS)[g]
    return pd.DataFrame(
        {
            "g": np.array([f"s{k:02d}" for k in g]),
            "h": np.tile(list("abcd"), N // 4),
            "x": x,
            "size": size,
            "y": RANDOM.binomial(size, expit(eta)),
            "count": RANDOM.poisson(np.exp(eta + 1)),
            "hours": RANDOM.uniform(1, 4, N),
            "w": RANDOM.choice([1.0, 2.0], N),
            "row": np.arange(N),
        }
    )


DATA = simulated()
BINOMIAL = "y / size ~ x + h + (x | g)"
COUNTS = "count ~ x + h + (1 | g)"


def numbers(model):
    return np.concatenate(
        [
            [model.llf],
            model.params,
            model.bse,
            *(C.to_numpy().ravel() for C in model.cov_re.values()),
        ]
    )


def assert_same(model, other, *, constant=0.0):
    first, second = numbers(model), numbers(other)
    second[0] += constant
    assert first[0] == pytest.approx(second[0], abs=1e-7)
    np.testing.assert_allclose(first, second, **SAME)


def test_the_order_of_the_rows_is_nothing():
    shuffled = DATA.sample(frac=1, random_state=4)
    model, other = mm.glmm(BINOMIAL, DATA), mm.glmm(BINOMIAL, shuffled)
    assert_same(model, other)
    modes = other.random_effects["g"].loc[model.random_effects["g"].index]
    np.testing.assert_allclose(modes, model.random_effects["g"], atol=1e-5)
    np.testing.assert_allclose(
        other.fittedvalues.loc[DATA.index], model.fittedvalues, rtol=1e-5, atol=1e-6
    )


def test_the_names_of_the_levels_are_nothing():
    renamed = DATA.assign(g=DATA["g"].map(lambda name: f"z{99 - int(name[1:])}"))
    assert_same(mm.glmm(BINOMIAL, DATA), mm.glmm(BINOMIAL, renamed))


@pytest.mark.parametrize("convert", [pl.from_pandas, lambda d: d.to_dict("list")])
def test_the_library_of_the_data_is_nothing(convert):
    assert_same(mm.glmm(BINOMIAL, DATA), mm.glmm(BINOMIAL, convert(DATA)))
    table = mm.glmm(BINOMIAL, pl.from_pandas(DATA)).coef_table()
    assert isinstance(table, pl.DataFrame)


def test_a_lazy_table_is_read():
    assert_same(
        mm.glmm(COUNTS, DATA, "poisson"), mm.glmm(COUNTS, pl.from_pandas(DATA).lazy(), "poisson")
    )


@pytest.mark.parametrize(("text", "family"), [(BINOMIAL, "binomial"), (COUNTS, "poisson")])
def test_a_weight_of_two_is_two_rows(text, family):
    doubled = pd.concat([DATA, DATA[DATA["w"] == 2.0]], ignore_index=True)
    assert_same(mm.glmm(text, DATA, family, weights="w"), mm.glmm(text, doubled, family))


def test_counts_are_their_single_outcomes_up_to_a_constant():
    rows = DATA.loc[DATA.index.repeat(DATA["size"])].copy()
    order = rows.groupby("row").cumcount()
    rows["outcome"] = (order < rows["y"]).to_numpy()
    n, y = DATA["size"], DATA["y"]
    constant = (gammaln(n + 1) - gammaln(y + 1) - gammaln(n - y + 1)).sum()
    model = mm.glmm(BINOMIAL, DATA)
    single = mm.glmm("outcome ~ x + h + (x | g)", rows)
    assert_same(model, single, constant=constant)


def test_failures_for_successes_turn_every_sign():
    turned = mm.glmm("size - y ~ x + h + (x | g)", DATA, trials="size")
    model = mm.glmm(BINOMIAL, DATA)
    assert turned.llf == pytest.approx(model.llf, rel=1e-9)
    np.testing.assert_allclose(turned.params, -model.params, **SAME)


def test_exposure_is_an_offset():
    logged = DATA.assign(log_hours=np.log(DATA["hours"]))
    model = mm.glmm(COUNTS, DATA, "poisson", exposure="hours")
    assert_same(model, mm.glmm(COUNTS, logged, "poisson", offset="log_hours"))


def test_the_origin_of_a_covariate_is_nothing_to_its_slope():
    moved = DATA.assign(x=DATA["x"] + 2000)
    model, other = mm.glmm(COUNTS, DATA, "poisson"), mm.glmm(COUNTS, moved, "poisson")
    assert other.llf == pytest.approx(model.llf, rel=1e-9)
    np.testing.assert_allclose(other.params[1:], model.params[1:], **SAME)
    np.testing.assert_allclose(other.bse[1:], model.bse[1:], **SAME)


def test_missing_values_are_left_out_and_counted():
    holed = DATA.astype({"size": float, "y": float})
    holed.loc[3, "x"] = np.nan
    holed.loc[9, "size"] = np.nan
    model = mm.glmm(BINOMIAL, holed)
    assert model.n_missing == 2
    assert_same(model, mm.glmm(BINOMIAL, DATA.drop(index=[3, 9])))
    with pytest.raises(DataError, match="2 rows have a missing value"):
        mm.glmm(BINOMIAL, holed, missing="error")


def test_columns_that_others_span_are_dropped_and_said():
    with pytest.warns(DroppedColumnsWarning, match="I\\(2 \\* x\\)"):
        model = mm.glmm("count ~ x + I(2 * x) + (1 | g)", DATA, "poisson")
    assert model.aliased == ("I(2 * x)",)


def test_an_effect_of_every_row():
    model = mm.glmm("count ~ x + (1 | g) + (1 | row)", DATA, "poisson")
    assert model.ngroups == {"g": LEVELS, "row": N}
    assert model.llf >= mm.glmm("count ~ x + (1 | g)", DATA, "poisson").llf - 1e-6


@pytest.mark.parametrize("bar", ["cs(0 + h | g)", "ar1(0 + k | g)", "diag(0 + h | g)"])
def test_structures_are_nested_in_a_free_covariance(bar):
    data = DATA.assign(k=pd.Categorical(DATA["h"], ordered=True))
    model = mm.glmm(f"count ~ x + {bar}", data, "poisson")
    free = mm.glmm("count ~ x + (0 + h | g)", data, "poisson")
    assert model.convergence.converged
    assert model.npar < free.npar
    assert model.llf <= free.llf + 1e-6


def test_a_standard_deviation_that_is_held():
    model = mm.glmm(COUNTS, DATA, "poisson")
    sd = float(np.sqrt(model.cov_re["g"].iloc[0, 0]))
    held = mm.glmm(COUNTS, DATA, "poisson", fixed={"sd(g:Intercept)": sd})
    assert held.npar == model.npar - 1
    assert held.llf == pytest.approx(model.llf, abs=1e-7)
    np.testing.assert_allclose(held.params, model.params, **SAME)
    with pytest.raises(DataError, match="no variance parameter 'sd"):
        mm.glmm(COUNTS, DATA, "poisson", fixed={"sd(Residual)": 1.0})


def test_tied_standard_deviations():
    text = "count ~ x + (1 | g) + (1 | h)"
    tied = mm.glmm(text, DATA, "poisson", tied=[("sd(g:Intercept)", "sd(h:Intercept)")])
    assert tied.cov_re["g"].iloc[0, 0] == pytest.approx(tied.cov_re["h"].iloc[0, 0], rel=1e-12)


def test_criteria_count_every_parameter():
    model = mm.glmm(BINOMIAL, DATA)
    assert model.npar == 5 + 3
    assert model.objective == -2 * model.llf
    assert model.aic == pytest.approx(model.objective + 2 * 8)
    assert model.bic == pytest.approx(model.objective + np.log(N) * 8)
    assert not model.reml


def test_fitted_values_are_means_of_the_linear_predictor():
    model = mm.glmm(BINOMIAL, DATA)
    modes = model.random_effects["g"].loc[DATA["g"]].to_numpy()
    X = np.column_stack([np.ones(N), *(DATA["h"] == h for h in "bcd"), DATA["x"]])
    names = ["Intercept", "h[T.b]", "h[T.c]", "h[T.d]", "x"]
    eta = X @ model.params[names].to_numpy() + modes[:, 0] + modes[:, 1] * DATA["x"]
    np.testing.assert_allclose(model.linear_predictor, eta, atol=1e-10)
    np.testing.assert_allclose(model.fittedvalues, expit(eta), atol=1e-10)
    counts = mm.glmm(COUNTS, DATA, "poisson", exposure="hours")
    np.testing.assert_allclose(counts.fittedvalues, np.exp(counts.linear_predictor), rtol=1e-12)


def test_conditional_covariances_within_a_level_are_those_of_its_effects():
    fit = mm.glmm("count ~ x + (x | g)", DATA, "poisson").fit
    sd = conditional_sd(fit, term=0)
    within = covariance_within(fit, "g")
    found = np.sqrt([np.diag(level.covariance) for level in within])
    np.testing.assert_allclose(found, sd, rtol=1e-6)


def test_a_variance_of_zero_is_a_result_with_a_note():
    flat = DATA.assign(count=np.tile([2, 3, 2, 3, 2, 3], N // 6))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = mm.glmm("count ~ 1 + (1 | g)", flat, "poisson")
    assert model.convergence.converged
    assert model.is_singular
    assert "variance of (1 | g) is zero" in model.convergence.message


def test_a_refit_is_a_fit_of_another_response():
    model = mm.glmm(BINOMIAL, DATA)
    y = np.minimum(DATA["y"] + 1, DATA["size"])
    again = mm.glmm(BINOMIAL, DATA.assign(y=y))
    assert_same(model.refit(y.to_numpy()), again)
    assert_same(mm.glmm(BINOMIAL, DATA.assign(other=y)).refit("other"), again)
    assert_same(model.refit(y.to_numpy()).update("~ . - h"), again.update("~ . - h"))
    with pytest.raises(DataError):
        model.refit(DATA["size"].to_numpy() + 1)


def test_an_update_keeps_the_request():
    model = mm.glmm(COUNTS, DATA, "poisson", exposure="hours", nodes=5)
    smaller = model.update("~ . - h")
    expected = mm.glmm("count ~ x + (1 | g)", DATA, "poisson", exposure="hours", nodes=5)
    assert_same(smaller, expected)
    assert_same(
        model.update(data=DATA.head(120)),
        mm.glmm(COUNTS, DATA.head(120), "poisson", exposure="hours", nodes=5),
    )


def test_models_of_the_same_request_are_the_same_to_the_bit_after_a_pickle():
    model = mm.glmm(BINOMIAL, DATA)
    again = pickle.loads(pickle.dumps(model))
    assert again.fit.problem.deviance(again.fit.psi) == model.fit.problem.deviance(model.fit.psi)
    np.testing.assert_array_equal(again.params, model.params)


def test_what_the_caller_changes_later_is_nothing_to_the_fit():
    data, exposure = DATA.copy(), DATA["hours"].to_numpy().copy()
    model = mm.glmm(COUNTS, data, "poisson", exposure=exposure)
    before = model.update("~ . - h").llf
    data["count"] = 1
    exposure[:] = 7
    assert model.update("~ . - h").llf == before


def test_a_normal_model_is_the_linear_one():
    text = "x ~ h + (1 | g)"
    linear, model = mm.lmm(text, DATA, reml=False), mm.glmm(text, DATA, "gaussian")
    assert model.llf == pytest.approx(linear.llf, abs=1e-6)
    np.testing.assert_allclose(model.params, linear.params, **SAME)
    assert model.npar == linear.npar
    log_sd = model.auxiliary_params["dispersion"]["Intercept"]
    assert np.exp(log_sd) == pytest.approx(linear.sigma, rel=1e-5)
    np.testing.assert_allclose(model.fittedvalues, linear.fittedvalues, atol=1e-5)


def test_two_ordered_categories_are_successes_and_failures():
    data = DATA.assign(
        won=pd.Categorical(np.where(DATA["y"] > DATA["size"] / 2, "yes", "no"), ["no", "yes"])
    )
    model, ordinal = (
        mm.glmm("won ~ x + (1 | g)", data),
        mm.glmm("won ~ x + (1 | g)", data, "ordinal"),
    )
    assert ordinal.llf == pytest.approx(model.llf, abs=1e-7)
    assert ordinal.npar == model.npar
    assert ordinal.params["x"] == pytest.approx(model.params["x"], abs=1e-5)
    threshold = ordinal.auxiliary_params["thresholds"]
    assert threshold["no|yes"] == pytest.approx(-model.params["Intercept"], abs=1e-5)
    errors = ordinal.auxiliary_table()["std_error"]
    assert errors[0] == pytest.approx(model.bse["Intercept"], rel=1e-4)


ORDERED = DATA.assign(
    grade=pd.Categorical.from_codes(
        np.digitize(DATA["x"] + RANDOM.logistic(size=N), [-1.0, 0.5, 2.0]),
        categories=["a", "b", "c", "d"],
        ordered=True,
    )
)


def test_ordered_categories_in_reverse_turn_every_sign():
    turned = ORDERED.assign(
        grade=ORDERED["grade"].cat.reorder_categories(list("dcba"), ordered=True)
    )
    model = mm.glmm("grade ~ x + (1 | g)", ORDERED, "ordinal")
    other = mm.glmm("grade ~ x + (1 | g)", turned, "ordinal")
    assert other.llf == pytest.approx(model.llf, abs=1e-7)
    assert other.params["x"] == pytest.approx(-model.params["x"], abs=1e-5)
    thresholds = model.auxiliary_params["thresholds"].to_numpy()
    mirrored = other.auxiliary_params["thresholds"].to_numpy()
    np.testing.assert_allclose(mirrored, -thresholds[::-1], atol=1e-5)
    np.testing.assert_allclose(
        np.sort(other.auxiliary_table()["std_error"]),
        np.sort(model.auxiliary_table()["std_error"]),
        rtol=1e-4,
    )


def test_a_term_left_out_of_an_ordinal_model_leaves_the_thresholds_alone():
    model = mm.glmm("grade ~ x + h + (1 | g)", ORDERED, "ordinal")
    table = model.drop1().set_index("term")
    for term, formula in (("x", "~ . - x"), ("h", "~ . - h")):
        smaller = model.update(formula)
        assert table.loc[term, "npar"] == smaller.npar
        expected = 2 * (model.llf - smaller.llf)
        assert table.loc[term, "statistic"] == pytest.approx(expected, abs=1e-5)


def test_evenly_spaced_thresholds_are_a_special_case():
    free = mm.glmm("grade ~ x + (1 | g)", ORDERED, "ordinal")
    even = mm.glmm("grade ~ x + (1 | g)", ORDERED, "ordinal", thresholds="equidistant")
    assert even.npar == free.npar - 1
    assert even.llf <= free.llf
    steps = np.diff(even.auxiliary_params["thresholds"])
    np.testing.assert_allclose(steps, steps[0])


def test_standard_errors_of_a_part_are_those_of_its_coefficients():
    """The same dispersion by levels and by differences: their covariance transforms."""
    mean = np.exp(0.4 * DATA["x"] + 1)
    data = DATA.assign(spread=np.random.default_rng(2).negative_binomial(1.5, 1.5 / (1.5 + mean)))
    levels = mm.glmm("spread ~ x + (1 | g)", data, "nb2", dispersion="~ 0 + h")
    steps = mm.glmm("spread ~ x + (1 | g)", data, "nb2", dispersion="~ h")
    assert levels.llf == pytest.approx(steps.llf, abs=1e-6)
    first, second = (m.auxiliary_params["dispersion"] for m in (levels, steps))
    np.testing.assert_allclose(second.iloc[0] + np.r_[0, second.iloc[1:]], first, atol=1e-3)


def test_a_part_far_from_the_origin_is_reported_for_its_own_column():
    data = DATA.assign(year=2000.0 + np.tile([0, 1, 2, 3, 4, 5], N // 6))
    near = mm.glmm("count ~ x + (1 | g)", data, "nb2", zero="~ 1", dispersion="~ I(year - 2000)")
    far = mm.glmm("count ~ x + (1 | g)", data, "nb2", zero="~ 1", dispersion="~ year")
    assert far.llf == pytest.approx(near.llf, abs=1e-6)
    one, two = (m.auxiliary_params["dispersion"] for m in (near, far))
    assert two.iloc[1] == pytest.approx(one.iloc[1], abs=1e-4)
    assert two.iloc[0] == pytest.approx(one.iloc[0] - 2000 * one.iloc[1], abs=0.2)
