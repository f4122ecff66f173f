"""Predictions of generalised models against dense algebra, quadrature and differences in psi."""

from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import integrate, special, stats

import mixedmodels as mm
from mixedmodels.errors import DataError
from mixedmodels.inference.predicted_responses import predict_response
from mixedmodels.prediction.rows import new_rows

EXACT = 1e-7  # relative: exact derivatives against central differences of step 1e-5


@pytest.fixture(scope="module")
def frame():
    random = np.random.default_rng(8)
    n = 300
    g, h = random.integers(0, 20, n), random.integers(0, 8, n)
    x = random.normal(size=n)
    kind = np.where(random.random(n) < 0.5, "a", "b")
    u, v, w = random.normal(size=(20, 2)) * [0.7, 0.5], random.normal(size=8) * 0.5, kind == "b"
    eta = 0.3 + 0.5 * x + 0.4 * w + u[g, 0] + u[g, 1] * x + v[h]
    size = random.integers(1, 9, n)
    exposure = random.uniform(0.5, 2.0, n)
    return pd.DataFrame(
        {
            "x": x,
            "kind": kind,
            "g": [f"g{i}" for i in g],
            "h": [f"h{i}" for i in h],
            "size": size,
            "successes": random.binomial(size, special.expit(eta)),
            "exposure": exposure,
            "count": random.poisson(exposure * np.exp(eta)),
        }
    )


BINOMIAL = "successes / size ~ x * kind + (x | g) + (1 | h)"
COUNT = "count ~ x * kind + (x | g) + (1 | h)"


@pytest.fixture(scope="module")
def binomial(frame):
    return mm.glmm(BINOMIAL, frame, "binomial").fit


@pytest.fixture(scope="module")
def count(frame):
    return mm.glmm(COUNT, frame, "poisson", exposure="exposure").fit


def at_psi(fit, psi):
    """The fit at other parameters: modes included, covariance as it was."""
    m, p = len(fit.theta), len(fit.beta)
    b = fit.problem.solution(psi, hessian=False).b
    theta, beta, delta = psi[:m], psi[m : m + p], psi[m + p :]
    found = replace(fit.generalised, auxiliary=delta)
    return replace(fit, theta=theta, beta=beta, b=tuple(b), generalised=found)


def slopes_in_psi(fit, f):
    """Central differences of a function of a fit in every element of psi, (n, len(psi))."""
    step = 1e-5
    return np.column_stack(
        [
            (f(at_psi(fit, fit.psi + step * one)) - f(at_psi(fit, fit.psi - step * one)))
            / (2 * step)
            for one in np.eye(len(fit.psi))
        ]
    )


def expanded(fit, rows):
    """Z (n, q_total) of all terms."""
    m, parts = fit.matrices, []
    for term, new in zip(m.terms, rows.terms, strict=True):
        levels = len(m.groupings[term.group].levels)
        hot = np.equal.outer(new.codes, np.arange(levels))
        parts.append((hot[:, :, None] * new.Z[:, None, :]).reshape(len(hot), -1))
    return np.hstack(parts)


def dense_conditional(fit):
    """(Z'WZ + Sigma^-1)^-1 with the observed information at the modes."""
    rows = new_rows(fit, fit.frame.native, range(len(fit.matrices.groupings)))
    Z = expanded(fit, rows)
    W, _ = fit.problem.working(fit.psi)
    blocks = []
    for term, S in zip(fit.matrices.terms, fit.covariances, strict=True):
        levels = len(fit.matrices.groupings[term.group].levels)
        blocks += [np.linalg.inv(S)] * levels
    size, G = sum(len(block) for block in blocks), np.zeros((Z.shape[1], Z.shape[1]))
    first = 0
    for block in blocks:
        G[first : first + len(block), first : first + len(block)] = block
        first += len(block)
    assert size == Z.shape[1]
    return np.linalg.inv(Z.T @ (W[:, None] * Z) + G)


@pytest.mark.parametrize("which", ["binomial", "count"])
def test_errors_of_the_linear_predictor_are_those_of_dense_algebra(which, frame, request):
    fit = request.getfixturevalue(which)
    new = frame.iloc[:25]
    rows = new_rows(fit, new, range(2))
    Z = expanded(fit, rows)
    slopes = slopes_in_psi(fit, lambda at: predict_response(at, new, type="link").to_numpy())
    covariance = fit.generalised.covariance
    variance = np.einsum("ni,ij,nj->n", slopes, covariance, slopes)
    variance += np.einsum("nq,qr,nr->n", Z, dense_conditional(fit), Z)
    found = predict_response(fit, new, type="link", se=True)
    assert found["std_error"].to_numpy() == pytest.approx(np.sqrt(variance), rel=EXACT)


