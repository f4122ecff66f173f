"""Profiles of the likelihood: exact limits, boundaries, shapes, and freedom from units."""

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

import mixedmodels as mm
from mixedmodels.errors import DataError
from mixedmodels.inference.profile import profile, profile_intervals
from mixedmodels.inference.profile.profile import traced
from mixedmodels.inference.profile.spline import density, spline
from tests.inference.references import fitted
from tests.reference.load import Reference, models, reference, translated

LIMIT = 1e-6  # relative to the larger limit, as the references are

EXACT = [name for name in models() if "confint_profile_exact" in reference(name).raw]


def our_name(ref: Reference, row: str) -> tuple[str | None, str]:
    """R's ``sd_x|g``, ``cor_y.x|g``, ``sigma`` or coefficient as (group, term) of our table."""
    if row == "sigma":
        return "Residual", "sd"
    kind, _, rest = row.partition("_")
    if kind not in ("sd", "cor") or "|" not in rest:
        return None, translated(row, ref.fixed_columns)
    columns, group = rest.split("|")
    if kind == "sd":
        return ref.groups[group], ref.random_columns([columns])[0]
    second, first = columns.split(".", 1)
    return ref.groups[group], f"cor({', '.join(ref.random_columns([first, second]))})"


@pytest.mark.parametrize("method", ["ML", "REML"])
@pytest.mark.parametrize("name", EXACT)
def test_limits_agree_with_root_finding_in_r(name, method):
    ref = reference(name)
    stored = ref.raw["confint_profile_exact"]
    table = fitted(name, method).conf_int(method="profile", which="all")
    ours = {
        (None if pd.isna(g) else g, t): (low, high)
        for g, t, low, high in table[["group", "term", "conf_low", "conf_high"]].to_numpy()
    }
    assert len(ours) == len(stored["_rows"])
    for row, low, high in zip(stored["_rows"], stored["2.5 %"], stored["97.5 %"], strict=True):
        size = max(abs(low), abs(high))
        assert ours[our_name(ref, row)] == pytest.approx((low, high), abs=LIMIT * size), row


def test_the_slope_in_the_held_parameter_and_the_gradient_are_derivatives():
    fit = fitted("sleepstudy_slope", "ML").fit
    step = 1e-6
    for parameter in traced(fit, "all"):
        held = parameter.paths()[0].criterion
        T = [np.array([[0.9, 0.0], [0.1, 0.3]])]
        x = held.coordinates(T, fit.sigma)
        value = 0.9 * parameter.estimate
        at = held.evaluate(value, x)
        up, down = held.evaluate(value + step, x), held.evaluate(value - step, x)
        assert at.slope == pytest.approx((up.deviance - down.deviance) / 2 / step, abs=1e-5)
        for i, unit in enumerate(np.eye(len(x))):
            up, down = held.evaluate(value, x + step * unit), held.evaluate(value, x - step * unit)
            numeric = (up.deviance - down.deviance) / 2 / step
            assert at.gradient[i] == pytest.approx(numeric, abs=1e-5)


def test_the_deviance_at_a_limit_by_dense_algebra_and_another_optimiser():
    """At the lower limit of a coefficient the best deviance is the cut-off above the minimum."""
    random = np.random.default_rng(3)
    g = np.repeat(np.arange(8), 5)
    x = random.normal(size=40)
    y = 1 + 0.5 * x + random.normal(size=8)[g] + random.normal(size=40)
    model = mm.lmm("y ~ x + (1 | g)", {"y": y, "x": x, "g": g}, reml=False)
    found = profile_intervals(model.fit, level=0.9, which="fixed")
    for j in range(2):
        others = np.delete(model.fit.matrices.X, j, axis=1)
        for limit in (found.conf_low[j], found.conf_high[j]):
            rest = y - limit * model.fit.matrices.X[:, j]

            def deviance(theta, rest=rest, others=others):
                V = np.eye(40) + theta**2 * (g[:, None] == g)
                inverse = np.linalg.inv(V)
                beta = np.linalg.solve(others.T @ inverse @ others, others.T @ inverse @ rest)
                r = rest - others @ beta
                return np.linalg.slogdet(V)[1] + 40 * (
                    1 + np.log(2 * np.pi * (r @ inverse @ r) / 40)
                )

            best = optimize.minimize_scalar(deviance, bounds=(0, 5), method="bounded").fun
            assert best - model.objective == pytest.approx(1.6448536269514722**2, abs=1e-6)


