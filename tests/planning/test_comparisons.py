"""Power of comparisons of means: as of single fits, of rows by hand, and in theory."""

import numpy as np
import pytest
from scipy import stats

import mixedmodels as mm
from mixedmodels.errors import DataError
from mixedmodels.planning.comparisons import independent

N = 2000
SPREAD = 4.0  # standard errors of a simulated share

BATCH = 1e-4  # between the fit of a batch and one of its own: where each search stops
INTEGRAL = 2e-4  # the integration of the multivariate t
CORRELATED = 5e-3  # the correlations of the truth instead of the replicate's own


def crossed(**fixed):
    study = mm.planning.design(
        {"subject": 18},
        between={"subject": {"arm": ["p", "q"]}},
        within={"cond": ["a", "b", "c", "d"]},
        missing=0.15,
        seed=4,
    )
    return mm.planning.plan(
        study,
        "y ~ arm * cond + (1 | subject)",
        fixed={"cond[T.b]": 0.8, "arm[T.q]:cond[T.c]": 1.0} | fixed,
        sd={"subject": 0.7},
        sigma=1,
    )


@pytest.fixture(scope="module")
def plan():
    return crossed()


def fitted(plan, i):
    """A fit of its own of replicate i at seed 5."""
    y = plan.simulate(i + 1, seed=5)[:, i]
    frame = plan.design.frame().assign(y=y)
    return mm.lmm("y ~ arm * cond + (1 | subject)", frame)


WORDS = {
    "tukey": lambda m, ddf: m.emmeans("cond", ddf=ddf).pairs(),
    "by": lambda m, ddf: m.emmeans("cond | arm", ddf=ddf).pairs(cross_adjust="bonferroni"),
    "holm": lambda m, ddf: m.emmeans("cond | arm", ddf=ddf).contrast("consec", adjust="holm"),
    "scheffe": lambda m, ddf: m.emmeans("cond", ddf=ddf).contrast("eff", adjust="scheffe"),
    "dunnett": lambda m, ddf: m.emmeans("cond", ddf=ddf).contrast(
        "trt.vs.ctrl", ref="b", adjust="dunnett"
    ),
    "dunnettx": lambda m, ddf: m.emmeans("cond", ddf=ddf).contrast("trt.vs.ctrlk"),
    "mvt": lambda m, ddf: m.emmeans("cond", ddf=ddf).contrast("trt.vs.ctrl", adjust="mvt"),
    "interaction": lambda m, ddf: m.emmeans("arm * cond", ddf=ddf).contrast(
        interaction="pairwise", adjust="fdr"
    ),
    "means": lambda m, ddf: m.emmeans("cond", ddf=ddf, weights="proportional"),
}


@pytest.mark.filterwarnings("ignore::mixedmodels.errors.MixedModelsWarning")
@pytest.mark.parametrize(
    ("words", "ddf"),
    [(words, "satterthwaite") for words in WORDS]
    + [(words, "kenward-roger") for words in WORDS if words != "mvt"],
)
def test_a_replicate_is_tested_like_a_fit_of_its_own(plan, words, ddf):
    ask = WORDS[words]
    found = mm.power(plan, lambda m: ask(m, ddf), n=3, seed=5, method=ddf)
    for i in range(3 if words != "mvt" else 1):
        p = ask(fitted(plan, i), ddf).test()["p_value"].to_numpy()
        got = [power.replicates.p_value[i] for power in found]
        close = pytest.approx(p, abs=BATCH if words != "mvt" else CORRELATED)
        assert got[:-2] == close
        assert got[-2:] == [min(got[:-2]), max(got[:-2])]


SIDES = {
    "less": {"null": 0.2},
    "greater": {},
    "equivalence": {"delta": 0.9},
    "noninferiority": {"delta": 0.5},
    "nonsuperiority": {"delta": 0.5},
    "superiority": {"delta": 0.1, "null": -0.1},
}