@pytest.mark.parametrize("re", ["all", ["g"], ["h"], "(0 + x | g)"])
def test_rows_of_the_fit_and_the_same_rows_given_anew(re, frame, count):
    columns = ["estimate", "std_error", "conf_low", "conf_high"]
    own = predict_response(count, re=re, interval="confidence")[columns]
    given = predict_response(count, frame, re=re, interval="confidence")[columns]
    assert given.to_numpy() == pytest.approx(own.to_numpy(), rel=1e-10)


def test_response_is_the_inverse_link_of_the_link(frame, binomial):
    link = predict_response(binomial, type="link", interval="confidence")
    response = predict_response(binomial, interval="confidence")
    for name in ("estimate", "conf_low", "conf_high"):
        assert response[name].to_numpy() == pytest.approx(special.expit(link[name]), rel=1e-12)
    p = response["estimate"]
    expected = p * (1 - p) * link["std_error"]
    assert response["std_error"].to_numpy() == pytest.approx(expected, rel=1e-12)


def variances(fit, rows):
    """Of the linear predictor around its population mean: z'Sigma z of every term."""
    pairs = zip(rows.terms, fit.covariances, strict=True)
    return sum(np.einsum("ni,ij,nj->n", term.Z, S, term.Z) for term, S in pairs)


def test_marginal_means_are_integrals_over_the_random_effects(frame, binomial):
    new = frame.iloc[:12]
    rows = new_rows(binomial, new, ())
    eta, sd = rows.X @ binomial.beta, np.sqrt(variances(binomial, rows))
    expected = [
        integrate.quad(
            lambda z, e=e, s=s: special.expit(e + s * z) * stats.norm.pdf(z), -12, 12, epsabs=1e-13
        )[0]
        for e, s in zip(eta, sd, strict=True)
    ]
    found = predict_response(binomial, new, marginal=True, se=True)
    assert found["estimate"].to_numpy() == pytest.approx(expected, rel=1e-10)
    slopes = slopes_in_psi(binomial, lambda at: predict_response(at, new, marginal=True).to_numpy())
    covariance = binomial.generalised.covariance
    error = np.sqrt(np.einsum("ni,ij,nj->n", slopes, covariance, slopes))
    assert found["std_error"].to_numpy() == pytest.approx(error, rel=EXACT)


def test_marginal_means_of_counts_have_their_closed_form(frame, count):
    new = frame.iloc[:12]
    rows = new_rows(count, new, ())
    eta = rows.X @ count.beta + np.log(new["exposure"].to_numpy())
    expected = np.exp(eta + variances(count, rows) / 2)
    found = predict_response(count, new, marginal=True)
    assert found.to_numpy() == pytest.approx(expected, rel=1e-12)


def test_marginal_means_given_some_groups(frame, count):
    """The effects that are named are those of the rows; the others are integrated over."""
    new = frame.iloc[:12]
    conditional = predict_response(count, new, re=["h"])
    rows = new_rows(count, new, ())
    term, S = rows.terms[0], count.covariances[0]
    v = np.einsum("ni,ij,nj->n", term.Z, S, term.Z)
    found = predict_response(count, new, re=["h"], marginal=True)
    assert found.to_numpy() == pytest.approx(conditional * np.exp(v / 2), rel=1e-12)


def test_an_unseen_level_adds_the_variance_of_its_effects(frame, binomial):
    seen = frame.iloc[:6]
    new = seen.assign(g="somebody new")
    rows = new_rows(binomial, new, ())
    own = rows.terms[0].Z
    v = np.einsum("ni,ij,nj->n", own, binomial.covariances[0], own)
    with_it = predict_response(binomial, new, type="link", se=True)
    without = predict_response(binomial, seen, type="link", re=["h"], se=True)
    assert with_it["estimate"].to_numpy() == pytest.approx(without["estimate"], rel=1e-12)
    expected = np.sqrt(without["std_error"] ** 2 + v)
    assert with_it["std_error"].to_numpy() == pytest.approx(expected, rel=1e-10)


