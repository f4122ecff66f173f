"""Inference for generalised models: R's tables, dense profiles, invariances, refusals."""

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

import mixedmodels as mm
from mixedmodels.errors import DataError
from mixedmodels.fit.flat_hessian import covariance_of
from tests.inference.generalised import CALLS, fitted, slopes, stored, table

CRITERION = 1e-5  # what the references promise
ERRORS = 1e-3  # of a standard error
LIMITS = 2e-3  # of a standard error: R's searches end there

small = pytest.fixture(scope="module")(slopes)

SINGULAR = {"cbpp_betabinomial"}  # its sd is zero: R's numbers of it are where a search ended

REGULAR = [name for name in CALLS if name not in SINGULAR]


@pytest.mark.parametrize("name", list(CALLS))
def test_criteria_are_those_of_r(name):
    model, ref = fitted(name), stored(name)
    assert model.objective == pytest.approx(ref["minus2logLik"], abs=CRITERION)
    assert model.npar == ref["df"]
    assert model.aic == pytest.approx(ref["AIC"], abs=CRITERION)
    assert model.bic == pytest.approx(ref["BIC"], abs=CRITERION)


@pytest.mark.parametrize("name", list(CALLS))
def test_coefficient_tables_have_z_tests(name):
    found, rows = fitted(name).coef_table(), table(name)
    rows = rows[rows["type"] == "beta"].reset_index()
    raw = pd.DataFrame(stored(name)["parameters"])
    se = raw.loc[raw["type"] == "beta", "std_error_working"].to_numpy()
    np.testing.assert_allclose(found["std_error"], se, rtol=ERRORS)
    np.testing.assert_allclose(found["estimate"] - rows["estimate"], 0, atol=ERRORS * se.max())
    z = rows["estimate"] / se
    np.testing.assert_allclose(found["p_value"], 2 * stats.norm.sf(np.abs(z)), atol=1e-3)
    assert np.isinf(found["df"]).all()


@pytest.mark.parametrize("name", REGULAR)
@pytest.mark.parametrize("method", ["wald", "profile"])
def test_intervals_of_all_parameters_are_those_of_r(name, method):
    found, rows = fitted(name).conf_int(method=method, which="all"), table(name, method)
    rows = _in_our_order(name, rows)
    width = rows["conf_high"] - np.where(rows["conf_low"].isna(), 0.0, rows["conf_low"])
    for column in ("estimate", "conf_low", "conf_high"):
        known = rows[column].notna().to_numpy()
        if method == "wald" and column != "estimate":
            known = known & (rows["scale"] != "unit").to_numpy()  # another scale of correlations
        difference = np.abs(found[column] - rows[column])[known]
        assert (difference <= LIMITS * width[known] / 4).all(), found
    without = rows["conf_low"].isna().to_numpy()
    assert (found.loc[without, "conf_low"] == 0).all()  # a standard deviation that may be zero


def _in_our_order(name, rows):
    """glmmTMB sorts the terms of one bar by itself: nested factors come in another order."""
    if name != "mmmec":
        return rows
    return rows.iloc[[1, 0, 2, 3]].reset_index(drop=True)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (name, kind)
        for name in ("cbpp", "owls_nbinom2", "owls_zinb2", "grouseticks_poisson")
        for kind in (1, 2, 3)
        if (name, kind) != ("owls_zinb2", 3)  # of treatment codings
    ],
)
def test_wald_chi_squares_are_those_of_r(name, kind):
    """Types 1 and 2 in the metric of the information, as car's, type 3 of codings that sum to zero.
    Factors alone: car takes a covariate to be contained in its interactions with others.
    """
    ref = stored(name)["anova"][f"type{kind}"]
    found = fitted(name).anova(kind)
    np.testing.assert_allclose(found["statistic"], ref["Chisq"], rtol=1e-3)
    assert found["df"].tolist() == ref["Df"]
    np.testing.assert_allclose(found["p_value"], ref["P"], rtol=2e-2, atol=1e-12)