@pytest.mark.filterwarnings("ignore::mixedmodels.errors.MixedModelsWarning")
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("adjust", ["none", "tukey", "dunnett"])
def test_sides_and_margins_are_those_of_a_fit(plan, side, adjust):
    def ask(model):
        return model.emmeans("cond").contrast("trt.vs.ctrl", adjust=adjust)

    found = mm.power(plan, ask, n=2, seed=5, side=side, **SIDES[side])
    for i in range(2):
        p = ask(fitted(plan, i)).test(side=side, **SIDES[side])["p_value"].to_numpy()
        got = [power.replicates.p_value[i] for power in found]
        assert got[:-2] == pytest.approx(p, abs=BATCH)
    used = "sidak" if adjust == "tukey" else adjust
    assert {(power.side, power.adjust) for power in found} == {(side, used)}


@pytest.mark.parametrize("method", ["satterthwaite", "kenward-roger", "normal", "lrt"])
def test_a_difference_of_means_is_its_row_by_hand(plan, method):
    # averaged over two arms, b - a is the coefficient of b and half of its interaction
    by_hand = {"cond[T.b]": 1.0, "arm[T.q]:cond[T.b]": 0.5}

    def ask(model):
        return model.emmeans("cond", at={"cond": ["a", "b"]}).pairs(reverse=True)

    made = mm.power(plan, ask, n=200, seed=6, method=method)
    hand = mm.power(plan, by_hand, n=200, seed=6, method=method)
    assert made.test == "b - a"
    assert made.n_rejected == hand.n_rejected
    assert 20 < made.n_rejected < 200
    # the square of t and F agree up to rounding
    assert made.replicates.p_value == pytest.approx(hand.replicates.p_value, rel=1e-8)


@pytest.mark.parametrize("method", ["satterthwaite", "kenward-roger", "normal", "lrt"])
def test_a_joint_test_of_pairs_is_that_of_the_term(plan, method):
    coded = mm.planning.plan(
        plan.design,
        "y ~ arm * cond + (1 | subject)",
        fixed={},
        sd={"subject": 0.7},
        sigma=1,
        contrasts={"arm": "sum", "cond": "sum"},
    )
    pairs = mm.power(
        coded, lambda m: m.emmeans("cond").pairs(), joint=True, n=50, seed=6, method=method
    )
    term = mm.power(coded, "cond", n=50, seed=6, method=method)
    assert pairs.test == "joint test"
    # Fai and Cornelius's df depend on the rows that span a hypothesis in the last digits; two null
    # models in other columns end their searches apart
    close = {"satterthwaite": 1e-4, "lrt": 1e-3}.get(method, 1e-7)
    assert pairs.replicates.p_value == pytest.approx(term.replicates.p_value, rel=close)


def test_a_joint_test_within_groups(plan):
    found = mm.power(plan, lambda m: m.emmeans("cond | arm").pairs(), joint=True, n=50, seed=6)
    first = mm.power(plan, "cond", n=50, seed=6)  # in the first arm, by treatment coding
    assert [power.test for power in found] == ["joint test, arm = p", "joint test, arm = q"]
    p = found["joint test, arm = p"].replicates.p_value
    assert p == pytest.approx(first.replicates.p_value, rel=1e-7)


def null(**options):
    study = mm.planning.design({"subject": 12}, within={"cond": list("abcd")})
    return mm.planning.plan(
        study, "y ~ cond + (1 | subject)", fixed={}, sd={"subject": 1}, sigma=1, **options
    )


@pytest.mark.parametrize(
    ("method", "adjust"),
    [("pairwise", "tukey"), ("pairwise", "mvt"), ("trt.vs.ctrl", "dunnett")],
)
def test_families_reject_a_true_null_as_often_as_they_should(method, adjust):
    # balanced with one error term: these adjustments are exact
    found = mm.power(
        null(), lambda m: m.emmeans("cond").contrast(method, adjust=adjust), n=N, seed=7
    )
    assert abs(found["any"].power - 0.05) < SPREAD * np.sqrt(0.05 * 0.95 / N)
    alone = [power.power for power in found][:-2]
    assert max(alone) < 0.04