def known(fit):
    """The same with parameters that are known."""
    return replace(
        fit,
        generalised=replace(fit.generalised, covariance=np.zeros_like(fit.generalised.covariance)),
    )


def test_observations_of_known_means_have_the_quantiles_of_their_family(frame):
    fit = known(mm.glmm("count ~ x", frame, "poisson").fit)
    found = predict_response(fit, interval="prediction", level=0.9)
    mu = found["estimate"].to_numpy()
    assert found["conf_low"].to_numpy() == pytest.approx(stats.poisson.ppf(0.05, mu))
    assert found["conf_high"].to_numpy() == pytest.approx(stats.poisson.ppf(0.95, mu))
    fit = known(mm.glmm("successes / size ~ x", frame, "binomial").fit)
    found = predict_response(fit, frame, interval="prediction", level=0.9)
    size, p = frame["size"].to_numpy(), found["estimate"].to_numpy()
    expected = stats.binom.ppf(0.95, size, p) / size
    assert found["conf_high"].to_numpy() == pytest.approx(expected)


def test_observations_of_a_new_level_vary_with_its_effects(frame, count):
    new = frame.iloc[:4]
    found = predict_response(count, new, re="none", interval="prediction")
    random = np.random.default_rng(1)
    link = predict_response(count, new, type="link", re="none", se=True)
    rows = new_rows(count, new, ())
    sd = np.sqrt(link["std_error"] ** 2 + variances(count, rows)).to_numpy()
    eta = link["estimate"].to_numpy() + sd * random.standard_normal((200_000, 4))
    y = random.poisson(np.exp(eta))
    below, above = (y <= found["conf_high"].to_numpy()), (y < found["conf_low"].to_numpy())
    assert (below.mean(axis=0) >= 0.974).all()
    assert (above.mean(axis=0) <= 0.026).all()
    inner = y <= found["conf_high"].to_numpy() - 1
    assert (inner.mean(axis=0) <= 0.976).all()


def test_two_ordered_categories_are_a_binomial_response(frame):
    data = frame.assign(y=(frame["successes"] > 0).astype(int))
    ordered = data.assign(y=pd.Categorical(data["y"], [0, 1], ordered=True))
    two = mm.glmm("y ~ x + (1 | g)", data, "binomial").fit
    ordinal = mm.glmm("y ~ x + (1 | g)", ordered, "ordinal").fit
    for options in ({}, {"re": "none"}, {"marginal": True}):
        expected = predict_response(two, data, interval="confidence", **options)
        found = predict_response(ordinal, ordered, interval="confidence", **options)
        found = found[found["category"] == "1"]
        for name in ("estimate", "std_error", "conf_low", "conf_high"):
            assert found[name].to_numpy() == pytest.approx(expected[name], rel=1e-4)


def test_tables_come_in_the_library_of_the_new_data(frame, binomial):
    found = predict_response(binomial, pl.from_pandas(frame.iloc[:3]), se=True)
    assert isinstance(found, pl.DataFrame)
    assert found.columns == ["estimate", "std_error"]


def test_a_missing_value_is_a_missing_prediction(frame, binomial):
    new = frame.iloc[:3].copy()
    new.iloc[1, new.columns.get_loc("x")] = np.nan
    found = predict_response(binomial, new, interval="confidence")
    gone = found.isna().all(axis=1).tolist()
    assert gone == [False, True, False]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"type": "mean"}, "type"),
        ({"type": "zero"}, "zero inflation or a hurdle"),
        ({"type": "conditional"}, "zero inflation or a hurdle"),
        ({"type": "expected"}, "ordered response"),
        ({"type": "link", "interval": "prediction"}, "observation of a response"),
        ({"marginal": True, "interval": "prediction"}, "observation of a response"),
        ({"marginal": "yes"}, "marginal"),
        ({"re": ["nobody"]}, "nobody"),
        ({"level": 1.5}, "level"),
    ],
)
def test_what_has_no_meaning_is_refused(options, message, binomial):
    with pytest.raises(DataError, match=message):
        predict_response(binomial, **options)


def test_observations_need_their_trials(frame, binomial):
    with pytest.raises(DataError, match="trials"):
        predict_response(binomial, frame.drop(columns="size"), interval="prediction")
