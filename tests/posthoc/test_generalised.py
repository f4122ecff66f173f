"""Means, averages and contrasts of generalised models, against their definitions written out."""

from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import integrate, special, stats

import mixedmodels as mm
from mixedmodels.errors import DataError
from mixedmodels.inference.predicted_responses import predict_response
from mixedmodels.means import Means
from mixedmodels.posthoc.emmeans import emmeans
from mixedmodels.posthoc.response_rows import (
    response_comparisons,
    response_predictions,
    response_slopes,
)
from mixedmodels.prediction.rows import new_rows
from tests.prediction.test_generalised import dense_conditional, expanded, slopes_in_psi

EXACT = 1e-6  # relative: exact derivatives against central differences of step 1e-5


@pytest.fixture(scope="module")
def frame():
    random = np.random.default_rng(4)
    n = 240
    g, h = random.integers(0, 18, n), random.integers(0, 7, n)
    x = random.normal(size=n)
    arm = random.choice(["control", "high", "low"], n)
    u = random.normal(size=(18, 2)) * [0.8, 0.4]
    eta = -0.3 + 0.6 * x + 0.5 * (arm == "high") + u[g, 0] + u[g, 1] * x
    return pd.DataFrame(
        {
            "x": x,
            "arm": arm,
            "site": np.where(h < 3, "north", "south"),
            "g": g.astype(str),
            "h": h.astype(str),
            "weight": random.uniform(0.5, 2, n),
            "y": (random.random(n) < special.expit(eta)).astype(int),
            "count": random.poisson(np.exp(eta)),
        }
    )


@pytest.fixture(scope="module")
def binomial(frame):
    return mm.glmm("y ~ arm + x + I(x**2) + (x | g) + (1 | h)", frame, "binomial").fit


@pytest.fixture(scope="module")
def count(frame):
    return mm.glmm("count ~ arm * x + (1 | g)", frame, "poisson").fit


SCALES = [{}, {"re": "all"}, {"re": ["g"]}, {"marginal": True}, {"re": ["h"], "marginal": True}]


def rows(functions):
    table = Means(functions).table()
    return table["estimate"].to_numpy(), table["std_error"].to_numpy()


@pytest.mark.parametrize("scale", SCALES)
def test_averages_are_those_of_predictions(scale, frame, binomial):
    predicted = predict_response(binomial, frame, **({"re": "none"} | scale))
    expected = predicted.groupby(frame["arm"].to_numpy()).mean()
    estimate, _ = rows(response_predictions(binomial, "arm", **scale))
    assert estimate == pytest.approx(expected.to_numpy(), rel=1e-12)
    [weighted], _ = rows(response_predictions(binomial, wts="weight", **scale))
    assert weighted == pytest.approx(np.average(predicted, weights=frame["weight"]), rel=1e-12)


@pytest.mark.parametrize("scale", SCALES)
def test_comparisons_are_differences_of_averages(scale, frame, binomial):
    options = {"re": "none"} | scale
    at = {
        arm: predict_response(binomial, frame.assign(arm=arm), **options).mean()
        for arm in ("control", "high", "low")
    }
    expected = [at["high"] - at["control"], at["low"] - at["control"]]
    estimate, _ = rows(response_comparisons(binomial, "arm", **scale))
    assert estimate == pytest.approx(expected, rel=1e-10)
    low, high = (
        predict_response(binomial, frame.assign(x=frame["x"] + s), **options).mean()
        for s in (-0.5, 0.5)
    )
    [step], _ = rows(response_comparisons(binomial, "x", **scale))
    assert step == pytest.approx(high - low, rel=1e-10)


@pytest.mark.parametrize("scale", SCALES)
def test_errors_of_averages_are_those_of_the_delta_method(scale, frame, binomial):
    """Differences of the average in psi, and in the random effects by dense algebra."""
    options = {"re": "none"} | scale

    def difference(at):
        return np.array(
            [
                predict_response(at, frame.assign(arm="high"), **options).mean()
                - predict_response(at, frame.assign(arm="low"), **options).mean()
            ]
        )

    gradient = slopes_in_psi(binomial, difference)[0]
    variance = gradient @ binomial.generalised.covariance @ gradient
    if options["re"] != "none":
        Z = expanded(binomial, new_rows(binomial, frame, range(2)))
        if "all" not in options["re"]:
            kept = np.arange(Z.shape[1]) < 36
            Z = Z * (kept if options["re"] == ["g"] else ~kept)
        a = conditional_slopes(binomial, frame, options, Z)
        variance += a @ dense_conditional(binomial) @ a
    found = response_comparisons(binomial, "arm", values=["low", "high"], **scale)
    _, [error] = rows(found)
    assert error == pytest.approx(np.sqrt(variance), rel=EXACT)


