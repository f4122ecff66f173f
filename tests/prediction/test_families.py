"""Every family's predictions, of every type: errors are those of differences in all parameters."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import special

import mixedmodels as mm
from mixedmodels.inference.predicted_responses import predict_response
from mixedmodels.prediction.auxiliary import thresholds_of
from mixedmodels.prediction.rows import new_rows
from tests.prediction.test_generalised import dense_conditional, expanded, slopes_in_psi

EXACT = 1e-5  # relative: exact derivatives against central differences of step 1e-5

ROWS = slice(0, 12)


@pytest.fixture(scope="module")
def frame():
    random = np.random.default_rng(12)
    n = 260
    g = random.integers(0, 15, n)
    x = random.normal(size=n)
    u = random.normal(size=(15, 2)) * [0.5, 0.3]
    eta = 0.5 + 0.4 * x + u[g, 0] + u[g, 1] * x
    mu, p = np.exp(eta), special.expit(eta)
    size = random.integers(2, 9, n)
    positive = mu * random.gamma(5.0, 0.2, n)
    there = random.random(n) > 0.25
    grade = np.digitize(eta + random.logistic(size=n), [-0.5, 0.7, 1.8])
    return pd.DataFrame(
        {
            "x": x,
            "g": g.astype(str),
            "size": size,
            "successes": random.binomial(size, random.beta(6 * p, 6 * (1 - p))),
            "count": random.negative_binomial(3, 3 / (3 + mu)) * there,
            "positive": positive,
            "amount": positive * there,
            "unit": random.beta(8 * p, 8 * (1 - p)),
            "real": eta + 0.4 * random.standard_t(5, n),
            "grade": pd.Categorical(grade, range(4), ordered=True),
        }
    )


MODELS = {
    "binomial logit": ("successes / size", {"family": "binomial"}),
    "binomial cloglog": ("successes / size", {"family": "binomial", "link": "cloglog"}),
    "binomial cauchit": ("successes / size", {"family": "binomial", "link": "cauchit"}),
    "beta-binomial": ("successes / size", {"family": "beta_binomial"}),
    "poisson": ("count", {"family": "poisson"}),
    "poisson zero": ("count", {"family": "poisson", "zero": "~ x"}),
    "nb1 zero": ("count", {"family": "nb1", "zero": "~ 1"}),
    "nb2 zero": ("count", {"family": "nb2", "zero": "~ x", "dispersion": "~ x"}),
    "poisson hurdle": ("count", {"family": "poisson", "hurdle": "~ x"}),
    "nb2 hurdle": ("count", {"family": "nb2", "hurdle": "~ 1"}),
    "gamma": ("positive", {"family": "gamma"}),
    "gamma dispersion": ("positive", {"family": "gamma", "dispersion": "~ x"}),
    "gamma hurdle": ("amount", {"family": "gamma", "hurdle": "~ x"}),
    "inverse gaussian": ("positive", {"family": "inverse_gaussian"}),
    "beta": ("unit", {"family": "beta"}),
    "student t": ("real", {"family": "student_t"}),
    "gaussian": ("real", {"family": "gaussian"}),
    "ordinal": ("grade", {"family": "ordinal"}),
    "ordinal cloglog": ("grade", {"family": "ordinal", "link": "cloglog"}),
    "ordinal probit": ("grade", {"family": "ordinal", "link": "probit"}),
    "ordinal equidistant": ("grade", {"family": "ordinal", "thresholds": "equidistant"}),
}


@pytest.fixture(scope="module", params=list(MODELS))
def fit(request, frame):
    response, options = MODELS[request.param]
    return mm.glmm(f"{response} ~ x + (x || g)", frame, **options).fit


def types_of(fit):
    if fit.family.response == "ordered":
        return ["response", "expected", "link"]
    return ["response", "link", "conditional", "zero"][: 2 if fit.family.zero == "none" else 4]


def shifted(fit, step):
    """The fit with all random intercepts moved, which moves every linear predictor alike."""
    [b] = fit.b
    return replace(fit, b=(b + step * np.array([1.0, 0.0]),))


def test_errors_are_those_of_the_delta_method(fit, frame):
    new = frame.iloc[ROWS]
    Z = expanded(fit, new_rows(fit, new, [0]))
    conditional = np.einsum("nq,qr,nr->n", Z, dense_conditional(fit), Z)
    covariance = fit.generalised.covariance
    for type in types_of(fit):

        def value(at, type=type):
            return np.asarray(predict_response(at, new, type=type)).reshape(-1)

        found = predict_response(fit, new, type=type, se=True)
        assert found["estimate"].to_numpy() == pytest.approx(value(fit), rel=1e-12)
        gradient = slopes_in_psi(fit, value)
        slope = (value(shifted(fit, 1e-5)) - value(shifted(fit, -1e-5))) / 2e-5
        rows = np.repeat(conditional, len(slope) // len(conditional))
        variance = np.einsum("ni,ij,nj->n", gradient, covariance, gradient) + slope**2 * rows
        error = np.sqrt(variance)
        assert found["std_error"].to_numpy() == pytest.approx(error, rel=EXACT, abs=1e-8)


def test_errors_of_marginal_means_are_those_of_the_delta_method(fit, frame):
    new = frame.iloc[ROWS]
    covariance = fit.generalised.covariance
    for type in types_of(fit):

        def value(at, type=type):
            found = predict_response(at, new, type=type, marginal=True)
            return np.asarray(found).reshape(-1)

        gradient = slopes_in_psi(fit, value)
        error = np.sqrt(np.einsum("ni,ij,nj->n", gradient, covariance, gradient))
        found = predict_response(fit, new, type=type, marginal=True, se=True)
        assert found["std_error"].to_numpy() == pytest.approx(error, rel=EXACT, abs=1e-8)


def test_limits_hold_the_estimate_and_what_is_possible(fit, frame):
    for type in types_of(fit):
        for marginal in (False, True):
            found = predict_response(
                fit, frame, type=type, marginal=marginal, interval="confidence"
            )
            low, high = found["conf_low"], found["conf_high"]
            assert ((low <= found["estimate"]) & (found["estimate"] <= high)).all()
            if type != "link" and fit.family.response not in ("real",):
                assert (low >= 0).all()
            if type == "zero" or fit.family.response in ("trials", "unit"):
                assert type == "link" or (high <= 1).all()


def test_limits_of_observations_hold_their_share(fit, frame):
    """Of the rows of the fit about nine of ten lie within 90 % limits, for discrete ones more."""
    if fit.family.response == "ordered":
        return
    y = frame[str(fit.spec.formula.response).split(" / ")[0]].to_numpy()
    if fit.family.response == "trials":
        y = y / frame["size"].to_numpy()
    found = predict_response(fit, interval="prediction", level=0.9)
    inside = (y >= found["conf_low"].to_numpy() - 1e-12) & (
        y <= found["conf_high"].to_numpy() + 1e-12
    )
    is_discrete = fit.family.response in ("trials", "count")
    assert 0.84 < inside.mean() <= (1.0 if is_discrete else 0.97)


def test_expected_categories_are_those_of_the_engine(fit, frame):
    if fit.family.response != "ordered":
        return
    eta = predict_response(fit, frame, type="link").to_numpy()
    tau, _ = thresholds_of(fit)
    expected = 1 + fit.family.mean(eta, np.tile(tau, (len(eta), 1)))
    found = predict_response(fit, frame, type="expected").to_numpy()
    assert found == pytest.approx(expected, rel=1e-12)
    probabilities = predict_response(fit, frame).to_numpy()
    assert probabilities @ np.arange(1.0, 5.0) == pytest.approx(expected, rel=1e-12)
