"""Power against closed forms; curves, searches, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import mixedmodels as mm
from mixedmodels.errors import DataError, StoppedEarlyWarning
from mixedmodels.inference.replication import run

N = 2000
SPREAD = 4.0  # standard errors of a simulated share


def between(size=20, effect=1.0, repeats=4, **options):
    """Two groups of subjects with equal rows: the exact test is a t test of their means."""
    study = mm.planning.design(
        {"subject": size}, between={"subject": {"arm": ["a", "b"]}}, repeats=repeats
    )
    return mm.planning.plan(
        study,
        "y ~ arm + (1 | subject)",
        fixed={"arm[T.b]": effect},
        sd={"subject": 1.0},
        sigma=1.0,
        **options,
    )


def exact(size=20, effect=1.0, repeats=4):
    sd = np.sqrt((1 + 1 / repeats) * 4 / size)
    df, shift = size - 2, effect / sd
    t = stats.t.ppf(0.975, df)
    return stats.nct.sf(t, df, shift) + stats.nct.cdf(-t, df, shift)


def close(share, truth, n=N):
    return abs(share - truth) < SPREAD * np.sqrt(truth * (1 - truth) / n)


@pytest.mark.parametrize("method", ["satterthwaite", "kenward-roger"])
@pytest.mark.parametrize("effect", [0.0, 1.0])
def test_power_of_a_balanced_design_is_that_of_the_t_test(method, effect):
    found = mm.power(between(effect=effect), "arm", n=N, method=method, seed=1)
    # variances estimated as zero make the test of a null a little conservative or eager
    assert found.power == pytest.approx(exact(effect=effect), abs=SPREAD * 0.011)
    assert close(found.power, exact(effect=effect)) or effect == 0.0


def test_z_and_likelihood_ratio_reject_too_often_with_few_groups():
    plan = between(size=6, effect=0.0)
    t, z, ratio = (
        mm.power(plan, "arm", n=N, method=m, seed=2).power
        for m in ("satterthwaite", "normal", "lrt")
    )
    assert z > t + 0.02
    assert ratio > t + 0.02
    assert t < 0.07


def test_a_test_of_several_coefficients():
    study = mm.planning.design({"subject": 12}, within={"cond": ["a", "b", "c"]}, repeats=3)
    plan = mm.planning.plan(
        study, "y ~ cond + (1 | subject)", fixed={"cond[T.b]": 0.4}, sd={"subject": 1}, sigma=1
    )
    found = mm.power(plan, "cond", n=N, seed=3)
    shift = 36 * np.sum((np.array([0, 0.4, 0]) - 0.4 / 3) ** 2)
    df = 12 * 9 - 12 - 2
    truth = stats.ncf.sf(stats.f.ppf(0.95, 2, df), 2, df, shift)
    assert close(found.power, truth)
    contrast = mm.power(plan, {"cond[T.b]": 1, "cond[T.c]": -1}, n=200, seed=3)
    assert contrast.test == "1 cond[T.b] + -1 cond[T.c]"
    matrix = mm.power(plan, [[0, 1, -1]], n=200, seed=3)
    assert matrix.n_rejected == contrast.n_rejected


@pytest.mark.parametrize(
    ("unit", "lists", "effect"),
    [("subject", 2, 0.4), ("item", 2, 0.4), ("subject", 4, 0.6), ("item", 3, 0.5)],
)
def test_an_interaction_with_a_counterbalanced_factor_has_the_power_of_its_residual(
    unit, lists, effect
):
    study = mm.planning.design(
        {"subject": 24, "item": 24},
        counterbalanced={"c": list("abcd")[:lists]},
        between={unit: {"g": ["u", "v"]}},
    )
    plan = mm.planning.plan(
        study,
        "y ~ c * g + (1 | subject) + (1 | item)",
        fixed={"c[T.b]:g[T.v]": effect},
        sd={"subject": 1, "item": 1},
        sigma=1,
    )
    found = mm.power(plan, "c:g", n=N, seed=13)
    # balanced, and so free of both units: an F test on the residual of a two-way table
    cells = np.zeros((lists, 2))
    cells[1, 1] = effect
    cells = cells - cells.mean(axis=0) - cells.mean(axis=1, keepdims=True) + cells.mean()
    rows, df1 = 24 * 24, lists - 1
    df = rows - 2 * lists - (24 - 2) - (24 - 1)
    truth = stats.ncf.sf(stats.f.ppf(0.95, df1, df), df1, df, np.sum(cells**2) * rows / cells.size)
    assert 0.5 < truth < 0.9
    assert close(found.power, truth)


def test_counts_and_table():
    found = mm.power(between(size=6, effect=0.0, repeats=2), "arm", n=500, seed=4)
    row = found.table.iloc[0]
    assert list(found.table.columns) == [
        "test", "method", "alpha", "n", "rejected", "power", "conf_low", "conf_high",
        "singular", "not_converged", "failed",
    ]  # fmt: skip
    assert row["rejected"] == round(row["power"] * 500)
    assert row["conf_low"] < row["power"] < row["conf_high"]
    assert row["singular"] > 0
    assert row["failed"] == 0
    assert "replicates rejected" in repr(found)


def test_a_replicate_is_the_same_for_one_seed():
    plan = between()
    many = mm.power(plan, "arm", n=300, seed=5).replicates.p_value
    few = mm.power(plan, "arm", n=90, seed=5).replicates.p_value
    assert np.array_equal(many[:90], few)


def test_shapes_keep_the_size_of_the_test():
    found = mm.power(between(effect=0.0), "arm", n=N, seed=6, effects="skewed", residuals="t")
    assert close(found.power, 0.05)


def test_a_fitted_model_is_a_plan():
    model = mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))
    found = mm.power(model, "Days", n=200, seed=7)
    assert found.power > 0.99


def test_a_curve_rises_as_it_should():
    curve = mm.power_curve(between(), "arm", along="subject", values=[40, 10, 20], n=N, seed=8)
    assert curve.sizes == (10, 20, 40)
    for size, power in zip(curve.sizes, curve.powers, strict=True):
        assert close(power.power, exact(size))
    table = curve.table
    assert isinstance(table, pd.DataFrame)
    assert table["subject"].tolist() == [10, 20, 40]
    alone = mm.power_curve(between(), "arm", along="subject", values=[20], n=N, seed=8)
    assert alone.powers[0].n_rejected == curve.powers[1].n_rejected
    ax = curve.plot()
    assert ax.get_xlabel() == "Number of subject"
    assert "subject" in repr(curve)


def test_the_search_finds_the_size():
    found = mm.sample_size(between(), "arm", along="subject", target=0.8, n=N, seed=9)
    truth = next(size for size in range(10, 100, 2) if exact(size) >= 0.8)
    assert abs(found.size - truth) <= 3
    low, high = found.interval
    assert low < truth < high + 1
    assert found.power.power == pytest.approx(0.8, abs=0.04)
    assert found.plot().get_title(loc="left") == "Power of arm"
    assert found.size in found.table["subject"].tolist()
    assert "for a power of 80%" in repr(found)


def interrupted(monkeypatch, after):
    """Ctrl-C once so many blocks are done."""
    blocks = run._blocks
    done = []

    def stopping(job, n):
        for block in blocks(job, n):
            if len(done) >= after:
                raise KeyboardInterrupt
            done.append(block)
            yield block

    monkeypatch.setattr(run, "_blocks", stopping)


def test_an_interrupt_ends_a_curve_with_what_is_done(monkeypatch):
    interrupted(monkeypatch, after=3)
    with pytest.warns(StoppedEarlyWarning):
        curve = mm.power_curve(between(), "arm", along="subject", values=[10, 20, 40], n=50, seed=1)
    assert curve.sizes == (10, 20)
    assert [power.n for power in curve.powers] == [50, 16]


def test_an_interrupt_ends_a_search(monkeypatch):
    interrupted(monkeypatch, after=3)
    with pytest.warns(StoppedEarlyWarning):
        found = mm.sample_size(between(), "arm", along="subject", n=50, seed=1)
    assert len(found.table) == 2
    assert "for a power of 80%" in repr(found)


def test_a_search_that_cannot_succeed_says_so():
    with pytest.raises(DataError, match="reaches a power of 80%"):
        mm.sample_size(between(effect=0.0), "arm", along="subject", n=100, seed=1, largest=200)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"test": "arms"}, "neither a coefficient nor a term"),
        ({"n": 0}, "n = 0 is not a number of replicates"),
        ({"alpha": 2}, "alpha = 2 is not a probability"),
        ({"method": "bayes"}, "method = 'bayes' is not known"),
        ({"effects": "cauchy"}, "effects = 'cauchy'"),
        ({"level": 1.0}, "level = 1.0"),
        ({"model": 3}, "A int has no effect sizes"),
    ],
)
def test_bad_arguments(arguments, message):
    given = {"model": between(), "test": "arm", "n": 10, **arguments}
    with pytest.raises(DataError, match=message):
        mm.power(given.pop("model"), given.pop("test"), **given)


def test_bad_curves():
    with pytest.raises(DataError, match="values is empty"):
        mm.power_curve(between(), "arm", along="subject", values=[])
    with pytest.raises(DataError, match="item"):
        mm.power_curve(between(), "arm", along="item", values=[10], n=10)
    with pytest.raises(DataError, match=r"target = 1\.5"):
        mm.sample_size(between(), "arm", along="subject", target=1.5)
