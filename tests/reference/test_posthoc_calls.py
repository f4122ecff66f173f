"""Every stored call of R's emmeans is read, and the models that they are about are R's models."""

import warnings

import numpy as np
import pytest

import mixedmodels as mm
from mixedmodels.errors import DroppedColumnsWarning
from tests.reference.load import models, posthoc_models, reference
from tests.reference.posthoc_calls import SIGMA, TOTAL_SD, Step, adjustment, translate
from tests.reference.r_language import Call, Name, NotRead, Value, parse

CRITERION = 1e-6  # the digits of R's search, see README.md
ESTIMATES = 1e-6  # relative to the residual standard deviation, or of it

LARGE = {"posthoc/fhch2010", "posthoc/star_math"}

CALLS = [
    (name, entry.call, ddf)
    for name in (*posthoc_models(), *models())
    for entry in reference(name).called
    for ddf in entry.tables
]


def test_the_facts_are_all_here() -> None:
    assert len(posthoc_models()) == 17
    assert sum(name.startswith("posthoc/") for name, _, _ in CALLS) == 736
    assert sum(not name.startswith("posthoc/") for name, _, _ in CALLS) == 150


def test_every_stored_call_is_read_and_no_two_of_a_model_alike() -> None:
    read: dict[tuple[str, str, str], str] = {}
    for name, call, ddf in CALLS:
        key = (name, ddf, repr(translate(call, ddf)))
        assert read.setdefault(key, call) == call


@pytest.mark.parametrize(
    ("call", "steps"),
    [
        (
            "emmeans(fit, ~ recipe|temperature, weights='outer')",
            [Step("emmeans", ("recipe | temperature",), {"weights": "outer", "ddf": "normal"})],
        ),
        (
            "pairs(pairs(emmeans(fit, ~ recipe|temperature)), by=NULL, adjust='none')",
            [
                Step("emmeans", ("recipe | temperature",), {"ddf": "normal"}),
                Step("pairs"),
                Step("pairs", (), {"by": None, "adjust": "none"}),
            ],
        ),
        (
            "contrast(emmeans(fit, ~ temperature), list(low=c(-1,-1,2)/2, ends=c(-1,0,1)))",
            [
                Step("emmeans", ("temperature",), {"ddf": "normal"}),
                Step("contrast", ({"low": [-0.5, -0.5, 1], "ends": [-1, 0, 1]},)),
            ],
        ),
        (
            "emtrends(fit, ~ 1, var='age', max.degree=2)",
            [Step("emtrends", ("1",), {"var": "age", "max_degree": 2, "ddf": "normal"})],
        ),
        (
            "summary(emmeans(fit, ~ age, at=list(age=c(0,20))), type='response',"
            " bias.adjust=TRUE, sigma=sigma(fit))",
            [
                Step("emmeans", ("age",), {"at": {"age": [0, 20]}, "ddf": "normal"}),
                Step("response", (), {"bias_adjust": True, "sigma": SIGMA}),
            ],
        ),
        (
            "summary(emmeans(fit, ~ t, tran=make.tran('genlog', 1)), type='response',"
            " sigma=sqrt(sum(as.data.frame(VarCorr(fit))$vcov)))",
            [
                Step("emmeans", ("t",), {"ddf": "normal"}),
                Step("response", (), {"sigma": TOTAL_SD}),
            ],
        ),
        (
            "multcomp::cld(emmeans(fit, ~ g), Letters=letters, adjust='BY', alpha=0.01)",
            [
                Step("emmeans", ("g",), {"ddf": "normal"}),
                Step("letters", (), {"alpha": 0.01, "adjust": "by"}),
            ],
        ),
        (
            "test(pairs(emmeans(fit, ~ g)), delta=4, side='<')",
            [
                Step("emmeans", ("g",), {"ddf": "normal"}),
                Step("pairs"),
                Step("test", (), {"delta": 4, "side": "less"}),
            ],
        ),
        (
            "joint_tests(fit, by=c('a','b'), cov.reduce=range)",
            [
                Step(
                    "joint_tests",
                    (),
                    {"by": ["a", "b"], "cov_reduce": "range", "ddf": "normal"},
                )
            ],
        ),
    ],
)
def test_a_call_becomes_these_steps(call: str, steps: list[Step]) -> None:
    assert list(translate(call, "asymptotic")) == steps


@pytest.mark.parametrize(
    "call",
    [
        "emmeans(fit, ~ a, submodel='minimal')",
        "emmeans(other, ~ a)",
        "emmeans(fit, ~ a, type='link')",
        "emmeans(fit, ~ a, tran=make.tran('genlog', 2))",
        "emmeans(fit, ~ a, at=list(1))",
        "emmeans(fit, ~ a:b)",
        "emmeans(fit, pairwise ~ a)",
        "pairs(emmeans(fit, ~ a), 'extra')",
        "plot(emmeans(fit, ~ a))",
        "emmeans(fit, ~ a",
        "emmeans(fit, ~ a))",
        "emmeans(fit, ~ a, at=list(x=mean))",
    ],
)
def test_what_is_not_known_is_refused(call: str) -> None:
    with pytest.raises(NotRead):
        translate(call, "satterthwaite")


def test_operators_bind_as_in_r() -> None:
    a, b, c = Name("a"), Name("b"), Name("c")
    minus = Call("-", ((None, a), (None, b)))
    assert parse("a - b - c") == Call("-", ((None, minus), (None, c)))
    power = Call("^", ((None, b), (None, c)))
    assert parse("-b^c") == Call("-", ((None, power),))
    assert parse("a^b^c") == Call("^", ((None, a), (None, power)))
    assert parse("~ a | b") == Call("~", ((None, Call("|", ((None, a), (None, b)))),))
    assert parse("pkg::f('x')$b") == Call(
        "$", ((None, Call("f", ((None, Value("x")),))), (None, b))
    )


def test_the_adjustment_is_what_emmeans_takes_by_itself() -> None:
    means = "emmeans(fit, ~ g)"
    by_call = {
        means: "none",
        f"pairs({means})": "tukey",
        f"pairs({means}, adjust='holm')": "holm",
        f"contrast({means}, 'trt.vs.ctrl1')": "dunnettx",
        f"contrast({means}, list(a=c(1,-1)))": "none",
        f"contrast({means}, interaction='pairwise')": "none",
        f"pairs(regrid({means}))": "tukey",
        f"test(pairs({means}), joint=TRUE)": "none",
        f"eff_size({means}, sigma=sigma(fit), edf=42)": "none",
        f"confint({means}, adjust='sidak')": "sidak",
        "joint_tests(fit)": "none",
    }
    for call, adjust in by_call.items():
        assert adjustment(translate(call, "satterthwaite")) == adjust


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.large] if name in LARGE else [])
        for name in posthoc_models()
    ],
)
def test_the_model_is_the_one_that_r_fitted(name: str) -> None:
    ref = reference(name)
    with warnings.catch_warnings():
        if "hole" in name:
            warnings.simplefilter("ignore", DroppedColumnsWarning)
        model = mm.lmm(ref.python_formula, ref.data(), **ref.fit_arguments())
    theirs = ref.coefficients("REML")
    assert model.params.index.tolist() == theirs.index.tolist()
    assert model.objective == pytest.approx(ref.criterion("REML"), abs=CRITERION)
    assert model.sigma == pytest.approx(ref.sigma("REML"), rel=ESTIMATES)
    np.testing.assert_allclose((model.params - theirs) / model.bse, 0, atol=ESTIMATES)
