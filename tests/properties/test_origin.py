"""The origin of a covariate does not matter where the constant is among the columns beside it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mixedmodels as mm
from mixedmodels.report.levels import level_tables

CRITERION = 1e-6  # absolute; twice the tolerance of the search and room for a flat optimum
VALUE = 2e-3  # relative, of what depends on where in its tolerance a search ends

MODELS = {
    "slope": "y ~ x + (x | g)",
    "no random slope": "y ~ x + (1 | g)",
    "nested": "y ~ x + (x | g) + (1 | g:h)",
    "crossed": "y ~ x + (x | g) + (1 | h)",
    "cell means": "y ~ 0 + f + x + (x | g)",
    "covariate first": "y ~ 0 + x + f + (1 | g)",
    "a slope per cell": "y ~ f / x + (1 | g)",
    "interaction": "y ~ f * x + (x | g)",
    "orthogonal powers": "y ~ poly(x, 2) + (1 | g)",
    "a numeric indicator": "y ~ b * x + (x | g)",
}

properties = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


def sample(seed, levels=15, each=10):
    random = np.random.default_rng(seed)
    g = np.repeat(np.arange(levels), each)
    x = random.uniform(0, 1, len(g))
    u = random.normal(size=(levels, 2))
    h = np.tile(np.arange(5), len(g) // 5)
    y = 1 + u[g, 0] + (1 + u[g, 1]) * x + random.normal(size=5)[h] + random.normal(size=len(g)) / 2
    b = random.integers(0, 2, len(g))
    f = random.choice(list("abc"), len(g))
    w = random.uniform(0.5, 2, len(g))
    return pd.DataFrame({"y": y, "x": x, "g": g, "h": h, "b": b, "f": f, "w": w})


def slopes(table):
    return table[[("x" in name) for name in table["term"]]]


def far_and_near(formula, seed, shift, **options):
    """The model at a far origin, and at the origin for the numbers that are left of x there."""
    frame = sample(seed)
    far = frame["x"] + shift
    return (
        mm.lmm(formula, frame.assign(x=far), **options),
        mm.lmm(formula, frame.assign(x=far - shift), **options),
    )


@properties
@given(
    st.integers(0, 10_000),
    st.sampled_from(list(MODELS)),
    st.floats(3, 11.5).map(lambda e: 10.0**e),
    st.booleans(),
    st.booleans(),
)
def test_shifting_a_covariate(seed, model, shift, weighted, reml):
    options = {"weights": "w"} if weighted else {}
    far, near = far_and_near(MODELS[model], seed, shift, reml=reml, **options)
    assert far.objective == pytest.approx(near.objective, abs=CRITERION)
    assert far.sigma == pytest.approx(near.sigma, rel=VALUE)
    assert far.is_singular == near.is_singular
    unit = VALUE * near.sigma
    np.testing.assert_allclose(far.fittedvalues, near.fittedvalues, rtol=0, atol=unit)
    for re in ("all", "none"):
        found, expected = (m.predict(se=True, re=re)["std_error"] for m in (far, near))
        np.testing.assert_allclose(found, expected, rtol=VALUE)
    found, expected = slopes(far.coef_table()), slopes(near.coef_table())
    np.testing.assert_allclose(found["statistic"], expected["statistic"], atol=VALUE)
    np.testing.assert_allclose(found["df"], expected["df"], rtol=VALUE)
    assert far.r2() == pytest.approx(near.r2(), abs=VALUE)
    assert far.icc() == pytest.approx(near.icc(), abs=VALUE)


@properties
@given(st.integers(0, 10_000), st.sampled_from([1e4, 1e7, 1.7e9, 1e11]))
def test_what_variances_are_known_by(seed, shift):
    far, near = far_and_near("y ~ x + (x | g)", seed, shift)
    if near.is_singular:
        return
    tables = [m.conf_int(which="variance").set_index(["group", "term"]) for m in (far, near)]
    for of in [("g", "x"), ("Residual", "sd")]:
        np.testing.assert_allclose(
            np.array(tables[0].loc[of], float), np.array(tables[1].loc[of], float), rtol=0.01
        )
    found, expected = (m.coef_table("kenward-roger") for m in (far, near))
    np.testing.assert_allclose(slopes(found)["df"], slopes(expected)["df"], rtol=VALUE)
    np.testing.assert_allclose(
        far.random_effects["g"]["x"], near.random_effects["g"]["x"], atol=VALUE
    )
    assert far.cov_re["g"].loc["x", "x"] == pytest.approx(near.cov_re["g"].loc["x", "x"], rel=VALUE)


@pytest.mark.parametrize("shift", [1e3, 1e6, 1e9])
def test_limits_by_the_profile(shift):
    far, near = far_and_near("y ~ x + (x | g)", 4, shift)
    limits = [m.conf_int(method="profile", which="all") for m in (far, near)]
    same = limits[0]["term"].isin(["x", "sd"])
    assert same.sum() == 3
    found, expected = (t.loc[same, ["conf_low", "conf_high"]] for t in limits)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_the_intercept_is_still_that_at_zero():
    """var(b0 - c b1) and its like, from the model with the origin in the data."""
    far, near = far_and_near("y ~ x + (x | g)", 5, 4096.0)
    move = np.array([[1, -4096.0], [0, 1]])
    expected = move @ near.cov_re["g"].to_numpy() @ move.T
    np.testing.assert_allclose(far.cov_re["g"], expected, rtol=VALUE)
    np.testing.assert_allclose(far.params, move @ near.params, rtol=VALUE)
    np.testing.assert_allclose(far.cov_params(), move @ near.cov_params() @ move.T, rtol=VALUE)
    np.testing.assert_allclose(
        far.random_effects["g"], near.random_effects["g"] @ move.T, rtol=VALUE, atol=0.01
    )
    T = np.zeros((2, 2))
    T[np.triu_indices(2)] = far.theta
    np.testing.assert_allclose(far.sigma**2 * T.T @ T, far.cov_re["g"], rtol=1e-6)


def test_effects_of_levels_are_reported_at_zero_everywhere():
    far, near = far_and_near("y ~ x + (x | g)", 5, 4096.0)
    at_zero = (near.random_effects["g"] @ [1, -4096.0]).to_numpy()
    table = far.ranef_table()
    intercepts = table.loc[table["term"] == "Intercept", "estimate"]
    np.testing.assert_allclose(intercepts, at_zero, rtol=VALUE, atol=0.01)
    drawn = far.plot.data("caterpillar")
    drawn = drawn[drawn["term"] == "Intercept"].set_index("level")["estimate"]
    found = drawn[[str(level) for level in range(15)]]
    np.testing.assert_allclose(found, at_zero, rtol=VALUE, atol=0.01)
    (printed,) = level_tables(far.fit)
    shown = [float(row[1].replace(",", "").replace("−", "-")) for row in printed.section.rows]
    np.testing.assert_allclose(shown, at_zero, rtol=0.02, atol=1)


def test_calendar_years_and_their_squares():
    """Balanced growth curves of 25 groups: 24 degrees of freedom for the highest power."""
    random = np.random.default_rng(37)
    year, g = np.tile(np.arange(2000, 2015), 25), np.repeat(np.arange(25), 15)
    c = (year - 2007) / 5
    u = random.normal(size=(25, 3)) * [1, 0.6, 0.4]
    y = 2 + 0.5 * c + 0.2 * c**2 + u[g, 0] + u[g, 1] * c + u[g, 2] * c**2
    frame = pd.DataFrame({"g": g, "year": year, "y": y + random.normal(size=len(g)) * 0.6})
    model = mm.lmm("y ~ year + I(year**2) + (year + I(year**2) | g)", frame)
    assert model.coef_table()["df"].iloc[2] == pytest.approx(24, abs=0.01)
    assert model.coef_table("kenward-roger")["df"].iloc[2] == pytest.approx(24, abs=0.01)
    assert np.isfinite(model.conf_int(which="variance")["conf_low"]).all()


def test_singular_directions_are_named_at_the_users_origin():
    frame = sample(6)
    random = np.random.default_rng(0)
    slope = random.normal(size=15)[frame["g"]]
    y = slope * (frame["x"] - 0.5) * 4 + random.normal(size=len(frame)) / 4
    model = mm.lmm("y ~ x + (x | g)", frame.assign(x=frame["x"] + 1000, y=y))
    if model.is_singular:
        assert "1e+03 x = 0" in model.convergence.message


@pytest.mark.parametrize("shift", [1e3, 1e6, 1e8, 1e11])
@pytest.mark.parametrize("formula", ["y ~ x + f + (1 | g)", "y ~ f * x + (1 | g)", "y ~ 0 + f + x"])
def test_analysis_of_variance(formula, shift):
    """A factor that interacts is compared at zero, which moves; all other tests stay."""
    far, near = far_and_near(formula, 11, shift)
    for kind in (1, 2, 3):
        try:
            found = far.anova(kind)
        except mm.errors.DataError as error:
            assert "centre the covariate" in str(error) and shift > 1e7 and "*" in formula
            continue
        expected = near.anova(kind)
        same = [not ("*" in formula and kind > 1 and term == "f") for term in found["term"]]
        columns = ["num_df", "den_df", "statistic"]
        np.testing.assert_allclose(
            found.loc[same, columns], expected.loc[same, columns], rtol=VALUE
        )


def test_terms_left_out_of_a_far_covariate():
    far, near = far_and_near("y ~ x + (x | g)", 7, 1e6)
    found, expected = far.ranova(), near.ranova()
    np.testing.assert_allclose(found["statistic"][1:], expected["statistic"][1:], atol=1e-5)
    found, expected = far.drop1(), near.drop1()
    np.testing.assert_allclose(found["statistic"][1:], expected["statistic"][1:], atol=1e-5)


def test_search_from_reported_parameters():
    far, _ = far_and_near("y ~ x + (x | g)", 8, 1e4)
    frame = sample(8).assign(x=lambda d: d["x"] + 1e4)
    again = mm.lmm("y ~ x + (x | g)", frame, control=mm.Control(start=far.theta))
    assert again.convergence.n_evaluations <= 3
    assert again.objective == pytest.approx(far.objective, abs=CRITERION)


def test_planned_effects_are_those_of_the_formula():
    frame = sample(9).assign(x=lambda d: np.round(d["x"] * 16) / 16 + 2048)
    plan = mm.planning.plan(
        frame,
        "y ~ x + (x | g)",
        fixed={"Intercept": -2048, "x": 1},
        sd={"g": {"Intercept": 3, "x": 0.5}},
        sigma=0.25,
    )
    assert plan.params.to_dict() == {"Intercept": -2048, "x": 1}
    y = plan.simulate(4000, seed=1)
    assert y.mean(axis=1) == pytest.approx(frame["x"] - 2048, abs=80)
    total = 9 + 0.25 * frame["x"] ** 2 + 0.0625
    assert y.var(axis=1) == pytest.approx(total, rel=0.15)


def test_whole_numbers_that_a_double_cannot_hold_apart_are_refused():
    frame = sample(10)
    ns = 1_700_000_000_000_000_000 + np.round(frame["x"] * 1e7).astype(np.int64)
    with pytest.raises(mm.errors.DataError, match="doubles are 256 apart"):
        mm.lmm("y ~ x + (x | g)", frame.assign(x=ns))


def test_nanoseconds_of_a_clock():
    frame = sample(10)
    start = 1_700_000_000_000_000_000
    ns = start + np.round(frame["x"] * 3.6e12).astype(np.int64)
    far = mm.lmm("y ~ x + (x | g)", frame.assign(x=ns))
    near = mm.lmm("y ~ x + (x | g)", frame.assign(x=ns - start))
    assert far.objective == pytest.approx(near.objective, abs=CRITERION)
    assert far.tvalues["x"] == pytest.approx(near.tvalues["x"], abs=VALUE)