def test_recoding_the_data_moves_the_limits_along():
    data = mm.datasets.load("sleepstudy").assign(
        r=lambda d: 1000 * d["Reaction"], x=lambda d: d["Days"] / 1e4
    )
    plain = mm.lmm("Reaction ~ Days + (Days | Subject)", data)
    other = mm.lmm("r ~ x + (x | Subject)", data)
    factor = np.array([1e3, 1e7, 1, 1e3, 1e3, 1e7])
    a, b = (m.conf_int(method="profile", which="all") for m in (plain, other))
    for column in ("conf_low", "conf_high"):
        np.testing.assert_allclose(b[column], a[column] * factor, rtol=1e-6)


def test_curves_are_monotone_and_pass_through_the_limits():
    fit = fitted("sleepstudy_slope").fit
    limits = profile_intervals(fit)
    for curve, low, high in zip(
        profile(fit).curves, limits.conf_low, limits.conf_high, strict=True
    ):
        assert np.all(np.diff(curve.values) > 0)
        assert np.all(np.diff(curve.zeta) >= 0)
        assert curve.zeta[0] < -2.5
        assert curve.zeta[-1] > 2.5
        assert spline(curve)([low, high]) == pytest.approx([-1.96, 1.96], abs=5e-3)
        area = np.trapezoid(density(curve, grid := np.linspace(*curve.values[[0, -1]], 2000)), grid)
        assert area == pytest.approx(0.99, abs=0.01)


@pytest.mark.parametrize("name", ["dyestuff2", "sleepstudy_singular"])
def test_singular_fits_have_profiles(name):
    if name == "dyestuff2":
        model = fitted(name)
    else:
        random = np.random.default_rng(0)
        g, x = np.repeat(np.arange(12), 6), np.tile(np.arange(6.0), 12)
        y = random.normal(size=12)[g] + x + random.normal(size=72)
        model = mm.lmm("y ~ x + (x | g)", {"y": y, "x": x, "g": g}, reml=False)
        assert model.is_singular
    table = model.conf_int(method="profile", which="variance")
    sd = table[~table["term"].str.startswith("cor(")]
    assert (sd["conf_low"] >= 0).all()
    assert (sd["conf_low"] <= sd["estimate"]).all()
    assert (sd["conf_high"] > sd["estimate"]).all()
    assert sd["conf_low"].iloc[-2] == 0


def test_the_level_sets_the_width():
    model = fitted("dyestuff")
    narrow, wide = (model.profile().conf_int(level) for level in (0.5, 0.99))
    assert (wide["conf_low"] < narrow["conf_low"]).all()
    assert (wide["conf_high"] > narrow["conf_high"]).all()


def test_a_model_without_random_effects():
    data = mm.datasets.load("sleepstudy")
    model = mm.lmm("Reaction ~ Days", data, reml=False)
    found = model.conf_int(method="profile", which="fixed")
    # -2 log L rises by n log(1 + t^2 / (n - p)), and t is a pivot
    n = len(data)
    half = np.sqrt(n * (np.exp(1.959963984540054**2 / n) - 1)) * model.bse.to_numpy()
    np.testing.assert_allclose(found["conf_high"] - found["estimate"], half, rtol=1e-6)


def test_table_and_bad_arguments():
    profiled = fitted("dyestuff").profile(which="variance")
    assert list(profiled.table.columns) == ["group", "term", "value", "zeta"]
    assert "2 parameters" in repr(profiled)
    with pytest.raises(DataError, match="which = 'some'"):
        fitted("dyestuff").profile(which="some")
    with pytest.raises(DataError, match="level = 2"):
        profiled.conf_int(2)
    with pytest.raises(DataError, match="kind = 'both'"):
        profiled.plot("both")