def test_any_and_all_and_the_order_of_adjustments(plan):
    def family(adjust):
        return mm.power(plan, lambda m: m.emmeans("cond").pairs(adjust=adjust), n=300, seed=8)

    found = {adjust: family(adjust) for adjust in ("none", "tukey", "holm", "bonferroni")}
    for powers in found.values():
        counts = [power.n_rejected for power in powers]
        assert counts[-1] <= min(counts[:-2]) <= max(counts[:-2]) <= counts[-2]
    assert found["holm"]["any"].n_rejected == found["bonferroni"]["any"].n_rejected
    for row in range(6):
        none, tukey, holm, bonferroni = (list(powers)[row].n_rejected for powers in found.values())
        assert bonferroni <= tukey <= none
        assert bonferroni <= holm <= none


def test_power_of_non_inferiority_is_that_of_the_t_test():
    study = mm.planning.design({"subject": 20}, between={"subject": {"arm": ["a", "b"]}}, repeats=4)
    plan = mm.planning.plan(
        study,
        "y ~ arm + (1 | subject)",
        fixed={"arm[T.b]": -0.1},
        sd={"subject": 1.0},
        sigma=1.0,
    )
    made = mm.power(
        plan,
        lambda m: m.emmeans("arm").pairs(reverse=True),
        side="noninferiority",
        delta=1.2,
        alpha=0.025,
        n=N,
        seed=9,
    )
    sd = np.sqrt((1 + 1 / 4) * 4 / 20)
    truth = stats.nct.sf(stats.t.ppf(0.975, 18), 18, (1.2 - 0.1) / sd)
    assert abs(made.power - truth) < SPREAD * np.sqrt(truth * (1 - truth) / N)
    named = mm.power(plan, "arm", side="noninferiority", delta=1.2, alpha=0.025, n=N, seed=9)
    assert named.n_rejected == made.n_rejected


@pytest.mark.parametrize("adjust", ["tukey", "mvt", "dunnettx"])
def test_a_replicate_is_the_same_for_one_seed(plan, adjust):
    def ask(model):
        return model.emmeans("cond").pairs(adjust=adjust)

    many = mm.power(plan, ask, n=120, seed=5)["any"].replicates.p_value
    few = mm.power(plan, ask, n=40, seed=5)["any"].replicates.p_value
    assert many[:40] == pytest.approx(few, abs=INTEGRAL if adjust == "mvt" else 1e-9)


def test_means_of_a_fitted_model_are_a_question_to_it():
    model = mm.lmm(
        "angle ~ recipe * temperature + (1 | recipe:replicate)", mm.datasets.load("cake")
    )
    found = mm.power(model, model.emmeans("recipe").pairs(), n=50, seed=1)
    again = mm.power(model, lambda m: m.emmeans("recipe").pairs(), n=50, seed=1)
    assert [power.test for power in found] == ["A - B", "A - C", "B - C", "any", "all"]
    assert [p.n_rejected for p in found] == [p.n_rejected for p in again]


def test_an_offset_belongs_to_the_means():
    frame = mm.datasets.load("sleepstudy").assign(start=np.tile([300.0, 200.0], 90))
    model = mm.lmm("Reaction ~ Days + (1 | Subject)", frame, offset="start")
    asked = mm.power(model, lambda m: m.emmeans("1"), n=3, seed=2, null=298.0)
    for i in range(3):
        y = model.simulate(i + 1, seed=2)[:, i]
        p = model.refit(y).emmeans("1").test(null=298.0)["p_value"][0]
        assert asked.replicates.p_value[i] == pytest.approx(p, abs=BATCH)


def test_questions_of_several_kinds_are_answered_in_the_same_replicates(plan):
    def pairs(model):
        return model.emmeans("arm | cond").pairs()

    listed = mm.power(plan, ["arm:cond", pairs, pairs], n=30, seed=3)
    assert [power.test for power in listed][:8] == [
        "arm:cond", "p - q, cond = a", "p - q, cond = b", "p - q, cond = c", "p - q, cond = d",
        "any", "all", "p - q, cond = a (2)",
    ]  # fmt: skip
    named = mm.power(plan, {"F": "arm:cond", "visits": pairs}, n=30, seed=3)
    assert [power.test for power in named][:2] == ["F", "visits: p - q, cond = a"]
    assert named["visits: any"].n_rejected == listed["any"].n_rejected
    assert named["F"].n_rejected == mm.power(plan, "arm:cond", n=30, seed=3).n_rejected


