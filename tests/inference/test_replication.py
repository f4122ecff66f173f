"""Replicates in blocks: the same result however they are cut or spread, and a way out."""

import os
import signal
import threading
import time
from dataclasses import dataclass

import numpy as np
import pytest
from joblib import parallel_config, register_parallel_backend
from joblib._parallel_backends import ThreadingBackend
from scipy import special

import mixedmodels as mm
from mixedmodels.engine import progress as bars
from mixedmodels.engine.batch import RefitPlan, draw
from mixedmodels.errors import StoppedEarlyWarning, WorkerError
from mixedmodels.inference.contrast import f_test
from mixedmodels.inference.replication import replicated
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


@pytest.mark.parametrize("backend", ["threading", "loky", "multiprocessing"])
def test_the_workers_of_a_backend_give_the_same(backend):
    with parallel_config(backend=backend, n_jobs=2):
        parts = replicated(Numbers(), 500, label="count")
    assert [i for part in parts for i in part] == list(range(500))
    assert len(parts) > 2


@dataclass(frozen=True)
class Deadly:
    """Numbers whose worker dies at replicate `at`, until the file has so many lines."""

    here: int
    at: int
    deaths: int
    file: str

    def run(self, first, count):
        if os.getpid() != self.here and first <= self.at < first + count:
            with open(self.file, "a+") as file:
                file.seek(0)
                if len(file.readlines()) < self.deaths:
                    file.write("died\n")
                    file.flush()
                    os.kill(os.getpid(), signal.SIGKILL)
        return list(range(first, first + count))


@pytest.mark.filterwarnings("ignore::UserWarning:joblib")
@pytest.mark.parametrize("backend", ["loky", "multiprocessing"])
def test_what_a_dead_worker_had_is_done_again(backend, tmp_path):
    job = Deadly(os.getpid(), at=200, deaths=2, file=str(tmp_path / "deaths"))
    with parallel_config(backend=backend, n_jobs=2):
        parts = replicated(job, 500, label="count")
    assert [i for part in parts for i in part] == list(range(500))
    assert (tmp_path / "deaths").read_text().count("died") == 2


@pytest.mark.filterwarnings("ignore::UserWarning:joblib")
def test_workers_that_die_again_and_again_are_an_error(tmp_path):
    job = Deadly(os.getpid(), at=200, deaths=10**6, file=str(tmp_path / "deaths"))
    with (
        parallel_config(backend="loky", n_jobs=2),
        pytest.raises(WorkerError, match=r"died 4 times in a row, after \d+ of 500 replicates"),
    ):
        replicated(job, 500, label="count")


def test_an_error_of_the_job_is_not_tried_again():
    class Fails:
        def run(self, first, count):
            if first:
                raise ZeroDivisionError
            return [0]

    with parallel_config(backend="loky", n_jobs=2), pytest.raises(ZeroDivisionError):
        replicated(Fails(), 100, label="count")


class Rounds(ThreadingBackend):
    """A backend of several workers that gives everything back at once, as Ray's does."""

    supports_return_generator = False


def test_a_backend_that_gives_nothing_one_by_one():
    register_parallel_backend("rounds", Rounds)
    with parallel_config(backend="rounds", n_jobs=2):
        parts = replicated(Numbers(), 500, label="count")
    assert [i for part in parts for i in part] == list(range(500))


def test_the_same_bootstrap_on_every_backend():
    model = mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))
    alone = model.bootstrap(120, seed=3).replicates
    for backend in ("threading", "loky", "multiprocessing"):
        with parallel_config(backend=backend, n_jobs=2):
            assert np.array_equal(model.bootstrap(120, seed=3).replicates, alone)


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
    monkeypatch.setattr(bars, "is_watched", lambda: True)
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
