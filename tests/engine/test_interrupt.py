"""Ctrl-C ends whatever takes long, within a second or so, and the process and its models go on."""

import subprocess
import sys

import numpy as np
import pytest

from mixedmodels import _native

SECONDS = 3.0
"""Allowed between the signal and the exception: a second, on a machine that others use too."""

HEAD = """
import os, signal, sys, threading, time
import numpy as np, pandas as pd
import mixedmodels as mm
rng = np.random.default_rng(5)

def crossed(n, a, b):
    data = pd.DataFrame({"a": rng.integers(0, a, n), "b": rng.integers(0, b, n)})
    data["x"] = rng.normal(size=n)
    noise = rng.normal(size=a)[data["a"]] + rng.normal(size=b)[data["b"]]
    data["y"] = noise + rng.normal(size=n)
    return data

def interrupted(what, after):
    started = []
    def kill():
        started.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)
    timer = threading.Timer(after, kill)
    timer.start()
    try:
        while True:
            what()
    except KeyboardInterrupt:
        late = time.perf_counter() - started[0]
    timer.join()
    print(late)
"""

EVALUATION = """
from mixedmodels.engine.settings import Control
data = crossed(60_000, 20_000, 7_000)
matrices = mm.lmm("y ~ 1 + (1 | a)", data).fit.matrices
from mixedmodels.design import build
from mixedmodels.data import Frame
from mixedmodels.formula import parse
from mixedmodels.engine.problem import Problem
problem = Problem(build(parse("y ~ 1 + (1 | a) + (1 | b)"), Frame.of(data))[1])
problem.n_theta
interrupted(lambda: problem.deviance([1.0, 1.0], reml=True), 0.4)
assert problem.n_theta == 2
"""

GRADIENT = EVALUATION.replace("problem.deviance", "problem.gradient")

BUILDING = """
from mixedmodels import _native
n = 6_000_000
codes = [rng.integers(0, l, n, dtype=np.int32) for l in (300_000, 200_000)]
y, X = rng.normal(size=n), np.ones((n, 1), order="F")
groups = [(codes[0], 300_000), (codes[1], 200_000)]
terms = [(g, X, "unstructured") for g in (0, 1)]
interrupted(lambda: _native.Problem(y, X, groups, terms, None, lambda: None), 0.5)
"""

REFITS = """
model = mm.lmm("y ~ x + (1 | a) + (1 | b)", crossed(20_000, 400, 300))
from mixedmodels.engine.batch import RefitPlan
Y = np.asfortranarray(rng.normal(size=(20_000, 400)))
plan = RefitPlan(reml=True, start=model.fit.theta)
interrupted(lambda: model.fit.problem.refit(Y, plan), 0.5)
assert np.isfinite(model.fit.problem.deviance(model.fit.theta, reml=True))
"""

INFORMATION = """
model = mm.lmm("y ~ x + (1 | a) + (1 | b)", crossed(40_000, 3_000, 2_500))
fit = model.fit
interrupted(lambda: fit.problem.information(fit.theta, reml=True), 0.5)
assert np.isfinite(fit.problem.deviance(fit.theta, reml=True))
"""

CONDITIONAL = """
model = mm.lmm("y ~ x + (1 | a) + (1 | b)", crossed(40_000, 4_000, 3_500))
fit = model.fit
interrupted(lambda: fit.problem.conditional_covariance(fit.theta, term=0), 0.4)
"""

STRUCTURED = """
n = 4_000
data = pd.DataFrame({"id": np.repeat(np.arange(n), 25), "t": np.tile(np.arange(25.0), n)})
data["y"] = rng.normal(size=n)[data["id"]] + rng.normal(size=len(data))
model = mm.lmm("y ~ t + (1 | id)", data, residual="ar1(t | id)")
fit = model.fit
interrupted(lambda: fit.problem.information(fit.theta, reml=True), 0.3)
interrupted(lambda: mm.lmm("y ~ t + (1 | id)", data, residual="ar1(t | id)"), 1.0)
assert np.isfinite(fit.problem.deviance(fit.theta, reml=True))
"""

PATHS = {
    "evaluation": EVALUATION,
    "gradient": GRADIENT,
    "building": BUILDING,
    "refits": REFITS,
    "information": INFORMATION,
    "conditional": CONDITIONAL,
    "structured": STRUCTURED,
}


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to oneself there")
@pytest.mark.parametrize("path", PATHS)
def test_ctrl_c_ends_every_long_path(path: str) -> None:
    code = HEAD + PATHS[path]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    late = [float(line) for line in done.stdout.split()]
    assert late
    assert max(late) < SECONDS


@pytest.mark.parametrize(
    ("raised", "is_handed_on"),
    [(KeyboardInterrupt, True), (SystemExit, True), (TimeoutError, True), (ValueError, False)],
)
def test_a_signal_that_comes_while_memory_is_told_is_not_lost(raised, is_handed_on) -> None:
    rng = np.random.default_rng(1)
    n, levels = 60_000, (20_000, 7_000)  # as large as needs to be asked for
    codes = [rng.integers(0, size, n, dtype=np.int32) for size in levels]
    X = np.ones((n, 1), order="F")
    asked = []

    def memory_left() -> int:
        asked.append(True)
        raise raised("now")

    def build() -> _native.Problem:
        groups = list(zip(codes, levels, strict=True))
        terms = [(k, X, "unstructured") for k in range(2)]
        return _native.Problem(rng.normal(size=n), X, groups, terms, None, memory_left)

    if is_handed_on:
        with pytest.raises(raised, match="now"):
            build()
    else:
        build()
    assert asked
