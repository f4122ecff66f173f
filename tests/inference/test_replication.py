"""Replicates in blocks: the same result however they are cut or spread, and a way out."""

import os
import signal
import threading
import time
from dataclasses import dataclass

import numpy as np
import pytest
from joblib import parallel_config
from scipy import special

import mixedmodels as mm
from mixedmodels.engine.batch import RefitPlan, draw
from mixedmodels.errors import StoppedEarlyWarning
from mixedmodels.inference.contrast import f_test
from mixedmodels.inference.replication import replicated, run
from mixedmodels.inference.replication.p_values import p_values
from mixedmodels.prediction.simulate import draws_of
from mixedmodels.prediction.streams import key_of


@dataclass(frozen=True)
class Numbers:
    """The numbers of the replicates, slowly if asked to."""

    pause: float = 0.0

    def run(self, first, count):
        time.sleep(self.pause * count)
        return list(range(first, first + count))


@pytest.mark.parametrize("n", [1, 15, 16, 17, 5000])
def test_every_replicate_once_and_in_order(n):
    parts = replicated(Numbers(), n, label="count")
    assert [i for part in parts for i in part] == list(range(n))


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_the_workers_of_a_backend_give_the_same(backend):
    with parallel_config(backend=backend, n_jobs=2):
        parts = replicated(Numbers(), 500, label="count")
    assert [i for part in parts for i in part] == list(range(500))
    assert len(parts) > 2


def test_an_interrupt_keeps_what_is_done():
    timer = threading.Timer(0.8, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.warns(StoppedEarlyWarning, match="of 100,000 replicates of the count are done"):
        parts = replicated(Numbers(0.001), 100_000, label="count")
    done = [i for part in parts for i in part]
    assert done == list(range(len(done)))
    assert 0 < len(done) < 100_000


def test_an_interrupt_before_anything_is_done_goes_on():
    class Stops:
        def run(self, first, count):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replicated(Stops(), 10, label="count")


def test_the_bar_is_for_terminals(monkeypatch, capsys):
    replicated(Numbers(0.02), 100, label="count")
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(run, "_is_silent", lambda: False)
    replicated(Numbers(0.02), 100, label="count of something")
    assert "count of something" in capsys.readouterr().err


@pytest.mark.parametrize("rows", [[1], [2], [1, 2]], ids=str)
@pytest.mark.parametrize("ddf", ["satterthwaite", "kenward-roger", "normal"])
def test_p_values_are_those_of_a_single_fit(rows, ddf):
    model = mm.lmm("angle ~ recipe + temp + (1 | recipe:replicate)", mm.datasets.load("cake"))
    fit = model.fit
    L = np.eye(len(fit.beta))[rows]
    pieces = "wald" if ddf == "normal" else ddf
    Y = draw(fit.matrices, draws_of(fit, key_of(1)), 0, 6)
    plan = RefitPlan(reml=True, start=fit.theta, L=L, pieces=pieces)
    found = p_values(fit.problem.refit(Y, plan), L)
    for y, p in zip(Y.T, found, strict=True):
        alone = f_test(model.refit(y).fit, L, ddf=ddf).p_value
        assert p == pytest.approx(alone, rel=1e-3, abs=1e-9)


def test_p_values_of_failed_replicates_are_nan():
    fit = mm.lmm("Yield ~ 1 + (1 | Batch)", mm.datasets.load("dyestuff")).fit
    Y = np.column_stack([fit.matrices.y, np.zeros(30)])
    plan = RefitPlan(reml=True, start=fit.theta, L=np.eye(1), pieces="wald")
    found = p_values(fit.problem.refit(Y, plan), np.eye(1))
    z2 = (fit.beta[0] / fit.sigma) ** 2 / fit.cov_beta_unscaled[0, 0]
    assert found[0] == pytest.approx(special.chdtrc(1, z2), abs=1e-9)
    assert np.isnan(found[1])
