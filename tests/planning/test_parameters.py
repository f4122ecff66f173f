"""Plans: effect sizes by name become the parameters of the model, or one clear error."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest

from mixedmodels.api.models import lmm
from mixedmodels.errors import DataError, MixedModelsError
from mixedmodels.planning import design, plan, resized
from tests import dense

EXACT = 1e-12
STUDY = design({"subject": 24, "item": 10}, within={"cond": ["a", "b"]})
FORMULA = "y ~ cond + (1 + cond | subject) + (1 | item)"
SIZES = {
    "fixed": {"Intercept": 10, "cond[T.b]": 0.5},
    "sd": {"subject": {"Intercept": 1, "cond[T.b]": 0.5}, "item": 0.7},
    "corr": {"subject": 0.3},
    "sigma": 2,
}


def covariance(made):
    m = made.problem.matrices
    return made.sigma**2 * dense.marginal_covariance(m, dense.relative_covariances(m, made.theta))


def test_parameters_are_those_that_were_given():
    made = plan(STUDY, FORMULA, **SIZES)
    assert made.params.to_dict() == {"Intercept": 10, "cond[T.b]": 0.5}
    subject, item = (root @ root.T for root in made.roots)
    assert subject == pytest.approx(np.array([[1, 0.15], [0.15, 0.25]]), abs=EXACT)
    assert item == pytest.approx(np.array([[0.49]]), abs=EXACT)
    assert made.theta[0] == pytest.approx(0.5)
    assert (np.diff([made.sigma, 2]) == 0).all()


def test_simulated_responses_have_the_planned_moments():
    made = plan(resized(STUDY, "subject", 3), FORMULA, **SIZES)
    n = 4000
    y = made.simulate(n, seed=2)
    V = covariance(made)
    sd = np.sqrt(np.diag(V))
    mean = 10 + 0.5 * (STUDY.frame()["cond"] == "b").to_numpy()[: len(y)]
    assert np.abs((y.mean(axis=1) - mean) / sd).max() < 5 / n**0.5
    assert np.abs((np.cov(y) - V) / np.outer(sd, sd)).max() < 5 * (2 / n) ** 0.5
    assert (made.simulate(3, seed=2) == y[:, :3]).all()
    assert (made.simulate(3, seed=2, residuals="t") != y[:, :3]).all()


def test_a_fit_of_a_large_study_finds_the_plan():
    made = plan(resized(STUDY, "subject", 800), FORMULA, **SIZES)
    frame = resized(STUDY, "subject", 800).frame().assign(y=made.simulate(seed=3))
    model = lmm(FORMULA, frame)
    assert model.params["cond[T.b]"] == pytest.approx(0.5, abs=5 * model.bse["cond[T.b]"])
    assert model.cov_re["subject"].to_numpy() == pytest.approx(
        np.array([[1, 0.15], [0.15, 0.25]]), abs=0.3
    )
    assert model.sigma == pytest.approx(2, rel=0.05)


def test_correlations_by_pair_and_as_a_matrix():
    by_number = plan(STUDY, FORMULA, **SIZES)
    for corr in ({("Intercept", "cond[T.b]"): 0.3}, [[1, 0.3], [0.3, 1]]):
        made = plan(STUDY, FORMULA, **{**SIZES, "corr": {"subject": corr}})
        assert made.theta == pytest.approx(by_number.theta, abs=EXACT)


def test_singular_covariances_are_allowed():
    sd = {"subject": {"Intercept": 1, "cond[T.b]": 0.5}, "item": 0}
    made = plan(STUDY, FORMULA, **{**SIZES, "sd": sd, "corr": {"subject": -1}})
    subject, item = (root @ root.T for root in made.roots)
    assert subject == pytest.approx(np.array([[1, -0.5], [-0.5, 0.25]]), abs=EXACT)
    assert item == 0


def test_several_terms_on_one_group():
    formula = "y ~ cond + (1 | subject) + (0 + cond || subject)"
    sd = {"subject": {"Intercept": 1, "cond[a]": 2, "cond[b]": 3}}
    made = plan(STUDY, formula, fixed={}, sd=sd, sigma=1)
    assert made.roots[0] == pytest.approx(np.array([[1.0]]))
    assert made.roots[1] == pytest.approx(np.diag([2.0, 3.0]))
    with pytest.raises(DataError, match=r"Intercept and cond\[a\] are independent"):
        corr = {"subject": {("Intercept", "cond[a]"): 0.2}}
        plan(STUDY, formula, fixed={}, sd=sd, corr=corr, sigma=1)


def test_rows_of_ones_own():
    frame = STUDY.frame()
    expected = plan(STUDY, FORMULA, **SIZES).simulate(seed=1)
    indexed = frame.set_axis(np.arange(len(frame))[::-1] + 7)
    for rows in (frame, indexed, pl.from_pandas(frame), frame.assign(y=1.0)):
        assert (plan(rows, FORMULA, **SIZES).simulate(seed=1) == expected).all()


def test_without_random_effects():
    made = plan(pd.DataFrame({"x": [0.0, 1, 2, 3]}), "y ~ x", fixed={"x": 1}, sigma=1)
    assert made.theta.shape == (0,)
    assert made.simulate(5, seed=1).shape == (4, 5)


def test_codings():
    sizes = {"fixed": {"cond[S.a]": 1}, "sd": {"item": 1}, "sigma": 1}
    made = plan(STUDY, "y ~ cond + (1 | item)", contrasts={"cond": "sum"}, **sizes)
    assert made.params.to_dict() == {"Intercept": 0, "cond[S.a]": 1}


def test_a_plan_can_be_sent_to_another_process():
    made = plan(STUDY, FORMULA, **SIZES)
    sent = pickle.loads(pickle.dumps(made))
    assert (sent.simulate(seed=1) == made.simulate(seed=1)).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fixed": {"cond[b]": 1}}, r"coefficient 'cond\[b\]'.*Did you mean 'cond\[T.b\]'"),
        ({"fixed": {"cond[T.b]": np.nan}}, r"fixed\['cond\[T.b\]'\] is nan"),
        ({"fixed": {"cond[T.b]": "big"}}, "is 'big'"),
        ({"sd": {"subjects": 1}}, "group 'subjects'.*Did you mean 'subject'"),
        ({"sd": {"subject": 1, "item": 1}}, "is one number, but the group has the columns"),
        ({"sd": {"subject": {"Intercept": 1}, "item": 1}}, r"no number for cond\[T.b\]"),
        ({"sd": {"subject": {"Intercept": 1, "cond[T.b]": 1}}}, "item has no number"),
        ({"sd": {"subject": {"slope": 1}}}, "column 'slope'"),
        (
            {"sd": {"subject": {"Intercept": 1, "cond[T.b]": -0.5}, "item": 1}},
            r"sd of cond\[T.b\] in subject is -0.5",
        ),
        ({"corr": {"subject": 1.5}}, "corr of subject is impossible"),
        ({"corr": {"subject": [[1, 2], [2, 1]]}}, "corr of subject is impossible"),
        ({"corr": {"subject": [[1, 0.5], [0.4, 1]]}}, "must be symmetric"),
        ({"corr": {"subject": {("Intercept", "day"): 0.5}}}, "column 'day'"),
        ({"corr": {"day": 0.5}}, "group 'day'"),
        ({"sigma": 0}, "sigma = 0"),
        ({"sigma": -1}, "sigma = -1"),
        ({"sigma": np.inf}, "sigma is inf"),
        ({"formula": "log(y) ~ cond + (1 | item)"}, "response of a plan"),
        ({"formula": "y ~ condition + (1 | item)"}, "condition"),
        ({"formula": "y ~ cond + (1 | items)"}, "items"),
    ],
)
def test_plans_that_cannot_be(changes, message):
    arguments = {"formula": FORMULA, **SIZES, **changes}
    with pytest.raises(MixedModelsError, match=f"(?s){message}"):
        plan(STUDY, **arguments)


def test_impossible_correlations_of_three():
    study = design({"subject": 20}, within={"cond": ["a", "b", "c"]}, repeats=2)
    names = ["Intercept", "cond[T.b]", "cond[T.c]"]
    with pytest.raises(DataError, match=r"eigenvalue -0\.8"):
        plan(
            study,
            "y ~ cond + (cond | subject)",
            fixed={},
            sd={"subject": dict.fromkeys(names, 1)},
            corr={"subject": -0.9},
            sigma=1,
        )