def conditional_slopes(fit, frame, options, Z):
    """Derivatives of the average difference in every random effect, by shifts of eta."""
    step = 1e-5
    out = 0.0
    for arm, sign in (("high", 1), ("low", -1)):
        rows_at = frame.assign(arm=arm)
        slopes = (shifted(fit, rows_at, options, step) - shifted(fit, rows_at, options, -step)) / (
            2 * step
        )
        out = out + sign * (slopes[:, None] * Z).mean(axis=0)
    return out


def shifted(fit, data, options, step):
    """Predictions with the intercept moved, which moves every linear predictor alike."""
    names = list(fit.spec.x_names)
    move = np.zeros(len(names))
    move[names.index("Intercept")] = step
    beta = fit.beta + fit.matrices.coordinates.working(move)
    return predict_response(replace(fit, beta=beta), data, **options).to_numpy()


def test_slopes_are_average_derivatives(frame, binomial):
    p = predict_response(binomial, frame, re="none").to_numpy()
    beta = dict(zip(binomial.spec.x_names, _coefficients(binomial), strict=True))
    eta_slope = beta["x"] + 2 * beta["I(x ** 2)"] * frame["x"].to_numpy()
    [slope], _ = rows(response_slopes(binomial, "x"))
    assert slope == pytest.approx(np.mean(p * (1 - p) * eta_slope), rel=1e-9)


def _coefficients(fit):
    return fit.matrices.coordinates.reported(fit.beta.copy())


def test_slopes_of_counts_within_groups(frame, count):
    mu = predict_response(count, frame, marginal=True)
    found = Means(response_slopes(count, "x", "arm", marginal=True)).table()
    beta = dict(zip(count.spec.x_names, _coefficients(count), strict=True))
    for arm, slope in zip(found["arm"], found["estimate"], strict=True):
        own = beta["x"] + beta.get(f"arm[T.{arm}]:x", 0.0)
        here = mu[frame["arm"].to_numpy() == arm]
        assert slope == pytest.approx(own * here.mean(), rel=1e-9)


def test_contrasts_of_averages_are_comparisons(frame, binomial):
    averages = Means(response_predictions(binomial, at={"arm": ["control", "high", "low"]}))
    pairs = averages.contrast("revpairwise").table()
    given = Means(response_comparisons(binomial, "arm", contrast="pairwise")).table()
    for name in ("estimate", "std_error", "statistic"):
        assert pairs[name].to_numpy() == pytest.approx(given[name].to_numpy(), rel=1e-9)
    assert np.isinf(pairs["df"]).all()
    adjusted = averages.contrast("pairwise", adjust="mvt", seed=1).table()
    single = averages.contrast("pairwise", adjust="none").table()
    assert (adjusted["p_value"] >= single["p_value"]).all()


def test_joint_tests_of_averages_are_wald_tests(binomial):
    found = response_comparisons(binomial, "arm", marginal=True)
    value, _ = rows(found)
    V = found.joint_rows @ found.covariance() @ found.joint_rows.T
    wald = value @ np.linalg.solve(V, value)
    table = Means(found).test(joint=True)
    assert table["statistic"].to_numpy() == pytest.approx([wald / 2], rel=1e-9)
    assert table["p_value"].to_numpy() == pytest.approx([stats.chi2.sf(wald, 2)], rel=1e-9)


def test_limits_of_probabilities_are_probabilities(binomial):
    table = Means(response_predictions(binomial, "g", level=0.9999)).table()
    assert ((table["conf_low"] > 0) & (table["conf_high"] < 1)).all()
    eta = special.logit(table["estimate"])
    half = stats.norm.ppf(0.99995) * table["std_error"]
    half = half / (table["estimate"] * (1 - table["estimate"]))
    assert table["conf_high"].to_numpy() == pytest.approx(special.expit(eta + half), rel=1e-9)


def test_averages_on_the_link_scale_are_linear(frame, binomial):
    found = Means(response_predictions(binomial, "arm", type="link")).table()
    eta = predict_response(binomial, frame, type="link", re="none")
    expected = eta.groupby(frame["arm"].to_numpy()).mean()
    assert found["estimate"].to_numpy() == pytest.approx(expected.to_numpy(), rel=1e-10)
    ratios = Means(response_comparisons(binomial, "arm", type="link")).response().table()
    assert ratios["contrast"].tolist() == ["high / control", "low / control"]


