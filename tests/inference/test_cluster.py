"""Replicates on a Dask cluster of two processes, one of which is killed midway."""

import os
import signal
import threading
import time
from dataclasses import dataclass

import numpy as np
import pytest
from joblib import parallel_config

import mixedmodels as mm
from mixedmodels.engine.batch import joined
from mixedmodels.inference.bootstrap.bootstrap import bootstrap
from mixedmodels.inference.bootstrap.resampling import Resampling, resampling_of
from mixedmodels.inference.replication import replicated
from mixedmodels.prediction.streams import key_of

distributed = pytest.importorskip("distributed")

pytestmark = pytest.mark.filterwarnings("ignore")


@dataclass(frozen=True)
class Slow:
    """Refits that take their time, so that a worker can die meanwhile."""

    job: Resampling

    def run(self, first, count):
        time.sleep(0.02 * count)
        return self.job.run(first, count)


@pytest.fixture
def client():
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def test_a_lost_worker_changes_nothing(client):
    fit = mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy")).fit
    job = Slow(resampling_of(fit, "parametric", key_of(1)))
    alone = bootstrap(fit, 300, seed=1).refits
    pids = list(client.run(os.getpid).values())
    assert len(set(pids)) == 2
    timer = threading.Timer(1.0, os.kill, (pids[0], signal.SIGKILL))
    timer.start()
    started = time.monotonic()
    with parallel_config(backend="dask"):
        found = joined(replicated(job, 300, label="bootstrap"))
    assert time.monotonic() - started > 1.0  # the worker died while there was work
    assert np.array_equal(found.theta, alone.theta)
    assert np.array_equal(found.deviance, alone.deviance)
