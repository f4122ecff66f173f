"""Power of generalised models: against a closed form, and against a loop of single fits."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import special, stats

import mixedmodels as mm
from mixedmodels.errors import DataError
from mixedmodels.planning.extend import extended
from mixedmodels.planning.plan import plan_of

TRIAL = mm.planning.design({"clinic": 24}, between={"clinic": {"arm": ["a", "b"]}}, repeats=6)
LOG_RATIO = np.log(1.5)

FAMILIES = {
    "poisson": {},
    "negative_binomial": {"dispersion": 2.0},
    "zero-inflated": {"zero": 0.2},
    "hurdle": {"hurdle": 0.2},
    "gamma": {"dispersion": 0.5},
    "inverse_gaussian": {"dispersion": 0.4},
    "beta": {"dispersion": 6.0},
    "student_t": {"dispersion": 1.0, "shape": 5.0},
    "ordinal": {"thresholds": [-1.0, 0.0, 1.5]},
    "binomial": {},
}


def planned(name, **changes):
    family = "poisson" if name in ("zero-inflated", "hurdle") else name
    fixed = (
        {"arm[T.b]": LOG_RATIO} if name == "ordinal" else {"Intercept": 1, "arm[T.b]": LOG_RATIO}
    )
    options = {
        "fixed": fixed,
        "sd": {"clinic": 0.3},
        "parameters": FAMILIES[name] or None,
    } | changes
    return mm.planning.plan(TRIAL, "y ~ arm + (1 | clinic)", family=family, **options)


@pytest.mark.parametrize("name", list(FAMILIES))
def test_parameters_of_a_plan_are_those_of_its_draws(name):
    """A long series drawn from a plan has, fitted, the numbers that were assumed."""
    plan = extended(planned(name), "clinic", 400)
    y = plan.simulate(1, seed=3)[:, 0]
    rows = plan.design.frame()
    rows["y"] = y
    options = (
        {"zero": "~ 1"}
        if name == "zero-inflated"
        else {"hurdle": "~ 1"}
        if name == "hurdle"
        else {}
    )
    family = "poisson" if options else name
    model = mm.glmm("y ~ arm + (1 | clinic)", rows, family, **options)
    error = abs(model.params["arm[T.b]"] - LOG_RATIO) / model.bse["arm[T.b]"]
    assert error < 4
    found, errors = model.fit.generalised, np.sqrt(np.diag(model.fit.generalised.covariance))
    a = len(plan.auxiliary)
    assert (np.abs(found.auxiliary - plan.auxiliary) < 4 * errors[len(errors) - a :]).all()


def test_power_of_counts_is_that_of_the_closed_form():
    """Without random effects the log rates of two arms have variances 1 / counts."""
    n, rate = 60, 8.0
    study = mm.planning.design({"id": 2 * n}, between={"id": {"arm": ["a", "b"]}})
    plan = mm.planning.plan(
        study,
        "y ~ arm",
        fixed={"Intercept": np.log(rate), "arm[T.b]": 0.12},
        family="poisson",
    )
    error = np.sqrt(1 / (n * rate) + 1 / (n * rate * np.exp(0.12)))
    truth = stats.norm.sf(1.96 - 0.12 / error) + stats.norm.cdf(-1.96 - 0.12 / error)
    for method in ("normal", "lrt"):
        found = mm.power(plan, "arm", n=1500, method=method, seed=1)
        assert found.power == pytest.approx(truth, abs=4 * np.sqrt(0.25 / 1500))
        null = mm.planning.plan(
            study, "y ~ arm", fixed={"Intercept": np.log(rate)}, family="poisson"
        )
        size = mm.power(null, "arm", n=1500, method=method, seed=2).power
        assert size == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 1500))


@pytest.fixture(scope="module")
def pilot():
    random = np.random.default_rng(5)
    g = np.repeat(np.arange(16), 8)
    arm, size = np.where(g % 2, "b", "a"), random.integers(3, 9, 128)
    dose = np.tile(np.arange(4), 32)
    eta = -0.4 + 0.5 * (arm == "b") + 0.2 * dose + 0.5 * random.normal(size=16)[g]
    return pd.DataFrame(
        {
            "g": np.char.zfill(g.astype(str), 2),
            "arm": arm,
            "dose": dose,
            "size": size,
            "time": random.uniform(0.5, 2, 128),
            "good": random.binomial(size, special.expit(eta)),
            "count": random.poisson(np.exp(eta)) * (random.random(128) > 0.15),
        }
    )


MODELS = {
    "trials": ("good / size ~ arm + dose + (1 | g)", {"family": "binomial"}),
    "cbind": ("cbind(good, size - good) ~ arm + dose + (1 | g)", {"family": "binomial"}),
    "argument": ("good ~ arm + dose + (1 + dose | g)", {"family": "binomial", "trials": "size"}),
    "zero": (
        "count ~ arm + dose + (1 | g)",
        {"family": "poisson", "zero": "~ arm", "exposure": "time"},
    ),
    "dispersion": (
        "count ~ arm + dose + (1 | g)",
        {"family": "negative_binomial", "dispersion": "~ scale(dose)", "offset": "time"},
    ),
}


@pytest.mark.parametrize("name", ["trials", "zero"])
@pytest.mark.parametrize("method", ["normal", "lrt"])
def test_power_is_a_loop_of_single_fits(pilot, name, method):
    formula, options = MODELS[name]
    model = mm.glmm(formula, pilot, **options)
    found = mm.power(model, "arm", n=12, method=method, seed=4)
    Y = plan_of(model).simulate(12, seed=4)
    small = model.update(". ~ . - arm")
    for y, p in zip(Y.T, found.replicates.p_value, strict=True):
        single = model.refit(y)
        if method == "normal":
            expected = single.pvalues["arm[T.b]"]
        else:
            expected = stats.chi2.sf(2 * (single.llf - small.refit(y).llf), 1)
        assert p == pytest.approx(expected, rel=1e-3, abs=1e-9)


@pytest.mark.parametrize("name", list(MODELS))
def test_a_curve_makes_studies_of_other_sizes(pilot, name):
    formula, options = MODELS[name]
    model = mm.glmm(formula, pilot, **options)
    made = extended(plan_of(model), "g", 40)
    m = made.problem.matrices
    assert len(m.y) == 40 * 8
    if m.size is not None:
        np.testing.assert_array_equal(m.size[:128], pilot["size"])
    for new, old in zip(m.auxiliary, model.fit.matrices.auxiliary, strict=True):
        np.testing.assert_allclose(new.D[:128], old.D)
    curve = mm.power_curve(model, "arm", along="g", values=[8, 64], n=60, seed=2)
    few, many = curve.table["power"].to_list()
    assert many > few


def test_adjusted_comparisons_of_means(pilot):
    model = mm.glmm("good / size ~ C(dose) + (1 | g)", pilot)
    found = mm.power(model, lambda m: m.emmeans("dose").pairs(), n=40, seed=1)
    assert found.table["test"].to_list()[-2:] == ["any", "all"]
    assert (found.table["method"] == "normal").all()
    joint = mm.power(model, lambda m: m.emmeans("dose").pairs(), joint=True, n=40, seed=1)
    term = mm.power(model, "C(dose)", n=40, seed=1)
    np.testing.assert_allclose(joint.replicates.p_value, term.replicates.p_value, rtol=1e-6)


def test_questions_of_a_plan_go_to_a_generalised_model():
    plan = planned("poisson")
    by_means = mm.power(plan, lambda m: m.emmeans("arm").pairs(), n=60, seed=1)
    by_name = mm.power(plan, "arm[T.b]", n=60, seed=1)
    np.testing.assert_allclose(by_means.replicates.p_value, by_name.replicates.p_value, rtol=1e-8)


def test_sizes_are_searched():
    found = mm.sample_size(planned("poisson"), "arm", along="clinic", n=150, seed=1)
    check = mm.power(extended(planned("poisson"), "clinic", found.size), "arm", n=600, seed=9)
    assert check.power == pytest.approx(0.8, abs=0.1)


def test_trials_of_a_plan_are_a_column():
    rows = TRIAL.frame()
    rows["m"] = 5
    plan = mm.planning.plan(
        rows,
        "y ~ arm + (1 | clinic)",
        family="beta_binomial",
        trials="m",
        fixed={"arm[T.b]": 0.8},
        sd={"clinic": 0.3},
        parameters={"dispersion": 4},
    )
    y = plan.simulate(50, seed=1)
    assert y.max() == 5
    assert 0.4 < (y / 5)[rows["arm"] == "a"].mean() < 0.6
    assert mm.power(plan, "arm", n=40, seed=1).n_failed == 0


def test_failures_and_singular_fits_are_counted():
    study = mm.planning.design({"g": 6}, between={"g": {"arm": ["a", "b"]}}, repeats=4)
    plan = mm.planning.plan(
        study,
        "y ~ arm + (1 | g)",
        fixed={"Intercept": -3.5},
        sd={"g": 0.2},
        family="binomial",
    )
    found = mm.power(plan, "arm", n=200, seed=1)
    Y = plan.simulate(200, seed=1)
    assert found.n_failed == np.count_nonzero(Y.sum(axis=0) == 0) > 20
    assert found.n_singular > 20
    assert "without a fit" in repr(found)


def test_tables_come_in_the_library_of_the_data(pilot):
    model = mm.glmm("good / size ~ arm + (1 | g)", pl.from_pandas(pilot))
    found = mm.power(model, ["arm", "Intercept"], n=30, seed=1).table
    assert isinstance(found, pl.DataFrame)
    same = mm.power(
        mm.glmm("good / size ~ arm + (1 | g)", pilot), ["arm", "Intercept"], n=30, seed=1
    )
    assert found["rejected"].to_list() == same.table["rejected"].to_list()
    curve = mm.power_curve(model, "arm", along="g", values=[6, 20], n=20, seed=1)
    assert isinstance(curve.table, pl.DataFrame)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sigma": 1.0}, "sigma= is given"),
        ({"parameters": {"dispersion": 2.0}}, "has no dispersion"),
        ({"parameters": {"spread": 2.0}}, "the name 'spread'"),
        ({"parameters": {"zero": 1.5}}, "between 0 and 1"),
        ({"parameters": {"zero": 0.1, "hurdle": 0.1}}, "zero and hurdle"),
        ({"link": "logit"}, "link"),
        ({"trials": "m"}, "m"),
        ({"family": "gamma"}, "dispersion of the family is not given"),
        ({"family": "gamma", "parameters": {"dispersion": -1}}, "positive"),
        ({"family": "ordinal", "parameters": {"thresholds": [1, 0]}}, "ascending"),
        ({"family": "ordinal"}, "thresholds of the family is not given"),
        ({"family": None, "link": "log"}, "belongs to a family"),
        ({"family": None}, "sigma = None"),
    ],
)
def test_plans_that_make_no_sense(changes, message):
    options = {"family": "poisson", "fixed": {"arm[T.b]": 0.1}, "sd": {"clinic": 0.3}} | changes
    with pytest.raises(DataError, match=message):
        mm.planning.plan(TRIAL, "y ~ arm + (1 | clinic)", **options)


def test_methods_and_shapes_without_a_meaning():
    plan = planned("poisson")
    with pytest.raises(DataError, match="residual variance"):
        mm.power(plan, "arm", method="satterthwaite")
    with pytest.raises(DataError, match="no meaning in a generalised model"):
        mm.power(plan, "arm", residuals="t", n=10)
    assert mm.power(plan, "arm", effects="skewed", n=10, seed=1).n == 10


def test_arrays_are_not_for_other_rows(pilot):
    model = mm.glmm("count ~ arm + (1 | g)", pilot, "poisson", exposure=pilot["time"].to_numpy())
    with pytest.raises(DataError, match="exposure given as an array"):
        mm.power_curve(model, "arm", along="g", values=[8], n=10, seed=1)
