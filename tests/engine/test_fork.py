"""A process that was forked after a fit works: threads do not survive a fork."""

import multiprocessing
import sys

import numpy as np
import pytest

import mixedmodels as mm

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="no fork there"),
    # Python warns that other threads may hold locks; the point is that ours hold none.
    pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning"),
]

WAIT = 60
"""Seconds after which a child counts as hanging; it needs a fraction of one."""


def _work(queue: "multiprocessing.Queue[list[float]]", depth: int) -> None:
    model = mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))
    found = [model.bootstrap(50, seed=1).replicates.sum(), model.simulate(20, seed=2).sum()]
    if depth:
        found += _in_child(depth - 1)
    queue.put(found)


def _in_child(depth: int) -> list[float]:
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_work, args=(queue, depth))
    child.start()
    try:
        return queue.get(timeout=WAIT)
    finally:
        child.kill()
        child.join()


def test_a_child_and_its_own_child_find_what_the_parent_finds(sleepstudy) -> None:
    model = mm.lmm("Reaction ~ Days + (Days | Subject)", sleepstudy)
    here = [model.bootstrap(50, seed=1).replicates.sum(), model.simulate(20, seed=2).sum()]
    assert np.array_equal(_in_child(1), 2 * here)
