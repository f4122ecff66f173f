"""Ctrl-C ends a long fit between two evaluations, and the process goes on."""

import os
import signal
import threading

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm

LEVELS = 2500
"""Two crossed factors of this size leave a dense remainder that takes seconds to search."""


def test_ctrl_c_ends_a_long_fit() -> None:
    rng = np.random.default_rng(5)
    n = 20 * LEVELS
    data = pd.DataFrame(
        {
            "y": rng.normal(size=n),
            "a": rng.integers(0, LEVELS, n),
            "b": rng.integers(0, LEVELS, n),
        }
    )
    data["y"] += rng.normal(size=LEVELS)[data["a"]] + rng.normal(size=LEVELS)[data["b"]]
    timer = threading.Timer(0.6, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        while True:
            mm.lmm("y ~ 1 + (1 | a) + (1 | b)", data)
    timer.join()
    assert np.isfinite(mm.lmm("y ~ 1 + (1 | a)", data).objective)
