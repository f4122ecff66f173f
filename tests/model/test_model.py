"""The façade: immutable, picklable, and of one mind with the functions behind it."""

import pickle

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm


@pytest.fixture(scope="module")
def model():
    return mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))


def test_nothing_can_be_changed(model):
    with pytest.raises(AttributeError):
        model.fit = None
    with pytest.raises(AttributeError):
        model.fit.sigma = 1.0
    with pytest.raises(AttributeError):
        model.convergence.converged = False


def test_a_pickled_model_gives_the_same_results(model):
    again = pickle.loads(pickle.dumps(model))
    assert str(again.summary()) == str(model.summary())
    pd.testing.assert_series_equal(again.fittedvalues, model.fittedvalues)
    pd.testing.assert_frame_equal(again.ranef_table(), model.ranef_table())
    assert again.update(reml=False).objective == pytest.approx(model.update(reml=False).objective)
    new = {"Days": [0.0, 3.0], "Subject": ["308", "never seen"]}
    pd.testing.assert_series_equal(again.predict(new), model.predict(new))


def test_printing_gives_the_summary(model):
    assert str(model) == str(model.summary())
    assert repr(model) == "<LinearMixedModel Reaction ~ Days + (Days | Subject): REML, n = 180>"
    assert model._repr_html_() == model.summary()._repr_html_()


def test_scalars_agree_with_lme4(model):
    """lme4 1.1-31, polished to the optimum."""
    assert model.objective == pytest.approx(1743.6282719599, abs=1e-6)
    assert model.llf == pytest.approx(-871.814135980, abs=1e-6)
    assert (model.nobs, model.npar, model.n_missing, model.reml) == (180, 6, 0, True)
    assert model.scale == model.sigma**2 == pytest.approx(654.94, rel=1e-4)
    assert (model.groups, model.ngroups, model.aliased) == (("Subject",), {"Subject": 18}, ())
    assert model.convergence.converged and not model.is_singular
    assert model.convergence.gradient_norm < 1e-2
    assert len(model.convergence.trace) >= model.convergence.n_evaluations > 0


def test_maximum_likelihood(model):
    ml = model.update(reml=False)
    assert ml.objective == pytest.approx(1751.9393444647, abs=1e-6)
    assert ml.aic == pytest.approx(1763.9393444647, abs=1e-6)
    assert not ml.reml


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("Reaction ~ Dais + (1 | Subject)", "Days"),
        ("Reaction ~ Days + (1 | )", "group"),
        ("Reaction ~ Days + (1 | Subject", "bracket|parenthes|closed"),
        ("Subject ~ Days + (1 | Subject)", "numeric|number"),
        ("Reaction ~ Days + (Days + Days | Subject)", ""),
    ],
)
def test_one_clear_error_or_a_fit(formula, message):
    data = mm.datasets.load("sleepstudy")
    if not message:
        assert np.isfinite(mm.lmm(formula, data).objective)
        return
    with pytest.raises(mm.errors.MixedModelsError, match=message):
        mm.lmm(formula, data)