@pytest.mark.parametrize("name", ["cbpp", "owls_nbinom2"])
def test_likelihood_ratios_of_type_3_are_those_of_r(name):
    found = fitted(name).anova(3, test="lrt")
    whole = stored(name)["minus2logLik"]
    ratios = [row["minus2logLik"] - whole for row in stored(name)["type3_lrt"]]
    np.testing.assert_allclose(found["statistic"], ratios, atol=2 * CRITERION)


@pytest.mark.parametrize("name", ["cbpp", "contraception", "grouseticks_poisson", "gasoline_beta"])
def test_drop1_is_the_fit_without_the_term(name):
    found = fitted(name).drop1()
    whole = stored(name)["minus2logLik"]
    ratios = sorted(row["minus2logLik"] - whole for row in stored(name)["without"])
    np.testing.assert_allclose(sorted(found["statistic"][1:]), ratios, atol=2 * CRITERION)


@pytest.mark.parametrize(
    "name", [name for name in CALLS if name not in SINGULAR and stored(name)["ranova"]]
)
def test_random_terms_are_tested_at_the_boundary(name):
    found = fitted(name).ranova()
    whole = stored(name)["minus2logLik"]
    ratios = sorted(row["minus2logLik"] - whole for row in stored(name)["ranova"])
    np.testing.assert_allclose(sorted(found["statistic"][1:]), ratios, atol=2 * CRITERION)
    single = found["df"][1:] == 1
    halves = stats.chi2.sf(found["statistic"][1:], 1) / 2
    np.testing.assert_allclose(found["p_value_boundary"][1:][single], halves[single], rtol=1e-10)


def test_families_are_compared_by_criteria_and_tested_where_nested():
    names = ["owls_poisson", "owls_zip", "owls_nbinom2", "owls_zinb2"]
    models = [fitted(name) for name in names]
    found = mm.compare(*models, names=names).set_index("model")
    for name in names:
        assert found.loc[name, "aic"] == pytest.approx(stored(name)["AIC"], abs=2 * CRITERION)
    of_nb = mm.compare(models[0], models[2])
    statistic = stored(names[0])["minus2logLik"] - stored(names[2])["minus2logLik"]
    assert of_nb["statistic"][1] == pytest.approx(statistic, abs=2 * CRITERION)
    assert of_nb["df"][1] == 1
    assert "boundary" in of_nb["note"][1]
    assert of_nb["p_value_boundary"][1] == pytest.approx(of_nb["p_value"][1] / 2)
    unlike = mm.compare(models[1], models[2])
    assert np.isnan(unlike["statistic"][1])
    assert "not nested" in unlike["note"][1]


@pytest.mark.parametrize(
    ("name", "column", "shift"),
    [
        ("cbpp", "odds_ratio", 0),
        ("owls_poisson", "rate_ratio", 0),
        ("sleepstudy_gamma", "mean_ratio", 0),
    ],
)
def test_exponentiated_tables_have_ratios_and_the_same_tests(name, column, shift):
    plain, found = fitted(name).coef_table(), fitted(name).coef_table(exponentiate=True)
    assert list(found) == [column if c == "estimate" else c for c in plain]
    np.testing.assert_allclose(found[column], np.exp(plain["estimate"]))
    np.testing.assert_allclose(found["std_error"], found[column] * plain["std_error"])
    for limit in ("conf_low", "conf_high"):
        np.testing.assert_allclose(found[limit], np.exp(plain[limit]))
    for same in ("statistic", "p_value"):
        np.testing.assert_array_equal(found[same], plain[same])


def test_ratios_of_other_links_are_refused(small):
    model = mm.glmm("z ~ x + (1 | g)", small, link="probit")
    with pytest.raises(DataError, match="probit"):
        model.coef_table(exponentiate=True)
    with pytest.raises(DataError, match="identity"):
        mm.lmm("x ~ z + (1 | g)", small).coef_table(exponentiate=True)