def test_marginal_means_integrated_over_the_random_effects(frame, count, binomial):
    for fit, inverse in ((binomial, special.expit), (count, np.exp)):
        means = Means(emmeans(fit, "arm", ddf="normal"))
        eta = means.table()["estimate"].to_numpy()
        matrices = fit.matrices
        v = sum(
            np.einsum("ni,ij,nj->n", t.Z, S, t.Z).mean()
            for t, S in zip(matrices.terms, fit.covariances, strict=True)
        )
        expected = [
            integrate.quad(
                lambda z, e=e, v=v, f=inverse: f(e + np.sqrt(v) * z) * stats.norm.pdf(z),
                -12,
                12,
                epsabs=1e-13,
            )[0]
            for e in eta
        ]
        found = means.response(marginal=True).table()
        assert found["estimate"].to_numpy() == pytest.approx(expected, rel=1e-9)

        def at(other):
            functions = emmeans(other, "arm", ddf="normal")
            return Means(functions).response(marginal=True).table()["estimate"].to_numpy()

        slopes = slopes_in_psi(fit, at)
        covariance = fit.generalised.covariance
        error = np.sqrt(np.einsum("ni,ij,nj->n", slopes, covariance, slopes))
        assert found["std_error"].to_numpy() == pytest.approx(error, rel=EXACT)


def test_differences_of_means_integrated_over_the_random_effects(binomial):
    def difference(other):
        means = Means(emmeans(other, "arm", ddf="normal")).response(marginal=True)
        [first, second, _] = means.table()["estimate"]
        return np.array([first - second])

    means = Means(emmeans(binomial, "arm", ddf="normal")).response(marginal=True)
    found = means.regrid().pairs(adjust="none").table().iloc[0]
    assert found["estimate"] == pytest.approx(difference(binomial)[0], rel=1e-9)
    [slopes] = slopes_in_psi(binomial, difference)
    error = np.sqrt(slopes @ binomial.generalised.covariance @ slopes)
    assert found["std_error"] == pytest.approx(error, rel=EXACT)


@pytest.mark.filterwarnings("ignore::mixedmodels.errors.MixedModelsWarning")
def test_an_average_that_is_not_estimable_leaves_the_others_as_they_are(frame):
    data = frame.assign(z=np.where(frame["arm"] == "low", "u", frame["site"]))
    fit = mm.glmm("y ~ x + arm * z + (1 | g)", data, "binomial").fit
    assert fit.spec.aliased
    found = Means(response_predictions(fit, at={"arm": ["control", "low"]}, re="all")).table()
    alone = Means(response_predictions(fit, at={"arm": "high"}, re="all")).table()
    assert found["estimate"].isna().any() or alone["estimate"].isna().any()
    told = found.dropna(subset="estimate")
    assert told["std_error"].notna().all()


def test_averages_with_levels_that_the_fit_has_not_seen_are_refused(frame, binomial):
    new = frame.iloc[:10].assign(g="nobody")
    with pytest.raises(DataError, match="not seen"):
        response_predictions(binomial, newdata=new, re="all")
    estimate, _ = rows(response_predictions(binomial, newdata=new, re=["g"], marginal=True))
    assert np.isfinite(estimate).all()


def test_newdata_of_another_library(frame, binomial):
    new = pl.from_pandas(frame.iloc[:50])
    estimate, error = rows(response_comparisons(binomial, "arm", newdata=new, re="all"))
    own, own_error = rows(response_comparisons(binomial, "arm", newdata=frame.iloc[:50], re="all"))
    assert estimate == pytest.approx(own, rel=1e-12)
    assert error == pytest.approx(own_error, rel=1e-9)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda fit: response_predictions(fit, type="link", re="all"), 'type="link"'),
        (lambda fit: response_predictions(fit, marginal=True, re="all"), "integrates"),
        (lambda fit: response_predictions(fit, type="zero"), "zero inflation"),
        (lambda fit: response_slopes(fit, "arm"), "factor"),
        (lambda fit: response_comparisons(fit, "arm", at={"arm": ["low"]}), "compared"),
        (lambda fit: Means(emmeans(fit, "arm", ddf="normal")).effect_size(), "residual"),
        (lambda fit: Means(response_predictions(fit)).response(), "no transform"),
        (
            lambda fit: Means(emmeans(fit, "arm", ddf="normal")).response(
                bias_adjust=True, marginal=True
            ),
            "one of the two",
        ),
    ],
)
def test_what_has_no_meaning_is_refused(ask, message, binomial):
    with pytest.raises(DataError, match=message):
        ask(binomial)


def test_means_over_random_slopes_say_whose_variance_they_take() -> None:
    ticks = mm.datasets.load("grouseticks")
    by_slope = mm.glmm("TICKS ~ cHEIGHT + (cHEIGHT | LOCATION)", ticks, "poisson")
    by_intercept = mm.glmm("TICKS ~ cHEIGHT + (1 | LOCATION)", ticks, "poisson")
    for model, said in ((by_slope, True), (by_intercept, False)):
        means = model.emmeans("cHEIGHT", at={"cHEIGHT": [-50, 50]})
        for shown in (means.response(marginal=True), means.response(bias_adjust=True)):
            assert ("takes each row's own" in " ".join(str(shown).split())) is said
        assert "takes each row's own" not in " ".join(str(means.response()).split())
        assert "takes each row's own" not in " ".join(
            str(means.response(bias_adjust=True, sigma=1.0)).split()
        )
