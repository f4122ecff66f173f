"""`glmm`: what it takes, what it gives back, and what it refuses."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

import mixedmodels as mm
from mixedmodels.errors import DataError, FormulaError
from mixedmodels.model import MixedModel

RANDOM = np.random.default_rng(77)
N = 120
DATA = pd.DataFrame({"g": np.repeat(np.arange(12), 10), "x": RANDOM.normal(size=N)})
DATA["eta"] = 0.5 * DATA["x"] + RANDOM.normal(0, 0.7, 12)[DATA["g"]]
DATA["y"] = RANDOM.binomial(1, expit(DATA["eta"]))
DATA["answer"] = np.where(DATA["y"] == 1, "yes", "no")
DATA["count"] = RANDOM.poisson(np.exp(DATA["eta"]))
DATA["size"] = 5
DATA["wins"] = RANDOM.binomial(5, expit(DATA["eta"]))


def test_a_model_of_its_own_kind():
    model = mm.glmm("y ~ x + (1 | g)", DATA)
    assert isinstance(model, mm.GeneralisedMixedModel)
    assert isinstance(model, MixedModel)
    assert not isinstance(model, mm.LinearMixedModel)
    assert not hasattr(model, "sigma")
    assert repr(model) == "<GeneralisedMixedModel y ~ x + (1 | g): binomial (logit), n = 120>"
    assert mm.lmm("x ~ 1 + (1 | g)", DATA).fit.family.name == "gaussian"


def test_it_says_which_level_is_a_success():
    model = mm.glmm("answer ~ x + (1 | g)", DATA)
    assert model.response_levels == ("no", "yes")
    assert "Success: yes (failure: no)" in " ".join(str(model).split())
    np.testing.assert_allclose(model.params, mm.glmm("y ~ x + (1 | g)", DATA).params)


def test_the_summary_says_what_was_fitted():
    text = " ".join(str(mm.glmm("wins / size ~ x + (1 | g)", DATA, nodes=7)).split())
    for part in (
        "adaptive Gauss-Hermite quadrature, 7 nodes",
        "binomial",
        "logit link",
        "-2 log-likelihood",
        "z tests",
    ):
        assert part in text
    assert "Residual variance" not in text
    assert "Satterthwaite" not in text


def test_tests_are_by_z():
    model = mm.glmm("y ~ x + (1 | g)", DATA)
    table = model.coef_table()
    assert np.isinf(table["df"]).all()
    np.testing.assert_allclose(table["statistic"], model.params / model.bse)
    with pytest.raises(DataError, match="satterthwaite"):
        model.coef_table("satterthwaite")


def test_models_of_two_kinds_are_compared_by_their_parameters():
    large = mm.glmm("y ~ x + (1 | g)", DATA)
    table = mm.compare(large, large.update("~ . - x"))
    assert table["npar"].tolist() == [2, 3]
    statistic = 2 * (large.llf - large.update("~ . - x").llf)
    assert table["statistic"].iloc[1] == pytest.approx(statistic, abs=1e-6)


def test_nodes_are_quadrature_by_either_name():
    one = mm.glmm("y ~ x + (1 | g)", DATA, nodes=9)
    two = mm.glmm("y ~ x + (1 | g)", DATA, method="quadrature", nodes=9)
    assert one.llf == two.llf
    assert one.llf != mm.glmm("y ~ x + (1 | g)", DATA).llf


def test_response_residuals_are_of_shares():
    model = mm.glmm("wins / size ~ x + (1 | g)", DATA)
    np.testing.assert_allclose(model.resid, DATA["wins"] / 5 - model.fittedvalues)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("y ~ x + (1 | g)", {"family": "binomail"}, "binomail"),
        ("y ~ x + (1 | g)", {"family": 3}, "family"),
        ("y ~ x + (1 | g)", {"link": "inverse"}, "link"),
        ("y ~ x + (1 | g)", {"method": "reml"}, "method = 'reml' is not known"),
        ("y ~ x + (1 | g)", {"nodes": 0}, "nodes = 0 is no number of nodes"),
        ("y ~ x + (1 | g)", {"nodes": 2.5}, "nodes = 2.5 is no number of nodes"),
        ("y ~ x + (1 | g)", {"nodes": True}, "nodes = True is no number of nodes"),
        ("y ~ x + (1 | g)", {"method": "quadrature"}, "has one node"),
        ("y ~ (1 | g) + (1 | h)", {"nodes": 5}, "Quadrature cannot .* exactly one random term"),
        ("y ~ x + (1 | g)", {"dispersion": "~ x"}, "has no dispersion"),
        ("y ~ x + (1 | g)", {"dispersion": 1}, "dispersion is of type int"),
        ("x ~ 1 + (1 | g)", {"family": "gaussian", "zero": "~ 1"}, "no zero inflation"),
        ("y ~ x + (1 | g)", {"family": "beta_binomial"}, "every row is one trial"),
        ("y ~ x + (1 | g)", {"family": "beta_binomial", "trials": "one"}, "every row is one trial"),
        ("y ~ x + (1 | row)", {"trials": "one"}, "each row is a single outcome"),
        (
            "count ~ x + (1 | g)",
            {"family": "poisson", "zero": "~ 1", "hurdle": "~ 1"},
            "both given",
        ),
        ("y ~ x + (1 | g)", {"thresholds": "equidistant"}, "has none"),
        ("y ~ x + (1 | g)", {"thresholds": "even"}, "thresholds = 'even' is not known"),
        ("y ~ x + (1 | g)", {"exposure": "size"}, "the link is logit"),
        ("y ~ x + (1 | g)", {"control": 5}, "control is of type int"),
        (
            "y ~ x + (1 | g)",
            {"weights": "x"},
            r"(?s)weights .* negative.*multiplies the log-likelihood",
        ),
        ("count ~ x + (1 | g)", {}, "'count'"),
        ("x ~ 1 + (1 | g)", {"family": "poisson"}, "'x'"),
        ("x ~ 1 + (1 | g)", {}, "'x'"),
        ("size / wins ~ x + (1 | g)", {}, "trials"),
        ("I(wins * 2) ~ x + (1 | g)", {"trials": "size"}, "wins"),
        ("one ~ x + (1 | g)", {}, "'one'"),
        ("none ~ x + (1 | g)", {"family": "poisson"}, "'none'"),
    ],
)
def test_refusals(text, options, message):
    data = DATA.assign(one=1, none=0, row=np.arange(N), h=np.tile([1, 2], N // 2))
    with pytest.raises(DataError, match=message):
        mm.glmm(text, data, **options)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("y ~ xx + (1 | g)", {}, "no column 'xx'"),
        ("count ~ x + (1 | g)", {"family": "poisson", "zero": "~ xx"}, "no column 'xx'"),
        ("count ~ x + (1 | g)", {"family": "poisson", "zero": "x"}, 'zero="~ x"'),
        ("count ~ x + (1 | g)", {"family": "poisson", "zero": ""}, 'zero="~ x"'),
        ("count ~ x + (1 | g)", {"family": "poisson", "hurdle": "x"}, 'hurdle="~ x"'),
    ],
)
def test_formulas_that_cannot_be_read(text, options, message):
    with pytest.raises(FormulaError, match=message):
        mm.glmm(text, DATA, **options)


def test_there_is_no_reml():
    model = mm.glmm("y ~ x + (1 | g)", DATA)
    assert model.reml is False
    with pytest.raises(TypeError):
        mm.glmm("y ~ x + (1 | g)", DATA, reml=True)