@pytest.mark.parametrize("terms", ["(x | g)", "(x || g)", "cs(1 + x | g)", "ar1(0 + f | g)"])
def test_errors_of_coefficients_are_there_whatever_is_singular(terms):
    """Coordinates that mean nothing where effects do not vary leave the other errors alone."""
    data = nothing_varies().assign(f=[f"t{i}" for i in range(6)] * 12)
    model = mm.glmm(f"y ~ x + {terms}", data, family="poisson")
    assert model.is_singular
    X = np.column_stack([np.ones(len(data)), data.x])
    covariance = np.linalg.inv(X.T * np.exp(X @ model.params) @ X)
    np.testing.assert_allclose(model.cov_params(), covariance, rtol=1e-3, atol=1e-6)
    z = model.params["x"] / np.sqrt(covariance[1, 1])
    assert model.anova()["statistic"][0] == pytest.approx(z**2, rel=1e-2)
    assert model.conf_int(which="variance")[["conf_low", "conf_high"]].isna().all(axis=None)


def test_a_hessian_without_an_inverse():
    """Theta in a flat direction counts as known; others are not told; nothing is at a saddle."""
    H = np.array([[2.0, 0.0, 0.5], [0.0, 0.0, 0.0], [0.5, 0.0, 4.0]])
    inner = 2 * np.linalg.inv(H[np.ix_([0, 2], [0, 2])])
    known = covariance_of(H, n_theta=2)
    np.testing.assert_allclose(known[np.ix_([0, 2], [0, 2])], inner)
    assert known[1, 1] == 0
    told = covariance_of(H, n_theta=1)
    np.testing.assert_allclose(told[np.ix_([0, 2], [0, 2])], inner)
    assert np.isnan(told[1]).all()
    assert np.isnan(covariance_of(H - np.diag([0, 1, 0]), n_theta=2)).all()


@pytest.mark.parametrize("ddf", ["satterthwaite", "kenward-roger", "residual", "between-within"])
def test_denominator_degrees_of_freedom_are_refused(ddf):
    model = fitted("cbpp")
    for ask in (model.coef_table, model.anova, model.summary):
        with pytest.raises(DataError, match="generalised"):
            ask(ddf=ddf)


def test_f_tests_are_refused():
    with pytest.raises(DataError, match="generalised"):
        fitted("cbpp").drop1("f")
    wald, anova = fitted("cbpp").drop1("wald"), fitted("cbpp").anova(2)
    np.testing.assert_allclose(wald["statistic"], anova["statistic"], rtol=1e-9)


def test_covariances_of_two_kinds():
    """From the Hessian in all parameters, and (X'V^-1 X)^-1 of the working weights at the modes."""
    model = fitted("cbpp")
    pd.testing.assert_frame_equal(model.cov_params(), model.cov_params("hessian"))
    m, sd = model.fit.matrices, model.variance_components["sdcor"][0]
    mean = special.expit(model.fit.generalised.eta)
    Z = np.equal.outer(m.groupings[0].codes, np.arange(15)).astype(float)
    V = np.diag(1 / (m.size * mean * (1 - mean))) + sd**2 * Z @ Z.T
    other = np.linalg.inv(m.X.T @ np.linalg.solve(V, m.X))
    np.testing.assert_allclose(model.cov_params("conditional"), other, rtol=1e-6)
    with pytest.raises(DataError, match="linear"):
        mm.lmm("incidence ~ period + (1 | herd)", mm.datasets.load("cbpp")).cov_params("hessian")


