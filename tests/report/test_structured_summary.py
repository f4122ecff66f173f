"""Models whose covariances have structure: what tables and summaries say of them."""

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.report.covariances import residual_strata
from mixedmodels.report.structures import residual_in_words
from mixedmodels.report.words import equation, in_words, methods_sentence


@pytest.fixture(scope="module")
def growth() -> pd.DataFrame:
    return mm.datasets.load("orthodont")


def named(model: mm.LinearMixedModel) -> dict[str, float]:
    table = model.covariance_parameters()
    return dict(zip(table["parameter"], table["estimate"], strict=True))


def test_every_parameter_has_its_name_and_natural_scale(growth: pd.DataFrame) -> None:
    # nlme 3.1-162: gls(distance ~ age, Orthodont, correlation = corAR1(form = ~ age / 2 | Subject),
    # weights = varIdent(form = ~ 1 | Sex)); its Phi is for two years
    model = mm.lmm("distance ~ age", growth, residual="ar1(age | Subject)", sigma="~ Sex")
    found = named(model)
    assert list(found) == ["sd(Residual)", "cor(Residual)", "log sd(Sex[T.Female])"]
    assert model.sigma == pytest.approx(found["sd(Residual)"], rel=1e-12)
    sds = model.fit.problem.row_sd(model.fit.theta) * model.fit.sigma
    is_female = (growth["Sex"] == "Female").to_numpy()
    ratio = np.exp(found["log sd(Sex[T.Female])"])
    assert sds[is_female] == pytest.approx(found["sd(Residual)"] * ratio, rel=1e-12)
    assert sds[~is_female] == pytest.approx(found["sd(Residual)"], rel=1e-12)
    strata = dict(residual_strata(model.fit))
    assert strata["Female"] == pytest.approx(found["sd(Residual)"] * ratio, rel=1e-12)
    text = str(model.summary(ddf="normal"))
    assert "AR(1) over age within Subject; log sd linear in Sex[T.Female]" in text
    assert "Residual standard deviations" in text
    assert f"{found['cor(Residual)']:.4f}" in text


def test_parameters_of_a_plain_model_are_its_variance_components(growth: pd.DataFrame) -> None:
    model = mm.lmm("distance ~ age + (age | Subject)", growth)
    components = model.variance_components
    expected = components["sdcor"].to_numpy()
    assert model.covariance_parameters()["estimate"].to_numpy() == pytest.approx(
        expected, rel=1e-10
    )


@pytest.mark.parametrize(
    ("formula", "options"),
    [
        ("distance ~ age + (age | Subject)", {}),
        ("distance ~ age", {"residual": "ar1(age | Subject)", "sigma": "~ Sex"}),
        ("distance ~ age + cs(1 + age | Subject)", {}),
    ],
)
def test_limits_are_those_of_conf_int(growth: pd.DataFrame, formula: str, options: dict) -> None:
    model = mm.lmm(formula, growth, **options)
    found = model.covariance_parameters(0.9)
    limits = model.conf_int(0.9, which="variance")
    for column in ("estimate", "conf_low", "conf_high"):
        assert found[column].to_numpy() == pytest.approx(limits[column].to_numpy(), rel=1e-9)
    errors = np.sqrt(np.diag(model.cov_variance()))
    assert found["std_error"].to_numpy() == pytest.approx(errors, rel=1e-9)
    half = 1.6448536269514722 * errors[-1]
    if options:  # a coefficient of log sd
        assert found["conf_high"].iloc[-1] - found["estimate"].iloc[-1] == pytest.approx(half)


def test_compound_symmetry_is_the_random_intercept(growth: pd.DataFrame) -> None:
    """Where the correlation is positive the two are one model."""
    random = mm.lmm("distance ~ age + (1 | Subject)", growth)
    marginal = mm.lmm("distance ~ age", growth, residual="cs(age | Subject, hom=True)")
    between, within = random.variance_components["vcov"].to_numpy()
    found = named(marginal)
    assert found["sd(Residual)"] ** 2 == pytest.approx(between + within, rel=1e-6)
    assert found["cor(Residual)"] == pytest.approx(between / (between + within), rel=1e-6)
    assert marginal.objective == pytest.approx(random.objective, abs=1e-7)
    assert marginal.r2()["marginal"] == pytest.approx(random.r2()["marginal"], rel=1e-6)


def test_a_matrix_over_the_occasions_is_shown(growth: pd.DataFrame) -> None:
    model = mm.lmm("distance ~ age", growth, residual="us(age | Subject)")
    summary = model.summary(ddf="normal")
    section = next(s for s in summary.document.sections if s.heading == "Residuals")
    assert [row[0] for row in section.rows] == ["8", "10", "12", "14"]
    found = named(model)
    assert float(section.rows[1][2]) == pytest.approx(found["cor(Residual:8, 10)"], abs=0.006)
    assert float(section.rows[3][1]) == pytest.approx(found["sd(Residual:14)"], abs=0.001)
    assert "6 correlations: see the matrices" in str(summary)


def test_fixed_parameters_leave_the_residual_its_own_scale(growth: pd.DataFrame) -> None:
    free = mm.lmm("distance ~ age + (1 | Subject)", growth)
    sd = float(free.variance_components["sdcor"][0])
    held = mm.lmm("distance ~ age + (1 | Subject)", growth, fixed={"sd(Subject:Intercept)": sd})
    assert held.sigma == pytest.approx(free.sigma, rel=1e-7)
    assert held.scale == pytest.approx(free.scale, rel=1e-7)
    assert held.r2() == pytest.approx(free.r2(), rel=1e-6)
    assert held.icc() == pytest.approx(free.icc(), rel=1e-6)
    new = growth.head(5)
    limits = [m.predict(new, interval="prediction", ddf="normal") for m in (held, free)]
    assert limits[0]["conf_high"].to_numpy() == pytest.approx(
        limits[1]["conf_high"].to_numpy(), rel=1e-7
    )
    assert held.residuals("standardized").to_numpy() == pytest.approx(
        free.residuals("standardized").to_numpy(), abs=1e-6
    )
    assert held.acf(max_lag=2)["n"].tolist() == free.acf(max_lag=2)["n"].tolist()
    assert np.std(held.simulate(200, seed=1)) == pytest.approx(
        np.std(free.simulate(200, seed=2)), rel=0.1
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"residual": "cs(age | Subject)"}, "a variance for each position"),
        ({"residual": "ar1(1 | Subject)"}, "AR(1) over the order of rows within Subject"),
        ({"residual": "cs(age | Subject, hom=True, by=Sex)"}, "its own"),
        ({"sigma": "power(age)"}, "sd a power of age"),
        ({"sigma": "power(fitted)"}, "a power of the fitted values (iterated)"),
        ({"sigma": 2.0}, "sd 2 known"),
    ],
)
def test_residuals_in_words(growth: pd.DataFrame, options: dict, words: str) -> None:
    model = mm.lmm("distance ~ age", growth, **options)
    said = residual_in_words(model.fit)
    assert words in said
    assert said in in_words(model.fit)[-1]
    assert said in equation(model.fit)[-1]
    assert said in methods_sentence(model.fit, "normal", "0")
    facts = dict(model.summary(ddf="normal").document.facts)
    assert facts["Residuals"] == said


def test_terms_with_structure_in_words(growth: pd.DataFrame) -> None:
    model = mm.lmm("distance ~ age + cs(1 + age | Subject)", growth)
    assert "compound symmetry" in " ".join(in_words(model.fit))
    assert "compound symmetry" in " ".join(equation(model.fit))
