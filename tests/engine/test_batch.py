"""Batches of refits: equal to single fits, the same for any cut and any number of threads."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import mixedmodels as mm
from mixedmodels.engine.batch import FAILED, RefitPlan, draw, joined
from mixedmodels.engine.settings import Control
from mixedmodels.prediction.simulate import draws_of
from mixedmodels.prediction.streams import key_of

MODELS = {
    "sleepstudy": "Reaction ~ Days + (Days | Subject)",
    "penicillin": "diameter ~ 1 + (1 | plate) + (1 | sample)",
    "pastes": "strength ~ 1 + (1 | batch / cask)",
    "cake": "angle ~ recipe * temp + (1 | recipe:replicate)",
}


def fitted(name, **options):
    return mm.lmm(MODELS[name], mm.datasets.load(name), **options).fit


def plan_of(fit, **options):
    return RefitPlan(reml=fit.reml, start=fit.theta, **options)


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("name", MODELS)
def test_refits_equal_independent_fits(name, reml):
    fit = fitted(name, reml=reml)
    Y = draw(fit.matrices, draws_of(fit, key_of(1)), 0, 60)
    found = fit.problem.refit(Y, plan_of(fit))
    assert found.converged.all()
    tight = Control(tolerance=1e-12)
    for i, y in enumerate(Y.T):
        alone = fit.problem.with_response(np.ascontiguousarray(y)).minimise(
            reml=reml, control=tight
        )
        assert found.deviance[i] == pytest.approx(alone.deviance, abs=1e-8)
        bse = alone.sigma * np.sqrt(np.diag(alone.cov_beta_unscaled))
        np.testing.assert_allclose(found.beta[i], alone.beta, atol=1e-4 * bse.max())
        np.testing.assert_allclose(found.bse[i], bse, rtol=1e-3)


def test_offset_and_weights_are_in_the_draws_and_in_the_refits():
    random = np.random.default_rng(2)
    n = 120
    data = {
        "y": random.normal(size=n) + 100 * random.normal(size=n),
        "x": random.normal(size=n),
        "g": np.repeat(np.arange(12), 10),
        "o": 50 * random.normal(size=n),
        "w": random.uniform(0.5, 2, n),
    }
    fit = mm.lmm("y ~ x + (1 | g)", data, offset="o", weights="w").fit
    draws = draws_of(fit, key_of(3))
    drawn = fit.problem.refit_drawn(draws, 5, 20, plan_of(fit))
    given = fit.problem.refit(draw(fit.matrices, draws, 5, 20), plan_of(fit))
    np.testing.assert_allclose(drawn.deviance, given.deviance, atol=1e-7)
    changed = {**data, "y": draw(fit.matrices, draws, 5, 1)[:, 0]}
    model = mm.lmm("y ~ x + (1 | g)", changed, offset="o", weights="w")
    assert drawn.deviance[0] == pytest.approx(model.objective, abs=1e-7)


def test_any_cut_gives_the_same_numbers():
    fit = fitted("sleepstudy")
    draws, plan = draws_of(fit, key_of(4)), plan_of(fit)
    whole = fit.problem.refit_drawn(draws, 0, 50, plan)
    parts = [fit.problem.refit_drawn(draws, a, b - a, plan) for a, b in [(0, 7), (7, 33), (33, 50)]]
    assert (joined(parts).theta == whole.theta).all()
    assert (joined(parts).deviance == whole.deviance).all()


THREADS = """
import json
import mixedmodels as mm
from mixedmodels.engine.batch import RefitPlan
from mixedmodels.prediction.simulate import draws_of
from mixedmodels.prediction.streams import key_of
fit = mm.lmm("diameter ~ 1 + (1 | plate) + (1 | sample)", mm.datasets.load("penicillin")).fit
found = fit.problem.refit_drawn(draws_of(fit, key_of(5)), 0, 70, RefitPlan(True, fit.theta))
print(json.dumps(found.theta.tolist()))
"""


def test_any_number_of_threads_gives_the_same_numbers():
    def run(threads):
        environment = {**os.environ, "RAYON_NUM_THREADS": str(threads)}
        command = [sys.executable, "-c", THREADS]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    assert run(1) == run(4)


def test_a_failed_replicate_is_a_flagged_row():
    fit = fitted("sleepstudy")
    Y = draw(fit.matrices, draws_of(fit, key_of(6)), 0, 3).copy()
    Y[:, 1] = 7.0
    found = fit.problem.refit(Y, plan_of(fit))
    assert found.status[1] == FAILED
    assert np.isnan(found.deviance[1])
    assert np.isnan(found.beta[1]).all()
    assert np.isfinite(found.deviance[[0, 2]]).all()


def near(C):
    """The estimates of two searches differ; some of the pieces are zero by the design."""
    return {"rtol": 1e-3, "atol": 1e-6 * np.abs(C).max()}


@pytest.mark.parametrize("method", ["satterthwaite", "kenward-roger"])
def test_pieces_are_those_of_a_single_fit(method):
    fit = fitted("cake")
    L = np.eye(len(fit.beta))[1:3]
    Y = draw(fit.matrices, draws_of(fit, key_of(7)), 0, 4)
    found = fit.problem.refit(Y, plan_of(fit, L=L, pieces=method)).pieces
    for i, y in enumerate(Y.T):
        problem = fit.problem.with_response(np.ascontiguousarray(y))
        alone = problem.minimise(reml=True, control=Control(tolerance=1e-12))
        C = alone.cov_beta_unscaled
        np.testing.assert_allclose(found.covariance[i], L @ C @ L.T, rtol=1e-4)
        if method == "satterthwaite":
            facts = problem.information(alone.theta, reml=True)
            np.testing.assert_allclose(
                found.jacobian[i], L @ facts.jacobian @ L.T, rtol=1e-3, atol=1e-9
            )
            np.testing.assert_allclose(found.spread[i], facts.covariance, rtol=2e-3, atol=1e-6)
        else:
            facts = problem.kenward_roger(alone.theta)
            np.testing.assert_allclose(found.slopes[i], L @ facts.slopes @ L.T, **near(C))
            np.testing.assert_allclose(found.bends[i], L @ facts.bends @ L.T, **near(C))
            np.testing.assert_allclose(found.information[i], facts.information, rtol=1e-3)