def test_many_comparisons_print_in_a_few_lines(plan):
    found = mm.power(plan, lambda m: m.emmeans("arm * cond").pairs(), n=5, seed=3)
    assert len(found) == 28 + 2
    text = repr(found)
    assert "… 18 more: see table" in text
    assert text.count("Power of") == 12
    assert "Power of all" in text
    assert len(found.table) == 30


def test_sizes_for_one_of_several_comparisons(plan):
    def pairs(model):
        return model.emmeans("cond").pairs(adjust="holm")

    curve = mm.power_curve(plan, pairs, along="subject", values=[12, 48], of="all", n=100, seed=2)
    assert [power.test for power in curve.powers] == ["all", "all"]
    found = mm.sample_size(plan, pairs, along="subject", of="a - b", target=0.6, n=200, seed=2)
    assert found.power.test == "a - b"
    assert 0.4 < found.power.power < 0.8
    with pytest.raises(DataError, match="say which, as of='all'"):
        mm.power_curve(plan, pairs, along="subject", values=[12], n=10)
    with pytest.raises(DataError, match="Did you mean 'a - b'"):
        mm.sample_size(plan, pairs, along="subject", of="a-b", n=10)


@pytest.mark.parametrize(
    ("test", "options", "message"),
    [
        (lambda m: m.emmeans("kond").pairs(), {}, "'kond' is not a column"),
        (lambda m: m.emmeans("cond").pairs(adjust="turkey"), {}, "adjust = 'turkey' is not known"),
        (lambda m: m.emmeans("cond").pairs().table(), {}, "gives a DataFrame, not means"),
        (lambda m: m.emmeans("cond").effect_size(), {}, "depend on the estimates"),
        (lambda m: m.emmeans("cond").pairs(), {"joint": 1}, "joint is of type int"),
        (lambda m: m.emmeans("cond").pairs(), {"side": "up"}, "side = 'up' is not known"),
        (lambda m: m.emmeans("cond").pairs(), {"delta": 1.0}, "has no meaning for side"),
        (lambda m: m.emmeans("cond").pairs(), {"side": "equivalence"}, "needs a margin"),
        (lambda m: m.emmeans("cond").pairs(), {"joint": True, "null": 1.0}, "cannot all be null"),
        (lambda m: m.emmeans("cond").pairs(), {"joint": True, "side": "less"}, "has no side"),
        (lambda m: m.emmeans("cond").pairs(), {"method": "lrt"}, "likelihood ratio is no test"),
        (
            lambda m: m.emmeans("cond", ddf="kenward-roger").pairs(),
            {},
            'method = "satterthwaite" is to test them',
        ),
        ("cond", {"side": "less"}, "of 3 coefficients jointly"),
    ],
)
def test_questions_without_an_answer(plan, test, options, message):
    with pytest.raises(DataError, match=message):
        mm.power(plan, test, n=5, seed=1, **options)


def test_means_of_another_model_are_refused(plan):
    other = fitted(plan, 0)
    with pytest.raises(DataError, match="another model"):
        mm.power(plan, other.emmeans("cond").pairs(), n=5, seed=1)


@pytest.mark.filterwarnings("ignore::mixedmodels.errors.MixedModelsWarning")
def test_a_row_that_the_design_cannot_estimate_is_refused():
    study = mm.planning.design({"subject": 9}, within={"cond": ["a", "b"], "day": ["x", "y"]})
    rows = study.frame()
    frame = rows[~((rows["cond"] == "b") & (rows["day"] == "y"))]
    plan = mm.planning.plan(
        frame, "y ~ cond * day + (1 | subject)", fixed={}, sd={"subject": 1}, sigma=1
    )
    with pytest.raises(DataError, match="cannot estimate contrast = a - b, day = y"):
        mm.power(plan, lambda m: m.emmeans("cond | day").pairs(), n=5, seed=1)


def test_rows_are_made_from_some_of_them():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(7, 3)) @ rng.normal(size=(3, 9)) * np.logspace(-6, 6, 7)[:, None]
    L, W = independent(rows)
    assert L.shape == (3, 9)
    np.testing.assert_allclose(W @ L, rows, rtol=1e-9)
