"""What summaries of generalised models say."""

import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError
from mixedmodels.report.words import equation, in_words, methods_sentence


@pytest.fixture(scope="module")
def cbpp() -> mm.GeneralisedMixedModel:
    return mm.glmm("incidence / size ~ period + (1 | herd)", mm.datasets.load("cbpp"))


def test_family_link_and_method(cbpp: mm.GeneralisedMixedModel) -> None:
    said = str(cbpp.summary())
    assert said.startswith(
        "Generalised linear mixed model fitted by maximum likelihood (Laplace's approximation)"
    )
    assert "Family:   binomial; logit link" in said
    assert "Trials:   842 in all" in said
    assert "Pearson residuals" in said
    assert "Residual df" in said
    assert " z " in said
    assert "Residual  " not in said.split("Random effects")[1]


def test_quadrature_names_its_nodes() -> None:
    model = mm.glmm("incidence / size ~ period + (1 | herd)", mm.datasets.load("cbpp"), nodes=9)
    assert "adaptive Gauss-Hermite quadrature, 9 nodes" in str(model.summary())


def test_ratios_on_request(cbpp: mm.GeneralisedMixedModel) -> None:
    assert "Odds ratio" not in str(cbpp.summary())
    said = str(cbpp.summary(exponentiate=True))
    assert "Odds ratio" in said
    assert "0.3707" in said  # exp(-0.9923)
    owls = mm.glmm(
        "SiblingNegotiation ~ FoodTreatment + (1 | Nest)",
        mm.datasets.load("owls"),
        family="poisson",
    )
    assert "Rate ratio" in str(owls.summary(exponentiate=True))
    linear = mm.lmm("Reaction ~ Days + (1 | Subject)", mm.datasets.load("sleepstudy"))
    with pytest.raises(DataError, match="no ratios"):
        linear.summary(exponentiate=True)


def test_an_ordinal_model_with_cloglog_has_no_hazard_ratios_of_that_sign() -> None:
    answers = mm.datasets.load("verbagg")
    model = mm.glmm("resp ~ btype + (1 | id)", answers, family="ordinal", link="cloglog")
    with pytest.raises(DataError, match=r"exp\(-coefficient\) is the hazard ratio"):
        model.coef_table(exponentiate=True)
    with pytest.raises(DataError, match=r"exp\(-coefficient\) is the hazard ratio"):
        model.summary(exponentiate=True)
    assert in_words(model.fit)[0].startswith(
        "Minus the cloglog of the probability of a lower category"
    )


@pytest.mark.parametrize("form", ["to_markdown", "to_latex", "_repr_html_"])
def test_every_form(cbpp: mm.GeneralisedMixedModel, form: str) -> None:
    text = getattr(cbpp.summary(exponentiate=True), form)()
    for words in ("Random effects", "Fixed effects", "Odds ratio"):
        assert words in text


def test_words(cbpp: mm.GeneralisedMixedModel) -> None:
    assert in_words(cbpp.fit)[0] == (
        "The logit of the probability in incidence / size depends on period."
    )
    assert equation(cbpp.fit)[0].startswith("logit P(incidence / size) = β₀ + β₁ period[T.2]")
    assert equation(cbpp.fit)[1] == "incidence / size ~ binomial"
    said = methods_sentence(cbpp.fit, "normal", "1.0")
    assert "generalised linear mixed model (binomial; logit link)" in said
    assert "Laplace's approximation" in said
    assert "Wald's z and chi-square" in said


def test_parts_beside_the_mean() -> None:
    data = mm.datasets.load("owls")
    formula = "SiblingNegotiation ~ FoodTreatment + (1 | Nest)"
    model = mm.glmm(formula, data, family="negative_binomial", zero="~ 1")
    said = str(model.summary())
    assert "Dispersion, on the log scale" in said
    assert "Zero inflation, on the logit scale" in said
    assert "The size: the variance is mean + mean² / size" in said
