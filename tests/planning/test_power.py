"""Power against closed forms; curves, searches, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import mixedmodels as mm
from mixedmodels.errors import DataError, StoppedEarlyWarning
from mixedmodels.inference.replication import run
from mixedmodels.planning.extend import extended
from mixedmodels.planning.plan import plan_of
from mixedmodels.planning.power import Power, Replicates
from mixedmodels.planning.sample_size import fitted

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
        "test", "method", "adjust", "side", "alpha", "n", "rejected", "power", "conf_low",
        "conf_high", "singular", "not_converged", "failed",
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


@pytest.mark.parametrize("method", ["satterthwaite", "kenward-roger", "normal", "lrt"])
def test_several_tests_are_those_of_the_same_replicates(method):
    study = mm.planning.design(
        {"subject": 12}, within={"cond": "abc"}, between={"subject": {"arm": ["u", "v"]}}
    )
    plan = mm.planning.plan(
        study,
        "y ~ cond * arm + (1 | subject)",
        fixed={"cond[T.b]": 0.5, "arm[T.v]": 1},
        sd={"subject": 1},
        sigma=1,
    )
    one = {"cond[T.b]": 1, "cond[T.c]": -1}
    tests = ["cond", "arm", "cond:arm", one, "cond[T.b]", np.eye(6)[[1, 2]]]
    found = mm.power(plan, tests, n=80, seed=3, method=method)
    assert len(found) == len(found.table) == len(tests)
    for test, power in zip(tests, found, strict=True):
        alone = mm.power(plan, test, n=80, seed=3, method=method)
        assert power.replicates.p_value == pytest.approx(alone.replicates.p_value, rel=1e-7)
    assert found["arm"].n_rejected == found.powers[1].n_rejected
    assert found.table["test"].tolist()[3:] == [
        "1 cond[T.b] + -1 cond[T.c]", "cond[T.b]", "contrast",
    ]  # fmt: skip
    assert repr(found).count("Power of") == len(tests)
    named = mm.power(plan, {"b - c": one, "both": "cond"}, n=80, seed=3, method=method)
    assert named.table["test"].tolist() == ["b - c", "both"]
    assert named["both"].n_rejected == found["cond"].n_rejected
    with pytest.raises(DataError, match="no test 'sex' here"):
        named["sex"]


def sides(rng_seed=41):
    """Blocks of two sides, those inside first."""
    block = np.repeat(np.arange(20), 4)
    camp = np.tile(["A", "A", "B", "B"], 20)
    side = np.where(block < 10, "in", "out")
    random = np.random.default_rng(rng_seed)
    y = (camp == "B") + 0.5 * random.normal(size=20)[block] + random.normal(size=80)
    return pd.DataFrame({"block": block, "side": side, "camp": camp, "y": y})


def test_a_size_that_lacks_a_level_is_named_and_the_others_kept():
    model = mm.lmm("y ~ camp + side + (1 | block)", sides())
    curve = mm.power_curve(model, "camp[T.B]", along="block", values=[4, 10, 12, 20], n=50, seed=1)
    assert curve.sizes == (12, 20)
    assert [failure.size for failure in curve.failures] == [4, 10]
    table = curve.table
    assert table["block"].tolist() == [4, 10, 12, 20]
    assert table["power"].isna().tolist() == [True, True, False, False]
    assert table["n"].tolist() == [0, 0, 50, 50]
    assert "With 4 levels of block: no row has side = 'out'." in table["reason"][0]
    assert table["reason"][2] == ""
    assert "4 block: not possible" in repr(curve)
    curve.plot()
    alone = mm.power_curve(model, "camp[T.B]", along="block", values=[20], n=50, seed=1)
    assert alone.powers[0].n_rejected == curve.powers[1].n_rejected
    with pytest.raises(DataError, match=r"cannot be fitted with 2, 4 block.\n.*side = 'out'"):
        mm.power_curve(model, "camp", along="block", values=[2, 4], n=50, seed=1)


def test_more_levels_than_there_are_keep_the_proportion_of_their_groups():
    plan = plan_of(mm.lmm("y ~ camp + side + (1 | block)", sides()))
    for size in (23, 30, 47):
        X = extended(plan, "block", size).problem.matrices.X
        outside = X[:, 2].sum() / 4
        assert abs(outside - size / 2) <= 0.5


def test_the_least_size_may_be_enough():
    found = mm.sample_size(between(effect=8.0), "arm", along="subject", n=100, seed=1)
    assert "No smaller number of subject can be fitted: With " in found.note
    assert found.interval == (found.size, found.size)
    assert found.power.power >= 0.8
    assert min(found.table["subject"]) < found.size


def test_power_that_levels_off_has_no_size():
    study = mm.planning.design({"subject": 20, "item": 6}, between={"item": {"kind": ["a", "b"]}})
    plan = mm.planning.plan(
        study,
        "y ~ kind + (1 | subject) + (1 | item)",
        fixed={"kind[T.b]": 0.8},
        sd={"subject": 1, "item": 0.7},
        sigma=1,
    )
    with pytest.raises(DataError, match=r"reaches a power of 80%: it is .*at 20, .*at 60"):
        mm.sample_size(plan, "kind", along="subject", n=100, seed=1, largest=60)


@pytest.mark.parametrize("seed", range(8))
def test_few_replicates_give_a_finite_interval_or_an_error(seed):
    try:
        found = mm.sample_size(between(effect=0.7), "arm", along="subject", n=12, seed=seed)
    except DataError as error:
        assert "replicates per size" in str(error) or "reaches a power" in str(error)
    else:
        low, high = found.interval
        assert 0 <= low <= high < np.inf


def test_limits_that_are_open_are_none():
    flat = {10: share(50, 100), 20: share(52, 100), 40: share(51, 100), 80: share(53, 100)}
    assert fitted(flat, 0.8).limits(0.95) is None
    steep = {10: share(30, 100), 20: share(50, 100), 40: share(78, 100)}
    low, high = fitted(steep, 0.8).limits(0.95)
    assert 20 < low < fitted(steep, 0.8).crossing < high < 100


def test_sizes_off_the_curve_are_left_out_far_from_the_answer():
    # steep up to 60, level from there: no one curve
    true = {40: 380, 44: 430, 50: 500, 60: 600, 400: 700, 900: 700}
    curve = fitted({size: share(k, 1000) for size, k in true.items()}, 0.5)
    assert curve.crossing == pytest.approx(50, abs=1.5)
    assert curve.misfit > 0.05


def share(rejected, n):
    """A power of which only the counts matter."""
    p_value = np.where(np.arange(n) < rejected, 0.01, 0.5)
    no = np.zeros(n, dtype=bool)
    return Power(None, "x", "normal", 0.05, 0.95, Replicates(p_value, no, ~no, no))


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
    monkeypatch.undo()
    interrupted(monkeypatch, after=2)  # before anything of the second size is done
    with pytest.warns(StoppedEarlyWarning, match="Interrupted at 20 subject"):
        curve = mm.power_curve(between(), "arm", along="subject", values=[10, 20, 40], n=50, seed=1)
    assert curve.sizes == (10,)


def test_an_interrupt_ends_a_search(monkeypatch):
    interrupted(monkeypatch, after=3)
    with pytest.warns(StoppedEarlyWarning):
        found = mm.sample_size(between(), "arm", along="subject", n=50, seed=1)
    assert len(found.table) == 2
    assert "for a power of 80%" in repr(found)
    assert found.power.n in (16, 50)
    assert found.simulated_at in found.table["subject"].tolist()
    monkeypatch.undo()
    interrupted(monkeypatch, after=2)
    with pytest.warns(StoppedEarlyWarning):
        found = mm.sample_size(between(), "arm", along="subject", n=50, seed=1)
    assert found.simulated_at == 20
    assert found.power.n == 50
    assert np.isnan(found.interval).all()
    assert "interval not known" in repr(found)
    assert "simulated at 20 subject, the nearest" in repr(found)
    found.plot()


def test_a_search_that_cannot_succeed_says_so():
    with pytest.raises(DataError, match="reaches a power of 80%"):
        mm.sample_size(between(effect=0.0), "arm", along="subject", n=100, seed=1, largest=200)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"test": "arms"}, "neither a coefficient nor a term"),
        ({"test": None}, "finite rows|no test"),
        ({"test": object()}, "is no test"),
        ({"test": [[0, "x"]]}, "is no test"),
        ({"test": {"arm[T.b]": None}}, "is no test|finite rows"),
        ({"test": {"arm[T.b]": np.inf}}, "factor of arm"),
        ({"test": {}}, "zero or repeat"),
        ({"test": []}, "shape"),
        ({"test": ["arm", "sex"]}, "'sex' is neither"),
        ({"test": ["arm", 3]}, "shape"),
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
    with pytest.raises(DataError, match="are no sizes"):
        mm.power_curve(between(), "arm", along="subject", values=["many"])
    with pytest.raises(DataError, match="are no sizes"):
        mm.power_curve(between(), "arm", along="subject", values=20)
    with pytest.raises(DataError, match=r"size 2\.5"):
        mm.power_curve(between(), "arm", along="subject", values=[2.5, 10])
    with pytest.raises(DataError, match="one test at a time"):
        mm.power_curve(between(), ["arm", "Intercept"], along="subject", values=[10])
    with pytest.raises(DataError, match="largest = 'x'"):
        mm.sample_size(between(), "arm", along="subject", largest="x")
    with pytest.raises(DataError, match="item"):
        mm.power_curve(between(), "arm", along="item", values=[10], n=10)
    with pytest.raises(DataError, match=r"target = 1\.5"):
        mm.sample_size(between(), "arm", along="subject", target=1.5)
