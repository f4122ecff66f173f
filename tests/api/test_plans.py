"""What a plan says holds for the fit: sizes to the letter, memory as it is measured."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.engine.settings import Control
from mixedmodels.errors import DataError, FormulaError


def crossed(n: int, a: int, b: int) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    data = pd.DataFrame({"a": rng.integers(0, a, n), "b": rng.integers(0, b, n)})
    return data.assign(x=rng.normal(size=n), y=rng.normal(size=n))


def test_sizes_are_those_of_the_fit(sleepstudy):
    plan = mm.plan("Reaction ~ Days + (Days | Subject)", sleepstudy)
    model = mm.lmm("Reaction ~ Days + (Days | Subject)", sleepstudy)
    assert plan.n == model.nobs
    assert plan.n_fixed == len(model.params)
    assert plan.n_theta == len(model.fit.theta)
    assert plan.levels == {"Subject": 18}
    assert plan.columns == {"Subject": 2}
    # 18 symmetric blocks of two rows, in Z'Z as in its factor.
    assert (plan.nonzeros, plan.nonzeros_factor) == (54, 54)
    assert (plan.method, plan.is_bound) == ("exact", False)


def test_rows_that_would_be_dropped_are_counted(sleepstudy):
    data = sleepstudy.copy()
    data.loc[[3, 5], "Days"] = np.nan
    plan = mm.plan("Reaction ~ Days + (1 | Subject)", data)
    assert (plan.n, plan.n_missing) == (178, 2)


def test_nonzeros_are_those_of_the_cross_products():
    data = crossed(3_000, 200, 150)
    plan = mm.plan("y ~ x + (1 | a) + (x || b)", data)
    Z = [pd.get_dummies(data["a"], dtype=float).to_numpy()]
    of_b = pd.get_dummies(data["b"], dtype=float).to_numpy()
    Z += [of_b, of_b * data["x"].to_numpy()[:, None]]
    product = np.hstack(Z)
    product = product.T @ product
    # Blocks of a level are stored whole, zeros by chance included.
    assert plan.nonzeros == np.count_nonzero(np.tril(product))
    assert plan.remainder in (200, 300)
    assert set(plan.costs) == {"exact", "iterative"}


def test_nested_factors_leave_no_remainder():
    data = crossed(5_000, 1_000, 10)
    data["b"] = data["a"] // 20
    plan = mm.plan("y ~ x + (1 | b/a)", data)
    assert plan.remainder <= 50
    assert plan.method == "exact"


def test_large_crossed_factors_are_told_from_sizes():
    data = crossed(500_000, 300_000, 200_000)
    plan = mm.plan("y ~ x + (1 | a) + (1 | b)", data)
    assert plan.is_bound
    assert plan.costs["exact"].memory > 1e11
    assert plan.method == "iterative"
    assert "more memory" in plan.reason
    assert "≤" in repr(plan)


def test_a_limit_of_memory_changes_the_route():
    data = crossed(40_000, 4_000, 3_000)
    free = mm.plan("y ~ x + (1 | a) + (1 | b)", data)
    assert free.method == "exact"
    tight = mm.plan("y ~ x + (1 | a) + (1 | b)", data, control=Control(memory_limit="1 kB"))
    assert tight.method is None
    assert tight.available == 0


def test_a_plan_prints_and_is_a_table(sleepstudy):
    plan = mm.plan("Reaction ~ Days + (Days | Subject)", sleepstudy)
    printed = repr(plan)
    assert "Subject" in printed
    assert "exact" in printed
    assert plan._repr_html_().startswith("<div>")
    table = plan.table()
    assert list(table.columns) == [
        "method",
        "chosen",
        "fits",
        "building_bytes",
        "memory_bytes",
        "seconds",
    ]
    assert table["chosen"].tolist() == [True]


def test_ordinary_and_structured_models_have_plans(sleepstudy):
    assert mm.plan("Reaction ~ Days", sleepstudy).method == "exact"
    plan = mm.plan("Reaction ~ Days + (1 | Subject)", sleepstudy, residual="ar1(Days | Subject)")
    assert set(plan.costs) == {"exact"}


def test_what_lmm_refuses_a_plan_refuses(sleepstudy):
    with pytest.raises(FormulaError):
        mm.plan("Reaction ~ Days + (Days | ", sleepstudy)
    with pytest.raises(DataError, match="control is of type"):
        mm.plan("Reaction ~ Days", sleepstudy, control={})


PEAK = """
import resource, sys, numpy as np, pandas as pd, mixedmodels as mm
n, a, b, formula = {n}, {a}, {b}, {formula!r}
rng = np.random.default_rng(7)
data = pd.DataFrame({{"a": rng.integers(0, a, n), "b": rng.integers(0, b, n)}})
data = data.assign(x=rng.normal(size=n), y=rng.normal(size=n))
from mixedmodels.data import Frame
from mixedmodels.design import build
from mixedmodels.engine.plan import planned
from mixedmodels.engine.problem import Problem
from mixedmodels.engine.settings import Control
from mixedmodels.formula import parse
matrices = build(parse(formula), Frame.of(data))[1]
foreseen = planned(matrices).costs["exact"].memory
before = int(open("/proc/self/statm").read().split()[1]) * 4096
open("/proc/self/clear_refs", "w").write("5")
Problem(matrices).minimise(reml=True, control=Control(max_evaluations=3))
text = open("/proc/self/status").read()
peak = int(text.split("VmHWM:")[1].split()[0]) * 1024
print((peak - before) / foreseen)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
@pytest.mark.parametrize(
    ("n", "a", "b", "formula"),
    [
        (400_000, 40_000, 50, "y ~ x + (x | a)"),
        (100_000, 5_000, 4_000, "y ~ x + (1 | a) + (1 | b)"),
        (200_000, 20_000, 1_500, "y ~ x + (x | a) + (1 | b)"),
    ],
)
def test_the_peak_of_memory_is_foreseen(n, a, b, formula):
    code = PEAK.format(n=n, a=a, b=b, formula=formula)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 0.75 < float(done.stdout) < 1.25


def test_the_route_of_a_fit_is_that_of_its_plan(monkeypatch):
    data = crossed(30_000, 5_000, 4_500)
    formula, control = "y ~ x + (1 | a) + (1 | b)", Control(memory_limit="100 GB")
    exact = mm.lmm(formula, data, control=control)
    assert mm.plan(formula, data).method == "exact"
    assert exact.convergence.monte_carlo is None
    monkeypatch.setattr("mixedmodels.engine.watching.available_memory", lambda: 300_000_000)
    assert mm.plan(formula, data).method == "iterative"
    iterative = mm.lmm(formula, data)
    assert iterative.convergence.monte_carlo is not None
    with pytest.raises(DataError, match='Do:   method="iterative"'):
        mm.lmm(formula, data, method="exact")


def test_an_iterative_fit_beyond_the_limit_is_refused():
    data = crossed(600_000, 300_000, 250_000)
    control = Control(memory_limit="300 MB")
    with pytest.raises(DataError, match="more memory than there is"):
        mm.lmm("y ~ x + (1 | a) + (1 | b)", data, method="iterative", control=control)