def nothing_varies(seed=0):
    """Counts of one mean in 12 groups, whose variance is estimated as zero."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({"g": np.repeat(np.arange(12), 6), "x": random.normal(size=72)})
    frame["y"] = random.poisson(2.0, size=72)
    return frame


def test_a_singular_fit_has_the_errors_of_a_model_without_the_effect():
    """At a variance of zero: errors of beta from the Poisson regression, no Wald limits of the sd,
    and a profile that begins at zero.
    """
    data = nothing_varies()
    model = mm.glmm("y ~ x + (1 | g)", data, family="poisson")
    X = np.column_stack([np.ones(len(data)), data.x])
    mean = np.exp(X @ model.params)
    np.testing.assert_allclose(X.T @ (data.y - mean), 0, atol=1e-3)
    covariance = np.linalg.inv(X.T * mean @ X)
    np.testing.assert_allclose(model.bse, np.sqrt(np.diag(covariance)), rtol=1e-4)
    wald = model.conf_int(which="variance")
    assert wald[["conf_low", "conf_high"]].isna().all(axis=None)
    profile = model.conf_int(method="profile", which="variance")
    assert profile["conf_low"][0] == 0
    assert 0.05 < profile["conf_high"][0] < 1
    tests = model.ranova()
    assert tests["statistic"][1] == pytest.approx(0, abs=1e-6)
    assert tests["p_value_boundary"][1] == 1


def test_wald_chi_squares_do_not_depend_on_the_coding(small):
    plain = mm.glmm("y ~ f * x + (1 | g)", small, family="poisson")
    other = mm.glmm("y ~ f * x + (1 | g)", small, family="poisson", contrasts={"f": "helmert"})
    for kind in (1, 2, 3):
        np.testing.assert_allclose(
            plain.anova(kind)["statistic"], other.anova(kind)["statistic"], rtol=1e-4
        )


def test_sequential_wald_tests_are_near_likelihood_ratios():
    model = fitted("owls_nbinom2")
    for kind in (1, 2):
        wald, lrt = model.anova(kind), model.anova(kind, test="lrt")
        np.testing.assert_allclose(wald["statistic"], lrt["statistic"], rtol=0.2, atol=0.3)


def test_hypotheses_as_strings(small):
    model = mm.glmm("y ~ x + f + (1 | g)", small, family="poisson")
    one = model.t_test("x = 0")
    row = model.coef_table().set_index("term").loc["x"]
    assert one["statistic"][0] == pytest.approx(row["statistic"])
    joint = model.wald_test("f[T.b] = 0, f[T.c] = 0")
    assert np.isinf(joint["den_df"][0])
    wald = model.anova(3).set_index("term").loc["f"]
    assert joint["num_df"][0] * joint["statistic"][0] == pytest.approx(wald["statistic"])


def test_densities_and_probabilities_are_not_compared(small):
    counts = mm.glmm("y ~ x + (1 | g)", small, family="poisson")
    with pytest.raises(DataError, match="densities"):
        mm.compare(counts, mm.lmm("y ~ x + (1 | g)", small, reml=False))


def test_quadrature_is_not_tested_against_laplace(small):
    laplace = mm.glmm("z ~ 1 + (1 | g)", small)
    quadrature = mm.glmm("z ~ x + (1 | g)", small, nodes=9)
    found = mm.compare(laplace, quadrature)
    assert np.isnan(found["statistic"][1])
    assert "integrals" in found["note"][1]


def test_without_random_effects_there_is_no_integral(small):
    """Whatever the nodes: the smaller model is the logistic regression."""
    model, alone = mm.glmm("z ~ x + (1 | g)", small, nodes=9), mm.glmm("z ~ x", small)
    eta = alone.params["Intercept"] + alone.params["x"] * small.x
    assert alone.objective == pytest.approx(-2 * np.sum(small.z * eta - np.logaddexp(0, eta)))
    statistic = pytest.approx(alone.objective - model.objective)
    assert model.ranova()["statistic"][1] == statistic
    assert mm.compare(alone, model)["statistic"][1] == statistic


LATENT = {"logit": np.pi**2 / 3, "probit": 1.0, "cloglog": np.pi**2 / 6}


@pytest.mark.parametrize("link", list(LATENT))
def test_shares_of_binomial_models_have_the_latent_variance(small, link):
    model = mm.glmm("z ~ x + (1 | g)", small, link=link)
    fixed = np.var(model.params["x"] * small.x, ddof=1)
    random = model.variance_components["vcov"][0]
    total = fixed + random + LATENT[link]
    assert model.r2()["marginal"] == pytest.approx(fixed / total)
    assert model.r2()["conditional"] == pytest.approx((fixed + random) / total)
    assert model.icc()["adjusted"] == pytest.approx(random / (random + LATENT[link]))


@pytest.mark.parametrize("name", ["cbpp", "contraception"])
def test_shares_are_those_of_performance(name):
    ref = stored(name)["shares"]
    assert fitted(name).r2()["marginal"] == pytest.approx(ref["r2"]["R2_marginal"], abs=1e-4)
    assert fitted(name).r2()["conditional"] == pytest.approx(ref["r2"]["R2_conditional"], abs=1e-4)
    assert fitted(name).icc()["adjusted"] == pytest.approx(ref["icc"]["ICC_adjusted"], abs=1e-4)


def test_shares_of_counts_are_at_the_mean_of_the_model_without_covariates():
    """Nakagawa, Johnson & Schielzeth (2017): log(1 + 1/lambda), lambda = exp(beta_0 + var/2), the
    variances being those of R's model without covariates. An effect per row is overdispersion.
    """
    ref = stored("grouseticks_poisson")["shares"]
    lam = np.exp(ref["null_fixef"] + ref["null_random"] / 2)
    parts = ref["variance"]
    own = np.log1p(1 / lam) + parts["var.dispersion"]
    total = parts["var.fixed"] + parts["var.random"] + own
    found = fitted("grouseticks_poisson").r2()
    assert found["marginal"] == pytest.approx(parts["var.fixed"] / total, abs=1e-4)
    expected = (parts["var.fixed"] + parts["var.random"]) / total
    assert found["conditional"] == pytest.approx(expected, abs=1e-4)


def test_shares_of_a_gamma_model_have_the_lognormal_variance():
    model = fitted("sleepstudy_gamma")
    cv = model.covariance_parameters().set_index("group").loc["Dispersion", "estimate"]
    parts = stored("sleepstudy_gamma")["shares"]["variance"]
    own = np.log1p(cv**2)
    assert own == pytest.approx(parts["var.distribution"], rel=1e-2)
    total = parts["var.fixed"] + parts["var.random"] + own
    assert model.r2()["marginal"] == pytest.approx(parts["var.fixed"] / total, abs=1e-3)


def test_two_ordered_categories_have_the_tests_of_a_binomial_response(small):
    """Though thresholds stand for the constant, which hypotheses of types 1 and 2 come after."""
    data = small.assign(o=pd.Categorical(np.where(small.z, "yes", "no"), ordered=True))
    control = mm.Control(tolerance=1e-12)
    binomial = mm.glmm("z ~ f * x + (1 | g)", data, control=control)
    ordinal = mm.glmm("o ~ f * x + (1 | g)", data, family="ordinal", control=control)
    for kind in (1, 2, 3):
        for test in ("wald", "lrt"):
            a, b = binomial.anova(kind, test=test), ordinal.anova(kind, test=test)
            np.testing.assert_allclose(a["statistic"], b["statistic"], rtol=1e-4, atol=1e-6)
            assert a["df"].tolist() == b["df"].tolist()
    for test in ("wald", "lrt"):
        a, b = binomial.drop1(test), ordinal.drop1(test)
        np.testing.assert_allclose(a["statistic"], b["statistic"], rtol=1e-4, atol=1e-6)
    assert binomial.r2() == pytest.approx(ordinal.r2(), rel=1e-4)


def test_a_normal_family_has_the_shares_of_the_linear_model(small):
    data = small.assign(w=np.log1p(small.y) + 0.3 * small.x**2)
    normal = mm.glmm("w ~ x + (x | g)", data, family="gaussian")
    linear = mm.lmm("w ~ x + (x | g)", data, reml=False)
    assert normal.r2() == pytest.approx(linear.r2(), rel=1e-4)
    assert normal.icc() == pytest.approx(linear.icc(), rel=1e-4)
